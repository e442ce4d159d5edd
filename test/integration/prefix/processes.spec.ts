import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { IndexScope, ScopePart } from 'nestjs-larder/prefix';
import type { DataSource } from 'typeorm';
import { startRedis } from '../../../launcher/services.mjs';
import { buildLibrary } from '../../chaos/library.mjs';
import { createDatabase, type TestDatabase } from '../typeorm/database.js';
import { newScope } from './gateway.js';

const MAIN = fileURLToPath(new URL('gateway-main.mjs', import.meta.url));

/** A gateway in a process of its own. */
class GatewayProcess {
  private asked = 0;
  private readonly waiting = new Map<number, { resolve(answer: unknown): void; reject(error: Error): void }>();

  private constructor(readonly child: ChildProcess) {
    child.on('message', ({ id, answer, error }: { id: number; answer?: unknown; error?: string }) => {
      const waiting = this.waiting.get(id);
      this.waiting.delete(id);
      if (error === undefined) waiting?.resolve(answer);
      else waiting?.reject(new Error(error));
    });
  }

  static async start(postgresUrl: string, redisUrl: string): Promise<GatewayProcess> {
    const child = fork(MAIN, [], {
      env: { ...process.env, GATEWAY: JSON.stringify({ postgresUrl, redisUrl }) },
      stdio: 'inherit',
    });
    await once(child, 'message');
    return new GatewayProcess(child);
  }

  tell<T>(order: string, ...args: unknown[]): Promise<T> {
    this.asked += 1;
    this.child.send({ id: this.asked, order, args });
    return new Promise((resolve, reject) => {
      this.waiting.set(this.asked, { resolve: resolve as (answer: unknown) => void, reject });
    });
  }

  async close(): Promise<void> {
    const ended = once(this.child, 'exit');
    this.child.send({ id: -1, order: 'close', args: [] });
    await ended;
  }
}

describe('two gateways in processes of their own', () => {
  let database: TestDatabase;
  let server: Awaited<ReturnType<typeof startRedis>>;
  let dataSource: DataSource;
  let one: GatewayProcess;
  let other: GatewayProcess;

  beforeAll(async () => {
    await buildLibrary();
    database = await createDatabase();
    dataSource = await database.connect();
    server = await startRedis({ fromEnvironment: false });
    one = await GatewayProcess.start(database.url, server.url);
    other = await GatewayProcess.start(database.url, server.url);
  }, 120_000);
  afterAll(async () => {
    await one?.close();
    await other?.close();
    await server.stop();
    await database.drop();
  });

  const rows = async (scope: IndexScope) =>
    dataSource.query('SELECT expires_at FROM prompt_cache_entries WHERE principal_id = $1', [scope.principalId]);

  it.each<[string, (scope: IndexScope) => ScopePart]>([
    ['the principal', ({ principalId }) => ({ principalId })],
    ['the model', ({ virtualModel }) => ({ virtualModel })],
    ['the tokenizer version', ({ tokenizerVersion }) => ({ tokenizerVersion })],
  ])(
    'an invalidation of %s on one is not undone by the other: not by an answer under way, nor by a refresh',
    async (_, partOf) => {
      const scope = { ...newScope(), virtualModel: `m${Math.random()}`, tokenizerVersion: `t${Math.random()}` };
      expect(await one.tell('write', scope, 'known')).toBe(true);
      expect(await other.tell('find', scope, 'known')).toBe(10); // its refresh waits for ten seconds
      await other.tell('begin', scope, 'new');
      expect(await one.tell('invalidate', partOf(scope))).toBe(1);
      expect(await other.tell('look', scope, 'known')).toBe(0);
      await other.tell('end');
      await other.tell('flush');
      expect(await rows(scope)).toEqual([]);
      for (const gateway of [one, other]) {
        for (const text of ['known', 'new']) expect(await gateway.tell('look', scope, text)).toBe(0);
      }
      expect(await other.tell('begin', scope, 'new')).toBe('asked');
      await other.tell('end');
      expect(await one.tell('find', scope, 'new')).toBe(10);
    },
  );

  it('counts what it refused, and loses no refresh when it is told to close', async () => {
    const scope = newScope();
    expect(await other.tell('counters')).toMatchObject({ refused: 3 });
    await one.tell('write', scope, 'a');
    const [{ expires_at: written }] = await rows(scope);
    await new Promise((resolve) => setTimeout(resolve, 300));
    await other.tell('find', scope, 'a');
    expect((await rows(scope))[0].expires_at).toEqual(written);
    await other.close();
    expect((await rows(scope))[0].expires_at.getTime()).toBeGreaterThan(written.getTime() + 250);
    other = await GatewayProcess.start(database.url, server.url);
  });

  it('finds after a kill what was written, and no refresh that nobody sent', async () => {
    const scope = newScope();
    await other.tell('write', scope, 'a');
    const [{ expires_at: written }] = await rows(scope);
    await other.tell('find', scope, 'a');
    const ended = once(other.child, 'exit');
    other.child.kill('SIGKILL');
    await ended;
    expect(await one.tell('look', scope, 'a')).toBe(1);
    expect((await rows(scope))[0].expires_at).toEqual(written);
    other = await GatewayProcess.start(database.url, server.url);
    expect(await other.tell('look', scope, 'a')).toBe(1);
  });
});
