import { InMemoryOutboxStore } from '../../../libs/cache/src/adapters/memory/in-memory-outbox-store.js';
import { Emitter } from '../../../libs/cache/src/core/events/emitter.js';
import { InvalidationIntentBatch } from '../../../libs/cache/src/core/invalidation/intent-batch.js';
import { CommitPosition } from '../../../libs/cache/src/core/outbox/commit-position.js';
import { UnreadableIntent } from '../../../libs/cache/src/core/outbox/outbox-intent.js';
import type { InvalidationApplier } from '../../../libs/cache/src/core/outbox/invalidation-applier.js';
import type { OutboxEvents } from '../../../libs/cache/src/core/outbox/outbox.events.js';
import type { OutboxRow } from '../../../libs/cache/src/core/outbox/outbox-row.js';
import type { OutboxWorkerOptions } from '../../../libs/cache/src/core/outbox/outbox-worker.options.js';
import { OutboxWorker } from '../../../libs/cache/src/core/outbox/outbox-worker.js';
import { ManualClock } from '../../../libs/cache/src/testing/manual-clock.js';

const connectionRefused = (): Error => Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });

class Applier {
  readonly applied: string[] = [];
  /** What applying a tag does, by its text; anything else succeeds. */
  readonly answers = new Map<string, () => string | Promise<string | void>>();
  up = true;

  available = (): boolean => this.up;

  async applyInvalidation(intent: OutboxRow['intent']): Promise<string | void> {
    const tag = intent.value!;
    const answer = await this.answers.get(tag)?.();
    this.applied.push(tag);
    return answer;
  }
}

