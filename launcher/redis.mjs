// @ts-check
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { EnvironmentServer } from './environment-server.mjs';
import { OwnFolder } from './own-folder.mjs';
import { OwnServer } from './own-server.mjs';
import { until, withRedis } from './redis-connection.mjs';
import { findRedis } from './redis-program.mjs';

/**
 * @typedef {object} RedisOptions
 * @property {boolean} [fromEnvironment] use the server that REDIS_URL names, when it is set; default true
 * @property {boolean} [install] consent to install redis-server by apt-get, as root on Debian; default false
 * @property {number} [port] default: a free one
 * @property {string[]} [args] further arguments of the server, as in `['--appendonly', 'yes']`; default: nothing is
 *   saved, so a killed server comes back empty
 * @property {string} [dataDir] a folder that outlives `stop()`; default: one that goes with the server
 * @property {{ host: string, port: number }} [replicaOf] a master to follow; ready once linked to it
 * @property {NodeJS.ProcessEnv} [env] default: this process's
 */

/**
 * Starts a Redis or Valkey server, or finds the one that the environment names. It answers PING when this resolves,
 * and ends when this process ends, however that happens.
 * @param {RedisOptions} [options]
 * @returns {Promise<import('./services.mjs').Server>}
 * @throws {Error} that names the command which installs Redis, when there is none
 */
export async function startRedis(options = {}) {
  const { fromEnvironment = true, replicaOf, env = process.env } = options;
  if (fromEnvironment && !replicaOf && env.REDIS_URL) {
    const server = new EnvironmentServer('REDIS_URL', env.REDIS_URL, 6379);
    await server.mustAnswer(answers);
    return server;
  }
  return startOwnRedis(options);
}

/**
 * @param {RedisOptions & { cluster?: boolean }} options
 * @returns {Promise<OwnServer>}
 */
export async function startOwnRedis({ args = [], port, dataDir, replicaOf, cluster, env, install }) {
  const server = await startServer('Redis', { env, install }, (folder) => ({
    args: (chosen) =>
      argumentsOf({
        port: [chosen],
        bind: ['127.0.0.1'],
        dir: [resolve(dataDir ?? folder)],
        save: [''],
        appendonly: ['no'],
        'repl-diskless-sync-delay': [0],
        ...(cluster && { 'cluster-enabled': ['yes'], 'cluster-config-file': ['nodes.conf'] }),
        ...(replicaOf && { replicaof: [replicaOf.host, replicaOf.port] }),
      }),
    extraArgs: args,
    port,
    withClusterBus: cluster,
    keepsData: dataDir !== undefined,
  }));
  try {
    if (replicaOf) await linked(server);
    return server;
  } catch (error) {
    await server.stop();
    throw error;
  }
}

/**
 * Waits until a replica is linked to its master.
 * @param {{ url: string }} replica
 */
export async function linked(replica) {
  await until('the replica to be linked to its master', async () =>
    (await withRedis(replica.url, (redis) => redis.info('replication'))).includes('master_link_status:up'),
  );
}

/**
 * @typedef {object} SentinelOptions
 * @property {{ host: string, port: number }} master
 * @property {string} [name] of the watched master; default `larder`
 * @property {number} [quorum] how many sentinels must agree that it is down; default 1
 * @property {number} [downAfterMs] how long it must be silent; default 1000
 * @property {number} [port] default: a free one
 */

/**
 * Starts a Redis Sentinel that watches one master.
 * @param {SentinelOptions} options
 * @returns {Promise<OwnServer>}
 */
export function startSentinel({ master, name = 'larder', quorum = 1, downAfterMs = 1_000, port }) {
  return startServer('Redis Sentinel', {}, (folder) => {
    const file = join(folder, 'sentinel.conf'); // Sentinel insists on a file, and keeps its own state there
    writeFileSync(
      file,
      [
        `dir ${folder}`,
        `sentinel monitor ${name} ${master.host} ${master.port} ${quorum}`,
        `sentinel down-after-milliseconds ${name} ${downAfterMs}`,
        `sentinel failover-timeout ${name} ${downAfterMs * 5}`,
      ].join('\n'),
    );
    return {
      args: (chosen) => [file, '--sentinel', '--port', String(chosen), '--bind', '127.0.0.1'],
      extraArgs: [],
      port,
      keepsData: false,
    };
  });
}

/** @typedef {'args' | 'extraArgs' | 'port' | 'withClusterBus' | 'keepsData'} Particulars */

/**
 * @param {string} kind
 * @param {{ env?: NodeJS.ProcessEnv, install?: boolean }} search
 * @param {(folder: string) => Pick<import('./own-server.mjs').ServerPlan, Particulars>} particulars
 */
async function startServer(kind, search, particulars) {
  const command = findRedis(search);
  const folder = new OwnFolder('redis');
  const server = new OwnServer({
    ...particulars(folder.path),
    kind,
    how: command,
    command,
    folder,
    probe: isReady,
    spawn: { cwd: folder.path },
    url: (port) => `redis://127.0.0.1:${port}`,
    shutDown: 'SIGTERM',
    // A master asked to shut down waits for its replicas; nobody needs that of one whose data go anyway.
    abandon: 'SIGKILL',
  });
  try {
    await server.start();
    return server;
  } catch (error) {
    await server.stop();
    throw error;
  }
}

/** @param {Readonly<Record<string, readonly (string | number)[]>>} directives as in redis.conf */
function argumentsOf(directives) {
  return Object.entries(directives).flatMap(([name, values]) => [`--${name}`, ...values.map(String)]);
}

/** @param {string} url */
async function answers(url) {
  await withRedis(url, (redis) => redis.ping());
}

/**
 * @param {string} url
 * @param {number} pid
 */
async function isReady(url, pid) {
  const state = await withRedis(url, async (redis) => {
    await redis.ping(); // an error while it still loads its data
    return redis.info('server');
  });
  if (!state.includes(`process_id:${pid}\r\n`)) throw new Error(`Another server than that of process ${pid} answers.`);
}
