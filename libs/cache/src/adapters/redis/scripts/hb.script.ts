import { CHECK_ERA, IDENTITY, STALE_ERA, SUMMARY, script } from './script.js';

/**
 * HB (ctl, hb, members | era, lease, instance, position applied, summarise)
 *   → { era, last id, 1 if the server has all its replicas, server ms, ord of the last tag invalidation }
 *
 * A heartbeat is a *write* on purpose: a replica, a server that cannot persist, one without enough replicas or memory, or
 * the minority side of a partition must not renew leases. It also checks that the server is the one that was attested,
 * because where the transport reconnects by itself (Cluster) nothing else would notice a promotion.
 *
 * `members` lists who may hold a lease, by the server's time; `hb` says how far each has come. A strict invalidation
 * waits for them. A list that begins anew (the old one may have been evicted) holds the member `!` for as long as a lease
 * that it has forgotten may still run.
 *
 * `r` is the most replicas the server ever had. One that is promoted leaves its primary, so while as many have
 * acknowledged within the last seconds, none was (see `AnchorWatch`).
 *
 * `summarise` 1: entries are read beside the summary here (see SUMMARY), and it is written if it is missing.
 */
export const HB = script(
  'HB',
  `${CHECK_ERA}${IDENTITY}${SUMMARY}
local c, lease = KEYS[1], tonumber(ARGV[2])
local r, refusal = control(c, ARGV[1], 'rid', 'r', 'lt')
if not r then return refusal end
local rid, master, info = identity()
if rid ~= r[4] or not master then return redis.error_reply('${STALE_ERA} the server is not the one that was attested') end
redis.call('SET', KEYS[2], ARGV[4], 'PX', 3 * lease)
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
if redis.call('EXISTS', KEYS[3]) == 0 then redis.call('ZADD', KEYS[3], now + lease, '!') end
redis.call('ZADD', KEYS[3], now + lease, ARGV[3])
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', '(' .. string.format('%.0f', now))
redis.call('PEXPIRE', KEYS[3], 3 * lease)
local had, has = tonumber(r[5] or '0'), 0
for lag in string.gmatch(info, 'slave%d+:[^\\r\\n]*state=online[^\\r\\n]*lag=(%d+)') do
  if tonumber(lag) <= 2 then has = has + 1 end
end
if has > had then redis.call('HSET', c, 'r', has) end
if ARGV[5] == '1' then summarise(c, 'NX') end
return { r[1], r[2], has >= had and 1 or 0, now, r[6] or '' }`,
);

/** Stands in the list for whoever may hold a lease and is not known. */
export const UNKNOWN_MEMBER = '!';

/** MEMBERS (members) → the instances whose lease may still run, by the server's time. */
export const MEMBERS = script(
  'MEMBERS',
  `
local t = redis.call('TIME')
return redis.call('ZRANGEBYSCORE', KEYS[1], string.format('%.0f', t[1] * 1000 + math.floor(t[2] / 1000)), '+inf')`,
);

/** LEAVE (hb, members | instance): an instance that closes holds no lease any more; nobody need wait for it. */
export const LEAVE = script(
  'LEAVE',
  `
redis.call('UNLINK', KEYS[1])
return redis.call('ZREM', KEYS[2], ARGV[1])`,
);
