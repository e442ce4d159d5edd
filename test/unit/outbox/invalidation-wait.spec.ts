import { InMemoryOutboxStore } from '../../../libs/cache/src/adapters/memory/in-memory-outbox-store.js';
import { InvalidationIntentBatch } from '../../../libs/cache/src/core/invalidation/intent-batch.js';
import { InvalidationReceipt } from '../../../libs/cache/src/core/outbox/invalidation-receipt.js';
import { InvalidationWait } from '../../../libs/cache/src/core/outbox/invalidation-wait.js';
import type { InvalidationWaitOutcome } from '../../../libs/cache/src/core/outbox/wait-outcome.js';
import { ManualClock } from '../../../libs/cache/src/testing/manual-clock.js';

describe('InvalidationWait', () => {
  let clock: ManualClock;
  let store: InMemoryOutboxStore;
  let looks: number;

  beforeEach(() => {
    clock = new ManualClock();
    store = new InMemoryOutboxStore(clock);
    looks = 0;
    for (const name of ['status', 'statusForCommit'] as const) {
      const original = store[name].bind(store) as (...args: string[]) => Promise<never>;
      store[name] = ((...args: string[]) => ((looks += 1), original(...args))) as never;
    }
  });
  afterEach(() => expect(clock.pendingTimers).toBe(0));

  const write = async (position: string, ...tags: string[]): Promise<InvalidationReceipt> => {
    const batch = tags.reduce((all, tag) => all.invalidateTag(tag), new InvalidationIntentBatch());
    return new InvalidationReceipt('db', position, { rows: await store.enqueue('db', position, batch) });
  };
  const publish = async (position: string): Promise<unknown> =>
    store.markPublished(
      store.rows().filter((row) => row.commitPosition.asStr() === position),
      'log:5',
    );
  const kill = async (position: string): Promise<unknown> =>
    Promise.all(
      store
        .rows()
        .filter((row) => row.commitPosition.asStr() === position)
        .map((row) => store.markFailed(row.id, 'boom', 0, true)),
    );

  it('receipts carry namespace, position and time', () => {
    const receipt = new InvalidationReceipt('db', 'c:1');
    expect([receipt.namespace, receipt.commitPosition.asStr(), receipt.rows]).toEqual(['db', 'c:1', null]);
    expect(Math.abs(receipt.createdAtMs - Date.now())).toBeLessThan(60_000);
  });

  it('noWait is satisfied at once and does not look', async () => {
    const wait = InvalidationWait.noWait({ clock });
    const outcome = await wait.wait(store, await write('c:1', 'users'));
    const satisfied = { satisfied: true, degraded: false, timedOut: false, pending: 0, elapsedMs: 0 };
    expect(outcome).toEqual({ mode: 'noWait', ...satisfied });
    expect(looks).toBe(0);
    expect(wait.diagnostics()).toEqual({ waits: 1, satisfied: 1, timedOut: 0, degraded: 0 });
  });

  describe.each([
    ['local', (ms: number) => InvalidationWait.local(ms, { clock })],
    ['bestEffort', (ms: number) => InvalidationWait.bestEffort(ms, { clock })],
  ] as const)('%s', (mode, create) => {
    const run = async (
      wait: InvalidationWait,
      receipt: InvalidationReceipt,
      ms: number,
    ): Promise<InvalidationWaitOutcome> => {
      const outcome = wait.wait(store, receipt);
      await clock.advanceAsync(0);
      for (let passed = 0; passed <= ms; passed += 5) await clock.advanceAsync(5);
      return outcome;
    };

    it('is satisfied when the rows of the commit are published', async () => {
      const receipt = await write('c:1', 'a', 'b');
      await write('c:2', 'unrelated');
      clock.schedule(35, () => void publish('c:1'));
      const wait = create(1_000);
      expect(await run(wait, receipt, 60)).toEqual({
        mode,
        satisfied: true,
        degraded: false,
        timedOut: false,
        pending: 0,
        elapsedMs: 40,
      });
      expect(wait.diagnostics()).toEqual({ waits: 1, satisfied: 1, timedOut: 0, degraded: 0 });
    });

    it('returns a timeout as an outcome, at the time asked for', async () => {
      const wait = create(25);
      expect(await run(wait, await write('c:1', 'a', 'b'), 40)).toEqual({
        mode,
        satisfied: false,
        degraded: true,
        timedOut: true,
        pending: 2,
        elapsedMs: 25,
      });
      expect(looks).toBe(4);
      expect(wait.diagnostics()).toEqual({ waits: 1, satisfied: 0, timedOut: 1, degraded: 1 });
    });

    it('with a timeout of 0 looks once', async () => {
      const receipt = await write('c:1', 'a');
      expect(await create(0).wait(store, receipt)).toMatchObject({ satisfied: false, timedOut: true, pending: 1 });
      await publish('c:1');
      expect(await create(0).wait(store, receipt)).toMatchObject({ satisfied: true, timedOut: false });
    });

    it('never calls a dead letter of its own commit satisfied', async () => {
      const receipt = await write('c:1', 'a');
      await kill('c:1');
      const outcome = { satisfied: false, degraded: true, timedOut: false };
      expect(await create(1_000).wait(store, receipt)).toMatchObject(outcome);
      expect(await create(1_000).scope('namespace').wait(store, receipt)).toMatchObject(outcome);
    });

    it('does not mind the dead letters of others', async () => {
      const receipt = await write('c:1', 'a');
      await write('c:2', 'b');
      await publish('c:1');
      await kill('c:2');
      expect(await create(0).wait(store, receipt)).toMatchObject({ satisfied: true });
      expect(await create(0).scope('namespace').wait(store, receipt)).toMatchObject({ satisfied: true });
    });

    it('in the scope of the namespace waits for everything pending', async () => {
      const receipt = await write('c:1', 'a');
      await write('c:2', 'b');
      await publish('c:1');
      const wait = create(0).scope('namespace');
      expect(await wait.wait(store, receipt)).toMatchObject({ satisfied: false, pending: 1 });
    });

    it('takes fewer rows than were recorded for not committed', async () => {
      const receipt = new InvalidationReceipt('db', 'c:rolled-back', { rows: 2 });
      expect(await create(0).wait(store, receipt)).toMatchObject({ satisfied: false, timedOut: true, pending: 0 });
      expect(await create(0).wait(store, new InvalidationReceipt('db', 'c:unknown'))).toMatchObject({
        satisfied: true,
      });
    });

    it('looks as often as told', async () => {
      const receipt = await write('c:1', 'a');
      await run(create(100).pollInterval(50), receipt, 120);
      expect(looks).toBe(3);
    });
  });

  it('cluster waits for every instance after the rows', async () => {
    const receipt = await write('c:1', 'a');
    await publish('c:1');
    const asked: unknown[] = [];
    const wait = (answer: boolean): InvalidationWait =>
      InvalidationWait.cluster(100, async (...args) => (asked.push(args), answer), { clock });
    expect(await wait(true).wait(store, receipt)).toMatchObject({ mode: 'cluster', satisfied: true });
    expect(await wait(false).wait(store, receipt)).toMatchObject({ satisfied: false, degraded: true, timedOut: true });
    expect(asked).toEqual([
      ['log:5', 100],
      ['log:5', 100],
    ]);
  });

  it('passes a store error on and does not count it', async () => {
    const wait = InvalidationWait.local(100, { clock });
    const receipt = await write('c:1', 'a');
    store.statusForCommit = () => Promise.reject(new Error('database away'));
    await expect(wait.wait(store, receipt)).rejects.toThrow('database away');
    expect(wait.diagnostics()).toEqual({ waits: 0, satisfied: 0, timedOut: 0, degraded: 0 });
  });
});
