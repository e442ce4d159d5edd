import { script } from './script.js';

/**
 * Writes an entry as `redis-entry.ts` lays it out. Its times are instants of the server's clock, which alone judges them.
 */
export const STORE = `
local function store(e, position, fresh, keep, tail)
  local t = redis.call('TIME')
  local now = t[1] * 1000 + math.floor(t[2] / 1000)
  redis.call('SET', e, position .. '\\1' .. struct.pack('>I6I6', now + fresh, now + keep) .. tail, 'PX', keep)
end`;

/**
 * SETF (e, p | token, position, fresh ms, keep ms, tail) → 1 stored, 0 refused
 *
 * Stores under a permit, which it uses up. *Absent means refuse*: an invalidation removed the permit, or eviction,
 * expiry or a restart did, which errs to the safe side. The test is made here, at the server, so late packets, pauses and
 * retries change nothing (I4, I5).
 */
export const SETF = script(
  'SETF',
  `${STORE}
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
store(KEYS[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5])
redis.call('UNLINK', KEYS[2])
return 1`,
);

/** RELEASE (p | token) → gives an unused permit back. */
export const RELEASE = script(
  'RELEASE',
  `
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('UNLINK', KEYS[1]) end
return 0`,
);
