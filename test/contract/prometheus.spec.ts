import type { INestApplication } from '@nestjs/common';
import { Injectable } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  AuditStore,
  Cached,
  CacheMetrics,
  CacheModule,
  custom,
  CacheScope,
  CacheService,
  InMemoryAuditStore,
  InMemoryOutboxStore,
  InvalidationIntent,
  MemoryHub,
  type CacheModuleOptions,
  type MetricsExporter,
} from 'nestjs-larder';
import { prometheus } from 'nestjs-larder/prometheus';
import { ManualClock } from 'nestjs-larder/testing';
import { Registry } from 'prom-client';
import { METRIC_DEFINITIONS } from '../../libs/cache/src/core/metrics/metric-definitions.js';
import { larder } from '../architecture/repository.js';
import { CountingStore } from './counting-store.js';

/** Loads take as long as the test says, on a clock that stands otherwise. */
@CacheScope('product')
@Injectable()
class Products {
  takesMs = 30;
  fails = false;
  hold: Promise<void> = Promise.resolve();

  constructor(private readonly clock: ManualClock) {}

  @Cached({ ttl: '60s', unless: (product: { id: number }) => product.id === 404 })
  async byId(id: number): Promise<{ id: number }> {
    return this.load(id);
  }

  @Cached({ ttl: '60s', grace: '60s' })
  async withGrace(id: number): Promise<{ id: number }> {
    return this.load(id);
  }

  private async load(id: number): Promise<{ id: number }> {
    await this.hold;
    this.clock.advance(this.takesMs);
    if (this.fails) throw new Error('the shop is closed');
    return { id };
  }
}

/** One running application and its scrape. */
class Shop {
  readonly clock: ManualClock;
  readonly registry = new Registry();
  private app!: INestApplication;

  constructor(private readonly options: CacheModuleOptions = {}) {
    this.clock = (options.clock as ManualClock | undefined) ?? new ManualClock();
  }

  async open(exporter: MetricsExporter = prometheus({ registry: this.registry })): Promise<this> {
    const { clock } = this;
    const products = { provide: Products, useFactory: () => new Products(clock) };
    const module = await Test.createTestingModule({
      imports: [CacheModule.forRoot({ metrics: exporter, ...this.options, clock })],
      providers: [products],
    }).compile();
    this.app = module.createNestApplication({ logger: false });
    await this.app.init();
    return this;
  }

  get products(): Products {
    return this.app.get(Products);
  }

  get cache(): CacheService {
    return this.app.get(CacheService);
  }

  get metrics(): CacheMetrics {
    return this.app.get(CacheMetrics);
  }

