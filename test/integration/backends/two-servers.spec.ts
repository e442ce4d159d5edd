import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InvalidationIntent } from 'nestjs-larder';
import { redis } from 'nestjs-larder/redis';
import { startOwnRedis } from '../../../launcher/redis.mjs';
import { withServer } from '../redis/admin.js';
import { Instance, METHODS, type Source } from './instances.js';

type OwnServer = Awaited<ReturnType<typeof startOwnRedis>>;

const tier = ({ url }: OwnServer) => redis({ url, lease: '1s', retryMax: '200ms' });

describe.each([
  ['two servers', { apart: true }],
  ['one server for both', { apart: false }],
])('%s', (_, { apart }) => {
  const source: Source = new Map();
  let servers: OwnServer[] = [];
  let [a, b]: Instance[] = [];

  beforeAll(async () => {
    servers = await Promise.all(apart ? [startOwnRedis({}), startOwnRedis({})] : [startOwnRedis({})]);
    const [main, side] = [servers[0]!, servers.at(-1)!];
    const start = () => Instance.start(source, { backend: tier(main), backends: { side: tier(side) } });
    [a, b] = await Promise.all([start(), start()]);
    await Promise.all([a, b].map((each) => each.live()));
  }, 60_000);
  afterAll(async () => {
    await Promise.all([a, b].map((each) => each?.close()));
    await Promise.all(servers.map((each) => each.stop()));
  });

  it('hold each what its methods keep, and nothing of the others', async () => {
    source.set('place', 'x');
    for (const method of METHODS) await a!.read(method, 'place');
    const keys = servers.map(({ url }) => withServer(url, (client) => client.keys('*:e:*')));
    const [ofMain, ofSide] = ['larder:{shop}:e:shop:main:place', 'larder:{shop~side}:e:shop:side:place'];
    const expected = apart ? [[ofMain], [ofSide]] : [[ofMain, ofSide]];
    expect((await Promise.all(keys)).map((each) => each.sort())).toEqual(expected);
    expect(await b!.read('main', 'place')).toEqual({ value: 'x', loaded: false });
    expect(await b!.read('side', 'place')).toEqual({ value: 'x', loaded: false });
    expect(await b!.read('here', 'place')).toEqual({ value: 'x', loaded: true });
  });

  it('lose what an invalidation names, and nothing else', async () => {
    source.set('one', '1');
    for (const method of METHODS) await b!.read(method, 'one');
    await a!.cache.invalidate([InvalidationIntent.key('shop:main:one')], { wait: 'cluster' });
    expect(await b!.read('main', 'one')).toEqual({ value: '1', loaded: true });
    expect(await b!.read('side', 'one')).toEqual({ value: '1', loaded: false });
    expect(await b!.read('here', 'one')).toEqual({ value: '1', loaded: false });
  });

  it.each(['applied', 'cluster'] as const)('forget on both instances what one invalidates: %s', async (wait) => {
    for (let round = 0; round < 20; round += 1) {
      const key = `forget ${wait}`;
      source.set(key, `${round}`);
      await a!.invalidate(key, wait);
      for (const each of [a!, b!]) {
        for (const method of METHODS) {
          // At once where it was waited for, or where it was asked; elsewhere as soon as the logs have told.
          if (wait === 'applied' && each === b)
            await b!.until(
              `${method} of round ${round}`,
              async () => (await b!.read(method, key)).value === `${round}`,
            );
          expect((await each.read(method, key)).value).toBe(`${round}`);
        }
      }
    }
  });
});

describe('one of two servers stops', () => {
  const source: Source = new Map();
  const folder = mkdtempSync(join(tmpdir(), 'larder-backends-'));
  let [main, side]: OwnServer[] = [];
  let [a, b]: Instance[] = [];

  beforeAll(async () => {
    // It comes back with what it held.
    const args = ['--appendonly', 'yes', '--appendfsync', 'always'];
    [main, side] = await Promise.all([startOwnRedis({}), startOwnRedis({ args, dataDir: folder })]);
    const start = () => Instance.start(source, { backend: tier(main!), backends: { side: tier(side!) } });
    [a, b] = await Promise.all([start(), start()]);
    await Promise.all([a, b].map((each) => each.live()));
  }, 60_000);
  afterAll(async () => {
    await Promise.all([a, b].map((each) => each?.close()));
    await Promise.all([main, side].map((each) => each?.stop()));
    rmSync(folder, { recursive: true });
  });

  it('leaves reads of the other as they were, says which refused, and serves nothing old when it is back', async () => {
    source.set('k', 'old');
    for (const each of [a!, b!]) for (const method of METHODS) await each.read(method, 'k');
    await side!.kill();
    for (const each of [a!, b!])
      await each.until('the loss to be noticed', ({ otherBackends: [other] }) => other!.log.state === 'detached');
    expect(a!.health()).toMatchObject({
      status: 'degraded',
      log: { state: 'live' },
      backend: { available: true },
      otherBackends: [{ name: 'side', log: { state: 'detached' }, backend: { available: false } }],
    });
    for (const each of [a!, b!])
      for (const method of ['main', 'here'] as const)
        expect(await each.read(method, 'k')).toEqual({ value: 'old', loaded: false });

    source.set('k', 'new');
    await expect(a!.invalidate('k')).rejects.toMatchObject({
      code: 'LARDER_LOG_UNAVAILABLE',
      message: expect.stringMatching(/^Backend 'side': Expected Redis to execute the invalidation/),
    });
    // What could be reached has it, and so has the memory of who asked, in any case.
    for (const method of METHODS) expect((await a!.read(method, 'k')).value).toBe('new');
    for (const method of ['main', 'here'] as const)
      await b!.until('the main log to tell', async () => (await b!.read(method, 'k')).value === 'new');

    await a!.shop.change('k', 'newer');
    expect(a!.health().pendingInvalidations).toBe(1);
    await side!.restart();
    await a!.until('side to be back', ({ otherBackends: [other] }) => other!.log.state === 'live');
    for (const method of METHODS) expect((await a!.read(method, 'k')).value).toBe('newer');
    await a!.until('the invalidation to be repeated', ({ pendingInvalidations }) => pendingInvalidations === 0);
    await b!.live();
    for (const method of METHODS) {
      await b!.until('the logs to tell', async () => (await b!.read(method, 'k')).value === 'newer');
      expect((await a!.read(method, 'k')).value).toBe('newer');
    }
    // It has come back with what it held, and was told: it shares values again.
    source.set('other', 'x');
    await a!.read('side', 'other');
    expect(await b!.read('side', 'other')).toEqual({ value: 'x', loaded: false });
  }, 60_000);
});
