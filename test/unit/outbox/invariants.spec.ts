import fc from 'fast-check';
import { InMemoryOutboxStore } from '../../../libs/cache/src/adapters/memory/in-memory-outbox-store.js';
import { InvalidationIntentBatch } from '../../../libs/cache/src/core/invalidation/intent-batch.js';
import { InvalidationReceipt } from '../../../libs/cache/src/core/outbox/invalidation-receipt.js';
import { InvalidationWait } from '../../../libs/cache/src/core/outbox/invalidation-wait.js';
import type { OutboxRow } from '../../../libs/cache/src/core/outbox/outbox-row.js';
import { ManualClock } from '../../../libs/cache/src/testing/manual-clock.js';

type Command =
  | { readonly op: 'enqueue'; readonly commit: number; readonly tags: number[] }
  | { readonly op: 'claim'; readonly limit: number; readonly ttlMs: number }
  | { readonly op: 'publish' | 'fail' | 'kill' | 'release' | 'renew'; readonly claim: number }
  | { readonly op: 'reset' | 'prune' }
  | { readonly op: 'elapse'; readonly ms: number };

const command: fc.Arbitrary<Command> = fc.oneof(
  fc.record({
    op: fc.constant('enqueue' as const),
    commit: fc.nat(3),
    tags: fc.array(fc.nat(4), { maxLength: 4 }),
  }),
  fc.record({ op: fc.constant('claim' as const), limit: fc.nat(5), ttlMs: fc.constantFrom(0, 10, 30) }),
  fc.record({ op: fc.constantFrom('publish', 'fail', 'kill', 'release', 'renew'), claim: fc.nat() }),
  fc.record({ op: fc.constantFrom('reset' as const) }),
  fc.record({ op: fc.constant('elapse' as const), ms: fc.nat(20) }),
);

/** Runs commands of many workers, fresh and stale, against one store, and checks after every step. */
async function play(commands: readonly Command[]): Promise<void> {
  const clock = new ManualClock();
  const store = new InMemoryOutboxStore(clock);
  const claims: OutboxRow[] = [];
  const receipts: InvalidationReceipt[] = [];
  const fences = new Set<string>();
  const published = new Set<string>();
  let enqueued = 0;

  for (const step of commands) {
    const claim = 'claim' in step && claims.length > 0 ? claims[step.claim % claims.length]! : null;
    if (step.op === 'enqueue') {
      const batch = step.tags.reduce((all, tag) => all.invalidateTag(`t${tag}`), new InvalidationIntentBatch());
      const rows = await store.enqueue('db', `c:${step.commit}`, batch);
      enqueued += rows;
      receipts.push(new InvalidationReceipt('db', `c:${step.commit}`, { rows: new Set(step.tags).size }));
    } else if (step.op === 'claim') {
      for (const row of await store.claim('db', 'w', step.limit, step.ttlMs)) {
        const fence = `${row.id}/${row.claimSeq}`;
        expect(fences.has(fence)).toBe(false);
        fences.add(fence);
        claims.push(row);
      }
    } else if (step.op === 'elapse') clock.advance(step.ms);
    else if (step.op === 'reset') await store.resetDeadLetters('db');
    else if (claim !== null && step.op === 'publish') await store.markPublished([claim]);
    else if (claim !== null && step.op === 'release') await store.release([claim]);
    else if (claim !== null && step.op === 'renew') await store.renew([claim]);
    else if (claim !== null) await store.markFailed(claim, 'boom', 5, step.op === 'kill');

    const rows = store.rows();
    expect(rows).toHaveLength(enqueued);
    for (const row of rows) {
      if (published.has(row.id)) expect(row.state).toBe('published');
      if (row.state === 'published') published.add(row.id);
    }
    for (const receipt of receipts) {
      const { satisfied } = await InvalidationWait.local(0, { clock }).wait(store, receipt);
      const own = rows.filter((row) => row.commitPosition.equals(receipt.commitPosition));
      expect(satisfied).toBe(own.every((row) => row.state === 'published'));
    }
  }
}

describe('the outbox, whatever its workers do', () => {
  it('I12: published is terminal, no claim has the fence of another, and no row is lost', async () => {
    await fc.assert(fc.asyncProperty(fc.array(command, { minLength: 5, maxLength: 40 }), play), { numRuns: 500 });
  });

  it('I14: a receipt is satisfied exactly when every row of its commit is published', async () => {
    const commit = fc.array(fc.constantFrom('published', 'pending', 'dead'), { minLength: 1, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(commit, fc.boolean(), async (states, neighbourPending) => {
        const clock = new ManualClock();
        const store = new InMemoryOutboxStore(clock);
        const batch = states.reduce((all, _, i) => all.invalidateTag(`t${i}`), new InvalidationIntentBatch());
        const rows = await store.enqueue('db', 'c:1', batch);
        if (neighbourPending) await store.enqueue('db', 'c:2', new InvalidationIntentBatch().flush());
        for (const [i, state] of states.entries()) {
          const row = store.rows()[i]!;
          if (state === 'published') await store.markPublished([row]);
          if (state === 'dead') await store.markFailed(row, 'boom', 0, true);
        }
        const wait = InvalidationWait.local(0, { clock });
        const { satisfied } = await wait.wait(store, new InvalidationReceipt('db', 'c:1', { rows }));
        expect(satisfied).toBe(states.every((state) => state === 'published'));
      }),
      { numRuns: 500 },
    );
  });
});
