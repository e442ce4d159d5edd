import { script } from './script.js';

/**
 * Writes an entry as `redis-entry.ts` lays it out, unless what stands there is of a newer version of the source: its first
 * tag then, at byte 61 of an entry and 5 of its tail (`source-version.ts`). Its times are instants of the server's clock, which alone judges them.
 */
export const STORE = `
local function newer(e, version)
  local standing = redis.call('GETRANGE', e, 61, 85)
  return string.sub(standing, 1, 9) == '%version:' and standing > version
end
local function outdated(e, tail)
  return string.sub(tail, 5, 13) == '%version:' and newer(e, string.sub(tail, 5, 29))
end
local function store(e, position, fresh, keep, tail)
  if outdated(e, tail) then return false end
  local t = redis.call('TIME')
  local now = t[1] * 1000 + math.floor(t[2] / 1000)
  redis.call('SET', e, position .. '\\1' .. struct.pack('>I6I6', now + fresh, now + keep) .. tail, 'PX', keep)
  return true
end`;

/**
 * SETF ([e p]… | [token, position, fresh ms, keep ms, tail]…) → one letter per key: `1` stored, `0` refused
 *
 * Stores under permits, which it uses up; many keys in one call, each for itself. *Absent means refuse*: an invalidation removed the permit, or eviction,
 * expiry or a restart did, which errs to the safe side. The test is made here, at the server, so late packets, pauses and
 * retries change nothing (I4, I5).
 */
export const SETF = script(
  'SETF',
  `${STORE}
local stored = {}
for i = 1, #KEYS, 2 do
  local at = (i - 1) / 2 * 5
  if redis.call('GET', KEYS[i + 1]) == ARGV[at + 1] then
    local done = store(KEYS[i], ARGV[at + 2], tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4]), ARGV[at + 5])
    redis.call('UNLINK', KEYS[i + 1])
    stored[#stored + 1] = done and '1' or '0'
  else
    stored[#stored + 1] = '0'
  end
end
return table.concat(stored)`,
);

/** RELEASE (p | token) → gives an unused permit back. */
export const RELEASE = script(
  'RELEASE',
  `
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('UNLINK', KEYS[1]) end
return 0`,
);
