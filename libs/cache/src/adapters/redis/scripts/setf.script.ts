import { script } from './script.js';

/**
 * SETF (e, p | token, raw, ttl) → 1 stored, 0 refused
 *
 * Stores under a permit, which it uses up. *Absent means refuse*: an invalidation removed the permit, or eviction,
 * expiry or a restart did, which errs to the safe side. The test is made here, at the server, so late packets, pauses and
 * retries change nothing (I4, I5).
 */
export const SETF = script(
  'SETF',
  `
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
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
