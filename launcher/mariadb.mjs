// @ts-check
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import mysql from 'mysql2/promise';
import { EnvironmentServer } from './environment-server.mjs';
import { findMariadb } from './mariadb-programs.mjs';
import { OwnFolder, unprivilegedOwner } from './own-folder.mjs';
import { OwnServer } from './own-server.mjs';

/**
 * Nothing here outlives the machine, so nothing waits for the disk; but an acknowledged commit survives a crash of the
 * server. No configuration file is read, so the character set is the server's own default, latin1: whoever needs another
 * one says so.
 */
const SETTINGS = {
  'innodb-flush-log-at-trx-commit': '2',
  'innodb-flush-method': 'nosync',
  'innodb-doublewrite': '0',
  'innodb-buffer-pool-size': '32M',
  'innodb-log-file-size': '16M',
  'max-connections': '200',
};

/**
 * @typedef {object} MariadbOptions
 * @property {boolean} [fromEnvironment] use the server that MARIADB_URL names, when it is set; default true
 * @property {boolean} [install] consent to install MariaDB by apt-get, as root on Debian; default false
 * @property {number} [port] default: a free one
 * @property {string[]} [args] further arguments of `mariadbd`, as in `['--log-bin']`
 * @property {string} [dataDir] a folder that outlives `stop()`; default: one that goes with the server
 * @property {NodeJS.ProcessEnv} [env] default: this process's
 */

/**
 * Starts a MariaDB server, or finds the one that the environment names. It answers a query when this resolves, and ends
 * when this process ends, however that happens. Its user is `root`, without a password.
 * @param {MariadbOptions} [options]
 * @returns {Promise<import('./services.mjs').Server>}
 * @throws {Error} that names the command which installs MariaDB, when there is none
 */
export async function startMariadb(options = {}) {
  const { fromEnvironment = true, port, args = [], install, env = process.env } = options;
  if (fromEnvironment && env.MARIADB_URL) {
    const server = new EnvironmentServer('MARIADB_URL', env.MARIADB_URL, 3306);
    await server.mustAnswer((url) => ask(url, 'SELECT 1 AS answer'));
    return server;
  }
  const programs = findMariadb({ env, install });
  const owner = unprivilegedOwner();
  const folder = new OwnFolder('mariadb', owner);
  try {
    const data = resolve(options.dataDir ?? join(folder.path, 'data'));
    const run = { ...owner, cwd: folder.path, env: { PATH: process.env.PATH, TZ: 'UTC' } };
    if (!existsSync(join(data, 'mysql'))) await createDatabase(programs.installDb, data, run);
    const server = new OwnServer({
      kind: 'MariaDB',
      how: programs.server,
      folder,
      command: programs.server,
      args: (chosen) => [
        '--no-defaults',
        `--datadir=${data}`,
        `--socket=${join(folder.path, 'mariadbd.sock')}`,
        `--pid-file=${join(folder.path, 'mariadbd.pid')}`,
        `--port=${chosen}`,
        '--bind-address=127.0.0.1',
        '--skip-name-resolve',
        ...settings(),
      ],
      extraArgs: args,
      spawn: run,
      port,
      url: (chosen) => `mariadb://root@127.0.0.1:${chosen}/mysql`,
      probe: async (url) => {
        const answering = await ask(url, 'SELECT @@datadir AS answer');
        if (answering !== `${data}/`) throw new Error(`Expected the server of ${data}, got the one of ${answering}.`);
      },
      shutDown: 'SIGTERM',
      abandon: 'SIGKILL',
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
 * @param {string} url
 * @param {string} question a statement
 * @returns {Promise<string>} the value that it returns as `answer`
 */
async function ask(url, question) {
  const connection = await mysql.createConnection({ uri: url, connectTimeout: 5_000 });
  try {
    const [rows] = await connection.query(question);
    return String(/** @type {{ answer: unknown }[]} */ (rows)[0]?.answer);
  } finally {
    connection.destroy();
  }
}

/**
 * @param {string} installDb
 * @param {string} data
 * @param {import('node:child_process').ExecFileOptions} run
 */
async function createDatabase(installDb, data, run) {
  const size = `--innodb-log-file-size=${SETTINGS['innodb-log-file-size']}`;
  const plain = ['--auth-root-authentication-method=normal', '--skip-test-db', '--skip-name-resolve'];
  await promisify(execFile)(installDb, ['--no-defaults', `--datadir=${data}`, ...plain, size], run);
}

function settings() {
  return Object.entries(SETTINGS).map(([name, value]) => `--${name}=${value}`);
}
