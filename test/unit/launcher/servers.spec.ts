import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isAlive } from '../../../launcher/process-tree.mjs';
import { startMariadb, startPostgres, startRedis, type Server } from '../../../launcher/services.mjs';
import { onMariadb, onPostgres, onRedis } from './clients.js';

const own = { fromEnvironment: false };

describe('servers side by side', () => {
  let servers: Server[];

  beforeAll(async () => {
    servers = await Promise.all([startPostgres(own), startPostgres(own), startRedis(own), startRedis(own)]);
  });
  afterAll(() => Promise.all(servers.map((server) => server.stop())));

  it('have ports, folders and processes of their own', () => {
    for (const property of ['port', 'folder', 'pid', 'url'] as const) {
      expect(new Set(servers.map((server) => server[property])).size).toBe(4);
    }
    expect(servers.every(({ pid, folder }) => isAlive(pid!) && existsSync(folder!))).toBe(true);
  });

  it('answer at once, each with its own data', async () => {
    const [pg, otherPg, redis, otherRedis] = servers;
    await onPostgres(pg!, 'create table only_here (id int)');
    await expect(onPostgres(otherPg!, 'select * from only_here')).rejects.toThrow('does not exist');
    await onRedis(redis!, 'SET', 'only', 'here');
    expect(await onRedis(otherRedis!, 'GET', 'only')).toBeNull();
  });

  it('end one by one, and leave neither process nor folder', async () => {
    const more = await Promise.all([startPostgres(own), startRedis(own)]);
    const were = more.map(({ pid, folder }) => ({ pid: pid!, folder: folder! }));
    await Promise.all(more.map((server) => server.stop()));
    expect(were.filter(({ pid, folder }) => isAlive(pid) || existsSync(folder))).toEqual([]);
    expect(more.map(({ pid }) => pid)).toEqual([undefined, undefined]);
    await more[0]!.stop(); // once more does no harm
    expect(servers.every(({ pid }) => isAlive(pid!))).toBe(true);
  });
});

describe('a PostgreSQL server', () => {
  let server: Server;

  beforeAll(async () => {
    server = await startPostgres(own);
  });
  afterAll(() => server.stop());

  it('keeps what it acknowledged through a crash, and comes back on its port', async () => {
    const { url, pid } = server;
    await onPostgres(server, 'create table kept (id int)');
    await onPostgres(server, 'insert into kept values (7)');
    await server.kill();
    expect(isAlive(pid!)).toBe(false);
    await expect(onPostgres(server, 'select 1')).rejects.toThrow('ECONNREFUSED');
    await server.restart();
    expect(server.url).toBe(url);
    expect(await onPostgres(server, 'select id from kept')).toEqual([{ id: 7 }]);
  });

  it('takes other arguments at a restart', async () => {
    await server.restart({ args: ['-c', 'work_mem=5MB'] });
    expect(await onPostgres(server, 'show work_mem')).toEqual([{ work_mem: '5MB' }]);
  });

  it('says nothing while paused, and answers when resumed', async () => {
    server.pause();
    let answered = false;
    const answer = onPostgres(server, 'select 1').then(() => (answered = true));
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(answered).toBe(false);
    server.resume();
    await answer;
  });

  it('reports why it did not start', async () => {
    await expect(startPostgres({ ...own, args: ['-c', 'no_such_setting=1'] })).rejects.toThrow(
      /Expected PostgreSQL .* to answer .* ended: exit code 1.*no_such_setting/s,
    );
  });
});

describe('a MariaDB server', () => {
  let server: Server;

  beforeAll(async () => {
    server = await startMariadb(own);
  });
  afterAll(() => server.stop());

  it('keeps what it acknowledged through a crash, and comes back on its port with other arguments', async () => {
    const { url, pid } = server;
    await onMariadb(server, 'CREATE DATABASE shop');
    await onMariadb(server, 'CREATE TABLE shop.kept (id int)');
    await onMariadb(server, 'INSERT INTO shop.kept VALUES (7)');
    await server.kill();
    expect(isAlive(pid!)).toBe(false);
    await expect(onMariadb(server, 'SELECT 1')).rejects.toThrow('ECONNREFUSED');
    await server.restart({ args: ['--max-connections=33'] });
    expect(server.url).toBe(url);
    expect(await onMariadb(server, 'SELECT id FROM shop.kept')).toEqual([{ id: 7 }]);
    expect(await onMariadb(server, 'SELECT @@max_connections AS n')).toEqual([{ n: 33 }]);
  });

  it('has port, folder and process of its own, and leaves none of them', async () => {
    const other = await startMariadb(own);
    const { pid, folder, port } = other;
    expect([pid, folder, port]).not.toEqual([server.pid, server.folder, server.port]);
    await expect(onMariadb(other, 'SELECT id FROM shop.kept')).rejects.toThrow("doesn't exist");
    await other.stop();
    expect(isAlive(pid!) || existsSync(folder!)).toBe(false);
  });

  it('reports why it did not start', async () => {
    await expect(startMariadb({ ...own, args: ['--no-such-setting'] })).rejects.toThrow(
      /Expected MariaDB .* to answer .* ended: .*no-such-setting/s,
    );
  });
});

describe('a Redis server', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'larder-spec-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('forgets everything in a crash, unless told to keep it in a folder of the caller', async () => {
    const options = { ...own, dataDir: folder, args: ['--appendonly', 'yes'] };
    const [forgetful, keeping] = await Promise.all([startRedis(own), startRedis(options)]);
    for (const server of [forgetful, keeping]) {
      await onRedis(server, 'SET', 'key', 'value');
      await server.kill();
      await server.restart();
    }
    expect(await onRedis(forgetful, 'GET', 'key')).toBeNull();
    expect(await onRedis(keeping, 'GET', 'key')).toBe('value');
    await Promise.all([forgetful.stop(), keeping.stop()]);

    const again = await startRedis(options);
    expect(await onRedis(again, 'GET', 'key')).toBe('value');
    await again.stop();
  });

  it('listens on the port it is given, and says so when that is taken', async () => {
    const first = await startRedis(own);
    await expect(startRedis({ ...own, port: first.port })).rejects.toThrow(/Address already in use/);
    const { port } = first;
    await first.stop();
    const second = await startRedis({ ...own, port });
    expect(second.port).toBe(port);
    await second.stop();
  });

  it('can be stopped while paused', async () => {
    const server = await startRedis(own);
    const { pid, folder: itsFolder } = server;
    server.pause();
    await server.stop();
    expect(isAlive(pid!) || existsSync(itsFolder!)).toBe(false);
  });
});
