import { randomUUID } from 'node:crypto';
import { dht } from 'nestjs-larder/libp2p';
import { redis } from 'nestjs-larder/redis';
import { startOwnRedis } from '../../../launcher/redis.mjs';
import { Instance, METHODS, type Source } from './instances.js';

// Coherent for most, and a network of the instances themselves for what may be shared eventually.
describe('a DHT beside Redis', () => {
  const source: Source = new Map();
  const [network, psk] = ['shop', randomUUID()];
  let server: Awaited<ReturnType<typeof startOwnRedis>>;
  let [a, b]: Instance[] = [];

  beforeAll(async () => {
    server = await startOwnRedis({});
    const start = (bootstrap: readonly string[]) => {
      const side = dht({ network, psk, bootstrap, listen: '/ip4/127.0.0.1/tcp/0', aloneAfter: '100ms' });
      const backends = { redis: redis({ url: server.url }), side };
      return Instance.start(source, { backend: 'redis', backends }).then((instance) => ({ instance, side }));
    };
    const first = await start([]);
    a = first.instance;
    await a.live();
    b = (await start(first.side.addresses()[network]!)).instance;
    await b.live();
  }, 60_000);
  afterAll(async () => {
    await Promise.all([a, b].map((each) => each?.close()));
    await server?.stop();
  });

  it('shares what its methods keep, and forgets on both what either invalidates', async () => {
    source.set('k', 'old');
    for (const method of METHODS) await a!.read(method, 'k');
    await b!.until('the network to have the value', async () => !(await b!.read('side', `k`)).loaded);
    expect((await b!.read('side', 'k')).value).toBe('old');
    source.set('k', 'new');
    await b!.invalidate('k');
    for (const method of METHODS) {
      expect((await b!.read(method, 'k')).value).toBe('new');
      await a!.until(`the log of ${method} to tell`, async () => (await a!.read(method, 'k')).value === 'new');
    }
  });

  it('refuses a wait that it cannot give, by its name, and does nothing then', async () => {
    source.set('w', 'old');
    for (const method of METHODS) await a!.read(method, 'w');
    source.set('w', 'new');
    await expect(a!.invalidate('w', 'cluster')).rejects.toMatchObject({
      code: 'LARDER_WAIT_UNSUPPORTED',
      message: expect.stringMatching(/^Backend 'side': .*got 'dht', which is eventual/),
    });
    for (const method of METHODS) expect(await a!.read(method, 'w')).toEqual({ value: 'old', loaded: false });
  });
});
