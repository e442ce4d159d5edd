import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { startRedis, startRedisCluster } from '../../launcher/services.mjs';
import { redis } from '../../libs/cache/src/adapters/redis/redis.factory.js';
import type { RedisTierOptions } from '../../libs/cache/src/adapters/redis/redis.options.js';
import { SystemClock } from '../../libs/cache/src/core/clock/system-clock.js';
import { describeCacheBackend } from '../../libs/cache/src/testing/cache-backend.contract.js';
import { describeInvalidationLog } from '../../libs/cache/src/testing/invalidation-log.contract.js';
import { describeRecordAccelerator } from '../../libs/cache/src/testing/record-accelerator.contract.js';
import type { TierSubject } from '../../libs/cache/src/testing/tier-subject.js';

// A short lease, so that waiting one out is short too; long timeouts, so that a busy machine is not taken for a fault.
const PATIENT = { lease: '500ms', readTimeout: 5, invalidationTimeout: 10, connectTimeout: 10 };

describe('one server', () => {
  let server: Awaited<ReturnType<typeof startRedis>>;
  beforeAll(async () => {
    server = await startRedis({ fromEnvironment: false });
  });
  afterAll(() => server.stop());

  const create = async (): Promise<TierSubject> => {
    const client = new Redis(server.url, { protocol: 2 });
    return subject({ url: server.url }, client);
  };
  describeInvalidationLog('redis', create);
  describeCacheBackend('redis', create);
  describeRecordAccelerator('redis', create);
});

describe('a Cluster', () => {
  let cluster: Awaited<ReturnType<typeof startRedisCluster>>;
  beforeAll(async () => {
    cluster = await startRedisCluster({ masters: 3, replicas: 0 });
  }, 60_000);
  afterAll(() => cluster.stop());

  const create = async (): Promise<TierSubject> => {
    const nodes = cluster.urls.map((url) => url.replace('redis://', ''));
    return subject({ cluster: { nodes } }, null);
  };
  describeInvalidationLog('redis cluster', create);
  describeCacheBackend('redis cluster', create);
  describeRecordAccelerator('redis cluster', create);
});

/** @param admin to lose the past with; `null`: it stays */
function subject(place: RedisTierOptions, admin: Redis | null): TierSubject {
  const clock = new SystemClock();
  const namespace = randomUUID();
  const tier = redis({ ...PATIENT, ...place });
  return {
    shared: true,
    instance: () => tier.create({ namespace, instanceId: randomUUID(), clock }),
    elapse: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    ...(admin === null ? {} : { loseHistory: async () => void (await admin.del(`larder:{${namespace}}:ctl`)) }),
    close: async () => admin?.disconnect(),
  };
}
