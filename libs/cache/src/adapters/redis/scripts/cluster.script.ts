import { VALIDITY } from './getp.script.js';
import { CHECK_ERA, script } from './script.js';
import { STORE } from './setf.script.js';

/**
 * In a Cluster an entry and its permit lie in a slot of their own, away from the control record. So a read is two steps:
 * LOOK at the entry, then JUDGE it in the control slot; and an invalidation is DROP of each key, then INV.
 *
 * Each answer of a value slot begins with the shard's replication id, which changes when a replica is promoted: an
 * invalidation that the old primary had acknowledged may be lost with it, and nothing else would tell.
 */
const SHARD = `
local shard = string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)`;

/**
 * LOOK (e, [p] | permit TTL, token, mode) → { shard, server ms, answer }, the answer as GETP gives it but not judged yet.
 * Without `p`, which a moving slot may have elsewhere, no permit is given.
 */
export const LOOK = script(
  'LOOK',
  `${SHARD}
local ttl, token, mode = ARGV[1], ARGV[2], ARGV[3]
local raw = redis.call('GET', KEYS[1])
if raw and mode == 'd' then redis.call('UNLINK', KEYS[1]) raw = false end
if raw and #raw < 59 then raw = false end
local head = { shard, now }
if raw then
  local fresh, keep = struct.unpack('>I6I6', raw, 46)
  if keep <= now then raw = false elseif fresh > now and mode == 'g' then head[3] = raw return head end
  if raw and fresh > now then raw = false end
end
local held = KEYS[2] and redis.call('GET', KEYS[2])
if not KEYS[2] then head[3] = { '', 0, raw or nil }
elseif held then head[3] = { held, 0, raw or nil }
elseif redis.pcall('SET', KEYS[2], token, 'PX', ttl).err then head[3] = { '', 0, raw or nil }
else head[3] = { token, 1, raw or nil } end
return head`,
);

/** JUDGE (ctl | era, head of an entry…) → { position now, x, server ms, shard, one `0` or `1` per head }; an empty head is `0`. */
export const JUDGE = script(
  'JUDGE',
  `${CHECK_ERA}
local c = KEYS[1]
local r, refusal = control(c, ARGV[1], 'h', 'x', 'lt')
if not r then return refusal end
${VALIDITY}
local out, flags = { head() }, {}
out[4] = string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')
for i = 2, #ARGV do
  local raw = ARGV[i]
  local ord = stamped(raw)
  local count = ord and unpack_('>H', raw, 58)
  flags[#flags + 1] = ord and valid(raw, ord, count) and '1' or '0'
end
out[5] = table.concat(flags)
return out`,
);

/** DROP (e, p), or one of them alone → { shard, 1 if the first was there } */
export const DROP = script(
  'DROP',
  `${SHARD}
if KEYS[2] then redis.call('UNLINK', KEYS[2]) end
return { shard, redis.call('UNLINK', KEYS[1]) }`,
);

/**
 * CLAIM (e, p | token, ttl, version or empty) → { shard, 1 or 0 }; drops the entry and gives the one permit under which the
 * next may be stored. 0: what is stored, or about to be by whoever claimed before, is of a newer version of the source;
 * a token ends with the version for that.
 */
export const CLAIM = script(
  'CLAIM',
  `${SHARD}${STORE}
if ARGV[3] ~= '' then
  local held = string.sub(redis.call('GET', KEYS[2]) or '', -25)
  if newer(KEYS[1], ARGV[3]) or (string.sub(held, 1, 9) == '%version:' and held > ARGV[3]) then return { shard, 0 } end
end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
redis.call('UNLINK', KEYS[1])
return { shard, 1 }`,
);

/** SETF of a value slot: (e, p | token, position, fresh ms, keep ms, tail) → { shard, 1 stored or 0 refused } */
export const STORE_HERE = script(
  'STORE_HERE',
  `${SHARD}${STORE}
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return { shard, 0 } end
local done = store(KEYS[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5])
redis.call('UNLINK', KEYS[2])
return { shard, done and 1 or 0 }`,
);

/** RELEASE of a value slot: (e, p | token) → { shard } */
export const RELEASE_HERE = script(
  'RELEASE_HERE',
  `${SHARD}
if redis.call('GET', KEYS[2]) == ARGV[1] then redis.call('UNLINK', KEYS[2]) end
return { shard }`,
);

/** SWEEP of a value slot: (e | ord) → { shard, 1 if the entry was stamped before the ord and is removed } */
export const SWEEP_HERE = script(
  'SWEEP_HERE',
  `${SHARD}
local stamp = redis.call('GETRANGE', KEYS[1], 0, 27)
if stamp == '' or stamp >= ARGV[1] then return { shard, 0 } end
return { shard, redis.call('UNLINK', KEYS[1]) }`,
);
