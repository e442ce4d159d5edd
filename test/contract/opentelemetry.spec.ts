import type { INestApplication } from '@nestjs/common';
import { Injectable } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  AggregationTemporality,
  DataPointType,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
  type MetricData,
} from '@opentelemetry/sdk-metrics';
import {
  Cached,
  CachedMany,
  CacheModule,
  custom,
  CacheScope,
  CacheService,
  InMemoryOutboxStore,
  InvalidationIntent,
  Invalidates,
  MemoryHub,
  type CacheModuleOptions,
} from 'nestjs-larder';
import { opentelemetry, type OpentelemetryOptions } from 'nestjs-larder/opentelemetry';
import { prometheus } from 'nestjs-larder/prometheus';
import { ManualClock } from 'nestjs-larder/testing';
import { Registry } from 'prom-client';
import { METRIC_DEFINITIONS } from '../../libs/cache/src/core/metrics/metric-definitions.js';
import { CountingStore } from './counting-store.js';
import { Traces } from './traces.js';

class ProductMissing extends Error {}

@CacheScope('product')
@Injectable()
class Products {
  fails = false;

  constructor(
    private readonly clock: ManualClock,
    private readonly traces: Traces,
  ) {}

  @Cached(60)
  async byId(id: number): Promise<{ id: number }> {
    return this.query(id);
  }

  @CachedMany<Products['byIds']>({ ttl: 60, id: ({ id }) => id })
  async byIds(ids: number[]): Promise<{ id: number }[]> {
    return this.traces.below('SELECT many', async () => ids.map((id) => ({ id })));
  }

  @Invalidates<Products['rename']>({ keys: (_, id) => [`byId:${id}`] })
  async rename(id: number): Promise<{ id: number }> {
    return { id };
  }

  /** A query with a span of its own, as a driver's instrumentation makes one. */
  private query(id: number): Promise<{ id: number }> {
    return this.traces.below('SELECT', async () => {
      this.clock.advance(30);
      if (this.fails) throw new ProductMissing('no product of jane@example.org');
      return { id };
    });
  }
}

class Meters {
  readonly exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  readonly reader = new PeriodicExportingMetricReader({ exporter: this.exporter, exportIntervalMillis: 3_600_000 });
  readonly provider = new MeterProvider({ readers: [this.reader] });
  readonly meter = this.provider.getMeter('test');

  /** The instruments as they are now, by name. */
  async collect(): Promise<Map<string, MetricData>> {
    this.exporter.reset();
    await this.reader.forceFlush();
    const scopes = this.exporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics);
    return new Map(scopes.flatMap(({ metrics }) => metrics).map((metric) => [metric.descriptor.name, metric]));
  }

  /** Collected numbers that differ from 0, by name and attributes. */
  async numbers(): Promise<Record<string, number>> {
    const found: [string, number][] = [];
    for (const [name, { dataPointType, dataPoints }] of await this.collect()) {
      for (const { attributes, value } of dataPoints) {
        const text = Object.entries(attributes).map(([label, is]) => `${label}=${String(is)}`);
        const number =
          dataPointType === DataPointType.HISTOGRAM ? (value as { count: number }).count : (value as number);
        if (number !== 0) found.push([[name, ...text].join(' '), number]);
      }
    }
    return Object.fromEntries(found);
  }
}

