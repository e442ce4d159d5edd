import { InMemoryHistoryAnchor } from '../../../libs/cache/src/adapters/memory/in-memory-history-anchor.js';
import { ANCHOR_BOUND_MS, AnchorWatch } from '../../../libs/cache/src/core/coherence/anchor-watch.js';
import type { AnchoredHistory } from '../../../libs/cache/src/core/coherence/history-anchor.port.js';
import { instant } from '../../../libs/cache/src/core/coherence/lease.js';
import { ManualClock } from '../../../libs/cache/src/testing/manual-clock.js';

const LEASE_MS = 2000;
const era = (epoch: number, nonce = epoch): string =>
  epoch.toString(16).padStart(8, '0') + nonce.toString(16).padStart(16, '0');

/** An anchor that may be away (`fails`), or silent, and whose answers may be held back. */
class FaultyAnchor extends InMemoryHistoryAnchor {
  mode: 'sound' | 'fails' | 'silent' = 'sound';
  gate: Promise<void> | null = null;
  reads = 0;

  override async read(namespace: string): Promise<AnchoredHistory | null> {
    this.reads += 1;
    const found = await super.read(namespace);
    await this.gate;
    if (this.mode === 'fails') throw new Error('connection refused');
    return this.mode === 'silent' ? new Promise(() => undefined) : found;
  }
}

function instances(count: number) {
  const clock = new ManualClock();
  const anchor = new FaultyAnchor();
  const watches = Array.from({ length: count }, () => {
    const told: number[] = [];
    const watch = new AnchorWatch(anchor, 'shop', clock, LEASE_MS);
    watch.start(() => told.push(clock.monotonic()));
    return { watch, told };
  });
  return { clock, anchor, watches, trusted: (watch: AnchorWatch) => watch.trusted(clock.monotonic()) };
}

