import type { AppProcess } from './app-process.js';
import { TestCluster } from './cluster.js';

type Intent = [kind: string, ...args: unknown[]];
const ways: [string, (id: string) => Intent][] = [
  ['key', (id) => ['key', `shop:product:${id}`]],
  ['tag', (id) => ['tag', `tag:${id}`]],
  ['entity', (id) => ['entity', 'product', id]],
  ['pattern', (id) => ['pattern', `*:${id}`, 'shop']],
  ['flush', () => ['flush']],
];

// As the race cases of the main backend: a load reads, the source changes, another process invalidates, the load comes home.
describe.each([
  // Its shared tier fences the load at once; memory alone does when it has heard, which a strict invalidation waits for.
  { backend: 'side', wait: 'applied' },
  { backend: 'memory', wait: 'cluster' },
] as const)('a load in flight in the backend $backend, while another process invalidates', ({ backend, wait }) => {
  let cluster: TestCluster;
  let a: AppProcess;
  let b: AppProcess;
  let next = 0;

  beforeAll(async () => {
    cluster = await TestCluster.open();
    [a, b] = (await cluster.startMany(2, { backend })) as [AppProcess, AppProcess];
    for (const app of [a, b])
      await app.until('all backends to be attached', async () => (await app.health()).status === 'up');
  }, 60_000);

  afterAll(async () => expect(await cluster.close()).toEqual([]), 30_000);

  it.each(ways)('never brings the old value back: %s', async (_, intent) => {
    const id = `p${(next += 1)}`;
    const key = `product ${id}`;
    cluster.source.write(key, 'old');
    await a.close(key);
    const inFlight = a.call('product', id);
    await a.arrived(key);
    cluster.source.write(key, 'new');
    await b.invalidate([intent(id)], { wait });
    await a.open(key);
    expect(await inFlight).toBe('old'); // it began before the write; its own caller may see that
    for (const app of [a, b, a]) expect(await app.call('product', id)).toBe('new');
  });

  it.each(ways)('is gone from the memory of all within L: %s', async (_, intent) => {
    const id = `p${(next += 1)}`;
    cluster.source.write(`product ${id}`, 'old');
    for (const app of [a, b]) expect(await app.call('product', id)).toBe('old');
    cluster.source.write(`product ${id}`, 'new');
    await b.invalidate([intent(id)], { wait: 'cluster' });
    for (const app of [a, b]) expect(await app.call('product', id)).toBe('new');
  });

  it('asks the source once for all instances where values are shared, and once for each where they are not', async () => {
    const id = `p${(next += 1)}`;
    cluster.source.write(`product ${id}`, 'x');
    for (const app of [a, b, a, b]) expect(await app.call('product', id)).toBe('x');
    const loads = await Promise.all([a, b].map((app) => app.loads(`product ${id}`)));
    expect(loads).toEqual(backend === 'side' ? [1, 0] : [1, 1]);
  });
});
