import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, type INestApplicationContext } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  Cached,
  CacheHealth,
  CacheInvalidations,
  CacheModule,
  CacheScope,
  CacheService,
  InvalidationIntent,
  InvalidationIntentBatch,
  InvalidationWait,
  Invalidates,
  type CacheHealthReport,
} from 'nestjs-larder';
import { redis } from 'nestjs-larder/redis';
import { typeormAudit, typeormOutbox, type TypeOrmOutboxStore } from 'nestjs-larder/typeorm';
import { DataSource, type EntityManager } from 'typeorm';

export const NAMESPACE = 'shop';
export const OUTBOX_TABLE = 'hydracache_invalidation_outbox';

/** Jars with a count each; reads go through the cache, writes through the outbox. */
@CacheScope('jar')
@Injectable()
export class Jars {
  /** How often the source was asked, by jar. */
  readonly loads = new Map<number, number>();
  private held: { readonly id: number; readonly read: () => void; readonly gate: Promise<void> } | null = null;

  constructor(private readonly dataSource: DataSource) {}

  @Cached<Jars['count']>({ ttl: '1h', key: (id) => [id], entities: (_count, id) => [['jar', id]] })
  async count(id: number, manager: EntityManager = this.dataSource.manager): Promise<number> {
    this.loads.set(id, (this.loads.get(id) ?? 0) + 1);
    const [row] = await manager.query('SELECT count FROM jar WHERE id = $1', [id]);
    if (this.held?.id === id) {
      const { read, gate } = this.held;
      this.held = null;
      read();
      await gate;
    }
    return row.count;
  }

  /** The next load of a jar stops when it has read: `read` says so. */
  holdLoad(id: number): { readonly read: Promise<void>; readonly letGo: () => void } {
    let letGo!: () => void;
    const gate = new Promise<void>((resolve) => (letGo = resolve));
    const read = new Promise<void>((resolve) => (this.held = { id, read: resolve, gate }));
    return { read, letGo };
  }

  @Invalidates<Jars['fill']>({ entities: (_result, _manager, id) => [['jar', id]] })
  async fill(manager: EntityManager, id: number, count: number): Promise<void> {
    await manager.query('UPDATE jar SET count = $2 WHERE id = $1', [id, count]);
  }

  /** Reads, thinks, and writes what it thought of. */
  @Invalidates<Jars['addOne']>({ entities: (_result, _manager, id) => [['jar', id]] })
  async addOne(manager: EntityManager, id: number): Promise<number> {
    const [row] = await manager.query('SELECT count FROM jar WHERE id = $1 FOR UPDATE', [id]);
    await manager.query('UPDATE jar SET count = $2 WHERE id = $1', [id, row.count + 1]);
    return row.count + 1;
  }
}

export interface ShopOptions {
  readonly dataSource: DataSource;
  readonly redisUrl: string;
  /** @default '500ms' */
  readonly lease?: string;
  /** Entries that fit into memory. @default as the module's */
  readonly maxEntries?: number;
  /** `false`: no history is anchored. */
  readonly anchor?: false;
  /** Wait for Redis as long as a busy machine needs: a read given up for slow would load by itself, as it should. */
  readonly patient?: boolean;
}

/** One instance of an application: Nest, PostgreSQL for data, outbox and audit, Redis for values and the log. */
export class Shop {
  /** What its worker claimed and what it published, in order. */
  readonly claimed: string[] = [];
  readonly published: string[] = [];
  private claimsHeld = false;

  private constructor(
    private readonly app: INestApplicationContext,
    readonly dataSource: DataSource,
    readonly outbox: TypeOrmOutboxStore,
  ) {
    const claim = outbox.claim.bind(outbox);
    outbox.claim = async (...args) => {
      const rows = this.claimsHeld ? [] : await claim(...args);
      this.claimed.push(...rows.map(({ id }) => id));
      return rows;
    };
    const markPublished = outbox.markPublished.bind(outbox);
    outbox.markPublished = async (rows, ...rest) => {
      const changed = await markPublished(rows, ...rest);
      if (changed === rows.length) this.published.push(...rows.map((row) => (typeof row === 'string' ? row : row.id)));
      return changed;
    };
  }

