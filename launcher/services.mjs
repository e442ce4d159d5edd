// @ts-check
/**
 * Real servers for the demo, the tests and the benchmarks: throwaway ones on free loopback ports, as many of a kind as
 * needed, or those that the environment names. All end at the latest when this process ends, even by SIGKILL.
 * A server of the environment is used and left alone: `stop()` does nothing, and the other verbs refuse.
 *
 * @typedef {object} Server
 * @property {string} url
 * @property {string} host
 * @property {number} port
 * @property {string} how where its program came from, for people
 * @property {number | undefined} pid undefined while it does not run, and for a server of the environment
 * @property {string | undefined} folder its own temporary folder, where `server.log` is; undefined likewise
 * @property {() => Promise<void>} stop ends it and removes its folder
 * @property {(signal?: NodeJS.Signals) => Promise<void>} kill lets it die, by default of SIGKILL, as in a crash;
 *   resolves when it is gone. Port and data remain for `restart()`
 * @property {() => void} pause freezes it (SIGSTOP): connections stay open and nothing answers
 * @property {() => void} resume
 * @property {(options?: { args?: string[] }) => Promise<void>} restart starts it again on the same port and data,
 *   shutting it down in order first if it still runs; `args` replace the extra arguments it had
 */

export { startMariadb } from './mariadb.mjs';
export { startPostgres } from './postgres.mjs';
export { startRedis, startSentinel } from './redis.mjs';
export { startRedisCluster } from './redis-cluster.mjs';
export { SlotMove, ownerOf, ownersOf, slotOf } from './redis-slots.mjs';
