import { startRedis, type Server } from '../../../launcher/services.mjs';
import { callsOf, withServer } from './admin.js';
import { Instance } from './instance.js';

const KEYS = 5000;

describe('a burst of cold keys', () => {
  let server: Server;
  let instance: Instance;

  beforeAll(async () => {
    server = await startRedis({ fromEnvironment: false });
    instance = await Instance.open({ namespace: 'burst', tier: { url: server.url, readTimeout: 5 } });
  });

  afterAll(async () => {
    await instance.close();
    await server.stop();
  });

  it('is read and stored in full batches, so that it cannot queue up until the link counts as slow', async () => {
    const keys = Array.from({ length: KEYS }, (_, index) => `item:${index}`);
    const before = await withServer(server.url, (client) => callsOf(client, 'evalsha'));
    const permits = await Promise.all(keys.map((key) => instance.miss(key)));
    const stored = await Promise.all(keys.map((key, index) => instance.fill(key, permits[index]!, `value of ${key}`)));
    const calls = (await withServer(server.url, (client) => callsOf(client, 'evalsha'))) - before;

    expect(stored.filter((one) => one)).toHaveLength(KEYS);
    expect(calls).toBeLessThan(KEYS / 20);
    expect(instance.announcements('trouble')).toEqual([]);
    expect(await instance.value('item:4711')).toBe('value of item:4711');
  });
});