  /** What a scrape shows, by name and labels; buckets left out unless asked for. */
  async scrape(buckets = false): Promise<Record<string, number>> {
    const lines = (await this.registry.metrics()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    const wanted = buckets ? lines : lines.filter((line) => !line.includes('_bucket'));
    return Object.fromEntries(
      wanted.map((line) => {
        const at = line.lastIndexOf(' ');
        return [line.slice(0, at), Number(line.slice(at + 1))];
      }),
    );
  }

  /** How much each line of a scrape has changed; lines that stayed as they were are left out. */
  async changed(act: () => unknown): Promise<Record<string, number>> {
    const before = await this.scrape();
    await act();
    const after = await this.scrape();
    const names = Object.keys(after).filter((name) => after[name] !== (before[name] ?? 0));
    return Object.fromEntries(names.map((name) => [name, Number((after[name]! - (before[name] ?? 0)).toFixed(6))]));
  }

  close(): Promise<void> {
    return this.app.close();
  }
}

const reads = (tier: string, outcome: string, method = 'byId') =>
  `larder_reads_total{scope="product",method="${method}",tier="${tier}",outcome="${outcome}"}`;
const loads = (outcome: string) => `larder_loads_total{scope="product",method="byId",outcome="${outcome}"}`;
const readTime = (part: string, tier: string) =>
  `larder_read_seconds_${part}{scope="product",method="byId",tier="${tier}"}`;
const loadTime = (part: string) => `larder_load_seconds_${part}{scope="product",method="byId"}`;

describe('prometheus()', () => {
  const open: Shop[] = [];
  const shop = async (options: CacheModuleOptions = {}, exporter?: (shop: Shop) => MetricsExporter): Promise<Shop> => {
    const made = new Shop(options);
    open.push(await made.open(exporter?.(made)));
    return made;
  };

  afterEach(async () => {
    for (const each of open.splice(0)) await each.close();
  });

  it('shows a miss with its times, and a hit by nothing but its count', async () => {
    const made = await shop();
    const { products } = made;
    expect(await made.changed(() => products.byId(1))).toEqual({
      [reads('source', 'miss')]: 1,
      [loads('returned')]: 1,
      [readTime('sum', 'source')]: 0.03,
      [readTime('count', 'source')]: 1,
      [loadTime('sum')]: 0.03,
      [loadTime('count')]: 1,
      'larder_memory_entries{backend="memory"}': 1,
      'larder_memory_bytes{backend="memory"}': expect.any(Number),
    });
    expect(await made.changed(() => products.byId(1))).toEqual({ [reads('memory', 'hit')]: 1 });
  });

  it('tells who joined a load from who led it', async () => {
    const made = await shop();
    let go!: () => void;
    made.products.hold = new Promise((resolve) => (go = resolve));
    const both = [made.products.byId(1), made.products.byId(1)];
    expect(await made.scrape()).toMatchObject({ larder_loads_under_way: 1 });
    const changes = await made.changed(() => {
      go();
      return Promise.all(both);
    });
    expect(changes).toMatchObject({ [reads('source', 'miss')]: 1, [reads('source', 'joined')]: 1 });
    expect(changes).toMatchObject({ [readTime('count', 'source')]: 1, larder_loads_under_way: -1 });
  });

  it('shows a failed load as a miss and as a failure', async () => {
    const made = await shop();
    made.products.fails = true;
    expect(await made.changed(() => made.products.byId(1).catch(() => undefined))).toEqual({
      [reads('source', 'miss')]: 1,
      [loads('failed')]: 1,
      [loadTime('sum')]: 0.03,
      [loadTime('count')]: 1,
    });
  });

  it('shows what expired, and what was served stale under grace', async () => {
    const made = await shop();
    await made.products.withGrace(1);
    made.clock.advance(60_000);
    expect(await made.changed(() => made.products.withGrace(1))).toMatchObject({
      [reads('source', 'expired', 'withGrace')]: 1,
      'larder_memory_removals_total{backend="memory",cause="replaced"}': 1,
    });
    await made.products.withGrace(2);
    made.clock.advance(60_000);
    made.products.fails = true;
    const changes = await made.changed(() => made.products.withGrace(2));
    expect(changes).toMatchObject({
      [reads('memory', 'stale', 'withGrace')]: 1,
      'larder_troubles_total{operation="refresh"}': 1,
    });
  });

  it('shows an invalidation by kind, with what it removed and how long it took', async () => {
    const made = await shop();
    await made.products.byId(1);
    const changes = await made.changed(() => made.cache.invalidate([InvalidationIntent.key('product:byId:1')]));
    expect(changes).toEqual({
      larder_invalidations_total: 1,
      'larder_invalidation_intents_total{kind="key"}': 1,
      larder_invalidation_removed_entries_total: 1,
      larder_invalidation_seconds_count: 1,
      'larder_memory_removals_total{backend="memory",cause="invalidated"}': 1,
      'larder_memory_entries{backend="memory"}': -1,
      'larder_memory_bytes{backend="memory"}': expect.any(Number),
    });
  });

  it('shows a fill that an invalidation has fenced', async () => {
    const made = await shop();
    let go!: () => void;
    made.products.hold = new Promise((resolve) => (go = resolve));
    const reading = made.products.byId(1);
    await made.cache.invalidate([InvalidationIntent.flush()]);
    const changes = await made.changed(() => {
      go();
      return reading;
    });
    expect(changes).toMatchObject({ 'larder_fenced_fills_total{tier="memory"}': 1, [reads('source', 'miss')]: 1 });
    expect(await made.scrape()).toMatchObject({ 'larder_memory_entries{backend="memory"}': 0 });
  });

  it('tells a hit of the shared tier from one of memory, and times it', async () => {
    const clock = new ManualClock();
    const hub = new MemoryHub({ clock });
    const [one, other] = [await shop({ backend: hub, clock }), await shop({ backend: hub, clock })];
    await one.products.byId(1);
    expect(await other.changed(() => other.products.byId(1))).toMatchObject({
      [reads('shared', 'hit')]: 1,
      [readTime('count', 'shared')]: 1,
    });
    expect(await other.changed(() => other.products.byId(1))).toEqual({ [reads('memory', 'hit')]: 1 });
  });

  it('shows the state of the link, what is left of the lease, and how far behind the log may be', async () => {
    const hub = new MemoryHub();
    const made = await shop({ backend: hub });
    expect(await made.scrape()).toMatchObject({
      'larder_link_state{backend="memory-hub",state="live"}': 1,
      'larder_link_state{backend="memory-hub",state="detached"}': 0,
      'larder_lease_left_seconds{backend="memory-hub"}': 2,
      'larder_log_lag_seconds{backend="memory-hub"}': 0,
    });
    expect(await made.changed(() => made.clock.advance(500))).toEqual({
      'larder_lease_left_seconds{backend="memory-hub"}': -0.5,
      'larder_log_lag_seconds{backend="memory-hub"}': 0.5,
    });
    const alone = await shop();
    expect(Object.keys(await alone.scrape()).join()).not.toContain('larder_lease_left_seconds');
  });

  it('shows what the outbox does, and nothing of an outbox that is not there', async () => {
    const clock = new ManualClock();
    const outbox = new InMemoryOutboxStore(clock);
    const made = await shop({ outbox, clock });
    const changes = await made.changed(async () => {
      await outbox.record('app', { intents: [InvalidationIntent.flush()], reason: 'test' });
      await clock.advanceAsync(0);
    });
    expect(changes).toMatchObject({
      'larder_outbox_rows_total{outcome="published"}': 1,
      larder_outbox_lag_seconds_count: 1,
      larder_invalidations_total: 1,
      'larder_invalidation_intents_total{kind="flush"}': 1,
    });
    const without = await (await shop()).scrape();
    expect(Object.keys(without).filter((name) => name.includes('outbox'))).toEqual([]);
  });

  it('shows audit records that could not be written', async () => {
    class FullAudit extends InMemoryAuditStore {
      override append(): never {
        throw new Error('disk full');
      }
    }
    const audit: AuditStore = new FullAudit();
    const made = await shop({ audit });
    expect(await made.changed(() => made.cache.clear())).toMatchObject({ larder_audit_failures_total: 1 });
  });

  it('never shows a key or a value, and as many label sets as it was told, whatever scopes are used', async () => {
    const made = await shop({}, ({ registry }) => prometheus({ registry, maxActions: 3 }));
    const secrets = ['jane@example.org', 'top-secret'];
    for (let tenant = 0; tenant < 50; tenant += 1) {
      await made.cache.getOrSet(secrets[0]!, () => secrets[1]!, { scope: `tenant${tenant}` });
    }
    const text = await made.registry.metrics();
    for (const secret of secrets) expect(text).not.toContain(secret);
    const misses = Object.entries(await made.scrape()).filter(([name]) => name.includes('outcome="miss"'));
    // byId and withGrace are known from the start, so one tenant has labels of its own.
    expect(misses).toEqual([
      [reads('source', 'miss'), 0],
      [reads('source', 'miss', 'withGrace'), 0],
      ['larder_reads_total{scope="tenant0",method="getOrSet",tier="source",outcome="miss"}', 1],
      ['larder_reads_total{scope="(other)",method="(other)",tier="source",outcome="miss"}', 49],
    ]);
    const buckets = Object.entries(await made.scrape(true)).filter(([name]) =>
      /^larder_load_seconds_bucket.*le="\+Inf".*other/.test(name),
    );
    expect(buckets.map(([, value]) => value)).toEqual([49]);
  });

  it('cumulates the buckets of a histogram up to its count', async () => {
    const made = await shop();
    for (const [id, takesMs] of [0, 30, 3000, 60_000].entries()) {
      made.products.takesMs = takesMs;
      await made.products.byId(id);
    }
    const of = Object.entries(await made.scrape(true))
      .filter(([name]) => name.startsWith('larder_load_seconds_bucket'))
      .map(([name, value]) => [Number(/le="([^"]+)"/.exec(name)![1]!.replace('+Inf', 'Infinity')), value]);
    expect(of.filter(([le]) => [0.0001, 0.025, 0.05, 5, 10, Infinity].includes(le!))).toEqual([
      [0.0001, 1],
      [0.025, 1],
      [0.05, 2],
      [5, 3],
      [10, 3],
      [Infinity, 4],
    ]);
  });

  it('speaks OpenMetrics too', async () => {
    const made = await shop();
    await made.products.byId(1);
    made.registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE as never);
    const text = await made.registry.metrics();
    expect(text).toContain('larder_reads_total{scope="product",method="byId",tier="source",outcome="miss"} 1\n');
    expect(text).not.toContain('_total_total');
    expect(text.endsWith('# EOF\n')).toBe(true);
  });

  it('takes its metrics back when the application closes, and lets the next one have them', async () => {
    const registry = new Registry();
    for (let round = 0; round < 2; round += 1) {
      const made = await new Shop().open(prometheus({ registry, prefix: 'shop_' }));
      expect(registry.getMetricsAsArray().every(({ name }) => name.startsWith('shop_'))).toBe(true);
      expect(registry.getMetricsAsArray()).toHaveLength(METRIC_DEFINITIONS.length);
      await made.close();
      expect(registry.getMetricsAsArray()).toEqual([]);
    }
  });

  it.each([
    [{ prefix: '9x' }, '`prefix`'],
    [{ prefix: '' }, '`prefix`'],
    [{ maxActions: 0 }, '`maxActions`'],
    [{ maxActions: 1.5 }, '`maxActions`'],
  ])('refuses %p', (options, field) => {
    expect(() => prometheus(options)).toThrow(
      expect.objectContaining({ code: 'LARDER_OPTION_INVALID', message: expect.stringContaining(field) }),
    );
  });

  it('shows what a backend tells of itself, by backend and figure', async () => {
    const shop = await new Shop({ backend: custom({ store: new CountingStore(), name: 'shelf' }) }).open();
    await shop.products.byId(1);
    expect(await shop.scrape()).toMatchObject({
      'larder_backend_level{backend="shelf",figure="rows"}': 1,
      'larder_backend_events_total{backend="shelf",event="writes"}': 1,
    });
    await shop.close();
  });

  it('is described metric by metric in docs/metrics.md', () => {
    const rows = larder
      .text('docs/metrics.md')
      .split('\n')
      .map((line) => /^\| `(larder_\w+)`\s*\| (\w+)/.exec(line))
      .filter((match) => match !== null)
      .map(([, name, type]) => `${name} ${type}`);
    expect(rows).toEqual(METRIC_DEFINITIONS.map(({ name, type }) => `larder_${name} ${type}`));
  });
});

describe('CacheMetrics', () => {
  it('gives the numbers as plain data, without an exporter', async () => {
    const made = await new Shop({ backend: new MemoryHub() }).open(undefined);
    await made.products.byId(1);
    await made.products.byId(1);
    const snapshot = made.metrics.snapshot();
    expect(JSON.parse(JSON.stringify(snapshot))).toEqual(snapshot);
    expect(snapshot).toMatchObject({
      namespace: 'app',
      sharedTier: 'memory-hub',
      memory: { entries: 1 },
      log: { kind: 'memory-hub', state: 'live' },
      outbox: null,
      auditFailures: 0,
    });
    expect(snapshot.actions[0]).toMatchObject({
      scope: 'product',
      action: 'byId',
      memoryHits: 1,
      misses: 1,
      loads: 1,
      hitRate: 0.5,
      load: { count: 1, sumMs: 30 },
      source: { count: 1, p50Ms: expect.any(Number), maxMs: 30 },
    });
    await made.close();
  });
});
