import { CHECK_ERA, script } from './script.js';

/**
 * Judges entries against the control record, whose reply `r` has `e l f h x lt`. An entry stamped after the last
 * invalidation of *any* tag (`lt`) need not have its tags looked up. Tables are made when they are needed: one read at a
 * time, most never are.
 */
export const VALIDITY = `
local call, sub, unpack_ = redis.call, string.sub, struct.unpack
local t = call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local epoch, nonce = sub(r[1], 1, 8), sub(r[1], 9, 24)
local floor, untagged = r[3], r[6] or ''
if r[4] and r[4] > floor then floor = r[4] end

local nonces
local function nonceOf(past)
  nonces = nonces or {}
  if nonces[past] == nil then nonces[past] = call('HGET', c, 'a:' .. past) end
  return nonces[past]
end

-- the ord of an entry whose history is on our path, and which neither floor nor hold forbids; else false
local function stamped(raw)
  if #raw < 59 or string.byte(raw, 45) ~= 1 then return false end
  local ord = sub(raw, 1, 28)
  if ord < floor then return false end
  local of = sub(ord, 1, 8)
  return sub(raw, 29, 44) == (of == epoch and nonce or nonceOf(of)) and ord
end

local ords
local function tagged(raw, ord, count)
  ords = ords or {}
  local at, tag = 60
  for _ = 1, count do
    tag, at = unpack_('>Hc0', raw, at)
    local last = ords[tag]
    if last == nil then last = call('HGET', c, 't:' .. tag); ords[tag] = last end
    if last and last > ord then return false end
  end
  return true
end

local function valid(raw, ord, count)
  return ord >= untagged or tagged(raw, ord, count)
end

local function head()
  return epoch .. r[2] .. nonce, r[5] or '', now
end`;

/**
 * GETP (ctl, e… | era, permit TTL, token, modes) → { position now, x, server ms, answer… }
 *
 * One call serves hit, miss, stampede election and stamp, for many keys. An entry is valid if its history is on our path,
 * it is not older than floor and hold, and none of its tags was invalidated later than its stamp. Per key the answer is
 *
 *     raw                     a valid, fresh entry
 *     { permit, elected }     a miss; elected 1: the caller is to load, 0: another was elected
 *     { permit, elected, raw} the same, with a valid entry past its fresh life
 *
 * `modes` has one letter per key: `g` get, `r` renew (a permit even where a fresh entry stands), `d` the caller knows
 * by a pattern that the entry is invalid: drop it. An empty permit says that none could be written: do not fill.
 *
 * The permit's key is derived from the entry's (`e:` becomes `p:`, in the same slot): a hit does not need it, and half the
 * keys are half the work of sending and parsing a batch.
 */
export const GETP = script(
  'GETP',
  `${CHECK_ERA}
local c, ttl, token, modes = KEYS[1], ARGV[2], ARGV[3], ARGV[4]
local r, refusal = control(c, ARGV[1], 'h', 'x', 'lt')
if not r then return refusal end
${VALIDITY}
local function miss(p, raw)
  local held = call('GET', p)
  if held then return { held, 0, raw } end
  if redis.pcall('SET', p, token, 'PX', ttl).err then return { '', 0, raw } end
  return { token, 1, raw }
end

local out, slot = { head() }, #c - 3
local function permit(e) return sub(e, 1, slot) .. 'p' .. sub(e, slot + 2) end
local get = not string.find(modes, '[rd]')
for i = 2, #KEYS do
  local raw, answer = call('GET', KEYS[i]), nil
  if raw then
    local ord = stamped(raw)
    if ord then
      local fresh, keep, count = unpack_('>I6I6H', raw, 46)
      local mode = get and 'g' or sub(modes, i - 1, i - 1)
      if mode ~= 'd' and keep > now and valid(raw, ord, count) then
        if fresh <= now then answer = miss(permit(KEYS[i]), raw) elseif mode == 'g' then answer = raw end
      elseif mode == 'd' then
        call('UNLINK', KEYS[i])
      end
    end
  end
  out[#out + 1] = answer or miss(permit(KEYS[i]))
end
return out`,
);
