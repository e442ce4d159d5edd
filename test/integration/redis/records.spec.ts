import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { redis, type RedisTierOptions } from 'nestjs-larder/redis';
import { describeRecordAccelerator, type TierSubject } from 'nestjs-larder/testing';
import { startRedis } from '../../../launcher/services.mjs';
import { RealClock } from './instance.js';

// A short lease, so that waiting one out is short too; long timeouts, so that a busy machine is not taken for a fault.
const PATIENT = { lease: '500ms', readTimeout: 5, invalidationTimeout: 10, connectTimeout: 10 };

// What is sent is made here, beside the client, so it is held against each generation of the client.
describe('records, over a client of the application', () => {
  let server: Awaited<ReturnType<typeof startRedis>>;
  beforeAll(async () => {
    server = await startRedis({ fromEnvironment: false });
  });
  afterAll(() => server.stop());

  const over = (client: () => Redis) => async (): Promise<TierSubject> => {
    const given = client();
    const place: RedisTierOptions = { client: given };
    const tier = redis({ ...PATIENT, ...place });
    const namespace = randomUUID();
    return {
      shared: true,
      instance: () => tier.create({ namespace, instanceId: randomUUID(), clock: new RealClock() }),
      elapse: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
      loseHistory: async () => void (await given.del(`larder:{${namespace}}:ctl`)),
      close: async () => given.disconnect(),
    };
  };
  describeRecordAccelerator(
    'redis',
    over(() => new Redis(server.url, { protocol: 2 })),
  );
  describeRecordAccelerator(
    'redis, with a prefix that the client puts before every key',
    over(() => new Redis(server.url, { protocol: 2, keyPrefix: 'app:ä:' })),
  );
});
