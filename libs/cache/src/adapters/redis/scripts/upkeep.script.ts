import { CHECK_ERA, SUMMARY, script } from './script.js';

/**
 * KEEP (ctl | era, ms) → the longest physical life of any entry
 *
 * Must be on record before such an entry is stored: a tag's position may be forgotten only when every entry that could
 * be older than it has died.
 */
export const KEEP = script(
  'KEEP',
  `${CHECK_ERA}
local r, refusal = control(KEYS[1], ARGV[1], 'k')
if not r then return refusal end
local keep = math.max(tonumber(r[4] or '0'), tonumber(ARGV[2]))
redis.call('HSET', KEYS[1], 'k', string.format('%.0f', keep))
return keep`,
);

/**
 * PRUNE (ctl | era, cutoff id, floor ord or empty, field…) → forgets tags last invalidated at the cutoff or before it
 *
 * Either no entry can be that old any more, or the floor is raised to the cutoff, so that none is valid. The comparison
 * is by id, which never goes back along the path, and not by ord: a tag of an earlier epoch may be a second old.
 */
export const PRUNE = script(
  'PRUNE',
  `${CHECK_ERA}${SUMMARY}
local c = KEYS[1]
local r, refusal = control(c, ARGV[1])
if not r then return refusal end
if ARGV[3] > r[3] then
  drop_summary(c)
  redis.call('HSET', c, 'f', ARGV[3])
end
local dropped = 0
for i = 4, #ARGV do
  local ord = redis.call('HGET', c, ARGV[i])
  if ord and string.sub(ord, 9) <= ARGV[2] then dropped = dropped + redis.call('HDEL', c, ARGV[i]) end
end
return dropped`,
);

/**
 * HELD (ctl | era) → { path, members, known for, ms }, or an empty list where nothing is held: what the repair of a changed
 * history has to know; see ATTEST.
 */
export const HELD = script(
  'HELD',
  `${CHECK_ERA}
local r, refusal = control(KEYS[1], ARGV[1], 'h', 'p', 'hm', 'hs')
if not r then return refusal end
if not r[4] then return {} end
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
return { r[5] or '', r[6] or '', string.format('%.0f', math.max(0, now - tonumber(r[7] or now))) }`,
);

/** SETTLE (ctl | era, outcome) → ends a hold: `replayed` makes entries older than it valid again, anything else invalid for good. */
export const SETTLE = script(
  'SETTLE',
  `${CHECK_ERA}${SUMMARY}
local c = KEYS[1]
local r, refusal = control(c, ARGV[1], 'h')
if not r then return refusal end
if not r[4] then return 0 end
drop_summary(c)
if ARGV[2] ~= 'replayed' then
  if r[4] > r[3] then redis.call('HSET', c, 'f', r[4]) end
  redis.call('HDEL', c, 'p') -- nothing valid is older than this history
end
return redis.call('HDEL', c, 'h', 'hm', 'hs')`,
);

/** NOW (ctl) → the clock of the server that gives positions, Unix ms. */
export const NOW = script(
  'NOW',
  `
local t = redis.call('TIME')
return string.format('%.0f', t[1] * 1000 + math.floor(t[2] / 1000))`,
);