  static async open(options: ShopOptions): Promise<Shop> {
    const { dataSource, redisUrl, lease = '500ms', maxEntries, anchor, patient = false } = options;
    const outbox = typeormOutbox({ dataSource });
    const module = await Test.createTestingModule({
      imports: [
        CacheModule.forRoot({
          namespace: NAMESPACE,
          backend: redis({ url: redisUrl, lease, retryMax: '200ms', secret: 'a secret of the tests' }),
          ...(patient ? { defaults: { softTimeout: '5s' } } : {}),
          ...(maxEntries === undefined ? {} : { memory: { maxEntries } }),
          outbox,
          ...(anchor === undefined ? {} : { anchor }),
          audit: typeormAudit({ dataSource }),
        }),
      ],
      providers: [Jars, { provide: DataSource, useValue: dataSource }],
    }).compile();
    const app = module.createNestApplication({ logger: false });
    const shop = new Shop(app, dataSource, outbox);
    await app.init();
    await shop.until('the shop to be up', () => shop.status === 'up');
    return shop;
  }

  get jars(): Jars {
    return this.app.get(Jars);
  }

  get invalidations(): CacheInvalidations {
    return this.app.get(CacheInvalidations);
  }

  get cache(): CacheService {
    return this.app.get(CacheService);
  }

  get health(): CacheHealthReport {
    return this.app.get(CacheHealth).report();
  }

  get status(): 'up' | 'degraded' {
    return this.health.status;
  }

  /** Changes a jar in a transaction of its own. */
  async fill(id: number, count: number): Promise<void> {
    await this.dataSource.transaction((manager) => this.jars.fill(manager, id, count));
  }

  record(...tags: string[]): ReturnType<CacheInvalidations['record']> {
    const batch = tags.reduce((all, tag) => all.invalidateTag(tag), new InvalidationIntentBatch('test'));
    return this.invalidations.record(batch);
  }

  /** Until everything that is recorded has been applied. */
  async drained(): Promise<void> {
    const receipt = await this.record('drained');
    const wait = InvalidationWait.local(20_000, { scope: 'namespace' });
    const outcome = await this.invalidations.wait(receipt, wait);
    if (!outcome.satisfied) throw new Error(`expected the outbox to be drained, got ${JSON.stringify(outcome)}`);
  }

  /** Its worker finds nothing to do until the returned function is called. */
  holdClaims(): () => void {
    this.claimsHeld = true;
    return () => {
      this.claimsHeld = false;
    };
  }

  /** A replay that it begins stops before its first row: `begun` says so. */
  holdReplay(): { readonly begun: Promise<void>; readonly letGo: () => void } {
    const replayable = this.outbox.replayable.bind(this.outbox);
    let letGo!: () => void;
    const gate = new Promise<void>((resolve) => (letGo = resolve));
    let begin!: () => void;
    const begun = new Promise<void>((resolve) => (begin = resolve));
    this.outbox.replayable = async (request) => {
      begin();
      await gate;
      return replayable(request);
    };
    return { begun, letGo };
  }

  flushBatch(): InvalidationIntentBatch {
    return new InvalidationIntentBatch('test').flush();
  }

  async until(what: string, condition: () => boolean | Promise<boolean>, limitMs = 15_000): Promise<void> {
    const giveUpAt = performance.now() + limitMs;
    while (!(await condition())) {
      if (performance.now() > giveUpAt) throw new Error(`waited ${limitMs} ms in vain for ${what}`);
      await sleep(10);
    }
  }

  /** Writes that a worker does not make: straight to the table, and to the cache by hand. */
  async fillAndInvalidate(id: number, count: number): Promise<void> {
    await this.dataSource.query('UPDATE jar SET count = $2 WHERE id = $1', [id, count]);
    await this.app.get(CacheService).invalidate([InvalidationIntent.entity('jar', id)]);
  }

  async close(): Promise<void> {
    await this.app.close();
  }
}

/** The jars' table, with `jars` of them, each holding 0. */
export async function createJars(dataSource: DataSource, jars: number): Promise<void> {
  await dataSource.query('CREATE TABLE jar (id int PRIMARY KEY, count int NOT NULL)');
  await dataSource.query('INSERT INTO jar SELECT id, 0 FROM generate_series(1, $1) id', [jars]);
}
