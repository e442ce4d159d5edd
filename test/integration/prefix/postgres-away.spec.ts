import { DataSource } from 'typeorm';
import { startPostgres, startRedis } from '../../../launcher/services.mjs';
import { Gateway, entryOf, hashOf, newScope, until } from './gateway.js';

type Postgres = Awaited<ReturnType<typeof startPostgres>>;

const OUTAGES: readonly [
  string,
  (server: Postgres) => Promise<void> | void,
  (server: Postgres) => Promise<void> | void,
][] = [
  ['is killed', (server) => server.kill(), (server) => server.restart()],
  ['hangs', (server) => server.pause(), (server) => server.resume()],
];

describe('a prefix index whose PostgreSQL', () => {
  let postgres: Postgres;
  let server: Awaited<ReturnType<typeof startRedis>>;
  let dataSource: DataSource;
  let gateway: Gateway;

  beforeAll(async () => {
    postgres = await startPostgres({ fromEnvironment: false });
    server = await startRedis({ fromEnvironment: false });
    dataSource = await new DataSource({ type: 'postgres', url: postgres.url }).initialize();
    gateway = await Gateway.open({ dataSource, redisUrl: server.url, softTimeout: '5s', findTimeout: '300ms' });
  }, 120_000);
  afterAll(async () => {
    await gateway?.close();
    if (dataSource?.isInitialized) await dataSource.destroy();
    await server?.stop();
    await postgres?.stop();
  }, 60_000);

  const promptOf = (...texts: string[]) => ({
    candidates: texts.map((text, block) => ({ prefixHash: hashOf(text), block })).reverse(),
    breakpoints: [],
  });

  it.each(OUTAGES)(
    '%s finds what Redis holds, takes the rest for no cache in bounded time, and gets well',
    async (_, goAway, comeBack) => {
      const scope = newScope();
      const other = newScope();
      await gateway.index.write(entryOf(scope, 'in both'));
      await gateway.index.write(entryOf(other, 'in both'));
      await goAway(postgres);
      try {
        const found = await gateway.cache.find(scope, promptOf('in both'));
        expect(found.match).toMatchObject({ prefixHash: hashOf('in both') });
        const nothing = await gateway.cache.find(scope, promptOf('nowhere'));
        expect(nothing.match).toBeNull();
        const invalidated = gateway.index.invalidate({ principalId: scope.principalId });
        const outcome = await Promise.race([
          invalidated.then(
            () => 'acknowledged',
            () => 'refused',
          ),
          new Promise((resolve) => setTimeout(resolve, 1000, 'unanswered')),
        ]);
        expect(outcome).not.toBe('acknowledged');
        invalidated.catch(() => undefined); // where it hangs, it ends with the outage
      } finally {
        await comeBack(postgres);
      }
      await until('the database to answer', () =>
        gateway.index.invalidate({ principalId: scope.principalId }).then(
          () => true,
          () => false,
        ),
      );
      expect(await gateway.index.lookup(scope, [hashOf('in both')])).toEqual([]);
      expect(await gateway.index.lookup(other, [hashOf('in both')])).toHaveLength(1);
      expect(await gateway.index.write(entryOf(scope, 'anew'))).toBe(true);
      expect(await gateway.index.lookup(scope, [hashOf('anew')])).toHaveLength(1);
    },
  );
});
