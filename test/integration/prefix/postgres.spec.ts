import { Clock } from 'nestjs-larder';
import { TtlTier } from 'nestjs-larder/prefix';
import { LarderPrefixes1764201600000, PromptCacheEntry, typeormPrefixes } from 'nestjs-larder/typeorm';
import type { DataSource } from 'typeorm';
import { createDatabase, type TestDatabase } from '../typeorm/database.js';
import { Gateway, entryOf, hashOf, newScope, until } from './gateway.js';

/** A machine whose wall clock is wrong by days. */
class WrongClock extends Clock {
  override wall(): number {
    return Date.now() + 10 * 86_400_000;
  }
  override monotonic(): number {
    return performance.now();
  }
  override coarse(): number {
    return performance.now();
  }
  override schedule(delayMs: number, action: () => void): { cancel(): void } {
    const handle = setTimeout(action, delayMs);
    handle.unref();
    return { cancel: () => clearTimeout(handle) };
  }
}

describe('a prefix index in PostgreSQL alone', () => {
  let database: TestDatabase;
  let dataSource: DataSource;
  let gateway: Gateway;

  beforeAll(async () => {
    database = await createDatabase();
    dataSource = await database.connect();
    gateway = await Gateway.open({ dataSource, clock: new WrongClock() });
  });
  afterAll(async () => {
    await gateway.close();
    await database.drop();
  });
  beforeEach(() => {
    gateway.statements.length = 0;
  });

  const rowsOf = (principal: string) =>
    dataSource.query(
      `SELECT encode(prefix_hash, 'hex') AS hash, cumulative_token_count AS tokens, ttl_tier AS tier, created_at, expires_at,
         extract(epoch FROM expires_at - now()) AS left_s FROM prompt_cache_entries WHERE principal_id = $1`,
      [principal],
    );

  it('asks one statement for 80 candidates, and none for none', async () => {
    const scope = newScope();
    for (let n = 0; n < 5; n += 1) await gateway.index.write(entryOf(scope, `${n}`, { cumulativeTokenCount: n }));
    gateway.statements.length = 0;
    const candidates = [...Array(80).keys()].map((n) => hashOf(`${n}`));
    const found = await gateway.index.lookup(scope, [...candidates, ...candidates]);
    expect(new Set(found.map(({ cumulativeTokenCount }) => cumulativeTokenCount))).toEqual(new Set([0, 1, 2, 3, 4]));
    expect(found).toHaveLength(5);
    expect(gateway.statements).toEqual(['_lookup']);
    expect(await gateway.index.lookup(scope, [])).toEqual([]);
    expect(gateway.statements).toEqual(['_lookup']);
  });

  it('lives by the clock of the database, whatever this machine believes', async () => {
    const scope = newScope();
    await gateway.index.write(entryOf(scope, 'a'));
    await gateway.index.slide(scope, hashOf('a'));
    const [row] = await rowsOf(scope.principalId);
    expect(Number(row.left_s)).toBeGreaterThan(250);
    expect(Number(row.left_s)).toBeLessThanOrEqual(300);
    expect(await gateway.index.lookup(scope, [hashOf('a')])).toHaveLength(1);
    await dataSource.query('UPDATE prompt_cache_entries SET expires_at = now() WHERE principal_id = $1', [
      scope.principalId,
    ]);
    expect(await gateway.index.lookup(scope, [hashOf('a')])).toEqual([]);
  });

  it('leaves one row of concurrent writes, with the day it was made', async () => {
    const scope = newScope();
    const other = await Gateway.open({ dataSource: await database.connect() });
    await gateway.index.write(entryOf(scope, 'a'));
    const [{ created_at: created }] = await rowsOf(scope.principalId);
    await Promise.all(
      Array.from({ length: 50 }, (_, n) =>
        (n % 2 === 0 ? gateway : other).index.write(
          entryOf(scope, 'a', { cumulativeTokenCount: n, ttlTier: TtlTier.OneHour }),
        ),
      ),
    );
    await other.close();
    const rows = await rowsOf(scope.principalId);
    expect(rows).toHaveLength(1);
    expect(rows[0]).toMatchObject({ tier: '1h', created_at: created });
  });

  it('clamps a count, reads a negative one as 0, and does not pass over a tier that it does not know', async () => {
    const scope = newScope();
    await gateway.index.write(entryOf(scope, 'a', { cumulativeTokenCount: 2 ** 32 - 1 }));
    expect((await rowsOf(scope.principalId))[0].tokens).toBe(2 ** 31 - 1);
    await dataSource.query('UPDATE prompt_cache_entries SET cumulative_token_count = -7 WHERE principal_id = $1', [
      scope.principalId,
    ]);
    expect((await gateway.index.lookup(scope, [hashOf('a')]))[0]!.cumulativeTokenCount).toBe(0);
    await dataSource.query('ALTER TABLE prompt_cache_entries DROP CONSTRAINT prompt_cache_entries_tier');
    await dataSource.query(`UPDATE prompt_cache_entries SET ttl_tier = '7d' WHERE principal_id = $1`, [
      scope.principalId,
    ]);
    await expect(gateway.index.lookup(scope, [hashOf('a')])).rejects.toMatchObject({
      code: 'LARDER_PREFIX_INVALID',
      message: 'invalid cache data: unknown ttl_tier "7d"',
    });
    await dataSource.query('DELETE FROM prompt_cache_entries WHERE principal_id = $1', [scope.principalId]);
  });

  it('moves expiry forward alone, and makes no row', async () => {
    const scope = newScope();
    await gateway.index.write(entryOf(scope, 'a'));
    const expiry = async () => (await rowsOf(scope.principalId))[0].expires_at.getTime();
    const before = await expiry();
    await gateway.index.refresh(scope, hashOf('a'), new Date(before - 60_000));
    expect(await expiry()).toBe(before);
    await gateway.index.refresh(scope, hashOf('a'), new Date(before + 60_000));
    expect(await expiry()).toBe(before + 60_000);
    await gateway.index.refresh(scope, hashOf('absent'), new Date(before + 60_000));
    expect(await rowsOf(scope.principalId)).toHaveLength(1);
  });

  it('refuses a write that the database had received before the invalidation', async () => {
    const scope = newScope();
    const blocker = dataSource.createQueryRunner();
    await blocker.startTransaction();
    await blocker.query('SELECT pg_advisory_xact_lock(4871223002)');
    const writing = gateway.index.write(entryOf(scope, 'a'));
    const waiting = async () =>
      Number(
        (await blocker.query(`SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted`))[0].count,
      ) > 0;
    await until('the write to wait', waiting);
    await blocker.query(`SELECT prompt_cache_fence(ARRAY['principal'], ARRAY[$1])`, [scope.principalId]);
    await blocker.commitTransaction();
    await blocker.release();
    expect(await writing).toBe(false);
    expect(await rowsOf(scope.principalId)).toEqual([]);
    expect(await gateway.index.write(entryOf(scope, 'a'))).toBe(true);
  });

  it('hides what is below a fence while its deletion has not come to it', async () => {
    const scope = newScope();
    await gateway.index.write(entryOf(scope, 'a'));
    await dataSource.query(`SELECT prompt_cache_fence(ARRAY['principal'], ARRAY[$1])`, [scope.principalId]);
    expect(await rowsOf(scope.principalId)).toHaveLength(1);
    expect(await gateway.index.lookup(scope, [hashOf('a')])).toEqual([]);
    const before = (await rowsOf(scope.principalId))[0].expires_at;
    await gateway.index.refresh(scope, hashOf('a'), new Date(Date.now() + 3_600_000));
    expect((await rowsOf(scope.principalId))[0].expires_at).toEqual(before);
  });

  it('records an invalidation in the audit, and takes an intent from the outbox', async () => {
    const scope = newScope();
    await gateway.index.write(entryOf(scope, 'a'));
    const result = await gateway.index.invalidate({ principalId: scope.principalId }, { reason: 'left', actor: 'ops' });
    expect(result).toMatchObject({ removed: 1, wasLogged: true });
    const [row] = await dataSource.query('SELECT * FROM invalidation_audit WHERE request_id = $1', [result.requestId]);
    expect(row).toMatchObject({
      reason: 'left',
      triggered_by: 'ops',
      pattern: `tag %prefix:principal:${scope.principalId}`,
    });
  });

  it('repeats a statement whose connection was cut', async () => {
    const scope = newScope();
    await gateway.index.write(entryOf(scope, 'a'));
    await dataSource.query(
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
    );
    const admin = await database.connect();
    await admin.query(
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
    );
    expect(await gateway.index.lookup(scope, [hashOf('a')])).toHaveLength(1);
  });

  it('can be a migration, up and down, and is what its entity describes', async () => {
    const fresh = await createDatabase();
    try {
      const source = await fresh.connect({ entities: [PromptCacheEntry], migrations: [LarderPrefixes1764201600000] });
      await expect(typeormPrefixes({ dataSource: source, schema: 'check' }).open()).rejects.toMatchObject({
        code: 'LARDER_SCHEMA_MISSING',
      });
      await source.runMigrations();
      await typeormPrefixes({ dataSource: source, schema: 'check' }).open();
      const { upQueries } = await source.driver.createSchemaBuilder().log();
      expect(upQueries.map(({ query }) => query)).toEqual([]);
      await source.undoLastMigration();
      await expect(typeormPrefixes({ dataSource: source, schema: 'check' }).open()).rejects.toMatchObject({
        code: 'LARDER_SCHEMA_MISSING',
      });
      const left = await source.query(`SELECT proname FROM pg_proc WHERE proname LIKE 'prompt_cache%'`);
      expect(left).toEqual([]);
    } finally {
      await fresh.drop();
    }
  });
});