describe('AnchorWatch', () => {
  it('trusts nothing before a history is settled, and settles one that is born', async () => {
    const { anchor, watches, trusted } = instances(1);
    const { watch } = watches[0]!;
    expect(trusted(watch)).toBe(false);
    expect(await watch.settle(era(1))).toBe(true);
    expect((await anchor.read('shop'))?.era).toBe(era(1));
    expect(trusted(watch)).toBe(true);
  });

  it('settles a later history in place of an earlier one, never the other way round, and of one epoch only the first', async () => {
    const { anchor, watches } = instances(2);
    const [a, b] = watches.map(({ watch }) => watch);
    await a!.settle(era(1));
    expect(await b!.settle(era(2))).toBe(true);
    expect(await a!.settle(era(1))).toBe(false);
    expect(await a!.settle(era(2, 99))).toBe(false);
    expect(await a!.settle(era(2))).toBe(true);
    expect((await anchor.read('shop'))?.era).toBe(era(2));
  });

  it('stops trusting within the bound once another history counts, and says so once', async () => {
    const { clock, watches, trusted } = instances(2);
    const [a, b] = watches;
    await a!.watch.settle(era(1));
    await clock.advanceAsync(10_000);
    expect(trusted(a!.watch)).toBe(true);
    await b!.watch.settle(era(2));
    const raisedAt = clock.monotonic();
    for (let ms = 0; ms < ANCHOR_BOUND_MS && trusted(a!.watch); ms += 10) await clock.advanceAsync(10);
    expect(trusted(a!.watch)).toBe(false);
    expect(clock.monotonic() - raisedAt).toBeLessThanOrEqual(ANCHOR_BOUND_MS);
    await clock.advanceAsync(5000);
    expect(a!.told).toHaveLength(1);
    expect(b!.told).toEqual([]);
  });

  it('counts the bound from the moment it asked, however late the answer comes', async () => {
    const { clock, anchor, watches, trusted } = instances(1);
    const { watch } = watches[0]!;
    await watch.settle(era(1));
    let answer!: () => void;
    anchor.gate = new Promise((resolve) => {
      answer = resolve;
    });
    await clock.advanceAsync(500); // a look begins
    await clock.advanceAsync(600);
    expect(trusted(watch)).toBe(false);
    answer();
    await clock.advanceAsync(0);
    expect(trusted(watch)).toBe(true);
    anchor.mode = 'fails';
    await clock.advanceAsync(399);
    expect(trusted(watch)).toBe(true);
    await clock.advanceAsync(1);
    expect(trusted(watch)).toBe(false);
  });

  it.each(['fails', 'silent'] as const)(
    'goes on by the word of the server while the anchor %s, as long as it has all its replicas',
    async (mode) => {
      const { clock, anchor, watches, trusted } = instances(1);
      const { watch } = watches[0]!;
      await watch.settle(era(1));
      anchor.mode = mode;
      for (let beat = 0; beat < 100; beat += 1) {
        watch.heard(instant(clock), true);
        await clock.advanceAsync(LEASE_MS / 5);
        expect(trusted(watch)).toBe(true);
      }
      await watch.vouch(era(1));
      expect(watch.warnings).toHaveLength(1);
      watch.heard(instant(clock), false);
      expect(trusted(watch)).toBe(false);
      await expect(watch.vouch(era(1))).rejects.toThrow('ANCHOR_UNREADABLE');
      anchor.mode = 'sound';
      await clock.advanceAsync(2 * ANCHOR_BOUND_MS);
      expect(trusted(watch)).toBe(true);
      expect(watch.warnings).toEqual([]);
      await watch.vouch(era(1));
    },
  );

  it('takes the word of the server neither for a history that was never anchored nor on another connection', async () => {
    const { clock, anchor, watches, trusted } = instances(1);
    const { watch } = watches[0]!;
    anchor.mode = 'fails';
    await expect(watch.settle(era(1))).rejects.toThrow('ANCHOR_UNREADABLE');
    watch.heard(instant(clock), true);
    expect(trusted(watch)).toBe(false);
    anchor.mode = 'sound';
    await watch.settle(era(1));
    watch.heard(instant(clock), true);
    anchor.mode = 'fails';
    await clock.advanceAsync(ANCHOR_BOUND_MS);
    expect(trusted(watch)).toBe(true);
    expect(await watch.settle(era(1))).toBe(true); // connected anew: it was anchored, and its server has not spoken yet
    expect(trusted(watch)).toBe(false);
    watch.heard(instant(clock), true);
    expect(trusted(watch)).toBe(true);
    await expect(watch.settle(era(2))).rejects.toThrow('ANCHOR_UNREADABLE');
  });

  it('vouches by a look that begins after it was asked', async () => {
    const { anchor, watches } = instances(2);
    const [a, b] = watches.map(({ watch }) => watch);
    await a!.settle(era(1));
    let answer!: () => void;
    anchor.gate = new Promise((resolve) => {
      answer = resolve;
    });
    const early = a!.latest(); // sees the first history, and its answer is on the way
    anchor.gate = null;
    await b!.settle(era(2));
    const vouched = a!.vouch(era(1));
    answer();
    await expect(vouched).rejects.toThrow('EPOCH');
    await early;
  });

  it('shares one look among all who ask for one meanwhile', async () => {
    const { anchor, watches } = instances(1);
    const { watch } = watches[0]!;
    await watch.settle(era(1));
    anchor.reads = 0;
    await Promise.all(Array.from({ length: 1000 }, () => watch.vouch(era(1))));
    expect(anchor.reads).toBeLessThanOrEqual(2);
  });

  it('raises the anchor again that has lost what it held', async () => {
    const { clock, anchor, watches, trusted } = instances(1);
    const { watch, told } = watches[0]!;
    await watch.settle(era(2));
    Object.assign(anchor, { histories: new Map([['shop', { era: era(1), confirmations: 5 }]]) });
    await clock.advanceAsync(1000);
    expect((await anchor.read('shop'))?.era).toBe(era(2));
    expect(trusted(watch)).toBe(true);
    expect(told).toEqual([]);
  });

  describe('knows that nobody follows what stands', () => {
    it('when nothing has confirmed it for half a minute', async () => {
      const { clock, watches } = instances(2);
      const [a, b] = watches.map(({ watch }) => watch);
      await a!.settle(era(1));
      await clock.advanceAsync(120_000);
      expect(b!.deserted).toBe(false);
      a!.detach(); // its server is gone; it only looks on
      await clock.advanceAsync(25_000);
      expect(b!.deserted).toBe(false);
      await clock.advanceAsync(10_000);
      expect(b!.deserted).toBe(true);
      expect(a!.deserted).toBe(true);
    });

    it('and not because the anchor was away: its followers could not tell', async () => {
      const { clock, anchor, watches } = instances(2);
      const [a, b] = watches.map(({ watch }) => watch);
      await a!.settle(era(1));
      anchor.mode = 'fails';
      await clock.advanceAsync(120_000);
      expect(b!.deserted).toBe(false);
      anchor.mode = 'sound';
      await clock.advanceAsync(120_000);
      expect(b!.deserted).toBe(false);
    });
  });

  it('asks no more once it is closed', async () => {
    const { clock, anchor, watches } = instances(1);
    await watches[0]!.watch.settle(era(1));
    watches[0]!.watch.close();
    await clock.advanceAsync(0);
    anchor.reads = 0;
    await clock.advanceAsync(10_000);
    expect(anchor.reads).toBe(0);
    expect(clock.pendingTimers).toBe(0);
  });
});
