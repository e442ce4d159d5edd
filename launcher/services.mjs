// @ts-check
/**
 * Real servers for the demo, the tests and the benchmarks: throwaway ones on free loopback ports, or those that the
 * environment names. A server of our own is an `OwnServer`:
 *
 * - `url`, `host`, `port`, `how` (where its program came from), `pid` (undefined while it does not run)
 * - `stop()` ends it and removes its folder; at the latest that happens when this process ends, even by SIGKILL
 * - `kill(signal = 'SIGKILL')`, `pause()`, `resume()`, `restart({ args })`: on the same port and data
 *
 * A server of the environment answers to the same names; `stop()` leaves it alone, and the rest refuses.
 */
export { startPostgres } from './postgres.mjs';
export { startRedis, startSentinel } from './redis.mjs';
export { startRedisCluster } from './redis-cluster.mjs';
