import { Controller, Get, Injectable, type INestApplication } from '@nestjs/common';
import { HealthCheckService, TerminusModule } from '@nestjs/terminus';
import {
  CacheService,
  InMemoryAuditStore,
  InMemoryOutboxStore,
  InvalidationIntent,
  MemoryHub,
  SharedTier,
  type CacheModuleOptions,
} from 'nestjs-larder';
import { CacheHealthIndicator } from 'nestjs-larder/health';
import { ManualClock } from 'nestjs-larder/testing';
import request from 'supertest';
import { start } from './mechanics-app.js';

const SECRET = 'password=hunter2';

@Injectable()
@Controller('health')
class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly cache: CacheHealthIndicator,
  ) {}

  @Get()
  check() {
    return this.health.check([() => this.cache.tier(), () => this.cache.outbox(), () => this.cache.audit()]);
  }
}

/** A store that can be switched off. */
class Audit extends InMemoryAuditStore {
  away = false;

  override async append(...given: Parameters<InMemoryAuditStore['append']>) {
    if (this.away) throw new Error(SECRET);
    return super.append(...given);
  }

  override async head() {
    if (this.away) throw new Error(SECRET);
    return super.head();
  }
}

class Outbox extends InMemoryOutboxStore {
  away = false;
  hangs = false;
  stuck = false;

  override async claim(...given: Parameters<InMemoryOutboxStore['claim']>) {
    return this.stuck ? [] : super.claim(...given);
  }

  override async status(namespace: string) {
    if (this.away) throw new Error(SECRET);
    return this.hangs ? new Promise<never>(() => undefined) : super.status(namespace);
  }
}

/** A hub whose instances can be cut off. */
class Hub extends SharedTier {
  override readonly kind = 'memory-hub';
  private readonly hub: MemoryHub;
  instance!: ReturnType<MemoryHub['instance']>;
  /** Whether the values are in reach, whatever the log is; `null`: as it is. */
  valuesInReach: boolean | null = null;

  constructor(clock: ManualClock) {
    super();
    this.hub = new MemoryHub({ clock });
  }

  override create(...given: Parameters<SharedTier['create']>) {
    this.instance = this.hub.instance(...given);
    const { log, backend } = this.instance;
    const reachable = backend.available.bind(backend);
    backend.available = () => this.valuesInReach ?? reachable();
    return { log, backend };
  }
}

