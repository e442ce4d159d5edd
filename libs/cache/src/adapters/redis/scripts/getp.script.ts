import { CHECK_ERA, script } from './script.js';

/** Where an entry's header stands in its raw text; `redis-entry.ts` writes it. */
export const ENTRY_CHECKS = `
local sub, unpack_ = string.sub, struct.unpack
local HEADER = 53
local function checker(c, r, floor)
  local epoch, nonces, ords = sub(r[1], 1, 8), {}, {}
  nonces[epoch] = sub(r[1], 9, 24)
  return function(raw)
    if #raw < HEADER or sub(raw, 45, 45) ~= '\\1' then return false end
    local ord, its = sub(raw, 1, 28), sub(raw, 1, 8)
    if ord < floor then return false end
    local nonce = nonces[its]
    if nonce == nil then nonce = redis.call('HGET', c, 'a:' .. its); nonces[its] = nonce end
    if nonce ~= sub(raw, 29, 44) then return false end
    local count, at = unpack_('>H', raw, 52)
    for _ = 1, count do
      local tag
      tag, at = unpack_('>Hc0', raw, at)
      local last = ords[tag]
      if last == nil then last = redis.call('HGET', c, 't:' .. tag); ords[tag] = last end
      if last and last > ord then return false end
    end
    return true
  end
end`;

/**
 * GETP (ctl, [e p]… | era, permit TTL, token, modes) → { position now, x, [answer, number]… }
 *
 * One call serves hit, miss, stampede election and stamp, for many keys. An entry is valid if its history is on our path,
 * it is not older than floor and hold, and none of its tags was invalidated later than its stamp. Per key the answer is
 *
 *     raw, n ≥ 0                       a valid, fresh entry with n ms to live
 *     permit, -1 or -2                 a miss: -1 the caller was elected to load, -2 another was
 *     { raw, ttl, permit }, -1 or -2   the same, with a valid entry past its fresh life
 *
 * `modes` has one letter per key: `g` get, `r` renew (a permit even where a fresh entry stands), `d` the caller knows
 * by a pattern that the entry is invalid: drop it. An empty permit says that none could be written: do not fill.
 */
export const GETP = script(
  'GETP',
  `${CHECK_ERA}${ENTRY_CHECKS}
local c, ttl, token, modes = KEYS[1], ARGV[2], ARGV[3], ARGV[4]
local r, refusal = control(c, ARGV[1], 'h', 'x')
if not r then return refusal end
local floor = r[3]
if r[4] and r[4] > floor then floor = r[4] end
local valid = checker(c, r, floor)

local function permit(p)
  local held = redis.call('GET', p)
  if held then return held, -2 end
  if redis.pcall('SET', p, token, 'PX', ttl).err then return '', -2 end
  return token, -1
end

local out, n = { sub(r[1], 1, 8) .. r[2] .. sub(r[1], 9, 24), r[5] or '' }, 2
for i = 2, #KEYS, 2 do
  local e, p, mode = KEYS[i], KEYS[i + 1], sub(modes, i / 2, i / 2)
  local raw = mode ~= 'd' and redis.call('GET', e)
  if mode == 'd' then redis.call('UNLINK', e) end
  local answer, number
  if raw and valid(raw) then
    local left = redis.call('PTTL', e)
    local grace = unpack_('>I6', raw, 46)
    if left > grace and mode == 'g' then
      answer, number = raw, left
    elseif left > 0 and left <= grace then
      local held
      held, number = permit(p)
      answer = { raw, left, held }
    end
  end
  if answer == nil then answer, number = permit(p) end
  out[n + 1], out[n + 2] = answer, number
  n = n + 2
end
return out`,
);