describe('OutboxWorker', () => {
  let clock: ManualClock;
  let store: InMemoryOutboxStore;
  let applier: Applier;
  let events: Emitter<OutboxEvents>;

  beforeEach(() => {
    clock = new ManualClock();
    store = new InMemoryOutboxStore(clock);
    applier = new Applier();
    events = new Emitter();
  });
  afterEach(() => expect(clock.pendingTimers).toBe(0));

  const worker = (options: OutboxWorkerOptions = {}, by = applier): OutboxWorker =>
    new OutboxWorker(store, by, 'db', { clock, events, random: () => 0.5, ...options });
  const enqueue = (position: string, ...tags: string[]): Promise<number> =>
    store.enqueue(
      'db',
      position,
      tags.reduce((batch, tag) => batch.invalidateTag(tag), new InvalidationIntentBatch()),
    );
  const states = (): Record<string, string> =>
    Object.fromEntries(store.rows().map((row) => [row.intent.value, row.state]));
  const fails = (tag: string, error = new Error('boom')): unknown =>
    applier.answers.set(tag, () => Promise.reject(error));

  it('claims, applies, then marks, and counts', async () => {
    await enqueue('c:1', 'a', 'b');
    let stateWhileApplying = '';
    applier.answers.set('a', () => {
      stateWhileApplying = states().a!;
      return 'log:1';
    });
    const subject = worker();
    expect(await subject.runOnce()).toEqual({ claimed: 2, published: 2, retried: 0, deadLettered: 0 });
    expect(await subject.runOnce()).toEqual({ claimed: 0, published: 0, retried: 0, deadLettered: 0 });
    expect(stateWhileApplying).toBe('pending');
    expect(applier.applied.sort()).toEqual(['a', 'b']);
    expect(subject.diagnostics()).toEqual({ iterations: 2, claimed: 2, published: 2, retried: 0, deadLettered: 0 });
    expect((await store.statusForCommit('db', 'c:1')).appliedPosition).toBe('log:1');
  });

  it('tries a failed row again after a constant backoff and declares it dead at the fifth failure', async () => {
    await enqueue('c:1', 'bad', 'good');
    fails('bad');
    const subject = worker();
    const reports = [];
    for (let attempt = 1; attempt <= 5; attempt += 1) {
      reports.push(await subject.runOnce());
      expect(await subject.runOnce()).toMatchObject({ claimed: 0 });
      clock.advance(999);
      expect(await subject.runOnce()).toMatchObject({ claimed: 0 });
      clock.advance(1);
    }
    expect(reports.map(({ retried, deadLettered }) => [retried, deadLettered])).toEqual([
      ...Array(4).fill([1, 0]),
      [0, 1],
    ]);
    expect(states()).toEqual({ bad: 'dead', good: 'published' });
    expect(store.rows().find((row) => row.state === 'dead')).toMatchObject({ attempts: 5, lastError: 'boom' });
    expect(await subject.resetDeadLetters()).toBe(1);
    applier.answers.clear();
    await subject.runOnce();
    expect(states()).toEqual({ bad: 'published', good: 'published' });
  });

  it('applies equal targets of one batch once and marks them all', async () => {
    await enqueue('c:1', 'users');
    await enqueue('c:2', 'users');
    expect(await worker().runOnce()).toMatchObject({ claimed: 2, published: 2 });
    expect(applier.applied).toEqual(['users']);
  });

  describe('when infrastructure fails', () => {
    it('gives the claims back uncounted', async () => {
      await enqueue('c:1', 'a', 'b', 'c');
      for (const tag of ['a', 'b', 'c']) fails(tag, new Error('append failed', { cause: connectionRefused() }));
      const subject = worker();
      for (let i = 0; i < 10; i += 1) {
        expect(await subject.runOnce()).toMatchObject({ published: 0, retried: 0, deadLettered: 0 });
        clock.advance(1_000);
      }
      expect(await store.status('db')).toMatchObject({ pending: 3, failedAttempts: 0 });
      applier.answers.clear();
      expect(await subject.runOnce()).toMatchObject({ claimed: 3, published: 3 });
    });

    it('lets others pass a row that always looks like an outage', async () => {
      for (const [i, tag] of ['poison', 'a', 'b'].entries()) {
        await enqueue(`c:${i}`, tag);
        clock.advance(1);
      }
      fails('poison', connectionRefused());
      const subject = worker();
      await subject.runOnce();
      await subject.runOnce();
      expect(states()).toEqual({ poison: 'pending', a: 'published', b: 'published' });
    });

    it('lets newer rows pass a batch that met an outage', async () => {
      const by = Object.assign(new Applier(), { applyBatch: () => Promise.reject(connectionRefused()) });
      await enqueue('c:1', 'a', 'b');
      clock.advance(1);
      await enqueue('c:2', 'c');
      const subject = worker({ batchSize: 2 }, by);
      await subject.runOnce();
      await subject.runOnce();
      expect(states()).toEqual({ a: 'pending', b: 'pending', c: 'published' });
    });

    it('does not claim while the applier says that it is away', async () => {
      await enqueue('c:1', 'a');
      applier.up = false;
      expect(await worker().runOnce()).toMatchObject({ claimed: 0 });
      expect(store.rows()[0]!.claimSeq).toBe(0);
    });
  });

  it('kills an unreadable row at once, and the others go on', async () => {
    await enqueue('c:1', 'good');
    const unreadable = new UnreadableIntent('missing cache_key', 'ff'.repeat(32));
    await store.enqueue('db', 'c:1', { reason: '', intents: [unreadable] });
    expect(await worker().runOnce()).toEqual({ claimed: 2, published: 1, retried: 0, deadLettered: 1 });
    expect(store.rows().find((row) => row.state === 'dead')!.lastError).toContain('missing cache_key');
  });

  it('makes a death harmless before it happens, else the row lives on', async () => {
    await enqueue('c:1', 'bad');
    fails('bad');
    const stateAtDeath: string[] = [];
    let floorRaised = false;
    const onDead = (row: OutboxRow): void => {
      stateAtDeath.push(store.row(row.id)!.state);
      if (!floorRaised) throw new Error('the log is away');
    };
    const subject = worker({ maxAttempts: 1, onDead });
    expect(await subject.runOnce()).toMatchObject({ retried: 1, deadLettered: 0 });
    floorRaised = true;
    clock.advance(1_000);
    expect(await subject.runOnce()).toMatchObject({ retried: 0, deadLettered: 1 });
    expect(stateAtDeath).toEqual(['pending', 'pending']);
  });

  it('uses the batch operation, and single ones where it fails', async () => {
    await enqueue('c:1', 'a', 'b', 'bad');
    fails('bad');
    const batches: number[] = [];
    const batching = Object.assign(applier, {
      applyBatch: async (rows: readonly OutboxRow[]) => {
        batches.push(rows.length);
        if (rows.some((row) => row.intent.value === 'bad')) throw new Error('boom');
        return 'log:1';
      },
    });
    const subject = worker({}, batching);
    expect(await subject.runOnce()).toMatchObject({ published: 2, retried: 1 });
    await enqueue('c:2', 'c', 'd');
    expect(await subject.runOnce()).toMatchObject({ published: 2 });
    expect(batches).toEqual([3, 2]);
    expect(applier.applied.sort()).toEqual(['a', 'b']);
  });

  it('counts only completed iterations', async () => {
    await enqueue('c:1', 'a');
    const subject = worker();
    const markPublished = store.markPublished.bind(store);
    store.markPublished = () => Promise.reject(new Error('database away'));
    await expect(subject.runOnce()).rejects.toThrow('database away');
    expect(subject.diagnostics()).toEqual({ iterations: 0, claimed: 0, published: 0, retried: 0, deadLettered: 0 });
    store.markPublished = markPublished;
    clock.advance(30_000);
    expect(await subject.runOnce()).toMatchObject({ published: 1 });
    expect(applier.applied).toEqual(['a', 'a']);
  });

  it('renews the claims of a slow batch, and its marks are void if it lost them all the same', async () => {
    await enqueue('c:1', 'slow');
    let finish = (): void => {};
    applier.answers.set('slow', () => new Promise<void>((resolve) => (finish = resolve)));
    const subject = worker();
    const running = subject.runOnce();
    await clock.advanceAsync(29_000);
    await clock.advanceAsync(29_000);
    expect(await store.claim('db', 'thief', 10, 30_000)).toEqual([]);
    expect(await store.claim('db', 'thief', 10, 0)).toHaveLength(1);
    finish();
    expect(await running).toMatchObject({ claimed: 1, published: 0 });
    expect(states()).toEqual({ slow: 'pending' });
  });

  it('announces what happens', async () => {
    await enqueue('c:1', 'good', 'bad');
    fails('bad');
    const seen: string[] = [];
    for (const name of ['drained', 'published', 'retried', 'dead'] as const) events.on(name, () => seen.push(name));
    const subject = worker({ maxAttempts: 2 });
    await subject.runOnce();
    clock.advance(1_000);
    await subject.runOnce();
    expect(seen).toEqual(['published', 'retried', 'drained', 'dead', 'drained']);
  });

  describe('in the background', () => {
    it('publishes a commit as soon as the store hints at it, and polls for the others', async () => {
      const subject = worker();
      subject.start();
      await clock.advanceAsync(0);
      await enqueue('c:1', 'hinted');
      await clock.advanceAsync(0);
      expect(states()).toEqual({ hinted: 'published' });
      store.onHint = () => () => undefined;
      await subject.stop();
      subject.start();
      await clock.advanceAsync(0);
      await enqueue('c:2', 'polled');
      expect(states()).toMatchObject({ polled: 'pending' });
      await clock.advanceAsync(250);
      expect(states()).toMatchObject({ polled: 'published' });
      await subject.stop();
    });

    it('drains a backlog without a pause', async () => {
      await enqueue('c:1', ...Array.from({ length: 25 }, (_, i) => `t${i}`));
      const subject = worker({ batchSize: 10 });
      subject.start();
      await clock.advanceAsync(0);
      expect(await store.status('db')).toMatchObject({ pending: 0 });
      await subject.stop();
    });

    it('pauses longer and longer while the store is away, and recovers', async () => {
      const pauses: number[] = [];
      events.on('failed', ({ pauseMs }) => pauses.push(pauseMs));
      const claim = store.claim.bind(store);
      let calls = 0;
      store.claim = () => Promise.reject(new Error(`away ${(calls += 1)}`));
      const subject = worker();
      subject.start();
      await clock.advanceAsync(0);
      await clock.advanceAsync(30_000);
      expect(calls).toBeLessThan(12);
      expect(pauses.slice(0, 5)).toEqual([500, 1000, 2000, 4000, 5000]);
      store.claim = claim;
      await enqueue('c:1', 'a');
      await clock.advanceAsync(5_000);
      expect(states()).toEqual({ a: 'published' });
      await subject.stop();
    });

    it('varies its pause by a fifth', async () => {
      const pauseOf = async (random: number): Promise<number> => {
        let turns = 0;
        store.claim = async () => ((turns += 1), []);
        const subject = worker({ random: () => random });
        subject.start();
        await clock.advanceAsync(0);
        for (let ms = 0; ; ms += 1) {
          if (turns > 1) {
            await subject.stop();
            return ms;
          }
          await clock.advanceAsync(1);
        }
      };
      expect(await pauseOf(0)).toBe(200);
      expect(await pauseOf(0.999)).toBe(300);
    });

    it('finishes the batch in hand when stopped', async () => {
      await enqueue('c:1', 'a', 'b');
      const order = store.rows().sort((x, y) => (x.id < y.id ? -1 : 1));
      let finish = (): void => {};
      applier.answers.set(order[0]!.intent.value!, () => new Promise<void>((resolve) => (finish = resolve)));
      const subject = worker();
      subject.start();
      await clock.advanceAsync(0);
      const stopped = subject.stop();
      finish();
      await clock.advanceAsync(0);
      await stopped;
      clock.advance(5_000);
      expect(states()).toEqual({ [order[0]!.intent.value!]: 'published', [order[1]!.intent.value!]: 'pending' });
      expect(store.row(order[1]!.id)!.claimedAtMs).toBeNull();
    });

    it('gives the claims back when a batch does not come to its end in time', async () => {
      await enqueue('c:1', 'hung');
      let finish = (): void => {};
      applier.answers.set('hung', () => new Promise<void>((resolve) => (finish = resolve)));
      const subject = worker();
      subject.start();
      await clock.advanceAsync(0);
      const stopped = subject.stop();
      await clock.advanceAsync(5_000);
      await stopped;
      expect(store.rows()[0]!.claimedAtMs).toBeNull();
      finish();
      await clock.advanceAsync(0);
      expect(states()).toEqual({ hung: 'published' });
    });

    it('prunes what has been published for longer than the retention, when idle', async () => {
      await enqueue('c:1', 'old');
      const subject = worker({ retentionMs: 60_000 });
      await subject.runOnce();
      clock.advance(60_001);
      subject.start();
      await clock.advanceAsync(0);
      expect(store.rows()).toEqual([]);
      await subject.stop();
    });
  });

  it('publishes one commit on demand, whatever its size', async () => {
    await enqueue('c:1', ...Array.from({ length: 5 }, (_, i) => `mine-${i}`));
    await enqueue('c:2', 'other');
    await worker({ batchSize: 2 }).publishCommit(new CommitPosition('c:1'));
    expect(await store.statusForCommit('db', 'c:1')).toMatchObject({ published: 5 });
    expect(await store.statusForCommit('db', 'c:2')).toMatchObject({ pending: 1 });
  });

  describe('replay', () => {
    /** Preserved: what was applied at `a:` up to `a:2`, and at `b:`. */
    const LOST = {
      from: 'a',
      preserved: [
        { startsWith: 'a', endsWith: '', upTo: 'a:2' },
        { startsWith: 'b', endsWith: '', upTo: null },
      ],
    };
    const publish = async (tag: string, position: string): Promise<void> => {
      await enqueue(`c:${tag}:${position}`, tag);
      await store.markPublished(await store.claim('db', 'me', 1, 0), position);
    };
    const at = (position: string, size: number[] = []) => ({
      applyInvalidation: () => Promise.reject(new Error('one by one')),
      applyBatch: async (rows: readonly OutboxRow[]) => {
        size.push(rows.length);
        return position;
      },
    });
    const replay = (by: InvalidationApplier, options: OutboxWorkerOptions = {}) =>
      new OutboxWorker(store, by, 'db', { clock, events, ...options }).replay(LOST);

    it('applies again what is not preserved, in batches, and notes where it stands now', async () => {
      for (const position of ['a:1', 'a:2', 'a:3', 'a:4', 'a:5', 'b:1']) await publish(`t${position}`, position);
      await enqueue('c:9', 'pending');
      const sizes: number[] = [];
      expect(await replay(at('b:7', sizes), { batchSize: 2 })).toBe(3);
      expect(sizes).toEqual([2, 1]);
      expect(await replay(at('b:8'))).toBe(0);
    });

    it('finds again what the next loss takes, and what an interrupted one left', async () => {
      await publish('a', 'a:3');
      await publish('b', 'a:4');
      expect(await replay(at('c:1'))).toBe(2); // in a history that is lost in turn
      let left = 1;
      const interrupted = {
        ...at('b:1'),
        applyBatch: () => ((left -= 1) < 0 ? Promise.reject(connectionRefused()) : Promise.resolve('b:1')),
      };
      await expect(replay(interrupted, { batchSize: 1 })).rejects.toThrow('ECONNREFUSED');
      expect(await replay(at('b:2'))).toBe(1);
      expect(await replay(at('b:3'))).toBe(0);
    });

    it('applies a target once, whatever the number of its rows, and marks them all', async () => {
      for (const position of ['a:3', 'a:4', 'a:5']) await publish('same', position);
      const sizes: number[] = [];
      expect(await replay(at('b:1', sizes))).toBe(3);
      expect(sizes).toEqual([1]);
      expect(await replay(at('b:1'))).toBe(0);
    });

    it('goes one by one where the applier knows no batches, and fails as it does', async () => {
      await publish('good', 'a:3');
      expect(await worker().replay(LOST)).toBe(1);
      expect(applier.applied).toEqual(['good']);
      await publish('bad', 'a:3');
      fails('bad');
      await expect(worker().replay(LOST)).rejects.toThrow('boom');
    });
  });

  it('marks each row with its own position: the log may change its history between two', async () => {
    await enqueue('c:1', 'first', 'second');
    applier.answers.set('first', () => 'a:3');
    applier.answers.set('second', () => 'b:1');
    expect(await worker().runOnce()).toMatchObject({ published: 2 });
    const positions = Object.fromEntries(store.rows().map((row) => [row.intent.value, row.appliedPosition]));
    expect(positions).toEqual({ first: 'a:3', second: 'b:1' });
  });

  it('refuses durations that make no sense', () => {
    for (const [field, value] of Object.entries({ claimTtlMs: -1, pollIntervalMs: '1s', batchSize: NaN, owner: 7 })) {
      expect(() => worker({ [field]: value })).toThrow(
        expect.objectContaining({ code: 'LARDER_OPTION_INVALID', message: expect.stringContaining(`\`${field}\``) }),
      );
    }
    expect(worker({ batchSize: undefined!, claimTtlMs: undefined! }).options).toMatchObject({
      batchSize: 64,
      claimTtlMs: 30_000,
    });
  });
});
