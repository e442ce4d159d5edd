// @ts-check
import { createServer } from 'node:net';

/**
 * Below the range from which systems serve outgoing connections (32768 up on Linux, 49152 up elsewhere), so that
 * nobody is handed the port by chance between our look at it and the server's.
 */
const RANGE = { first: 15_000, last: 22_000 };

/** A Redis Cluster node also listens here, counted from its port. */
const CLUSTER_BUS_OFFSET = 10_000;

/**
 * @param {object} [options]
 * @param {boolean} [options.withClusterBus] the port of the cluster bus must be free too
 * @returns {Promise<number>} a loopback port on which nobody listens
 */
export async function freePort({ withClusterBus = false } = {}) {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const port = RANGE.first + Math.floor(Math.random() * (RANGE.last - RANGE.first));
    if ((await isFree(port)) && (!withClusterBus || (await isFree(port + CLUSTER_BUS_OFFSET)))) return port;
  }
  throw new Error(`Expected a free loopback port between ${RANGE.first} and ${RANGE.last}, found none in 100 tries.`);
}

/**
 * @param {number} port
 * @returns {Promise<boolean>}
 */
function isFree(port) {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}
