import { strict as assert } from 'node:assert';
import { createHash, randomUUID } from 'node:crypto';
import type { IndexScope } from '../core/prefix/index-scope.js';
import type { PrefixStore, PrefixWrite, StoredLookup } from '../core/prefix/prefix-store.port.js';

declare const describe: (name: string, body: () => void) => void;
declare const it: (name: string, body: () => Promise<void>) => void;
declare const beforeEach: (body: () => Promise<void>) => void;
declare const afterEach: (body: () => Promise<void>) => void;

/** An empty store that is not open yet, and what a suite may do with it. */
export interface PrefixStoreSubject {
  readonly store: PrefixStore;
  /** Lets time pass by the store's own clock. */
  elapse(ms: number): Promise<unknown>;
  close(): Promise<void>;
}

const FIVE_MINUTES = 300_000;
const hashOf = (text: string): Uint8Array => createHash('sha256').update(text).digest();
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** The rules of {@link PrefixStore}, for any implementation. Needs `describe`, `it`, `beforeEach`, `afterEach` as globals. */
export function describePrefixStore(name: string, create: () => Promise<PrefixStoreSubject>): void {
  describe(`PrefixStore: ${name}`, () => {
    let subject: PrefixStoreSubject;
    let store: PrefixStore;
    let scope: IndexScope;

    beforeEach(async () => {
      subject = await create();
      ({ store } = subject);
      await store.open();
      scope = { principalId: randomUUID(), virtualModel: 'model', tokenizerVersion: 'v1' };
    });
    afterEach(async () => {
      await store.close();
      await subject.close();
    });

    const write = (text: string, more: Partial<PrefixWrite> = {}) =>
      store.write({
        scope,
        hash: hashOf(text),
        count: 10,
        tier: '5m',
        expiresAt: null,
        began: { agoMs: 0 },
        ...more,
      });
    const look = (texts: readonly string[], at = scope): Promise<StoredLookup> => store.lookup(at, texts.map(hashOf));
    const found = async (texts: readonly string[], at = scope) =>
      (await look(texts, at)).entries.map(({ hash }) => hexOf(hash)).sort();
    const hexes = (...texts: string[]) => texts.map((text) => hexOf(hashOf(text))).sort();

    it('finds what was written, each once, with its count, tier and what is left of its life', async () => {
      await write('a', { count: 7, tier: '1h' });
      await write('b');
      const { entries } = await look(['c', 'b', 'a']);
      assert.deepEqual(entries.map(({ hash }) => hexOf(hash)).sort(), hexes('a', 'b'));
      const a = entries.find(({ hash }) => hexOf(hash) === hexes('a')[0])!;
      assert.deepEqual([a.count, a.tier], [7, '1h']);
      assert.ok(a.leftMs > 3_500_000 && a.leftMs <= 3_600_000, `${a.leftMs} ms are left`);
    });

    it('keeps bytes as they are, also those that are no text', async () => {
      const hashes = [Uint8Array.of(0), Uint8Array.of(0xff, 0xfe, 0), Uint8Array.of(0xc3, 0x28), Uint8Array.of(0, 0)];
      for (const [count, hash] of hashes.entries()) await store.write({ ...plain(scope), hash, count });
      const { entries } = await store.lookup(scope, hashes);
      const counts = new Map(entries.map(({ hash, count }) => [hexOf(hash), count]));
      assert.deepEqual(
        hashes.map((hash) => counts.get(hexOf(hash))),
        [0, 1, 2, 3],
      );
    });

    it('keeps every part of a scope apart', async () => {
      await write('a');
      assert.deepEqual(await found(['a'], { ...scope, principalId: randomUUID() }), []);
      assert.deepEqual(await found(['a'], { ...scope, virtualModel: 'Model' }), []);
      assert.deepEqual(await found(['a'], { ...scope, tokenizerVersion: 'v2' }), []);
      assert.deepEqual(await found(['a']), hexes('a'));
    });

    it('writes an entry anew in its place: count, tier and expiry, also an earlier one', async () => {
      const first = await write('a', { tier: '24h', count: 1 });
      const second = await write('a', { tier: '5m', count: 2 });
      assert.ok(second!.entry.order > first!.entry.order);
      const { entries } = await look(['a']);
      assert.equal(entries.length, 1);
      assert.deepEqual([entries[0]!.count, entries[0]!.tier], [2, '5m']);
      assert.ok(entries[0]!.leftMs <= FIVE_MINUTES);
    });

    it('keeps one entry, whoever writes it at once', async () => {
      await Promise.all(Array.from({ length: 20 }, (_, count) => write('a', { count })));
      const { entries } = await look(['a', 'b']);
      assert.equal(entries.length, 1);
      assert.equal(await store.sweep(-10 * 86_400_000, 100), 1);
    });

    it('finds nothing that has expired, and expires by its own clock', async () => {
      await write('a');
      await subject.elapse(FIVE_MINUTES - 60_000);
      assert.deepEqual(await found(['a']), hexes('a'));
      await subject.elapse(60_001);
      assert.deepEqual(await found(['a']), []);
    });

    it('slides the window of a live entry by its own tier, and by how long ago it was read', async () => {
      await write('a', { tier: '5m' });
      await write('b', { tier: '1h' });
      await subject.elapse(200_000);
      const refreshes = ['a', 'b', 'absent'].map((text) => ({
        scope,
        hash: hashOf(text),
        expiresAt: null,
        readAgoMs: 100_000,
      }));
      const live = await store.refresh(refreshes);
      assert.deepEqual(live.map(({ entry }) => hexOf(entry.hash)).sort(), hexes('a', 'b'));
      await subject.elapse(FIVE_MINUTES - 110_000);
      assert.deepEqual(await found(['a']), hexes('a'));
      await subject.elapse(20_000);
      assert.deepEqual(await found(['a', 'b', 'absent']), hexes('b'));
    });

    it('never moves expiry back, nor revives what has expired', async () => {
      const { entry } = (await write('a'))!;
      const refresh = (ms: number) =>
        store.refresh([
          { scope, hash: hashOf('a'), expiresAt: new Date(entry.expiresAt.getTime() + ms), readAgoMs: null },
        ]);
      const [moved] = await refresh(60_000);
      assert.equal(moved!.entry.expiresAt.getTime() - entry.expiresAt.getTime(), 60_000);
      const [same] = await refresh(-60_000);
      assert.equal(same!.entry.expiresAt.getTime(), moved!.entry.expiresAt.getTime());
      await subject.elapse(FIVE_MINUTES + 60_001);
      assert.deepEqual(await refresh(3_600_000), []);
      assert.deepEqual(await found(['a']), []);
    });

    it('takes parts away for good, and only those', async () => {
      const other = { ...scope, principalId: randomUUID() };
      const model = { ...scope, virtualModel: 'other:model%' };
      const tokenizer = { ...scope, tokenizerVersion: 'v2' };
      const scopes = [scope, other, model, tokenizer];
      const all = async () => {
        const counts = [];
        for (const each of scopes) counts.push((await found(['a'], each)).length);
        return counts.join('');
      };
      for (const each of scopes) await write('a', { scope: each });
      assert.equal(await store.remove([{ principalId: other.principalId }]), 1);
      assert.equal(await all(), '1011');
      assert.equal(await store.remove([{ virtualModel: 'other:model%' }]), 1);
      assert.equal(await all(), '1001');
      assert.equal(await store.remove([{ tokenizerVersion: 'v2' }, { virtualModel: 'nobody' }]), 1);
      assert.equal(await all(), '1000');
      assert.equal(await store.remove([{ tokenizerVersion: 'v2' }]), 0);
      assert.ok((await store.remove(['all'])) >= 1);
      assert.equal(await all(), '0000');
      assert.deepEqual(
        await store.refresh([{ scope, hash: hashOf('a'), expiresAt: null, readAgoMs: 0 }]),
        [],
        'a refresh must not bring it back',
      );
      await write('a');
      assert.equal(await all(), '1000');
    });

    it('refuses a write that began before a part of its scope was taken away', async () => {
      for (const part of [
        { principalId: scope.principalId },
        { virtualModel: scope.virtualModel },
        { tokenizerVersion: scope.tokenizerVersion },
        'all' as const,
      ]) {
        const { fence } = await look(['a']);
        await store.remove([part]);
        assert.equal(await write('a', { began: { fence } }), null);
        assert.deepEqual(await found(['a']), []);
        const again = await look(['a']);
        assert.notEqual(await write('a', { began: { fence: again.fence } }), null);
        assert.deepEqual(await found(['a']), hexes('a'));
      }
      const { fence } = await look(['a']);
      await store.remove([{ virtualModel: 'another' }]);
      assert.notEqual(await write('b', { began: { fence } }), null, 'what was taken away is no part of its scope');
    });

    it('refuses a write that was called before a part was taken away, by time', async () => {
      await store.remove([{ principalId: scope.principalId }]);
      assert.equal(await write('a', { began: { agoMs: 3_600_000 } }), null);
      assert.notEqual(await write('a', { began: { agoMs: 0 } }), null);
    });

    it('hides nothing behind a fence that was raised before it', async () => {
      await store.remove(['all']);
      await write('a');
      await store.remove([{ virtualModel: 'another' }]);
      assert.deepEqual(await found(['a']), hexes('a'));
    });

    it('sweeps what expired long ago, in bounded pieces', async () => {
      for (const text of ['a', 'b', 'c']) await write(text);
      await subject.elapse(FIVE_MINUTES + 60_000);
      await write('live');
      assert.equal(await store.sweep(120_000, 10), 0);
      assert.equal(await store.sweep(30_000, 2), 2);
      assert.equal(await store.sweep(30_000, 2), 1);
      assert.equal(await store.sweep(30_000, 2), 0);
      assert.deepEqual(await found(['live']), hexes('live'));
    });
  });
}

function plain(scope: IndexScope): Omit<PrefixWrite, 'hash' | 'count'> {
  return { scope, tier: '5m', expiresAt: null, began: { agoMs: 0 } };
}
