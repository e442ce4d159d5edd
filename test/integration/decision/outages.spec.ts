import { setTimeout as sleep } from 'node:timers/promises';
import type { INestApplicationContext } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { CacheModule } from 'nestjs-larder';
import {
  DecisionCacheModule,
  DecisionCacheService,
  DecisionStatus,
  InvalidationRequest,
  type DecisionEntry,
  type DecisionMetrics,
} from 'nestjs-larder/decision';
import { redis } from 'nestjs-larder/redis';
import { typeormDecisions } from 'nestjs-larder/typeorm';
import { DataSource } from 'typeorm';
import { startPostgres, startRedis } from '../../../launcher/services.mjs';

describe('a tier of decisions is away', () => {
  let postgres: Awaited<ReturnType<typeof startPostgres>>;
  let server: Awaited<ReturnType<typeof startRedis>>;
  let dataSource: DataSource;
  let app: INestApplicationContext;
  let decisions: DecisionCacheService;

  beforeAll(async () => {
    postgres = await startPostgres({ fromEnvironment: false });
    server = await startRedis({ fromEnvironment: false });
    dataSource = await new DataSource({ type: 'postgres', url: postgres.url }).initialize();
    const module = await Test.createTestingModule({
      imports: [
        CacheModule.forRoot({
          namespace: 'gate',
          backend: redis({ url: server.url, lease: '500ms', retryMax: '200ms' }),
        }),
        DecisionCacheModule.forRoot({ store: typeormDecisions({ dataSource }), storeTimeout: '5s' }),
      ],
    }).compile();
    app = module.createNestApplication({ logger: false });
    await app.init();
    decisions = app.get(DecisionCacheService);
    await until('both to be well', ({ valkeyCacheHealthy: v, postgresRepositoryHealthy: p }) => v && p);
  }, 120_000);
  afterAll(async () => {
    await app?.close();
    if (dataSource?.isInitialized) await dataSource.destroy();
    await server?.stop();
    await postgres?.stop();
  }, 60_000);

  const entry = (veriKey: string, decision = 'decided'): DecisionEntry => ({
    veriKey,
    decision,
    policyHash: 'p1',
    signerSetHash: 's1',
    feedEpoch: 'e1',
    createdAt: new Date(),
    expiresAt: new Date(Date.now() + 3_600_000),
  });
  const statusOf = async (veriKey: string): Promise<DecisionStatus> => (await decisions.get(veriKey)).status;
  async function until(what: string, holds: (metrics: DecisionMetrics) => boolean): Promise<void> {
    for (let tries = 0; !holds(await decisions.getMetrics()); tries += 1) {
      if (tries > 300) throw new Error(`waited in vain for ${what}`);
      await sleep(50);
    }
  }

  it('PostgreSQL: what is in front is served, the rest is decided, nothing is kept that could not be removed', async () => {
    await decisions.set(entry('kept'));
    expect(await statusOf('kept')).toBe(DecisionStatus.CacheHit);
    await postgres.kill();
    await until('the probe to tell', (metrics) => !metrics.postgresRepositoryHealthy && metrics.valkeyCacheHealthy);

    expect(await statusOf('kept')).toBe(DecisionStatus.CacheHit);
    expect(await statusOf('none')).toBe(DecisionStatus.CacheMiss);
    expect(await decisions.set(entry('set'))).toBe(false);
    expect(await statusOf('set')).toBe(DecisionStatus.CacheMiss);
    expect((await decisions.getOrCompute('made', () => entry('made'))).decision).toBe('decided');
    const error = { code: 'LARDER_INVALIDATION_FAILED' };
    await expect(decisions.invalidateBy(InvalidationRequest.byPolicyHash('p1'))).rejects.toMatchObject(error);
    await expect(decisions.pruneExpired()).rejects.toMatchObject(error);
    expect(await statusOf('kept')).toBe(DecisionStatus.CacheMiss); // what could be reached is emptied

    await postgres.restart();
    await until('the probe to tell', (metrics) => metrics.postgresRepositoryHealthy);
    // The removal is repeated by itself: the row that PostgreSQL still had goes.
    for (let tries = 0; (await statusOf('kept')) !== DecisionStatus.CacheMiss || (await rows()) > 0; tries += 1) {
      if (tries > 300) throw new Error('the removal was not made good');
      await sleep(50);
    }
    expect(await decisions.set(entry('set'))).toBe(true);
    expect(await statusOf('set')).toBe(DecisionStatus.CacheHit);
  }, 120_000);

  it('Redis: the durable tier answers, and a removal that was not acknowledged is repeated', async () => {
    await decisions.set(entry('kept'));
    await decisions.set(entry('removed'));
    await server.kill();
    await until('the link to tell', (metrics) => !metrics.valkeyCacheHealthy && metrics.postgresRepositoryHealthy);

    expect(await decisions.get('kept')).toMatchObject({ status: DecisionStatus.CacheHit });
    expect(await statusOf('none')).toBe(DecisionStatus.CacheMiss);
    expect((await decisions.getOrCompute('made', () => entry('made'))).decision).toBe('decided');
    expect(await decisions.set(entry('kept', 'replaced'))).toBe(true);
    expect((await decisions.get('kept')).entry!.decision).toBe('replaced');
    const failed = { code: 'LARDER_INVALIDATION_FAILED' };
    await expect(decisions.invalidate('removed')).rejects.toMatchObject(failed);
    expect(await statusOf('removed')).toBe(DecisionStatus.CacheMiss);

    await server.restart();
    await until('the link to tell', (metrics) => metrics.valkeyCacheHealthy);
    expect(await statusOf('removed')).toBe(DecisionStatus.CacheMiss);
    expect((await decisions.get('kept')).entry!.decision).toBe('replaced');
  }, 120_000);

  async function rows(): Promise<number> {
    const [{ count }] = await dataSource.query(`SELECT count(*) FROM larder_decision WHERE policy_hash = 'p1'`);
    return Number(count);
  }
});
