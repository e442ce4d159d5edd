import { strict as assert } from 'node:assert';
import type { AuditEntry } from '../core/audit/audit-record.js';
import type { AuditStore } from '../core/audit/audit-store.port.js';

declare const describe: (name: string, body: () => void) => void;
declare const it: (name: string, body: () => Promise<void>) => void;
declare const beforeEach: (body: () => Promise<void>) => void;
declare const afterEach: (body: () => Promise<void>) => void;

/** A fresh, empty store, and how to be rid of it. */
export interface AuditStoreSubject {
  readonly store: AuditStore;
  close(): Promise<void>;
}

/** The rules of {@link AuditStore}, for any implementation. Needs `describe`, `it`, `beforeEach`, `afterEach` as globals. */
export function describeAuditStore(name: string, create: () => Promise<AuditStoreSubject>): void {
  describe(`AuditStore: ${name}`, () => {
    let subject: AuditStoreSubject;
    let store: AuditStore;

    beforeEach(async () => {
      subject = await create();
      store = subject.store;
    });
    afterEach(() => subject.close());

    const entry = (requestId: string, changes: Partial<AuditEntry> = {}): AuditEntry => ({
      namespace: 'shop',
      pattern: `user:${requestId}:*`,
      keys: [`user:${requestId}:a`, `user:${requestId}:b`],
      triggeredBy: 'admin',
      reason: 'test',
      timestampMs: 1_736_938_200_123,
      requestId,
      latencyMs: 7,
      keyCount: null,
      requestHash: '',
      ...changes,
    });
    const write = async (count: number): Promise<void> => {
      for (let i = 1; i <= count; i += 1) await store.append(entry(`r${i}`));
    };
    const requestIds = async (query: Parameters<AuditStore['list']>[0]): Promise<string[]> =>
      (await store.list(query)).records.map(({ requestId }) => requestId);

    it('records what it is given, numbers as numbers', async () => {
      const { outcome, record } = await store.append(entry('r1'));
      assert.equal(outcome, 'written');
      const { id, hash, previousHash, ...rest } = record;
      assert.deepEqual(rest, entry('r1'));
      assert.equal(typeof id, 'number');
      assert.match(hash, /^[0-9a-f]{64}$/);
      assert.equal(previousHash, '');
      assert.deepEqual((await store.list()).records, [record]);
    });

    it('fills in what is left out, and takes any text', async () => {
      const odd = ' a\n\t:%"\'\\ \u{1F600} cafe\u0301 ';
      const given = {
        pattern: odd,
        keys: [odd, ''],
        triggeredBy: odd,
        timestampMs: 0,
        requestId: odd,
        latencyMs: null,
      };
      const { record } = await store.append(given);
      assert.deepEqual(
        [record.namespace, record.reason, record.latencyMs, record.keyCount, record.requestHash],
        ['', '', null, null, ''],
      );
      assert.deepEqual([record.pattern, record.keys, record.requestId], [odd, [odd, ''], odd]);
      assert.equal((await store.verify()).intact, true);
    });

    it('keeps one row per namespace and request id, and tells a repetition from a conflict', async () => {
      const { record } = await store.append(entry('r1'));
      assert.deepEqual(await store.append(entry('r1', { timestampMs: 1, latencyMs: 99 })), {
        outcome: 'duplicate',
        record,
      });
      for (const changes of [{ pattern: 'x' }, { keys: [] }, { triggeredBy: 'x' }, { reason: 'x' }]) {
        assert.deepEqual(await store.append(entry('r1', changes)), { outcome: 'conflict', record });
      }
      assert.equal((await store.append(entry('r1', { namespace: 'other' }))).outcome, 'written');
      assert.equal((await store.list()).totalCount, 2);
    });

    it('tells a repetition from a conflict by the fingerprint of the request where there is one', async () => {
      const first = entry('r1', { keyCount: 12_345, requestHash: 'a' });
      const { record } = await store.append(first);
      assert.deepEqual([record.keyCount, record.requestHash], [12_345, 'a']);
      const repeated = { ...first, keys: [], keyCount: 0 };
      assert.deepEqual(await store.append(repeated), { outcome: 'duplicate', record });
      for (const requestHash of ['b', '']) {
        assert.deepEqual(await store.append({ ...first, requestHash }), { outcome: 'conflict', record });
      }
      assert.equal((await store.verify()).intact, true);
    });

    it('finds the row of a request', async () => {
      const { record } = await store.append(entry('r1'));
      assert.deepEqual(await store.find('shop', 'r1'), record);
      assert.equal(await store.find('other', 'r1'), null);
      assert.equal(await store.find('shop', 'r2'), null);
    });

    it('lists newest first, by limit and offset', async () => {
      await write(5);
      assert.deepEqual(await requestIds({}), ['r5', 'r4', 'r3', 'r2', 'r1']);
      assert.deepEqual(await requestIds({ limit: 2, offset: 1 }), ['r4', 'r3']);
      assert.deepEqual(await requestIds({ limit: 2, offset: -7 }), ['r5', 'r4']);
      const page = await store.list({ limit: 2, offset: 3 });
      assert.deepEqual([page.records.length, page.totalCount, page.hasMore], [2, 5, false]);
      assert.equal((await store.list({ limit: 2, offset: 2 })).hasMore, true);
      assert.deepEqual((await store.list({ offset: 9 })).records, []);
    });

    it('pages by the last id seen, whatever is added meanwhile', async () => {
      await write(5);
      const first = await store.list({ limit: 2 });
      await store.append(entry('r6'));
      const beforeId = first.records.at(-1)!.id;
      const second = await store.list({ limit: 2, beforeId });
      assert.deepEqual(
        second.records.map(({ requestId }) => requestId),
        ['r3', 'r2'],
      );
      assert.deepEqual([second.totalCount, second.hasMore], [6, true]);
      const last = await store.list({ limit: 2, beforeId: second.records.at(-1)!.id });
      assert.deepEqual([last.records.map(({ requestId }) => requestId), last.hasMore], [['r1'], false]);
    });

    it('filters by text in the pattern, literally, and by namespace', async () => {
      await store.append(entry('r1', { pattern: 'user:1%' }));
      await store.append(entry('r2', { pattern: 'user:1_2' }));
      await store.append(entry('r3', { pattern: 'user:1\\2', namespace: 'other' }));
      assert.deepEqual(await requestIds({ pattern: '%' }), ['r1']);
      assert.deepEqual(await requestIds({ pattern: '1_' }), ['r2']);
      assert.deepEqual(await requestIds({ pattern: '\\' }), ['r3']);
      assert.deepEqual(await requestIds({ pattern: 'USER' }), []);
      const page = await store.list({ pattern: 'user', namespace: 'shop', limit: 1 });
      assert.deepEqual([page.records[0]!.requestId, page.totalCount, page.hasMore], ['r2', 2, true]);
    });

    it('refuses pages beyond its bounds', async () => {
      assert.equal((await store.list({ limit: 0 })).records.length, 0);
      for (const query of [{ offset: 100_001 }, { limit: 1.5 }, { offset: Number.NaN }]) {
        await assert.rejects(store.list(query), { code: 'LARDER_OPTION_INVALID' });
      }
    });

    it('chains its rows', async () => {
      assert.equal(await store.head(), null);
      assert.deepEqual(await store.verify(), { intact: true, rows: 0, head: null });
      await Promise.all(['a', 'b', 'c', 'd', 'e'].map((id) => store.append(entry(id))));
      const [newest, ...older] = (await store.list()).records;
      assert.equal(newest!.previousHash, older[0]!.hash);
      const head = { id: newest!.id, hash: newest!.hash };
      assert.deepEqual(await store.head(), head);
      assert.deepEqual(await store.verify({ head }), { intact: true, rows: 5, head });
      const missing = { id: head.id + 1, hash: 'f'.repeat(64) };
      const { intact } = await store.verify({ head: missing });
      assert.equal(intact, false);
    });

    it('opens twice without harm', async () => {
      await write(1);
      await store.open();
      assert.equal((await store.list()).totalCount, 1);
    });
  });
}
