import { randomUUID } from 'node:crypto';
import { Pool } from 'pg';
import { startRedis } from '../../launcher/services.mjs';
import { custom } from '../../libs/cache/src/adapters/memory/custom.js';
import type { CustomStore } from '../../libs/cache/src/adapters/memory/custom.options.js';
import { redis } from '../../libs/cache/src/adapters/redis/redis.factory.js';
import { MemoryHub } from '../../libs/cache/src/adapters/memory/memory-hub.js';
import { SystemClock } from '../../libs/cache/src/core/clock/system-clock.js';
import { describeCacheBackend } from '../../libs/cache/src/testing/cache-backend.contract.js';
import { describeInvalidationLog } from '../../libs/cache/src/testing/invalidation-log.contract.js';
import { ManualClock } from '../../libs/cache/src/testing/manual-clock.js';
import type { TierSubject } from '../../libs/cache/src/testing/tier-subject.js';
import { createDatabase, type TestDatabase } from '../integration/typeorm/database.js';
import { UnloggedTableStore } from './unlogged-table-store.js';

/** The least that a store can be: it never expires anything. */
class MapStore implements CustomStore {
  private readonly entries = new Map<string, Uint8Array>();

  get = async (key: string) => this.entries.get(key);
  set = async (key: string, value: Uint8Array) => void this.entries.set(key, value);
  delete = async (key: string) => this.entries.delete(key);
  clear = async () => this.entries.clear();
}

/** One that forgets to remove anything, so that stamps alone keep old values from being read. */
class HoardingStore extends MapStore {
  override delete = () => Promise.reject(new Error('no right to delete'));
  override clear = () => Promise.reject(new Error('no right to clear'));
}

for (const Store of [MapStore, HoardingStore]) {
  const alone = async (): Promise<TierSubject> => {
    const clock = new ManualClock();
    const tier = custom({ store: new Store(), name: 'map' });
    return {
      shared: false,
      instance: () => tier.create({ namespace: 'shop', instanceId: randomUUID(), clock }),
      elapse: (ms) => clock.advanceAsync(ms),
      close: () => clock.advanceAsync(5000),
    };
  };
  describeInvalidationLog(`custom, ${Store.name}`, alone);
  describeCacheBackend(`custom, ${Store.name}`, alone);
}

/** Several processes that share a store, and the log of another backend. */
const together = async (): Promise<TierSubject> => {
  const clock = new ManualClock();
  const hub = new MemoryHub({ clock, leaseMs: 1000 });
  const tier = custom({ store: new MapStore(), name: 'map', log: hub });
  return {
    shared: true,
    instance: () => tier.create({ namespace: 'app', instanceId: randomUUID(), clock }),
    elapse: (ms) => clock.advanceAsync(ms),
    loseHistory: async () => hub.changeHistory('app'),
    close: () => clock.advanceAsync(5000),
  };
};
describeInvalidationLog('custom, with the log of a hub', together);
describeCacheBackend('custom, with the log of a hub', together);

describe('the log of Redis', () => {
  let server: Awaited<ReturnType<typeof startRedis>>;
  beforeAll(async () => {
    server = await startRedis({ fromEnvironment: false });
  });
  afterAll(() => server.stop());

  const create = async (): Promise<TierSubject> => {
    const log = redis({ url: server.url, lease: '500ms', readTimeout: 5, invalidationTimeout: 10, connectTimeout: 10 });
    const tier = custom({ store: new MapStore(), name: 'map', log });
    const [namespace, clock] = [randomUUID(), new SystemClock()];
    return {
      shared: true,
      instance: () => tier.create({ namespace, instanceId: randomUUID(), clock }),
      elapse: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
      close: async () => {},
    };
  };
  describeInvalidationLog('custom, with the log of Redis', create);
  describeCacheBackend('custom, with the log of Redis', create);
});

describe('an UNLOGGED table', () => {
  let database: TestDatabase;
  let pool: Pool;
  beforeAll(async () => {
    database = await createDatabase();
    pool = new Pool({ connectionString: database.url });
    // Dropping the database ends connections that the pool has let go already.
    pool.on('connect', (client) => client.on('error', () => undefined));
    pool.on('error', () => undefined);
  });
  afterAll(async () => {
    await pool.end();
    await database.drop();
  });

  const create = async (): Promise<TierSubject> => {
    const store = new UnloggedTableStore(pool);
    await store.create();
    await store.clear();
    const clock = new SystemClock();
    const tier = custom({ store, name: 'postgres', timeout: '10s' });
    return {
      shared: false,
      instance: () => tier.create({ namespace: 'shop', instanceId: randomUUID(), clock }),
      elapse: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
      close: async () => {},
    };
  };
  describeInvalidationLog('custom, an UNLOGGED table', create);
  describeCacheBackend('custom, an UNLOGGED table', create);
});
