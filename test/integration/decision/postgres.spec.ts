import { setTimeout as sleep } from 'node:timers/promises';
import { Test } from '@nestjs/testing';
import { Injectable } from '@nestjs/common';
import { CacheModule, InMemoryAuditStore } from 'nestjs-larder';
import {
  CachedDecision,
  compareFeedEpochs,
  DecisionCacheModule,
  DecisionCacheService,
  DecisionStatus,
  InvalidationRequest,
  type DecisionEntry,
} from 'nestjs-larder/decision';
import {
  DecisionEntity,
  LarderDecisions1764288000000,
  typeormDecisions,
  typeormOutbox,
  type TypeOrmDecisionStore,
} from 'nestjs-larder/typeorm';
import fc from 'fast-check';
import type { DataSource } from 'typeorm';
import { createDatabase, type TestDatabase } from '../typeorm/database.js';

@Injectable()
class Gate {
  runs = 0;

  @CachedDecision<Gate['verdict']>({ key: (id) => `gate:${id}`, policy: 'p1', epoch: () => 'e1', ttl: '1h' })
  async verdict(id: number) {
    this.runs += 1;
    return { id };
  }
}

describe('decisions in PostgreSQL', () => {
  let database: TestDatabase;
  let dataSource: DataSource;
  let store: TypeOrmDecisionStore;

  beforeEach(async () => {
    database = await createDatabase();
    dataSource = await database.connect({ entities: [DecisionEntity] });
    store = typeormDecisions({ dataSource });
  });
  afterEach(() => database.drop());

  const entry = (veriKey: string, changes: Partial<DecisionEntry> = {}): DecisionEntry => ({
    veriKey,
    decision: 'decided',
    policyHash: 'p1',
    signerSetHash: 's1',
    feedEpoch: 'e1',
    createdAt: new Date(),
    expiresAt: new Date(Date.now() + 3_600_000),
    ...changes,
  });

  it('lets a fence wait for the writes under way, which are then there to be removed', async () => {
    await store.open();
    const writer = dataSource.createQueryRunner();
    await writer.startTransaction();
    const within = typeormDecisions({
      dataSource: Object.create(dataSource, { query: { value: writer.query.bind(writer) } }),
    });
    const { mark } = await within.find('app', 'k');
    expect(await within.write('app', [{ entry: entry('k'), mark }])).not.toContain(null);

    let announced = false;
    const announcing = store.fence('app', { kind: 'policy', hash: 'p1' }, 'r').then((fence) => {
      announced = true;
      return fence;
    });
    for (let waiting = 0; waiting === 0;) {
      const [{ count }] = await dataSource.query(
        `SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted`,
      );
      waiting = Number(count);
      await sleep(5);
    }
    expect(announced).toBe(false);
    await writer.commitTransaction();
    await writer.release();
    expect(await store.remove('app', await announcing, '')).toMatchObject({ removed: 1, keys: ['k'] });
  });

  it('finds by epoch what the comparison of epochs finds, whatever they are made of', async () => {
    await store.open();
    const unit = fc.constantFrom('0', '1', '9', '10', 'a', 'B', '/', ':', '\uE000', '\u{1F600}', '-');
    const epochs = fc.array(unit, { maxLength: 6 }).map((parts) => parts.join(''));
    await fc.assert(
      fc.asyncProperty(fc.array(epochs, { minLength: 1, maxLength: 20 }), epochs, async (all, pivot) => {
        await dataSource.query('TRUNCATE larder_decision');
        await store.write(
          'app',
          all.map((feedEpoch, n) => ({ entry: entry(`k${n}`, { feedEpoch }), mark: null })),
        );
        const fence = await store.fence('app', { kind: 'epoch', olderThan: pivot }, 'r');
        const { removed } = await store.remove('app', fence, '');
        expect(removed).toBe(all.filter((epoch) => compareFeedEpochs(epoch, pivot) < 0).length);
      }),
      { numRuns: 50 },
    );
  });

  it('keeps the memory of fences bounded, and errs to the safe side', async () => {
    await store.open();
    const { mark } = await store.find('app', 'k');
    for (let n = 0; n < 5; n += 1) await store.fence('app', { kind: 'policy', hash: `other ${n}` }, 'r');
    await dataSource.query(`UPDATE larder_decision_fence SET created_at = now() - interval '31 days'`);
    expect(await store.forget('app', 2)).toBe(2);
    while ((await store.forget('app', 2)) > 0);
    const [{ count }] = await dataSource.query('SELECT count(*) FROM larder_decision_fence');
    expect(Number(count)).toBe(1);
    expect(await store.write('app', [{ entry: entry('k'), mark }])).toEqual([null]); // nobody knows any more
    const { mark: later } = await store.find('app', 'k');
    expect(await store.write('app', [{ entry: entry('k'), mark: later }])).not.toContain(null);
  });

  it('removes a multitude in bounded steps, and what was written meanwhile stays', async () => {
    await store.open();
    await dataSource.query(`
      INSERT INTO larder_decision (namespace, veri_key, policy_hash, signer_set_hash, feed_epoch, epoch_key, decision,
        created_at, expires_at, version, fence)
      SELECT 'app', 'key:' || n, 'p1', 's1', 'e1', '', '', now(), now() + interval '1 hour', n, 0
      FROM generate_series(1, 20500) n`);
    const fence = await store.fence('app', { kind: 'policy', hash: 'p1' }, 'r');
    await store.write('app', [{ entry: entry('key:1'), mark: null }]);
    const first = await store.remove('app', fence, '');
    expect(first).toMatchObject({ removed: 20_000, next: '' });
    expect(first.keys).toHaveLength(100);
    expect(await store.remove('app', fence, '')).toMatchObject({ removed: 499, next: null });
    expect(await store.count('app')).toBe(1);
  }, 60_000);

  it('is installed by the migration, and taken away by it', async () => {
    const checked = typeormDecisions({ dataSource, schema: 'check' });
    await expect(checked.open()).rejects.toMatchObject({
      code: 'LARDER_SCHEMA_MISSING',
      message: expect.stringContaining('LarderDecisions'),
    });
    const queryRunner = dataSource.createQueryRunner();
    const migration = new LarderDecisions1764288000000();
    await migration.up(queryRunner);
    await migration.up(queryRunner);
    await checked.open();
    await checked.write('app', [{ entry: entry('k', { inputDigests: { sbom: 'x' } }), mark: null }]);
    const [row] = await dataSource.getRepository(DecisionEntity).findBy({ policyHash: 'p1' });
    expect(row).toMatchObject({ namespace: 'app', veriKey: 'k', feedEpoch: 'e1', inputDigests: { sbom: 'x' } });
    await migration.down(queryRunner);
    await queryRunner.release();
    await expect(checked.open()).rejects.toMatchObject({ code: 'LARDER_SCHEMA_MISSING' });
    await store.open();
  });

  it('never walks over all rows to find those of a policy, a signer set, an epoch, a key or a prefix, or what has expired', async () => {
    await store.open();
    await dataSource.query(`
      INSERT INTO larder_decision (namespace, veri_key, policy_hash, signer_set_hash, feed_epoch, epoch_key, decision,
        created_at, expires_at, version, fence)
      SELECT 'app', 'key:' || n, 'p' || n % 1000, 's' || n % 1000, n, '\\x0041'::bytea || int4send(n), '', now(), now() + n * interval '1 second', n, 0
      FROM generate_series(1, 20000) n`);
    await dataSource.query('ANALYZE larder_decision');
    // Within one transaction the statistics of its own session are exact and immediate.
    await dataSource.transaction(async (manager) => {
      const inside = typeormDecisions({
        dataSource: Object.create(dataSource, { query: { value: manager.query.bind(manager) } }),
      });
      const steps: Record<string, () => Promise<unknown>> = {
        lookup: () => inside.find('app', 'key:1'),
        prune: () => inside.prune('app', 10),
      };
      for (const removal of [
        { kind: 'key', veriKey: 'key:1' },
        { kind: 'policy', hash: 'p2' },
        { kind: 'signers', hash: 's3' },
        { kind: 'epoch', olderThan: 'A' },
        { kind: 'pattern', pattern: 'key:99*', under: '' },
      ] as const) {
        steps[removal.kind] = async () => inside.remove('app', await inside.fence('app', removal, 'r'), '');
      }
      const walks: string[] = [];
      for (const [name, step] of Object.entries(steps)) {
        const before = await scansOf(manager);
        await step();
        if ((await scansOf(manager)) > before) walks.push(name);
      }
      expect(walks).toEqual([]);
    });
  });

  async function scansOf(manager: { query: DataSource['query'] }): Promise<number> {
    const [{ scans }] = await manager.query(
      `SELECT seq_scan AS scans FROM pg_stat_xact_user_tables WHERE relname = 'larder_decision'`,
    );
    return Number(scans);
  }

  it('keeps nothing of a transaction that may be rolled back, and removes with its commit', async () => {
    const outbox = typeormOutbox({ dataSource, listen: false });
    const audit = new InMemoryAuditStore();
    const module = await Test.createTestingModule({
      imports: [CacheModule.forRoot({ outbox, audit }), DecisionCacheModule.forRoot({ store })],
      providers: [Gate],
    }).compile();
    const app = module.createNestApplication({ logger: false });
    await app.init();
    try {
      const decisions = app.get(DecisionCacheService);
      const gate = app.get(Gate);
      await dataSource.transaction(async () => {
        await gate.verdict(1);
        await gate.verdict(1);
      });
      expect(gate.runs).toBe(2);
      expect((await decisions.get('gate:1')).status).toBe(DecisionStatus.CacheMiss);

      expect(await gate.verdict(1)).toEqual({ id: 1 });
      expect(await gate.verdict(1)).toEqual({ id: 1 });
      expect(gate.runs).toBe(3);
      const byPolicy = InvalidationRequest.byPolicyHash('p1', 'a new policy');
      const rolledBack = dataSource.transaction(async () => {
        await decisions.invalidateBy(byPolicy);
        throw new Error('rolled back');
      });
      await expect(rolledBack).rejects.toThrow('rolled back');
      expect((await decisions.get('gate:1')).status).toBe(DecisionStatus.CacheHit);
      await dataSource.transaction(async () => {
        expect(await decisions.invalidateBy(byPolicy)).toMatchObject({ entriesAffected: 0, wasLogged: false });
        const [{ count }] = await dataSource.query('SELECT count(*) FROM larder_decision');
        expect(Number(count)).toBe(1);
      });
      for (let tries = 0; (await decisions.get('gate:1')).status !== DecisionStatus.CacheMiss; tries += 1) {
        if (tries > 300) throw new Error('the removal was not carried out');
        await sleep(50);
      }
      expect((await audit.list()).records[0]).toMatchObject({ reason: 'a new policy', triggeredBy: 'outbox' });
    } finally {
      await app.close();
    }
  }, 60_000);
});
