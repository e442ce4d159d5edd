import { Redis } from 'ioredis';
import { now } from '../../chaos/truth.mjs';
import type { AppProcess } from './app-process.js';
import { TestCluster } from './cluster.js';

describe('four processes with one Redis', () => {
  let cluster: TestCluster;
  let apps: AppProcess[];

  beforeAll(async () => {
    cluster = await TestCluster.open();
    // Patient with a slow machine: a read given up for slow would load by itself, as it should.
    apps = await cluster.startMany(4, { defaults: { electionWait: '20s', softTimeout: '5s' } });
  }, 60_000);

  afterAll(async () => expect(await cluster.close()).toEqual([]), 30_000);

  const loadsOf = async (key: string) => (await Promise.all(apps.map((app) => app.loads(key)))).reduce((a, b) => a + b);

  it('load a cold key once for 4 x 1,000 calls', async () => {
    cluster.source.write('product hot', 'value');
    for (const app of apps) await app.close('product hot');
    const storms = apps.map((app) => app.storm('product', 'hot', 1000));
    await Promise.race(apps.map((app) => app.arrived('product hot')));
    for (const app of apps) await app.open('product hot');
    for (const values of await Promise.all(storms)) expect(values).toEqual(['"value"']);
    expect(await loadsOf('product hot')).toBe(1);
  });

  it('do not wait for a process that is stopped while it loads', async () => {
    const [a, b] = (await cluster.startMany(2, { defaults: { electionWait: '300ms', hardTimeout: '500ms' } })) as [
      AppProcess,
      AppProcess,
    ];
    cluster.source.write('product orphan', 'value');
    await a.close('product orphan');
    const inFlight = a.call('product', 'orphan');
    await a.arrived('product orphan');
    a.signal('SIGSTOP');
    expect(await b.call('product', 'orphan')).toBe('value');
    a.signal('SIGCONT');
    await a.open('product orphan');
    expect(await inFlight).toBe('value');
  });

  it('keep the remaining life of a value that one of them filled and another reads', async () => {
    const ttlMs = 60_000;
    const [a, b] = apps as [AppProcess, AppProcess];
    const filledAt = now();
    cluster.source.write('kept', 'value');
    await a.ask('getOrSet', 'kept', { ttl: '60s' });
    await new Promise((resolve) => setTimeout(resolve, 400));
    const readAt = now();
    await b.ask('getOrSet', 'kept', { ttl: '60s' });
    const { memory } = await b.explain('kept');
    expect(memory!.freshMs).toBeLessThanOrEqual(ttlMs - (readAt - filledAt) + 50);
    expect(memory!.freshMs).toBeGreaterThan(ttlMs - 20_000);
    expect(await loadsOf('kept')).toBe(1);
  });
});

