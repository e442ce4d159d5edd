import { CHECK_ERA, SUMMARY, script } from './script.js';

/**
 * PREDICATES (ctl, pat | era) → { ord, member… }
 *
 * The live pattern predicates, complete up to the log's last message, whose ord is `ord`. A member is the ord (28)
 * followed by the pattern as JSON. If the list was evicted or lost, its count does not agree with the control record's:
 * then the floor is raised to now. Cold, never stale (I6).
 */
export const PREDICATES = script(
  'PREDICATES',
  `${CHECK_ERA}${SUMMARY}
local c, pat = KEYS[1], KEYS[2]
local r, refusal = control(c, ARGV[1], 'xn')
if not r then return refusal end
local ord = string.sub(r[1], 1, 8) .. r[2]
local members = redis.call('ZRANGE', pat, 0, -1)
if #members ~= tonumber(r[4] or '0') then
  drop_summary(c)
  redis.call('HSET', c, 'f', ord, 'xn', 0)
  redis.call('UNLINK', pat)
  members = {}
end
return { ord, unpack(members) }`,
);

/** DROP (ctl, pat | era, member…) → predicates whose every possible prey is gone are forgotten. */
export const DROP_PREDICATES = script(
  'DROP_PREDICATES',
  `${CHECK_ERA}
local r, refusal = control(KEYS[1], ARGV[1])
if not r then return refusal end
local dropped = 0
for i = 2, #ARGV do dropped = dropped + redis.call('ZREM', KEYS[2], ARGV[i]) end
if dropped > 0 then redis.call('HINCRBY', KEYS[1], 'xn', -dropped) end
return dropped`,
);

/** SWEEP (e… | ord…) → removes each entry that is stamped before the ord beside it; entries filled since then stay. */
export const SWEEP = script(
  'SWEEP',
  `
local removed = 0
for i = 1, #KEYS do
  local stamp = redis.call('GETRANGE', KEYS[i], 0, 27)
  if stamp ~= '' and stamp < ARGV[i] then removed = removed + redis.call('UNLINK', KEYS[i]) end
end
return removed`,
);