describe('opentelemetry()', () => {
  const open: { close(): Promise<void> }[] = [];

  beforeAll(() => Traces.keepContexts());
  afterAll(() => Traces.dropContexts());
  afterEach(async () => {
    for (const each of open.splice(0).reverse()) await each.close();
  });

  const shop = async (options: CacheModuleOptions = {}, telemetry: OpentelemetryOptions = {}) => {
    const clock = (options.clock as ManualClock | undefined) ?? new ManualClock();
    const [traces, meters] = [new Traces(), new Meters()];
    const exporter = opentelemetry({ tracer: traces.tracer, meter: meters.meter, ...telemetry });
    const module = await Test.createTestingModule({
      imports: [CacheModule.forRoot({ metrics: exporter, ...options, clock })],
      providers: [{ provide: Products, useFactory: () => new Products(clock, traces) }],
    }).compile();
    const app: INestApplication = module.createNestApplication({ logger: false });
    open.push({ close: () => traces.close() }, { close: () => meters.provider.shutdown() }, app);
    await app.init();
    return { app, clock, traces, meters, products: app.get(Products), cache: app.get(CacheService) };
  };

  describe('as traces', () => {
    it('shows a load below its caller, with the spans of the method below it', async () => {
      const { traces, products } = await shop();
      await traces.below('GET /products/1', () => products.byId(1));
      expect(traces.take()).toEqual([
        { name: 'SELECT', below: 'larder.load', attributes: {}, failed: false },
        {
          name: 'larder.load',
          below: 'GET /products/1',
          attributes: { 'larder.scope': 'product', 'larder.action': 'byId', 'larder.outcome': 'returned' },
          failed: false,
        },
        { name: 'GET /products/1', below: null, attributes: {}, failed: false },
      ]);
    });

    it('makes no span for a hit in memory', async () => {
      const { traces, products } = await shop();
      await products.byId(1);
      traces.take();
      for (let times = 0; times < 3; times += 1) await products.byId(1);
      expect(traces.take()).toEqual([]);
    });

    it('tells of a failed load what kind of error it was, and nothing of what it said', async () => {
      const { traces, products } = await shop();
      products.fails = true;
      await expect(products.byId(1)).rejects.toThrow(ProductMissing);
      expect(traces.text()).not.toContain('jane');
      const [load] = traces.take().filter(({ name }) => name === 'larder.load');
      expect(load).toMatchObject({
        failed: true,
        attributes: { 'larder.outcome': 'failed', 'error.type': 'ProductMissing' },
      });
    });

    it('shows one load for the one call that brings many', async () => {
      const { traces, products } = await shop();
      await products.byIds([1]);
      traces.take();
      await traces.below('GET /products', () => products.byIds([1, 2, 3]));
      expect(traces.take().map(({ name, below, attributes }) => [name, below, attributes['larder.ids']])).toEqual([
        ['SELECT many', 'larder.load', undefined],
        ['larder.load', 'GET /products', 2],
        ['GET /products', null, undefined],
      ]);
    });

    it('shows what the shared tier was asked, and what came of it', async () => {
      const clock = new ManualClock();
      const backend = new MemoryHub({ clock });
      const [one, other] = [await shop({ backend, clock }), await shop({ backend, clock })];
      const spans = (traces: Traces) =>
        traces
          .take()
          .filter(({ name }) => name.startsWith('larder.'))
          .map(({ name, below, attributes }) => [name, below, attributes['larder.tier'], attributes['larder.outcome']]);
      await one.traces.below('first', () => one.products.byId(1));
      expect(spans(one.traces)).toEqual([
        ['larder.shared.read', 'first', 'memory-hub', 'miss'],
        ['larder.load', 'first', undefined, 'returned'],
        ['larder.shared.fill', 'first', 'memory-hub', 'stored'],
      ]);
      await other.traces.below('second', () => other.products.byId(1));
      expect(spans(other.traces)).toEqual([['larder.shared.read', 'second', 'memory-hub', 'hit']]);
    });

    it('shows an invalidation below the method that made it, by kinds and without its targets', async () => {
      const { traces, products, cache } = await shop();
      await products.byId(1);
      traces.take();
      await traces.below('PUT /products/1', () => products.rename(1));
      const [invalidate] = traces.take();
      expect(invalidate).toEqual({
        name: 'larder.invalidate',
        below: 'PUT /products/1',
        failed: false,
        attributes: {
          'larder.kinds': 'key',
          'larder.intents': 1,
          'larder.outcome': 'applied',
          'larder.removed': 1,
          'larder.logged': true,
          'larder.request_id': expect.any(String),
        },
      });
      await cache.invalidate([InvalidationIntent.tag('jane'), InvalidationIntent.flush()]);
      expect(traces.text()).not.toContain('jane');
      expect(traces.take()[0]!.attributes).toMatchObject({ 'larder.kinds': 'flush tag', 'larder.intents': 2 });
    });

    it('shows what the outbox applies, with the invalidation below it', async () => {
      const clock = new ManualClock();
      const outbox = new InMemoryOutboxStore(clock);
      const { traces } = await shop({ outbox, clock });
      await outbox.record('app', { intents: [InvalidationIntent.flush()], reason: 'test' });
      await clock.advanceAsync(0);
      expect(traces.take().map(({ name, below }) => [name, below])).toEqual([
        ['larder.invalidate', 'larder.outbox.apply'],
        ['larder.outbox.apply', null],
      ]);
    });

    it('makes none where it is told not to', async () => {
      const { traces, products, meters } = await shop({}, { traces: false });
      await products.byId(1);
      expect(traces.take().map(({ name }) => name)).toEqual(['SELECT']);
      expect(await meters.numbers()).toMatchObject({ 'larder.loads scope=product method=byId outcome=returned': 1 });
    });
  });

  describe('as metrics', () => {
    it('shows every metric that Prometheus gets, under a name that becomes the same there', async () => {
      const registry = new Registry();
      const telemetry = new Meters();
      const clock = new ManualClock();
      const outbox = new InMemoryOutboxStore(clock);
      const exporters = [prometheus({ registry }), opentelemetry({ meter: telemetry.meter, traces: false })];
      const { products, cache, meters } = await shop({
        metrics: exporters,
        outbox,
        clock,
        backend: new MemoryHub({ clock }),
      });
      open.unshift({ close: () => telemetry.provider.shutdown() });
      await products.byId(1);
      await products.byId(1);
      await cache.clear({ scope: 'product' });
      await outbox.record('app', { intents: [InvalidationIntent.flush()], reason: 'test' });
      await clock.advanceAsync(0);
      const inPrometheus = ({ name, unit, counter }: { name: string; unit: string; counter: boolean }) =>
        [
          name.replace('larder.', 'larder_'),
          ...({ s: ['seconds'], By: ['bytes'] }[unit] ?? []),
          ...(counter ? ['total'] : []),
        ].join('_');
      const seen = [...(await telemetry.collect()).values()].map(({ descriptor, dataPointType, ...rest }) =>
        inPrometheus({
          ...descriptor,
          counter: dataPointType === DataPointType.SUM && (rest as { isMonotonic?: boolean }).isMonotonic === true,
        }),
      );
      // Trouble, and what a backend tells of itself, have no line before there is any.
      const always = (name: string) => !/troubles|backend_/.test(name);
      const expected = METRIC_DEFINITIONS.map(({ name }) => `larder_${name}`).filter(always);
      expect(seen.filter(always).sort()).toEqual(expected.sort());
      expect(registry.getMetricsAsArray().map(({ name }) => name)).toEqual(expect.arrayContaining(expected));
      expect((await meters.collect()).size).toBe(0);
    });

    it('counts hits and misses, and keeps the times of what was measured', async () => {
      const { meters, products } = await shop();
      await products.byId(1);
      await products.byId(1);
      expect(await meters.numbers()).toMatchObject({
        'larder.reads scope=product method=byId tier=memory outcome=hit': 1,
        'larder.reads scope=product method=byId tier=source outcome=miss': 1,
        'larder.load scope=product method=byId': 1,
        'larder.read scope=product method=byId tier=source': 1,
        'larder.memory_entries backend=memory': 1,
      });
      const load = (await meters.collect()).get('larder.load')!;
      expect(load.descriptor).toMatchObject({ unit: 's' });
      expect(load.dataPoints[0]!.value).toMatchObject({ sum: 0.03, count: 1 });
      expect((load.dataPoints[0]!.value as { buckets: { boundaries: number[] } }).buckets.boundaries).toContain(
        0.00025,
      );
    });

    it('shows what a backend tells of itself', async () => {
      const { meters, products } = await shop({ backend: custom({ store: new CountingStore(), name: 'shelf' }) });
      await products.byId(1);
      expect(await meters.numbers()).toMatchObject({
        'larder.backend_level backend=shelf figure=rows': 1,
        'larder.backend_events backend=shelf event=writes': 1,
      });
    });

    it('tells as many actions apart as it was told, in counters and in times', async () => {
      const { meters, cache } = await shop({}, { maxActions: 4 });
      for (let tenant = 0; tenant < 20; tenant += 1)
        await cache.getOrSet('jane', () => 'secret', { scope: `t${tenant}` });
      const numbers = await meters.numbers();
      // byId and byIds are known from the start.
      expect(numbers).toMatchObject({
        'larder.load scope=t0 method=getOrSet': 1,
        'larder.load scope=t1 method=getOrSet': 1,
        'larder.load scope=(other) method=(other)': 18,
        'larder.loads scope=(other) method=(other) outcome=returned': 18,
      });
      expect(Object.keys(numbers).filter((name) => name.startsWith('larder.load '))).toHaveLength(3);
      expect(JSON.stringify([...(await meters.collect()).values()])).not.toMatch(/jane|secret/);
    });

    it('observes nothing any more once the application has closed', async () => {
      const { app, meters, products } = await shop();
      await products.byId(1);
      await app.close();
      expect(Object.keys(await meters.numbers()).filter((name) => /reads|entries/.test(name))).toEqual([]);
    });

    it('makes none where it is told not to', async () => {
      const { meters, products, traces } = await shop({}, { metrics: false });
      await products.byId(1);
      expect((await meters.collect()).size).toBe(0);
      expect(traces.take()).toHaveLength(2);
    });
  });

  it.each<[OpentelemetryOptions, string]>([
    [{ prefix: '9x' }, '`prefix`'],
    [{ maxActions: 0 }, '`maxActions`'],
    [{ traces: 'no' as never }, '`traces`'],
    [{ metrics: 1 as never }, '`metrics`'],
  ])('refuses %p', (options, field) => {
    expect(() => opentelemetry(options)).toThrow(
      expect.objectContaining({ code: 'LARDER_OPTION_INVALID', message: expect.stringContaining(field) }),
    );
  });

  it.each<[string, () => CacheModuleOptions['metrics']]>([
    ['something that is no exporter', () => [prometheus({ registry: new Registry() }), 'prometheus' as never]],
    ['two that make spans', () => [opentelemetry(), opentelemetry()]],
    [
      'one twice',
      () => {
        const exporter = prometheus({ registry: new Registry() });
        return [exporter, exporter];
      },
    ],
  ])('cannot be joined by %s', async (_, metrics) => {
    const module = Test.createTestingModule({ imports: [CacheModule.forRoot({ metrics: metrics()! })] });
    await expect(module.compile()).rejects.toMatchObject({
      code: 'LARDER_OPTION_INVALID',
      message: expect.stringContaining('`metrics`'),
    });
  });
});
