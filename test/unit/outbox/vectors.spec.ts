import { readFileSync } from 'node:fs';
import { InMemoryOutboxStore } from '../../../libs/cache/src/adapters/memory/in-memory-outbox-store.js';
import { InvalidationIntentBatch } from '../../../libs/cache/src/core/invalidation/intent-batch.js';
import { CommitPosition } from '../../../libs/cache/src/core/outbox/commit-position.js';
import { outboxRowId } from '../../../libs/cache/src/core/outbox/outbox-row-id.js';
import type { OutboxStatus } from '../../../libs/cache/src/core/outbox/outbox-status.js';
import { OutboxState } from '../../../libs/cache/src/core/outbox/outbox-state.js';
import { OutboxWorker } from '../../../libs/cache/src/core/outbox/outbox-worker.js';
import { ManualClock } from '../../../libs/cache/src/testing/manual-clock.js';

interface Status {
  pending: number;
  oldest_pending_age_ms: number;
  dead_lettered: number;
  last_published_at_ms: number | null;
  failed_attempts: number;
}
interface Step {
  at_ms: number;
  do: string;
  returns: unknown;
  status_after: Status;
}

const vectors = JSON.parse(readFileSync(new URL('../../fixtures/vectors.json', import.meta.url), 'utf8'));

const applier = { applyInvalidation: async () => undefined };
const tag = (name: string, reason = ''): InvalidationIntentBatch =>
  new InvalidationIntentBatch(reason).invalidateTag(name);

describe('the vectors of the seed', () => {
  it.each(vectors.outbox_row_ids.cases as Record<string, string>[])('row id of $intent_name in $namespace', (entry) => {
    expect(outboxRowId(entry.namespace!, entry.commit_position!, entry.target_hash!)).toBe(entry.row_id);
  });

  it('states are read exactly', () => {
    for (const state of vectors.outbox_states.storage) expect(OutboxState.fromStorage(state)).toBe(state);
    for (const text of vectors.outbox_states.parse_unknown_inputs) expect(OutboxState.fromStorage(text)).toBeNull();
  });

  it('the worker has the defaults of the seed', () => {
    const store = new InMemoryOutboxStore();
    const expected = vectors.worker_defaults;
    expect(new OutboxWorker(store, applier, 'db').options).toMatchObject({
      owner: expected.owner,
      batchSize: expected.batch_size,
      claimTtlMs: expected.claim_ttl_ms,
      backoffMs: expected.backoff_ms,
      maxAttempts: expected.max_attempts,
    });
    const least = new OutboxWorker(store, applier, 'db', { batchSize: 0, maxAttempts: 0 }).options;
    expect([least.batchSize, least.maxAttempts]).toEqual([expected['batch_size(0)'], expected['max_attempts(0)']]);
  });
});

describe('the scenarios of the seed, step by step', () => {
  const [enqueueing, leasing] = vectors.outbox_scenarios.scenarios as { name: string; steps: Step[] }[];

  it(enqueueing!.name, async () => {
    const clock = new ManualClock(1000);
    const store = new InMemoryOutboxStore(clock);
    const calls = [
      () => store.enqueue('db', 'sqlite:1', tag('users', 'write')),
      () => store.enqueue('db', new CommitPosition('sqlite:1'), tag('users', 'write')),
      () => store.enqueue('db', 'sqlite:1', tag('users', 'other')),
      () => store.enqueue('db', 'sqlite:2', tag('users').invalidateTag('users')),
      () => store.enqueue('db', 'sqlite:3', new InvalidationIntentBatch()),
      () => store.enqueue('other', 'sqlite:1', tag('users')),
    ];
    expect(calls).toHaveLength(enqueueing!.steps.length);
    for (const [i, step] of enqueueing!.steps.entries()) {
      expect(await calls[i]!()).toBe(step.returns);
      expect(await store.status('db')).toEqual(statusOf(step.status_after));
    }
    expect(store.rows()).toHaveLength(3);
    expect(store.rows()[0]!.reason).toBe('write');
  });

  it(leasing!.name, async () => {
    const clock = new ManualClock(1000);
    const store = new InMemoryOutboxStore(clock);
    await store.enqueue('db', 'sqlite:1', tag('first'));
    // The ids of the two rows decide their order where both are equally old; the vectors mean order of creation.
    await store.enqueue('db', 'sqlite:1', tag('second'));
    const inOrder = store.rows().sort((a, b) => (a.id < b.id ? -1 : 1));
    const claims: [string, number, number][] = [
      ['a', 0, 30_000],
      ['a', 1, 30_000],
      ['b', 10, 30_000],
      ['late', 10, 30_000],
      ['late', 10, 30_000],
      ['zero', 10, 0],
    ];
    const sizes = [0, 1, 1, 0, 2, 2];
    expect(claims).toHaveLength(leasing!.steps.length);
    for (const [i, step] of leasing!.steps.entries()) {
      clock.advance(step.at_ms - clock.wall());
      const [owner, limit, ttlMs] = claims[i]!;
      const rows = await store.claim('db', owner, limit, ttlMs);
      expect(rows).toHaveLength((step.returns as unknown[]).length);
      expect(rows).toHaveLength(sizes[i]!);
      for (const row of rows) {
        expect([row.claimOwner, row.claimedAtMs, row.state]).toEqual([owner, step.at_ms, 'pending']);
      }
      if (rows.length === 2) expect(rows.map(({ id }) => id)).toEqual(inOrder.map(({ id }) => id));
      expect(await store.status('db')).toEqual(statusOf(step.status_after));
    }
  });
});

function statusOf(status: Status): OutboxStatus {
  return {
    pending: status.pending,
    oldestPendingAgeMs: status.oldest_pending_age_ms,
    deadLettered: status.dead_lettered,
    lastPublishedAtMs: status.last_published_at_ms,
    failedAttempts: status.failed_attempts,
  };
}
