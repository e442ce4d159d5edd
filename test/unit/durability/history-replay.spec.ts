import { Logger } from '@nestjs/common';
import { InMemoryOutboxStore } from '../../../libs/cache/src/adapters/memory/in-memory-outbox-store.js';
import { logIdAt, NO_ID, positionOf } from '../../../libs/cache/src/core/coherence/position.js';
import type { HistoryChange } from '../../../libs/cache/src/core/coherence/shared-tier.port.js';
import { InvalidationIntentBatch } from '../../../libs/cache/src/core/invalidation/intent-batch.js';
import type { OutboxWorkerOptions } from '../../../libs/cache/src/core/outbox/outbox-worker.options.js';
import { OutboxWorker } from '../../../libs/cache/src/core/outbox/outbox-worker.js';
import { HistoryReplay } from '../../../libs/cache/src/nest/durability/history-replay.js';
import { ManualClock } from '../../../libs/cache/src/testing/manual-clock.js';

const era = (epoch: number, nonce: string): string => epoch.toString(16).padStart(8, '0') + nonce.repeat(16);
/** Three histories, of which the second went on after the point that the third began at; and one that nobody knows. */
const [FIRST, SECOND, PRESENT] = [era(2, 'a'), era(3, 'b'), era(4, 'c')];
const REISSUED = era(3, 'd');
const CHANGE: HistoryChange = {
  path: [
    { era: FIRST, upTo: logIdAt(10) },
    { era: SECOND, upTo: logIdAt(20) },
    { era: PRESENT, upTo: null },
  ],
  knownForMs: 0,
};

describe('the replay after a history change', () => {
  const clock = new ManualClock();
  let store: InMemoryOutboxStore;
  let applied: string[];
  let fail: Error | null;

  beforeEach(() => {
    store = new InMemoryOutboxStore(clock);
    applied = [];
    fail = null;
  });

  const replay = (options: OutboxWorkerOptions = {}): HistoryReplay => {
    const applier = {
      applyInvalidation: async ({ value }: { value: string | null }) => {
        if (fail !== null) throw fail;
        applied.push(value!);
        return positionOf(PRESENT, logIdAt(99));
      },
    };
    const worker = new OutboxWorker(store, applier, 'shop', { clock, ...options });
    return new HistoryReplay(store, worker, 'shop', new Logger('test', { timestamp: false }));
  };
  const publish = async (tag: string, position: string | null): Promise<void> => {
    await store.enqueue('shop', `c:${tag}`, new InvalidationIntentBatch().invalidateTag(tag));
    await store.markPublished(await store.claim('shop', 'me', 1, 0), position);
  };
  beforeAll(() => Logger.overrideLogger(false));
  afterAll(() => Logger.overrideLogger(true));

  it('applies exactly what was applied off the path of histories, or at a position that nobody knows', async () => {
    await publish('before the path', positionOf(era(1, 'f'), logIdAt(5)));
    await publish('first, kept', positionOf(FIRST, logIdAt(10)));
    await publish('first, lost', positionOf(FIRST, logIdAt(10, 1)));
    await publish('second, kept', positionOf(SECOND, logIdAt(11)));
    await publish('second, lost', positionOf(SECOND, logIdAt(21)));
    await publish('another of that number', positionOf(REISSUED, logIdAt(11)));
    await publish('present', positionOf(PRESENT, NO_ID));
    await publish('later than all', positionOf(era(9, 'e'), logIdAt(1)));
    await publish('nowhere', null);
    expect(await replay().run(CHANGE)).toBe('replayed');
    const lost = ['first, lost', 'second, lost', 'another of that number', 'later than all', 'nowhere'];
    expect(applied.sort()).toEqual(lost.sort());
    applied.length = 0;
    expect(await replay().run(CHANGE)).toBe('replayed');
    expect(applied).toEqual([]);
  });

  it('is impossible while rows are dead: the flush in their place may be lost', async () => {
    await store.enqueue('shop', 'c:1', new InvalidationIntentBatch().invalidateTag('poison'));
    const [claimed] = await store.claim('shop', 'me', 1, 0);
    await store.markFailed(claimed!, 'boom', 0, true);
    expect(await replay().run(CHANGE)).toBe('impossible');
    expect(await store.resetDeadLetters('shop')).toBe(1);
    expect(await replay().run(CHANGE)).toBe('replayed');
  });

  it('is impossible where the loss has been known for longer than rows are kept', async () => {
    const retentionMs = 3_600_000;
    expect(await replay({ retentionMs }).run({ ...CHANGE, knownForMs: 2_900_000 })).toBe('replayed');
    expect(await replay({ retentionMs }).run({ ...CHANGE, knownForMs: 3_100_000 })).toBe('impossible');
  });

  it('is tried again when the database or the log is away, and impossible when a row is at fault', async () => {
    await publish('lost', positionOf(FIRST, logIdAt(11)));
    fail = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
    await expect(replay().run(CHANGE)).rejects.toThrow('ECONNREFUSED');
    fail = new Error('too large');
    expect(await replay().run(CHANGE)).toBe('impossible');
  });
});
