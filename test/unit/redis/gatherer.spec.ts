import { Gatherer } from '../../../libs/cache/src/adapters/redis/gatherer.js';

const LIMITS = { items: 4, weight: 10, inFlight: 1 };

function gather(limits = LIMITS, weigh: (item: number) => number = () => 0) {
  const sent: number[][] = [];
  const gates: { open: () => void; break: () => void }[] = [];
  const gatherer = new Gatherer<number, string>(
    (items) => {
      sent.push([...items]);
      return new Promise((resolve, reject) => {
        gates.push({ open: () => resolve(items.map((item) => `<${item}>`)), break: () => reject(new Error('broken')) });
      });
    },
    limits,
    weigh,
  );
  return { gatherer, sent, gates };
}
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('Gatherer', () => {
  it('sends a single item in the same turn', async () => {
    const { gatherer, sent, gates } = gather();
    const answer = gatherer.add(1);
    await Promise.resolve();
    expect(sent).toEqual([[1]]);
    gates[0]!.open();
    expect(await answer).toBe('<1>');
  });

  it('lets what comes while a batch is under way travel together, each with its own answer', async () => {
    const { gatherer, sent, gates } = gather();
    const first = gatherer.add(1);
    await turn();
    const others = [2, 3, 4].map((item) => gatherer.add(item));
    await turn();
    expect(sent).toEqual([[1]]);
    gates[0]!.open();
    await first;
    await turn();
    expect(sent).toEqual([[1], [2, 3, 4]]);
    gates[1]!.open();
    expect(await Promise.all(others)).toEqual(['<2>', '<3>', '<4>']);
  });

  it('spreads a crowd over the batches that may leave, so that one is answered while the next is on its way', async () => {
    const sizesOf = async (crowd: number) => {
      const { gatherer, sent } = gather({ items: 128, weight: 10, inFlight: 4 });
      for (let item = 1; item <= crowd; item += 1) void gatherer.add(item);
      await turn();
      return sent.map(({ length }) => length);
    };
    expect(await sizesOf(256)).toEqual([64, 64, 64, 64]);
    expect(await sizesOf(1000)).toEqual([128, 128, 128, 128]);
    expect(await sizesOf(16)).toEqual([8, 8]); // smaller ones do not pay
    expect(await sizesOf(5)).toEqual([5]);
  });

  it('keeps to the number and the weight of a batch, and lets the heaviest travel alone', async () => {
    const byCount = gather();
    for (let item = 1; item <= 6; item += 1) void byCount.gatherer.add(item);
    await turn();
    byCount.gates[0]!.open();
    await turn();
    expect(byCount.sent).toEqual([
      [1, 2, 3, 4],
      [5, 6],
    ]);
    const byWeight = gather(LIMITS, (item) => item);
    for (const item of [6, 4, 99, 1]) void byWeight.gatherer.add(item);
    for (const gate of [0, 1]) {
      await turn();
      byWeight.gates[gate]!.open();
    }
    await turn();
    expect(byWeight.sent).toEqual([[6, 4], [99], [1]]);
  });

  it('has no more batches under way than it may', async () => {
    const { gatherer, sent, gates } = gather({ items: 1, weight: 10, inFlight: 2 });
    for (let item = 1; item <= 4; item += 1) void gatherer.add(item);
    await turn();
    expect(sent).toEqual([[1], [2]]);
    gates[1]!.open();
    await turn();
    expect(sent).toEqual([[1], [2], [3]]);
  });

  it('fails all of a batch with it, and goes on', async () => {
    const { gatherer, gates } = gather();
    const [first, second] = [gatherer.add(1), gatherer.add(2)];
    await turn();
    const next = gatherer.add(3);
    gates[0]!.break();
    await expect(first).rejects.toThrow('broken');
    await expect(second).rejects.toThrow('broken');
    await turn();
    gates[1]!.open();
    expect(await next).toBe('<3>');
  });
});
