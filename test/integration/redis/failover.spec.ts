import { startRedis, startSentinel } from '../../../launcher/services.mjs';
import { withServer } from './admin.js';
import { Instance, type Replay } from './instance.js';
import { Wire } from './wire.js';

type RedisServer = Awaited<ReturnType<typeof startRedis>>;

// An acknowledged invalidation can be lost when a replica is promoted. The replica is cut off first, so that the loss is
// certain, and the entry it still holds is the one that must not come back (G1, G3 under failover).
describe('a failover with a lost tail', () => {
  let primary: RedisServer;
  let replica: RedisServer;
  const opened: Instance[] = [];
  const KEY = 'user:get_user:1';

  beforeEach(async () => {
    primary = await startRedis({ fromEnvironment: false });
    replica = await startRedis({ fromEnvironment: false, replicaOf: { host: primary.host, port: primary.port } });
  });

  afterEach(async () => {
    for (const instance of opened.splice(0)) await instance.close();
    await replica.stop();
    await primary.stop();
  });

  async function instance(tier: object, replay?: Replay): Promise<Instance> {
    const one = await Instance.open({
      namespace: 'shop',
      tier: { lease: '500ms', readTimeout: 5, ...tier } as ConstructorParameters<typeof Instance>[0]['tier'],
      ...(replay === undefined ? {} : { replay }),
    });
    opened.push(one);
    await one.until('it to be leased', () => one.leased);
    return one;
  }

  async function cutOff(): Promise<void> {
    await withServer(primary.url, (client) => client.wait(1, 5000));
    replica.pause();
    await withServer(primary.url, (client) => client.call('CLIENT', 'KILL', 'TYPE', 'replica'));
  }

  it('behind Sentinel begins another history: nothing that was invalidated comes back', async () => {
    const sentinel = await startSentinel({ master: { host: primary.host, port: primary.port }, downAfterMs: 500 });
    try {
      await withServer(sentinel.url, async (client) => {
        for (
          let n = 0;
          n < 200 && !String(await client.call('SENTINEL', 'REPLICAS', 'larder')).includes('name');
          n += 1
        ) {
          await new Promise((resolve) => setTimeout(resolve, 50));
        }
      });
      const tier = { sentinel: { name: 'larder', sentinels: [{ host: sentinel.host, port: sentinel.port }] } };
      const a = await instance(tier);
      const b = await instance(tier);
      await a.store(KEY, 'old');
      await cutOff();
      await a.invalidate({ keys: [KEY] });
      await primary.kill();
      replica.resume();
      await a.until('both to be on the promoted server', () => a.resets.length > 1 && b.resets.length > 1, 30_000);
      await a.until('both to be leased', () => a.leased && b.leased, 30_000);
      expect(await withServer(replica.url, (client) => client.exists(`larder:{shop}:e:${KEY}`))).toBe(1); // it is there
      expect(await a.value(KEY)).toBeNull();
      expect(await b.value(KEY)).toBeNull();
      await a.store(KEY, 'new');
      expect(await b.value(KEY)).toBe('new');
    } finally {
      await sentinel.stop();
    }
  }, 90_000);

  it('holds old entries back until what may be missing has been replayed, and then is warm', async () => {
    const wire = await Wire.to(primary);
    let release!: () => void;
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    let path: Parameters<Replay>[0]['path'] = [];
    const replaying: Replay = async (change) => {
      path = change.path;
      await gate;
      await opened[1]!.invalidate({ keys: [KEY] }); // what an outbox does: everything after `since`, again
      return 'replayed';
    };
    try {
      const first = await instance({ url: wire.url }, replaying);
      await first.store('user:warm:1', 'warm');
      await first.store(KEY, 'old');
      const { position } = await first.invalidate({ tags: ['before'] });
      await cutOff();
      await first.invalidate({ keys: [KEY] });
      await primary.kill();
      replica.resume();
      await withServer(replica.url, (client) => client.replicaof('NO', 'ONE'));
      const second = await instance({ url: replica.url }, replaying);
      wire.leadTo(replica);
      expect(await second.value('user:warm:1')).toBeNull();
      await second.until('the replay to begin', () => path.length > 0);
      const [before, now] = path;
      expect(before!.era.slice(0, 8) + before!.upTo! + before!.era.slice(8)).toBe(position);
      expect(now).toEqual({ era: second.log.health().lineage, upTo: null });
      release();
      await second.until('the hold to end', async () => (await second.value('user:warm:1')) === 'warm');
      expect(await second.value(KEY)).toBeNull();
    } finally {
      await wire.close();
    }
  }, 60_000);

  it('executes again what instances had executed by themselves, before the hold ends', async () => {
    const wire = await Wire.to(primary);
    try {
      const a = await instance({ url: wire.url }, () => Promise.resolve('replayed')); // nothing of it is in an outbox
      const b = await instance({ url: wire.url }, () => Promise.resolve('replayed'));
      await a.store(KEY, 'old');
      await b.store('user:get_user:2', 'old');
      await a.store('user:warm:1', 'warm');
      await cutOff();
      await a.invalidate({ keys: [KEY] });
      await b.invalidate({ patterns: [{ pattern: 'get_user:2', scope: 'user' }] });
      await primary.kill();
      replica.resume();
      await withServer(replica.url, (client) => client.replicaof('NO', 'ONE'));
      wire.leadTo(replica);
      await a.until('both to be back', () => a.leased && b.leased && a.resets.length > 1 && b.resets.length > 1);
      await a.until('the hold to end', async () => (await a.value('user:warm:1').catch(() => null)) === 'warm');
      expect(await a.value(KEY)).toBeNull();
      expect(await a.value('user:get_user:2')).toBeNull();
    } finally {
      await wire.close();
    }
  }, 60_000);

  // What it had executed by itself is in no outbox, and the promoted server has not heard of it.
  it('stays cold where an instance does not come back to execute again what it had executed', async () => {
    const a = await instance({ url: primary.url }, () => Promise.resolve('replayed'));
    await a.store(KEY, 'old');
    await cutOff();
    await a.invalidate({ keys: [KEY] });
    await primary.kill();
    replica.resume();
    await withServer(replica.url, (client) => client.replicaof('NO', 'ONE'));
    const b = await instance({ url: replica.url }, () => Promise.resolve('replayed'));
    await b.until('the hold to end', () =>
      withServer(replica.url, async (client) => (await client.hexists('larder:{shop}:ctl', 'h')) === 0),
    );
    expect(await b.value(KEY)).toBeNull();
  }, 60_000);

  it('is cold, and right, when what may be missing cannot be replayed', async () => {
    await (await instance({ url: primary.url })).store(KEY, 'old');
    await cutOff();
    await opened[0]!.invalidate({ keys: [KEY] });
    await primary.kill();
    replica.resume();
    await withServer(replica.url, (client) => client.replicaof('NO', 'ONE'));
    const second = await instance({ url: replica.url }, () => Promise.resolve('impossible'));
    await second.until('the hold to be a floor', () =>
      withServer(replica.url, async (client) => (await client.hexists('larder:{shop}:ctl', 'h')) === 0),
    );
    expect(await second.value(KEY)).toBeNull();
    await second.store(KEY, 'new');
    expect(await second.value(KEY)).toBe('new');
  }, 60_000);

  // Two control records lost in a row may count to the same epoch; the nonce tells them apart.
  it('is noticed also when an older copy of the server comes back under the same epoch', async () => {
    const a = await instance({ url: primary.url });
    const eras = new Set([a.log.health().lineage]);
    for (let n = 0; n < 5; n += 1) {
      await withServer(primary.url, (client) => client.del('larder:{shop}:ctl', 'larder:{shop}:log'));
      await a.until('another history', () => !eras.has(a.log.health().lineage) && a.leased);
      eras.add(a.log.health().lineage);
    }
    expect(eras.size).toBe(6);
    expect(a.resets).toEqual(Array(6).fill('history'));
  });
});
