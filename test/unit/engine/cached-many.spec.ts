import { InvalidationIntent } from '../../../libs/cache/src/core/invalidation/intent.js';
import { CacheRig } from './cache-rig.js';
import { Gate, settled, handlingAll } from './gate.js';

interface Row {
  readonly id: number;
  readonly text?: string;
}

const rows = (ids: readonly unknown[]): Row[] => ids.map((id) => ({ id: id as number }));

/** A bulk action that writes down what its method is asked. */
async function asking() {
  const rig = await CacheRig.open();
  const asked: unknown[][] = [];
  const action = rig.many({ tagsOf: (_, id) => [`row:${id as number}`] });
  const load = async (ids: readonly unknown[]) => {
    asked.push([...ids]);
    return rows(ids);
  };
  return { rig, asked, action, call: (...ids: unknown[]) => action.call(ids, [], load) };
}

describe('CachedManyAction', () => {
  it('asks once, for the missing ids alone and each once', async () => {
    const { asked, call } = await asking();
    await call(1);
    expect(await call(3, 1, 2, 3)).toEqual(rows([3, 1, 2]));
    expect(asked).toEqual([[1], [3, 2]]);
  });

  it('keeps the other arguments apart', async () => {
    const { action, rig } = await asking();
    const inGerman = await action.call([1], ['de'], async () => [{ id: 1, text: 'eins' }]);
    const inEnglish = await action.call([1], ['en'], async () => [{ id: 1, text: 'one' }]);
    expect([inGerman, inEnglish]).toEqual([[{ id: 1, text: 'eins' }], [{ id: 1, text: 'one' }]]);
    expect(rig.trouble).toEqual([]);
  });

  it('drops one item by its tag and leaves the others', async () => {
    const { rig, asked, call } = await asking();
    await call(1, 2, 3);
    await rig.invalidate(InvalidationIntent.entity('row', 2));
    await call(1, 2, 3);
    expect(asked).toEqual([[1, 2, 3], [2]]);
  });

  it('lets overlapping calls share what they both miss, without waiting for each other', async () => {
    const { action } = await asking();
    const gates = [new Gate(), new Gate()];
    const asked: unknown[][] = [];
    const load = (gate: Gate) => async (ids: readonly unknown[]) => {
      asked.push([...ids]);
      await gate.passed;
      return rows(ids);
    };
    const first = action.call([1, 2], [], load(gates[0]!));
    const second = action.call([2, 3], [], load(gates[1]!));
    await settled();
    expect(asked).toEqual([[1, 2], [3]]);
    gates[1]!.open(null);
    gates[0]!.open(null);
    expect([await first, await second]).toEqual([rows([1, 2]), rows([2, 3])]);
  });

  it('does not lock up where calls want each other’s ids in turn', async () => {
    const { asked, call } = await asking();
    const ids = [1, 2, 3, 4, 5];
    const calls = ids.map((start) => call(...ids.slice(start - 1), ...ids.slice(0, start - 1)));
    for (const answer of await Promise.all(calls)) expect(answer).toHaveLength(5);
    expect(new Set(asked.flat())).toEqual(new Set(ids));
    expect(asked.flat()).toHaveLength(5);
  });

  it('does not wait for ever when the call it waits for fails', async () => {
    const { action, call } = await asking();
    const gate = new Gate();
    await handlingAll(async () => {
      const failing = action.call([1, 2], [], () => gate.passed as Promise<readonly unknown[]>);
      const waiting = call(2, 3);
      gate.break(new Error('database down'));
      await expect(failing).rejects.toThrow('database down');
      await expect(waiting).rejects.toThrow('database down'); // it shared the load of 2
      expect(await call(1, 2, 3)).toEqual(rows([1, 2, 3]));
    });
  });

  it('goes on by itself when the call it waits for never ends', async () => {
    const { rig, action, call } = await asking();
    void action.call([1], [], () => new Promise(() => undefined));
    const waiting = call(1, 2);
    await rig.clock.advanceAsync(10_000);
    expect(await waiting).toEqual(rows([1, 2]));
  });

  it('may call itself for other ids while it loads', async () => {
    const { rig, action } = await asking();
    const load = async (ids: readonly unknown[]): Promise<Row[]> => {
      const parents = ids.map((id) => (id as number) - 1).filter((id) => id > 0);
      if (parents.length > 0) await action.call(parents, [], load);
      return rows(ids);
    };
    expect(await action.call([5], [], load)).toEqual(rows([5]));
    expect(rig.engine.loadsUnderWay).toBe(0);
    expect(await action.call([1, 2, 3, 4, 5], [], async () => [])).toEqual(rows([1, 2, 3, 4, 5]));
  });

  it('runs uncached, with a trouble report, where an id makes no key', async () => {
    const { rig, asked, call } = await asking();
    const odd = () => 'function';
    await call(1, odd);
    await call(1, odd);
    expect(asked).toEqual([
      [1, odd],
      [1, odd],
    ]);
    expect(rig.trouble.map(({ operation }) => operation)).toEqual(['key', 'key']);
  });

  it('takes objects as ids', async () => {
    const { action } = await asking();
    const load = async () => [{ id: { a: 1, b: 2 } }];
    expect(await action.call([{ b: 2, a: 1 }], [], load)).toEqual([{ id: { a: 1, b: 2 } }]);
    expect(await action.call([{ a: 1, b: 2 }], [], async () => [])).toEqual([{ id: { a: 1, b: 2 } }]);
  });

  it('keeps items as safe from their receivers as single values', async () => {
    const { rig } = await asking();
    const action = rig.many();
    const [first] = (await action.call([1], [], async () => [{ id: 1, text: 'x' }])) as { text: string }[];
    first!.text = 'changed';
    const [second] = (await action.call([1], [], async () => [])) as { text: string }[];
    expect(second!.text).toBe('x');
    expect(Object.isFrozen(second)).toBe(true);
  });
});