describe('CacheHealthIndicator', () => {
  let app: INestApplication;
  const clock = new ManualClock();

  async function check(): Promise<{ code: number; body: any }> {
    const { status, body, text } = await request(app.getHttpServer()).get('/health');
    expect(text).not.toContain('hunter2');
    return { code: status, body };
  }

  async function open(options: CacheModuleOptions): Promise<void> {
    const metadata = { imports: [TerminusModule], controllers: [HealthController], providers: [CacheHealthIndicator] };
    ({ app } = await start(metadata, { clock, ...options }));
  }

  afterEach(() => app.close());

  it('is up with its data where nothing is wrong, with and without an outbox', async () => {
    await open({});
    expect(await check()).toMatchObject({
      code: 200,
      body: {
        status: 'ok',
        details: {
          cache: { status: 'up', link: 'live', tiers: ['memory'], available: null, pendingInvalidations: 0 },
          cache_outbox: { status: 'up', configured: false },
          cache_audit: { status: 'up', failedRecords: 0 },
        },
      },
    });
  });

  it('is degraded while the shared tier is out of reach, and up again after it', async () => {
    const hub = new Hub(clock);
    await open({ backend: hub });
    expect((await check()).body.details.cache).toMatchObject({ status: 'up', available: true });
    hub.instance.cutOff();
    const away = await check();
    expect(away).toMatchObject({ code: 200, body: { details: { cache: { status: 'degraded' } } } });
    hub.instance.reconnect();
    expect((await check()).body.details.cache).toMatchObject({ status: 'up' });
    hub.valuesInReach = false;
    expect((await check()).body.details.cache).toMatchObject({ status: 'degraded', link: 'live', available: false });
    hub.valuesInReach = true;
    hub.instance.cutOff();
    expect((await check()).body.details.cache).toMatchObject({ status: 'degraded', link: 'detached', available: true });
  });

  it('is degraded while any of several backends is out of reach, and names it', async () => {
    const [main, side] = [new Hub(clock), new Hub(clock)];
    await open({ backend: main, backends: { side }, services: { app: { backend: 'side' } } });
    const links = async () => {
      const { status, link, otherBackends } = (await check()).body.details.cache;
      return { status, link, side: otherBackends.side };
    };
    const live = { tiers: ['memory', 'side'], link: 'live', available: true };
    expect(await links()).toMatchObject({ status: 'up', link: 'live', side: live });
    side.instance.cutOff();
    expect(await links()).toMatchObject({ status: 'degraded', link: 'live', side: { link: 'detached' } });
    side.instance.reconnect();
    main.instance.cutOff();
    expect(await links()).toMatchObject({ status: 'degraded', link: 'detached', side: live });
  });

  it('is degraded by an old row, and down by a very old one or a store that does not answer', async () => {
    const outbox = new Outbox(clock);
    await open({ outbox });
    const state = async () => (await check()).body.details.cache_outbox;
    expect(await state()).toMatchObject({ status: 'up', pending: 0, deadLettered: 0 });

    outbox.stuck = true;
    await outbox.record('app', { intents: [InvalidationIntent.flush()], reason: 'test' });
    expect(await state()).toMatchObject({ status: 'up', pending: 1 });
    clock.advance(10_000);
    expect(await state()).toMatchObject({ status: 'degraded', oldestPendingAgeMs: 10_000 });
    clock.advance(290_000);
    expect(await check()).toMatchObject({ code: 503, body: { details: { cache_outbox: { status: 'down' } } } });

    outbox.away = true;
    expect(await state()).toEqual({ status: 'down', reason: 'the outbox store does not answer' });
    outbox.away = false;
    outbox.hangs = true;
    const asked = app.get(CacheHealthIndicator).outbox();
    clock.advance(2000);
    expect(await asked).toMatchObject({ cache_outbox: { status: 'down' } });
  });

  it('is degraded by dead rows, from as many on as it is told', async () => {
    const outbox = new Outbox(clock);
    await open({ outbox });
    outbox.stuck = true;
    await outbox.record('app', { intents: [InvalidationIntent.key('product:get:1')], reason: 'test' });
    const [row] = await InMemoryOutboxStore.prototype.claim.call(outbox, 'app', 'test', 1, 1000);
    await outbox.markFailed(row!, 'no more attempts', 0, true);
    const indicator = app.get(CacheHealthIndicator);
    expect(await indicator.outbox('rows')).toMatchObject({ rows: { status: 'degraded', deadLettered: 1 } });
    expect(await indicator.outbox('rows', { degradedDeadRows: 2 })).toMatchObject({ rows: { status: 'up' } });
  });

  it('refuses thresholds that are no numbers', async () => {
    await open({ outbox: new Outbox(clock) });
    const indicator = app.get(CacheHealthIndicator);
    for (const asked of [indicator.outbox('x', { downAgeMs: -1 }), indicator.audit('x', { timeoutMs: Number.NaN })]) {
      await expect(asked).rejects.toMatchObject({ code: 'LARDER_OPTION_INVALID' });
    }
  });

  it('is degraded by a record that could not be written, and down while the audit does not answer', async () => {
    const audit = new Audit();
    await open({ audit });
    audit.away = true;
    await app.get(CacheService).clear();
    expect(await check()).toMatchObject({ code: 503, body: { details: { cache_audit: { status: 'down' } } } });
    audit.away = false;
    expect((await check()).body.details.cache_audit).toEqual({ status: 'degraded', failedRecords: 1 });
  });
});
