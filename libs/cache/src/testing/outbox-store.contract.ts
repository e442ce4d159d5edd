import { strict as assert } from 'node:assert';
import { InvalidationIntent } from '../core/invalidation/intent.js';
import { InvalidationIntentBatch } from '../core/invalidation/intent-batch.js';
import { outboxRowId } from '../core/outbox/outbox-row-id.js';
import type { OutboxStore } from '../core/outbox/outbox-store.port.js';
import { describeOutboxMarks } from './outbox-marks.contract.js';
import { describeOutboxReplay } from './outbox-replay.contract.js';
import { actionsOn, tagOf, TTL_MS, type OutboxStoreSubject } from './outbox-store-subject.js';

export type { OutboxStoreSubject } from './outbox-store-subject.js';

declare const describe: (name: string, body: () => void) => void;
declare const it: (name: string, body: () => Promise<void>) => void;
declare const beforeEach: (body: () => Promise<void>) => void;
declare const afterEach: (body: () => Promise<void>) => void;

/** The rules of {@link OutboxStore}, for any implementation. Needs `describe`, `it`, `beforeEach`, `afterEach` as globals. */
export function describeOutboxStore(name: string, create: () => Promise<OutboxStoreSubject>): void {
  describe(`OutboxStore: ${name}`, () => {
    let subject: OutboxStoreSubject;
    let store: OutboxStore;

    beforeEach(async () => {
      subject = await create();
      store = subject.store;
    });
    afterEach(() => subject.close());

    const { tags, enqueue, claim, row } = actionsOn(() => subject.store);

    describe('enqueue', () => {
      it('is idempotent on namespace, commit and target, and keeps the first reason', async () => {
        assert.equal(await enqueue('c:1', 'users'), 1);
        assert.equal(await enqueue('c:1', 'users'), 0);
        assert.equal(await store.enqueue('db', 'c:1', new InvalidationIntentBatch('other').invalidateTag('users')), 0);
        assert.equal(await enqueue('c:2', 'users', 'users'), 1);
        assert.equal(await enqueue('c:2'), 0);
        assert.equal(await store.enqueue('other', 'c:1', tags('users')), 1);
        const hash = InvalidationIntent.tag('users').targetHashHex();
        assert.equal((await row(outboxRowId('db', 'c:1', hash))).reason, 'write');
        assert.equal((await store.status('db')).pending, 2);
      });

      it('makes a pending row, due at once and untouched', async () => {
        await enqueue('c:1', 'users');
        const [claimed] = await claim();
        const { createdAtMs, availableAtMs, ...rest } = await row(claimed!.id);
        assert.equal(availableAtMs, createdAtMs);
        assert.deepEqual(
          {
            namespace: rest.namespace,
            commit: rest.commitPosition.asStr(),
            hash: rest.targetHash,
            intent: rest.intent.toJSON(),
            attempts: rest.attempts,
            state: rest.state,
            publishedAtMs: rest.publishedAtMs,
            lastError: rest.lastError,
            appliedPosition: rest.appliedPosition,
          },
          {
            namespace: 'db',
            commit: 'c:1',
            hash: InvalidationIntent.tag('users').targetHashHex(),
            intent: { kind: 'tag', tag: 'users' },
            attempts: 0,
            state: 'pending',
            publishedAtMs: null,
            lastError: null,
            appliedPosition: null,
          },
        );
      });

      it('gives back every kind of intent as it was, whatever text it holds', async () => {
        const awkward = ' a\n\t\u0000b:%"\'\\ \u{1F600} cafe\u0301';
        const batch = new InvalidationIntentBatch(`why? ${awkward}`)
          .invalidateKey(`user:get_user:${awkward}`)
          .invalidateTag(awkward)
          .invalidateEntity(awkward, '42%beta')
          .invalidateEntity('user', '')
          .invalidateCollection(awkward)
          .invalidatePattern('get_user:*', 'user')
          .invalidatePattern('user:*')
          .intent(InvalidationIntent.scope('user'))
          .flush();
        assert.equal(await store.enqueue('db', 'c:1', batch), batch.length);
        const stored = new Map((await claim(20)).map((claimed) => [claimed.targetHash, claimed.intent.toJSON()]));
        for (const intent of batch.intents) assert.deepEqual(stored.get(intent.targetHashHex()), intent.toJSON());
      });
    });

    describe('claim', () => {
      it('takes due rows of the namespace in order of creation, up to the limit', async () => {
        for (const [i, tag] of ['first', 'second', 'third'].entries()) {
          await enqueue(`c:${i}`, tag);
          await subject.elapse(5);
        }
        await store.enqueue('other', 'c:1', tags('elsewhere'));
        assert.deepEqual(await claim(0), []);
        assert.deepEqual((await claim(2, TTL_MS, 'a')).map(tagOf), ['first', 'second']);
        const rest = await claim(10, TTL_MS, 'b');
        assert.deepEqual(rest.map(tagOf), ['third']);
        assert.equal(rest[0]!.claimOwner, 'b');
        assert.ok(rest[0]!.claimedAtMs! >= rest[0]!.createdAtMs);
        assert.equal(rest[0]!.state, 'pending');
        assert.equal((await store.status('db')).pending, 3);
      });

      it('takes over a claim when it has lapsed, at once with a time of 0', async () => {
        await enqueue('c:1', 'users');
        const [first] = await claim();
        await subject.elapse(TTL_MS - 1_000);
        assert.deepEqual(await claim(), []);
        await subject.elapse(1_000);
        const [second] = await claim(10, TTL_MS, 'late');
        assert.equal(second!.claimOwner, 'late');
        const [third] = await claim(10, 0, 'zero');
        assert.deepEqual([first!.claimSeq < second!.claimSeq, second!.claimSeq < third!.claimSeq], [true, true]);
      });

      it('gives two workers at once disjoint rows that together are all', async () => {
        await enqueue('c:1', ...Array.from({ length: 60 }, (_, i) => `tag-${i}`));
        const claims = await Promise.all(Array.from({ length: 6 }, (_, i) => claim(10, TTL_MS, `worker-${i}`)));
        const rest = await claim(60);
        const ids = [...claims.flat(), ...rest].map(({ id }) => id);
        assert.equal(ids.length, 60);
        assert.equal(new Set(ids).size, 60);
      });

      it('can be narrowed to one commit', async () => {
        await enqueue('c:1', 'one');
        await enqueue('c:2', 'two');
        const { commitPosition } = (await claim(1, 0))[0]!;
        const rows = await store.claim('db', 'me', 10, 0, commitPosition);
        assert.deepEqual(new Set(rows.map((found) => found.commitPosition.asStr())).size, 1);
        assert.equal(rows.length, 1);
      });
    });

    describeOutboxMarks(() => subject);

    it('resetDeadLetters revives the dead rows of the namespace alone', async () => {
      await store.enqueue('other', 'c:1', tags('elsewhere'));
      await enqueue('c:1', 'dead', 'alive');
      for (const claimed of await claim()) {
        if (tagOf(claimed) === 'dead') await store.markFailed(claimed, 'boom', 0, true);
      }
      const [elsewhere] = await store.claim('other', 'me', 1, TTL_MS);
      await store.markFailed(elsewhere!, 'boom', 0, true);
      assert.deepEqual((await store.deadLetters('db', { limit: 10 })).map(tagOf), ['dead']);
      assert.equal(await store.resetDeadLetters('db'), 1);
      assert.equal(await store.resetDeadLetters('db'), 0);
      const [revived] = await claim();
      assert.deepEqual([tagOf(revived!), revived!.attempts, revived!.lastError], ['dead', 0, null]);
      assert.equal((await store.status('other')).deadLettered, 1);
    });

    it('deadLetters pages through them, oldest first, also while some are reset', async () => {
      const kill = async (commit: string, ...names: string[]): Promise<void> => {
        await enqueue(commit, ...names);
        for (const claimed of await claim(20, TTL_MS)) await store.markFailed(claimed, 'boom', 0, true);
      };
      await kill('c:1', 'a', 'b', 'c');
      await subject.elapse(1_000);
      await kill('c:2', 'd', 'e');
      const all = await store.deadLetters('db', { limit: 10 });
      assert.deepEqual(all.slice(3).map(tagOf).sort(), ['d', 'e']);
      const pages: string[] = [];
      for (let page = await store.deadLetters('db', { limit: 2 }); page.length > 0;) {
        pages.push(...page.map(({ id }) => id));
        const after = page.at(-1)!;
        await store.resetDeadLetters('db', [after.id]); // the row that the next page continues after
        page = await store.deadLetters('db', { limit: 2, after });
      }
      assert.deepEqual(
        pages,
        all.map(({ id }) => id),
      );
      assert.deepEqual(await store.deadLetters('other', { limit: 10 }), []);
    });

    it('resetDeadLetters by id revives these alone, and none of another namespace or state', async () => {
      await enqueue('c:1', 'dead', 'dead too', 'alive');
      for (const claimed of await claim()) {
        if (tagOf(claimed) !== 'alive') await store.markFailed(claimed, 'boom', 0, true);
      }
      const rows = await store.deadLetters('db', { limit: 10 });
      const idOf = (tag: string): string => rows.find((row) => tagOf(row) === tag)!.id;
      assert.equal(await store.resetDeadLetters('other', [idOf('dead')]), 0);
      assert.equal(await store.resetDeadLetters('db', []), 0);
      assert.equal(await store.resetDeadLetters('db', [idOf('dead'), 'f'.repeat(64)]), 1);
      assert.equal(await store.resetDeadLetters('db', [idOf('dead')]), 0);
      assert.deepEqual((await store.deadLetters('db', { limit: 10 })).map(tagOf), ['dead too']);
      const revived = (await store.find(idOf('dead')))!;
      assert.deepEqual([revived.state, revived.attempts, revived.lastError], ['pending', 0, null]);
    });

    it('status counts, and reads only', async () => {
      const empty = {
        pending: 0,
        oldestPendingAgeMs: 0,
        deadLettered: 0,
        lastPublishedAtMs: null,
        failedAttempts: 0,
      };
      assert.deepEqual(await store.status('db'), empty);
      await enqueue('c:1', 'published', 'dead', 'pending');
      await subject.elapse(5_000);
      for (const claimed of await claim()) {
        if (tagOf(claimed) === 'published') await store.markPublished([claimed]);
        else await store.markFailed(claimed, 'boom', 0, tagOf(claimed) === 'dead');
      }
      const status = await store.status('db');
      assert.deepEqual([status.pending, status.deadLettered, status.failedAttempts], [1, 1, 2]);
      assert.ok(status.oldestPendingAgeMs >= 5_000 && status.oldestPendingAgeMs < 60_000);
      assert.ok(status.lastPublishedAtMs! > 0);
      assert.deepEqual(await store.status('other'), empty);
    });

    it('statusForCommit knows the rows of one commit', async () => {
      await enqueue('c:1', 'published', 'dead', 'pending');
      await enqueue('c:2', 'unrelated');
      for (const claimed of await claim()) {
        if (tagOf(claimed) === 'published') await store.markPublished([claimed], 'log:9');
        if (tagOf(claimed) === 'dead') await store.markFailed(claimed, 'boom', 0, true);
      }
      const status = await store.statusForCommit('db', 'c:1');
      assert.deepEqual(status, { rows: 3, pending: 1, published: 1, deadLettered: 1, appliedPosition: 'log:9' });
      assert.equal((await store.statusForCommit('db', 'c:3')).rows, 0);
      assert.equal((await store.statusForCommit('other', 'c:1')).rows, 0);
    });

    it('prune deletes old published rows alone, up to the limit', async () => {
      await enqueue('c:1', 'old-1', 'old-2', 'dead');
      for (const claimed of await claim()) {
        if (tagOf(claimed) === 'dead') await store.markFailed(claimed, 'boom', 0, true);
        else await store.markPublished([claimed]);
      }
      await subject.elapse(10_000);
      await enqueue('c:2', 'new');
      await store.markPublished(await claim());
      assert.equal(await store.prune('other', 5_000, 10), 0);
      assert.equal(await store.prune('db', 5_000, 1), 1);
      assert.equal(await store.prune('db', 5_000, 10), 1);
      assert.equal((await store.statusForCommit('db', 'c:1')).rows, 1);
      assert.equal((await store.statusForCommit('db', 'c:2')).rows, 1);
    });

    describeOutboxReplay(() => subject);

    it('record chooses a position of its own, another one for every commit', async () => {
      const first = await store.record('db', tags('a', 'b', 'a'));
      const second = await store.record('db', tags('a'));
      assert.equal(first.rows, 2);
      assert.equal(first.namespace, 'db');
      assert.ok(!first.commitPosition.equals(second.commitPosition));
      assert.equal((await store.statusForCommit('db', first.commitPosition)).pending, 2);
      assert.equal((await store.statusForCommit('db', second.commitPosition)).pending, 1);
    });

    it('hints at new rows, and says what they are, until the listener leaves', async () => {
      const hints: string[] = [];
      const leave = store.onHint(({ namespace, commitPosition, intents }) => {
        hints.push([namespace, commitPosition?.asStr(), ...intents.map(({ value }) => value)].join(' '));
        throw new Error('a listener that fails is not the writer’s concern');
      });
      await enqueue('c:1', 'users', 'groups');
      leave();
      await enqueue('c:2', 'users');
      assert.deepEqual(hints, ['db c:1 users groups']);
    });
  });
}