describe('neighbours on one Redis', () => {
  let cluster: TestCluster;

  beforeAll(async () => {
    cluster = await TestCluster.open();
  }, 60_000);

  afterAll(async () => expect(await cluster.close()).toEqual([]), 30_000);

  const NASTY = ['*', '?', '[ab]', '{x}', 'a:b', '%', '\\', 'a*', 'a', '\u{1f600}', 'e:*', 'h:', '\n'];

  it.each([
    ['namespaces', [{ namespace: 'a' }, { namespace: 'a.b' }, { namespace: 'A' }]],
    ['key prefixes', [{ tier: { keyPrefix: 'p' } }, { tier: { keyPrefix: 'p:{shop}' } }, { tier: { keyPrefix: '*' } }]],
  ])('do not read, write or clear each other, whatever their keys are: %s', async (_, neighbours) => {
    const apps = await Promise.all(neighbours.map((options) => cluster.start(options)));
    await Promise.all(apps.map((app) => app.live()));
    const fill = (app: AppProcess, name: string) =>
      Promise.all(NASTY.map((key) => app.ask('getOrSet', key, { scope: 'tenant' }).then(() => name)));
    const loads = (app: AppProcess) => Promise.all(NASTY.map((key) => app.loads(key)));
    for (const [index, app] of apps.entries()) await fill(app, String(index));
    for (const app of apps) expect(await loads(app)).toEqual(NASTY.map(() => 1));

    const [first, ...others] = apps as [AppProcess, ...AppProcess[]];
    const clears: (() => Promise<unknown>)[] = [
      () => first.invalidate([['scope', 'tenant']], { wait: 'cluster' }),
      () => first.invalidate([['pattern', '*', 'tenant']], { wait: 'cluster' }),
      () => first.invalidate([['pattern', '*']], { wait: 'cluster' }),
      () => first.invalidate([['flush']], { wait: 'cluster' }),
    ];
    for (const [round, clear] of clears.entries()) {
      await clear();
      await fill(first, 'again');
      expect(await loads(first)).toEqual(NASTY.map(() => round + 2));
      // Asked in fresh memory: what the neighbours have is in Redis, untouched.
      for (const other of others) {
        await fill(other, 'other');
        expect(await loads(other)).toEqual(NASTY.map(() => 1));
      }
    }
  });

  it('a key is one key, and a pattern of one scope is none of another', async () => {
    const [app] = (await cluster.startMany(1, { namespace: 'scopes' })) as [AppProcess];
    for (const key of NASTY) for (const scope of ['s', 't']) await app.ask('getOrSet', key, { scope });
    expect(await Promise.all(NASTY.map((key) => app.loads(key)))).toEqual(NASTY.map(() => 2));
    expect(await app.ask('delete', 'a*', { scope: 's' })).toBe(true);
    expect(await app.ask('delete', '*', { scope: 's' })).toBe(true);
    for (const key of NASTY) for (const scope of ['s', 't']) await app.ask('getOrSet', key, { scope });
    const again = NASTY.map((key) => (key === 'a*' || key === '*' ? 3 : 2));
    expect(await Promise.all(NASTY.map((key) => app.loads(key)))).toEqual(again);
  });
});

describe('what stays behind', () => {
  let cluster: TestCluster;

  beforeAll(async () => {
    cluster = await TestCluster.open();
  }, 60_000);

  afterAll(async () => expect(await cluster.close()).toEqual([]), 30_000);

  it('in Redis: every key has an end, or is one of the three whose bound is stated', async () => {
    const [a, b] = (await cluster.startMany(2, { tier: { maxPatterns: 20, logLength: 100, maxTags: 50 } })) as [
      AppProcess,
      AppProcess,
    ];
    await Promise.all([a.ask('churn', 'a', 400), b.ask('churn', 'b', 400)]);
    await a.ask('set', 'explicit', 1);
    await a.call('patient', 'p');
    await a.invalidate(
      [
        ['tag', 'x'],
        ['pattern', 'y*'],
      ],
      { wait: 'cluster' },
    );
    const redis = new Redis(cluster.redis.url);
    try {
      const keys = await redis.keys('*');
      const endless = [];
      for (const key of keys) if ((await redis.pttl(key)) === -1) endless.push(key);
      expect(endless.sort()).toEqual([
        'larder:{shop}:ctl',
        'larder:{shop}:log',
        'larder:{shop}:pat',
        'larder:{shop}:sum',
      ]);
      expect(keys.length).toBeGreaterThan(endless.length);
      expect(await redis.zcard('larder:{shop}:pat')).toBeLessThanOrEqual(20);
      expect(await redis.hlen('larder:{shop}:ctl')).toBeLessThanOrEqual(2 * 50 + 20);
      // MAXLEN ~ trims whole nodes of at most 100 entries.
      expect(await redis.xlen('larder:{shop}:log')).toBeLessThanOrEqual(300);
    } finally {
      redis.disconnect();
    }
  }, 60_000);

  it('in a process: memory does not grow with keys, tags and patterns that nobody asks for again', async () => {
    const app = await cluster.start({ namespace: 'churn', nodeArguments: ['--expose-gc'] });
    await app.live();
    const heaps: number[] = [];
    for (let round = 0; round < 6; round += 1) {
      await app.ask('churn', String(round), 2000);
      await app.until('what expired is given back', async () => (await app.health()).memory.entries === 0);
      heaps.push((await app.ask<{ heapUsed: number }>('memory')).heapUsed);
    }
    // The first rounds fill what has a bound (fences, pattern caches, compiled code); then nothing may grow.
    const growth = heaps.at(-1)! - heaps[2]!;
    expect(growth).toBeLessThan(3 * 1024 * 1024);
  }, 120_000);
});
