import { strict as assert } from 'node:assert';
import type { OutboxStore } from '../core/outbox/outbox-store.port.js';
import { actionsOn, TTL_MS, type OutboxStoreSubject } from './outbox-store-subject.js';

declare const describe: (name: string, body: () => void) => void;
declare const it: (name: string, body: () => Promise<void>) => void;
declare const beforeEach: (body: () => Promise<void>) => void;

/** The part of the suite that is about claimed rows: how they are marked, given back and kept. */
export function describeOutboxMarks(current: () => OutboxStoreSubject): void {
  let subject: OutboxStoreSubject;
  let store: OutboxStore;
  const { enqueue, claim, row } = actionsOn(() => store);

  beforeEach(async () => {
    subject = current();
    store = subject.store;
  });

  describe('marks', () => {
    it('published: keeps the attempts, clears claim and error, ignores unknown ids', async () => {
      await enqueue('c:1', 'users');
      const [first] = await claim();
      assert.equal(await store.markFailed(first!, 'boom', 0, false), true);
      const [second] = await claim();
      assert.equal(await store.markPublished([second!, 'unknown'], 'log:7'), 1);
      const published = await row(first!.id);
      assert.equal(published.state, 'published');
      assert.equal(published.attempts, 1);
      assert.ok(published.publishedAtMs! >= published.createdAtMs);
      assert.deepEqual(
        [published.claimedAtMs, published.claimOwner, published.lastError, published.appliedPosition],
        [null, null, null, 'log:7'],
      );
      assert.deepEqual(await claim(10, 0), []);
    });

    it('failed: pending again after the backoff, with the error, or dead', async () => {
      await enqueue('c:1', 'users');
      const [claimed] = await claim();
      await store.markFailed(claimed!, 'boom', 1_000, false);
      const retried = await row(claimed!.id);
      assert.deepEqual(
        [retried.state, retried.attempts, retried.lastError, retried.claimedAtMs, retried.claimOwner],
        ['pending', 1, 'boom', null, null],
      );
      assert.ok(retried.availableAtMs >= retried.createdAtMs + 1_000);
      assert.deepEqual(await claim(), []);
      await subject.elapse(1_000);
      const [again] = await claim();
      await store.markFailed(again!, 'bang', 1_000, true);
      const dead = await row(claimed!.id);
      assert.deepEqual([dead.state, dead.attempts, dead.lastError], ['dead', 2, 'bang']);
      assert.equal(await store.markFailed('unknown', 'boom', 0, false), false);
      await subject.elapse(TTL_MS);
      assert.deepEqual(await claim(10, 0), []);
    });

    it('of a worker that lost its claim are void, and published is terminal', async () => {
      await enqueue('c:1', 'users');
      const [stale] = await claim();
      const [current] = await claim(10, 0, 'other');
      assert.equal(await store.markFailed(stale!, 'late', 0, true), false);
      assert.equal(await store.markPublished([stale!]), 0);
      assert.equal(await store.release([stale!]), 0);
      assert.deepEqual(await store.renew([stale!]), []);
      assert.equal((await row(stale!.id)).claimOwner, 'other');
      assert.equal(await store.markPublished([current!]), 1);
      assert.equal(await store.markFailed(current!, 'late', 0, false), false);
      assert.equal(await store.markFailed(current!.id, 'late', 0, false), false);
      assert.equal((await row(stale!.id)).state, 'published');
      assert.equal((await row(stale!.id)).attempts, 0);
    });

    it('by id alone reach any row that is not published', async () => {
      await enqueue('c:1', 'users');
      const [claimed] = await claim();
      assert.equal(await store.markFailed(claimed!.id, 'boom', 0, true), true);
      assert.equal(await store.markPublished([claimed!.id]), 1);
      assert.equal((await row(claimed!.id)).state, 'published');
    });
  });

  it('release gives a claim back uncounted, at once or after a delay', async () => {
    await enqueue('c:1', 'users');
    const [first] = await claim();
    assert.equal(await store.release([first!]), 1);
    const [second] = await claim();
    assert.equal(second!.attempts, 0);
    await store.release([second!], 1_000);
    assert.deepEqual(await claim(), []);
    await subject.elapse(1_000);
    assert.equal((await claim()).length, 1);
  });

  it('renew lets a claim run on', async () => {
    await enqueue('c:1', 'users');
    const rows = await claim();
    await subject.elapse(TTL_MS - 1_000);
    assert.deepEqual(await store.renew(rows), [rows[0]!.id]);
    await subject.elapse(2_000);
    assert.deepEqual(await claim(), []);
  });
}
