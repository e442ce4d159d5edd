import { CHECK_ERA, CLOCK, REWRITE, script } from './script.js';

/**
 * INV (ctl, log, pat, [e p]… | era, max log length, message, signature, flush, max tags, max patterns, tag count, tag…, pattern…)
 *   → { id, removed: one `0` or `1` per key }
 *
 * Executes one message of invalidations. `XADD` comes *first*: it is the only step the server can refuse (memory, disk,
 * replicas), and a refusal must not leave half an invalidation. Then the position of the log, of each tag, of the
 * patterns; then each key's entry and permit. A flush raises the floor.
 *
 * Bounds: patterns above the limit are folded, oldest first, into the floor; a record with twice the tags that background
 * pruning allows is started anew at the floor. A list of patterns that was lost in part or whole, as its count tells, is
 * made good by the floor as well. All of it makes entries cold, never stale.
 */
export const INV = script(
  'INV',
  `${CHECK_ERA}${CLOCK}${REWRITE}
local c, log, pat = KEYS[1], KEYS[2], KEYS[3]
local r, refusal = control(c, ARGV[1], 'rid', 's', 'k')
if not r then return refusal end
local id = append(c, log, r, ARGV[2], ARGV[3], ARGV[4])
local ord = string.sub(r[1], 1, 8) .. id
local tags = tonumber(ARGV[8])

if ARGV[5] == '1' then
  redis.call('UNLINK', pat)
  rewrite(c, r[1], id, ord, r[4], r[5], r[6])
end
if tags > 0 then redis.call('HSET', c, 'lt', ord) end
for i = 9, 8 + tags do redis.call('HSET', c, 't:' .. ARGV[i], ord) end
if tags > 0 and redis.call('HLEN', c) > 2 * tonumber(ARGV[6]) then
  redis.call('UNLINK', pat)
  rewrite(c, r[1], id, ord, r[4], r[5], r[6])
end

if #ARGV > 8 + tags then
  if redis.call('ZCARD', pat) ~= tonumber(redis.call('HGET', c, 'xn') or '0') then
    redis.call('UNLINK', pat)
    redis.call('HSET', c, 'f', ord)
  end
  for i = 9 + tags, #ARGV do redis.call('ZADD', pat, 0, ord .. ARGV[i]) end
  local count = redis.call('ZCARD', pat)
  local excess = count - tonumber(ARGV[7])
  if excess > 0 then
    local folded = redis.call('ZPOPMIN', pat, excess)
    local floor = string.sub(folded[#folded - 1], 1, 28)
    if floor > redis.call('HGET', c, 'f') then redis.call('HSET', c, 'f', floor) end
    count = count - excess
  end
  redis.call('HSET', c, 'x', ord, 'xn', count)
end

summarise(c, 'XX')

local removed = {}
for i = 4, #KEYS, 2 do
  removed[#removed + 1] = redis.call('UNLINK', KEYS[i])
  redis.call('UNLINK', KEYS[i + 1])
end
return { id, table.concat(removed) }`,
);
