// @ts-check
import { until, withRedis } from './redis-connection.mjs';
import { linked, startOwnRedis } from './redis.mjs';

const SLOTS = 16_384;

/**
 * @typedef {object} ClusterOptions
 * @property {number} [masters] default 3
 * @property {number} [replicas] of each master; default 1
 * @property {number} [nodeTimeoutMs] how long a silent node counts as alive; default 2000
 * @property {string[]} [args] further arguments of every node
 * @property {boolean} [install] as in `startRedis`
 */

/**
 * @typedef {object} ClusterNode
 * @property {import('./own-server.mjs').OwnServer} server
 * @property {string} id of the node in the cluster
 * @property {number | undefined} follows the index of its master among `nodes`; undefined for a master. As at start:
 *   a failover changes roles, not this
 */

/**
 * Starts a Redis Cluster. When this resolves every node knows all others, calls the cluster ok, and every replica is
 * linked to its master.
 * @param {ClusterOptions} [options]
 */
export async function startRedisCluster({ masters = 3, replicas = 1, nodeTimeoutMs = 2_000, args = [], install } = {}) {
  const size = masters * (1 + replicas);
  const starts = await Promise.allSettled(
    Array.from({ length: size }, () =>
      startOwnRedis({ cluster: true, install, args: ['--cluster-node-timeout', String(nodeTimeoutMs), ...args] }),
    ),
  );
  const servers = starts.flatMap((start) => (start.status === 'fulfilled' ? [start.value] : []));
  const stop = async () => void (await Promise.all(servers.map((server) => server.stop())));
  try {
    for (const start of starts) if (start.status === 'rejected') throw start.reason;
    const nodes = await join(servers, masters);
    /** The URLs of all nodes, masters first. */
    const urls = servers.map((server) => server.url);
    return { nodes, urls, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/**
 * Makes one cluster of servers that do not know each other yet, the first of them masters.
 * @param {import('./own-server.mjs').OwnServer[]} servers
 * @param {number} masters
 * @returns {Promise<ClusterNode[]>}
 */
async function join(servers, masters) {
  const [first] = servers;
  if (!first) throw new Error('Expected at least one master, got `masters: 0`.');
  const nodes = await Promise.all(
    servers.map(async (server, index) => ({
      server,
      id: String(await ask(server, 'MYID')),
      follows: index < masters ? undefined : index % masters,
    })),
  );
  for (const [index, { server, follows }] of nodes.entries()) {
    await ask(server, 'SET-CONFIG-EPOCH', index + 1); // distinct, so that the nodes need not settle it among themselves
    if (follows === undefined) await ask(server, 'ADDSLOTS', ...slotsOf(index, masters));
    if (server !== first) await ask(first, 'MEET', server.host, server.port);
  }
  await everywhere(servers, 'know all nodes', `cluster_known_nodes:${servers.length}`, 'cluster_state:ok');
  for (const { server, follows } of nodes) {
    if (follows === undefined) continue;
    // Refused until the node has heard of its master by gossip.
    await until('the node to accept its master', async () => {
      return (await ask(server, 'REPLICATE', nodes[follows]?.id ?? '')) === 'OK';
    });
  }
  const replicas = nodes.filter(({ follows }) => follows !== undefined).map(({ server }) => server);
  await Promise.all(replicas.map(linked));
  await everywhere(servers, 'call the cluster ok', 'cluster_state:ok', `cluster_size:${masters}`);
  return nodes;
}

/**
 * @param {import('./own-server.mjs').OwnServer} server
 * @param {string} command of CLUSTER
 * @param {(string | number)[]} args
 */
function ask(server, command, ...args) {
  return withRedis(server.url, (redis) => redis.call('CLUSTER', command, ...args));
}

/**
 * @param {import('./own-server.mjs').OwnServer[]} servers
 * @param {string} expectation
 * @param {string[]} lines of CLUSTER INFO, on every node
 */
async function everywhere(servers, expectation, ...lines) {
  await Promise.all(
    servers.map((server) =>
      until(`every node to ${expectation}`, async () => {
        const state = String(await ask(server, 'INFO')).split('\r\n');
        return lines.every((line) => state.includes(line));
      }),
    ),
  );
}

/**
 * @param {number} index of the master
 * @param {number} masters
 */
function slotsOf(index, masters) {
  const from = Math.ceil((index * SLOTS) / masters);
  const before = Math.ceil(((index + 1) * SLOTS) / masters);
  return Array.from({ length: before - from }, (_, offset) => from + offset);
}
