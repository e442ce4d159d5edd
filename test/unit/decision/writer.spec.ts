import { DecisionWriter } from '../../../libs/cache/src/core/decision/decision-writer.js';
import type { DecisionMark, DecisionWrite } from '../../../libs/cache/src/core/decision/decision-store.port.js';
import { ManualClock } from '../../../libs/cache/src/testing/manual-clock.js';
import { entryOf } from './decision-app.js';

const MARK: DecisionMark = { fence: 0n, version: 0n, storeTimeMs: 0 };

/** A store whose writes stand at a gate, or fail. */
class GatedStore {
  readonly batches: string[][] = [];
  away = false;
  private gate: Promise<void> = Promise.resolve();

  hold(): () => void {
    let letGo!: () => void;
    this.gate = new Promise((resolve) => (letGo = resolve));
    return letGo;
  }

  write = async (_namespace: string, writes: readonly DecisionWrite[]) => {
    this.batches.push(writes.map(({ entry }) => String(entry.decision)));
    await this.gate;
    if (this.away) throw new Error('away');
    return writes.map((_, n) => ({ version: BigInt(n + 1), remainingMs: 1 }));
  };
}

describe('writing decisions behind', () => {
  let clock: ManualClock;
  let store: GatedStore;
  let writer: DecisionWriter;
  beforeEach(() => {
    clock = new ManualClock();
    store = new GatedStore();
    writer = new DecisionWriter(store.write, 'app', clock, 3);
  });

  const write = (veriKey: string, decision = veriKey, mark: DecisionMark | null = MARK): DecisionWrite => ({
    entry: entryOf(veriKey, new Date(0), { decision }),
    mark,
  });
  const settled = async (promise: Promise<unknown>): Promise<boolean> => {
    let done = false;
    void promise.then(() => (done = true));
    for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    return done;
  };

  it('writes at once while idle, and gathers while a batch is under way', async () => {
    const letGo = store.hold();
    await Promise.all([writer.behind(write('a')), writer.behind(write('b'))]);
    await settled(writer.behind(write('c')));
    await writer.behind(write('d'));
    expect(store.batches).toEqual([['a', 'b']]);
    letGo();
    await writer.flush();
    expect(store.batches).toEqual([
      ['a', 'b'],
      ['c', 'd'],
    ]);
    expect(writer.pending).toBe(0);
  });

  it('lets the caller wait for its write when there is no more room', async () => {
    const letGo = store.hold();
    await writer.behind(write('under way'));
    await settled(Promise.resolve());
    for (const key of ['a', 'b', 'c']) await writer.behind(write(key));
    const fourth = writer.behind(write('d'));
    expect(await settled(fourth)).toBe(false);
    letGo();
    await fourth;
    expect(store.batches.flat()).toEqual(['under way', 'a', 'b', 'c', 'd']);
    expect(writer.dropped).toBe(0);
  });

  it('keeps the last of what waits for a key, and writes a key once in a batch', async () => {
    const letGo = store.hold();
    await writer.behind(write('under way'));
    await settled(Promise.resolve());
    await writer.behind(write('k', 'first'));
    await writer.behind(write('k', 'second'));
    const set = [writer.through(write('k', 'third', null)), writer.through(write('k', 'fourth', null))];
    letGo();
    await Promise.all(set);
    expect(store.batches).toEqual([['under way'], ['second'], ['third'], ['fourth']]);
  });

  it('tries again while the store is away, for what nobody waits for', async () => {
    store.away = true;
    await writer.behind(write('a'));
    expect(await writer.through(write('b', 'b', null))).toBeNull();
    await writer.flush();
    expect(writer.pending).toBe(1);
    store.away = false;
    await clock.advanceAsync(10_000);
    expect(writer.pending).toBe(0);
    expect(store.batches.at(-1)).toEqual(['a']);
    expect(clock.pendingTimers).toBe(0);
  });

  it('is bounded while the store is away, and nobody waits for it', async () => {
    store.away = true;
    for (const key of ['a', 'b', 'c', 'd', 'e']) {
      await writer.behind(write(key));
      await settled(Promise.resolve());
    }
    expect(writer.pending).toBe(3);
    expect(writer.dropped).toBe(2);
    await clock.advanceAsync(120_000);
    expect([writer.pending, writer.dropped]).toEqual([0, 5]);
    expect(clock.pendingTimers).toBe(0);
  });
});
