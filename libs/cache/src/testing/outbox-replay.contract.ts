import { strict as assert } from 'node:assert';
import type { OutboxRow } from '../core/outbox/outbox-row.js';
import { actionsOn, tagOf, TTL_MS, type OutboxStoreSubject } from './outbox-store-subject.js';

declare const describe: (name: string, body: () => void) => void;
declare const it: (name: string, body: () => Promise<void>) => void;

/** The rules of applying again what a log has lost; part of `describeOutboxStore`. */
export function describeOutboxReplay(subject: () => OutboxStoreSubject): void {
  const store = () => subject().store;
  const { tags, enqueue, claim, row } = actionsOn(store);

  describe('replayable', () => {
    /** Of the histories `a` and `b`: `a` until 5, then `b`; what came before 1 matters no more. */
    const LOST = {
      from: '1',
      preserved: [
        { startsWith: '1', endsWith: 'a', upTo: '1-5-a' },
        { startsWith: '2', endsWith: 'b', upTo: null },
      ],
    };
    const publish = async (...positions: (string | null)[]): Promise<void> => {
      for (const position of positions) {
        await enqueue(`c:${position}`, `at ${position}`);
        await store().markPublished(await claim(), position);
      }
    };
    const replayable = async (limit = 10): Promise<OutboxRow[]> => {
      const rows: OutboxRow[] = [];
      for (let afterId = ''; ;) {
        const page = await store().replayable({ namespace: 'db', ...LOST, afterId, limit });
        if (page.length === 0) return rows;
        rows.push(...page);
        afterId = page.at(-1)!.id;
      }
    };

    it('pages through what was published at positions that are not preserved', async () => {
      await publish('0-9-z', '1-1-a', '1-5-a', '1-6-a', '1-1-z', '2-1-b', '2-9-b', '2-1-z', '3-1-c', null);
      await store().enqueue('other', 'c:1', tags('elsewhere'));
      await store().markPublished(await store().claim('other', 'me', 1, TTL_MS), '1-6-a');
      const expected = ['at 1-1-z', 'at 1-6-a', 'at 2-1-z', 'at 3-1-c', 'at null'];
      assert.deepEqual((await replayable(2)).map(tagOf).sort(), expected);
      assert.deepEqual((await replayable()).map(tagOf).sort(), expected);
    });

    it('finds what is claimed, since it may have been applied, and neither what waits nor what is dead', async () => {
      await enqueue('c:1', 'claimed', 'dead', 'released');
      for (const claimed of await claim()) {
        if (tagOf(claimed) === 'dead') await store().markFailed(claimed, 'boom', 0, true);
        if (tagOf(claimed) === 'released') await store().release([claimed]);
      }
      await enqueue('c:2', 'waits');
      assert.deepEqual((await replayable()).map(tagOf), ['claimed']);
    });

    it('does not find what was marked as applied again, whatever else is marked', async () => {
      await publish('1-6-a', '1-7-a');
      await enqueue('c:1', 'claimed');
      await claim();
      const [first, second, third] = (await replayable()).sort((a, b) => (tagOf(a) < tagOf(b) ? -1 : 1));
      await store().markReplayed([first!.id, third!.id], '2-3-b');
      assert.deepEqual((await replayable()).map(({ id }) => id).sort(), [second!.id, third!.id].sort());
      assert.equal((await row(first!.id)).appliedPosition, '2-3-b');
      const claimed = await row(third!.id);
      assert.deepEqual([claimed.state, claimed.appliedPosition], ['pending', null]);
    });
  });

  it('exclusively lets one work at a time, by name, and the next when it has ended or failed', async () => {
    let finish!: () => void;
    const gate = new Promise<string>((resolve) => (finish = () => resolve('done')));
    let begun!: () => void;
    const working = new Promise<void>((resolve) => (begun = resolve));
    const first = store().exclusively('work', () => (begun(), gate));
    await working;
    assert.equal(await store().exclusively('work', () => Promise.resolve('too early')), null);
    assert.equal(await store().exclusively('other work', () => Promise.resolve('at once')), 'at once');
    finish();
    assert.equal(await first, 'done');
    await assert.rejects(
      store().exclusively('work', () => Promise.reject(new Error('boom'))),
      /boom/,
    );
    assert.equal(await store().exclusively('work', () => Promise.resolve('next')), 'next');
  });
}
