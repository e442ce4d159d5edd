import type { AppProcess } from './app-process.js';
import { TestCluster } from './cluster.js';

// The race that every other cache loses: a load reads the source, the source changes, the change is invalidated by another
// process and acknowledged, and only then the load comes home. Gates decide the order, not timers.
describe('a load in flight on A while B writes and invalidates', () => {
  let cluster: TestCluster;
  let a: AppProcess;
  let b: AppProcess;
  let c: AppProcess;
  let next = 0;

  beforeAll(async () => {
    cluster = await TestCluster.open();
    [a, b, c] = (await cluster.startMany(3)) as [AppProcess, AppProcess, AppProcess];
  }, 60_000);

  afterAll(async () => expect(await cluster.close()).toEqual([]), 30_000);

  const ways: [string, (id: string) => Promise<unknown>][] = [
    ['key', (id) => b.invalidate([['key', `shop:product:${id}`]])],
    ['tag', (id) => b.invalidate([['tag', `tag:${id}`]])],
    ['entity', (id) => b.invalidate([['entity', 'product', id]])],
    ['collection', () => b.invalidate([['collection', 'products']])],
    ['pattern', (id) => b.act('shop', 'revoke', `*:${id}`)],
    ['regular expression', (id) => b.act('shop', 'revoke', `^[a-z]+:${id}$`)],
    ['pattern of the namespace', (id) => b.invalidate([['pattern', `shop:*:${id}`]])],
    ['delete by admin', (id) => b.act('shop', 'delete', `product:${id}`)],
    ['clear of the scope', () => b.act('shop', 'clear')],
    ['flush', () => b.invalidate([['flush']])],
    ['a decorated write', (id) => b.call('rename', id, 'new')],
    ['several targets at once', (id) => b.invalidate([['tag', 'other'], ['key', `shop:product:${id}`], ['flush']])],
  ];

  it.each(ways)('never brings the old value back: %s', async (_, invalidate) => {
    const id = `p${(next += 1)}`;
    const key = `product ${id}`;
    cluster.source.write(key, 'old');
    await a.close(key);
    const inFlight = a.call('product', id);
    await a.arrived(key);
    cluster.source.write(key, 'new');
    await invalidate(id);
    await a.open(key);
    expect(await inFlight).toBe('old'); // it began before the write; its own caller may see that
    for (const app of [a, b, c, a]) expect(await app.call('product', id)).toBe('new');
  });

  it.each(ways.filter(([way]) => !/key|delete/.test(way)))('nor of a bulk method: %s', async (_, invalidate) => {
    const [id, other] = [`p${(next += 1)}`, `p${(next += 1)}`];
    for (const one of [id, other]) cluster.source.write(`product ${one}`, 'old');
    await a.close(`product ${id}`);
    const inFlight = a.call('products', [other, id]);
    await a.arrived(`product ${id}`);
    cluster.source.write(`product ${id}`, 'new');
    await invalidate(id);
    await a.open(`product ${id}`);
    await inFlight;
    for (const app of [a, b, c, a]) expect(await app.call('products', [id])).toEqual([{ id, value: 'new' }]);
  });

  it('nor of a refresh under grace', async () => {
    const id = `p${(next += 1)}`;
    const key = `product ${id}`;
    cluster.source.write(key, 'old');
    await a.call('patient', id);
    await a.until('it has expired', async () => {
      const { memory } = await a.explain(`patient:${id}`, { scope: 'shop' });
      return memory !== null && memory.freshMs <= 0;
    });
    await a.close(key);
    expect(await a.call('patient', id)).toBe('old'); // expired, and its renewal is slow: grace
    await a.arrived(key);
    cluster.source.write(key, 'new');
    await b.invalidate([['entity', 'product', id]], { wait: 'cluster' });
    const asked = a.call('patient', id);
    await a.open(key);
    expect(await asked).toBe('new'); // invalidated: no grace, and not the load that began before
    for (const app of [a, b, c]) expect(await app.call('patient', id)).toBe('new');
  });

  it('nor for somebody who joins the load after the invalidation', async () => {
    const id = `p${(next += 1)}`;
    const key = `product ${id}`;
    cluster.source.write(key, 'old');
    await a.close(key);
    const first = a.call('product', id);
    await a.arrived(key);
    cluster.source.write(key, 'new');
    await a.invalidate([['entity', 'product', id]]);
    const joiner = a.call('product', id);
    await a.open(key);
    expect(await first).toBe('old');
    expect(await joiner).toBe('new');
  });

  it('nor over an explicit set', async () => {
    const key = `manual-${(next += 1)}`;
    cluster.source.write(key, 'old');
    await a.close(key);
    const inFlight = a.ask('getOrSet', key, {});
    await a.arrived(key);
    await b.ask('set', key, 'set', {});
    await a.open(key);
    expect(await inFlight).toBe('old');
    for (const app of [a, b, c]) expect(await app.ask('getOrSet', key, {})).toBe('set');
  });
});

describe('a copy in the memory of every process', () => {
  let cluster: TestCluster;
  let apps: AppProcess[];
  let next = 0;

  beforeAll(async () => {
    cluster = await TestCluster.open();
    apps = await cluster.startMany(3);
  }, 60_000);

  afterAll(async () => expect(await cluster.close()).toEqual([]), 30_000);

  async function copied(): Promise<string> {
    const id = `p${(next += 1)}`;
    cluster.source.write(`product ${id}`, 'old');
    for (const app of apps) expect(await app.call('product', id)).toBe('old');
    for (const app of apps) expect((await app.explain(`product:${id}`, { scope: 'shop' })).memory?.servable).toBe(true);
    cluster.source.write(`product ${id}`, 'new');
    return id;
  }

  it.each([
    ['a clear of the scope', (b: AppProcess) => b.act('shop', 'clear', { wait: 'cluster' })],
    ['a flush', (b: AppProcess) => b.invalidate([['flush']], { wait: 'cluster' })],
    ['a pattern', (b: AppProcess) => b.act('shop', 'revoke', 'product:*', { wait: 'cluster' })],
    ['a collection', (b: AppProcess) => b.invalidate([['collection', 'products']], { wait: 'cluster' })],
  ])('is gone everywhere when %s on another process was waited for', async (_, invalidate) => {
    const id = await copied();
    await invalidate(apps[1]!);
    for (const app of apps) expect(await app.call('product', id)).toBe('new');
  });

  it('is gone at once where it was invalidated, and elsewhere within L', async () => {
    const id = await copied();
    await apps[2]!.act('shop', 'delete', `product:${id}`);
    expect(await apps[2]!.call('product', id)).toBe('new');
    for (const app of apps) await app.until('it is gone', async () => (await app.call('product', id)) === 'new', 2000);
  });

  it('is deleted by a process that holds none', async () => {
    const id = `p${(next += 1)}`;
    cluster.source.write(`product ${id}`, 'old');
    const [a, b, c] = apps as [AppProcess, AppProcess, AppProcess];
    expect(await a.call('product', id)).toBe('old');
    cluster.source.write(`product ${id}`, 'new');
    expect((await b.explain(`product:${id}`, { scope: 'shop' })).memory).toBeNull();
    expect((await b.act('shop', 'delete', `product:${id}`, { wait: 'cluster' })).removed).toBe(1);
    expect((await b.act('shop', 'delete', `product:${id}`)).removed).toBe(0);
    for (const app of [a, b, c]) expect(await app.call('product', id)).toBe('new');
  });
});
