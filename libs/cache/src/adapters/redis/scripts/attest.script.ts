import { CLOCK, IDENTITY, NOT_MASTER, REWRITE, script } from './script.js';

/**
 * ATTEST (ctl, log, pat, members | fresh nonce, policy, known era, lease, when behind, shard…)
 *   → { kind, era, last id, era before, shards }
 *
 * Which history does this server hold? The server is asked for its identity *inside* the script: reading it first and
 * passing it would be a check-then-act race over a reconnect.
 *
 * - not a master: error NOTMASTER.
 * - `init`: no (complete) control record. A history is born: the epoch after the one the caller knows, a fresh nonce, and
 *   a position after everything in the stream.
 * - `bump`: the record was attested by another server, or lags behind the epoch the caller knows, or a shard that no one
 *   has seen takes part (Cluster). Invalidations may have been lost. Fresh nonce, and by policy a floor (`floor`:
 *   everything older is invalid) or a hold (`hold`: invalid until somebody has replayed what may be missing). A history
 *   between that this server has not seen is more than can be replayed: a floor.
 *   A hold keeps what its repair has to know, also when another change comes before it is repaired: the path `p` (each
 *   earlier era with its last id), who may have executed something lately (`hm`), and since when it is known (`hs`). Where
 *   that grows beyond bounds there is a floor.
 * - `behind`: it is the server that was attested, and the caller knows a history of the same epoch or a later one: others
 *   have gone on without it, or it has lost something. What then is done, the caller says: `bump` only what lags, as
 *   above; `yield`, change nothing; `take`, bump in either case.
 * - `same`: nothing of that. Of many callers after a change one gets `init` or `bump`, the others `same`.
 *
 * A changed history may have lost heartbeats too: the list of members is then older than the leases that still run, and
 * holds the member `?` for as long as they can. What they had executed before, the repair has asked after (`hm`), or there
 * is a floor; so they matter to strict invalidations alone, unlike those a forgotten list leaves unknown (see HB).
 */
export const ATTEST = script(
  'ATTEST',
  `${CLOCK}${IDENTITY}${REWRITE}
local SHARDS_KEPT, PATH_KEPT, MEMBERS_BYTES = 64, 64, 65536
local c, log, pat, nonce, lease = KEYS[1], KEYS[2], KEYS[3], ARGV[1], tonumber(ARGV[4])
local rid, master = identity()
if not master then return redis.error_reply('${NOT_MASTER} this server is a replica') end
local known = tonumber(string.sub(ARGV[3], 1, 8), 16) or 0
local r = redis.call('HMGET', c, 'e', 'l', 'f', 'rid', 's', 'k')

local shards, unseen = r[5] or '', false
for i = 6, #ARGV do
  if not string.find(shards, ARGV[i], 1, true) then
    unseen = true
    shards = string.sub(shards .. ARGV[i] .. ' ', -41 * SHARDS_KEPT)
  end
end

local function hold_unknown_members()
  redis.call('ZADD', KEYS[4], nowms() + lease, '?')
  redis.call('PEXPIRE', KEYS[4], 3 * lease)
end

if not (r[1] and r[2] and r[3]) then
  hold_unknown_members()
  local ms = nowms()
  if redis.call('EXISTS', log) == 1 then
    local stream = redis.call('XINFO', 'STREAM', log)
    for i = 1, #stream, 2 do
      if stream[i] == 'last-generated-id' then ms = math.max(ms, tonumber(string.match(stream[i + 1], '^%d+')) + 1) end
    end
  end
  local epoch, l = hex(known + 1, 8), hex(ms, 12) .. hex(0, 8)
  redis.call('UNLINK', pat)
  rewrite(c, epoch .. nonce, l, epoch .. l, rid, shards, '0')
  return { 'init', epoch .. nonce, l, '', shards }
end

local own = tonumber(string.sub(r[1], 1, 8), 16)
local behind = known > own or (ARGV[5] ~= 'bump' and known == own and ARGV[3] ~= r[1])
if behind and ARGV[5] == 'yield' and r[4] == rid then return { 'behind', r[1], r[2], '', shards } end
if r[4] ~= rid or behind or unseen then
  local held = redis.call('HMGET', c, 'h', 'p', 'hm', 'hs')
  local members = ''
  for _, member in ipairs(redis.call('ZRANGE', KEYS[4], 0, -1)) do
    if member ~= '?' then members = members .. member .. ' ' end
  end
  if members == '' then members = '! ' end -- the list was lost
  if held[1] then members = (held[3] or '! ') .. members end
  hold_unknown_members()
  local epoch = hex(math.max(own, known) + 1, 8)
  local era, l = epoch .. nonce, r[2]
  local path = (held[2] or '') .. r[1] .. l
  if ARGV[2] == 'hold' and known <= own and #path <= 44 * PATH_KEPT and #members <= MEMBERS_BYTES then
    drop_summary(c)
    redis.call('HSET', c, 'e', era, 'rid', rid, 's', shards, 'h', epoch .. l, 'a:' .. epoch, nonce,
      'p', path, 'hm', members, 'hs', held[1] and held[4] or string.format('%.0f', nowms()))
  else
    redis.call('UNLINK', pat)
    rewrite(c, era, l, epoch .. l, rid, shards, r[6])
  end
  return { 'bump', era, l, r[1], shards }
end
return { 'same', r[1], r[2], r[1], shards }`,
);
