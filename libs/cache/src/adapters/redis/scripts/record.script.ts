import { script } from './script.js';

/** RECORDS (x…) → { server ms, value… }: records of one slot of a Cluster, with the clock that judges them. */
export const RECORDS = script(
  'RECORDS',
  `
local t = redis.call('TIME')
return { t[1] * 1000 + math.floor(t[2] / 1000), unpack(redis.call('MGET', unpack(KEYS))) }`,
);

/**
 * STORE_RECORDS (x… | [dies at, record, 1 in the place of whatever stands]…) → number stored
 *
 * Stores each record unless what stands there, of the same history, is of a later write, or of the same write and was read
 * later: so two writers, or a writer and a slow reader, leave the later whoever comes last. Layout: see `redis-record.ts`.
 */
export const STORE_RECORDS = script(
  'STORE_RECORDS',
  `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local stored = 0
for i = 1, #KEYS do
  local deadline, raw = tonumber(ARGV[3 * i - 2]), ARGV[3 * i - 1]
  if ARGV[3 * i] == '1' then redis.call('UNLINK', KEYS[i]) end
  local standing = redis.call('GETRANGE', KEYS[i], 0, 56)
  local later = false
  if #standing == 57 and string.sub(standing, 29, 45) == string.sub(raw, 29, 45) then
    local order, dies = struct.unpack('>I6I6', standing, 46)
    local mine, stamp, ord = struct.unpack('>I6', raw, 46), string.sub(standing, 1, 28), string.sub(raw, 1, 28)
    later = order > mine or (order == mine and (stamp > ord or (stamp == ord and dies >= deadline)))
  end
  if deadline > now and not later then
    redis.call('SET', KEYS[i], raw, 'PXAT', ARGV[3 * i - 2])
    stored = stored + 1
  end
end
return stored`,
);
