import { strict as assert } from 'node:assert';
import type { DecisionEntry } from '../core/decision/decision-entry.js';
import type { DecisionRemoval } from '../core/decision/decision-removal.js';
import type { DecisionMark, DecisionStore } from '../core/decision/decision-store.port.js';

declare const describe: (name: string, body: () => void) => void;
declare const it: (name: string, body: () => Promise<void>) => void;
declare const beforeEach: (body: () => Promise<void>) => void;
declare const afterEach: (body: () => Promise<void>) => void;

/** A fresh, empty store, and how to be rid of it. */
export interface DecisionStoreSubject {
  readonly store: DecisionStore;
  /** Now by the store's own clock, Unix ms. */
  now(): Promise<number>;
  close(): Promise<void>;
}

const NAMESPACE = 'db';
const HOUR_MS = 3_600_000;

/** The rules of {@link DecisionStore}, for any implementation. Needs `describe`, `it`, `beforeEach`, `afterEach` as globals. */
export function describeDecisionStore(name: string, create: () => Promise<DecisionStoreSubject>): void {
  describe(`DecisionStore: ${name}`, () => {
    let subject: DecisionStoreSubject;
    let store: DecisionStore;
    let now: number;

    beforeEach(async () => {
      subject = await create();
      store = subject.store;
      now = await subject.now();
    });
    afterEach(() => subject.close());

    const entry = (veriKey: string, changes: Partial<DecisionEntry> = {}): DecisionEntry => ({
      veriKey,
      decision: { of: veriKey },
      policyHash: 'p1',
      signerSetHash: 's1',
      feedEpoch: 'e1',
      createdAt: new Date(now),
      expiresAt: new Date(now + HOUR_MS),
      ...changes,
    });
    const put = async (...entries: DecisionEntry[]): Promise<void> => {
      const written = await store.write(
        NAMESPACE,
        entries.map((each) => ({ entry: each, mark: null })),
      );
      assert.equal(written.includes(null), false);
    };
    const markOf = async (veriKey: string): Promise<DecisionMark> => (await store.find(NAMESPACE, veriKey)).mark;
    const decideAfter = async (mark: DecisionMark, made: DecisionEntry): Promise<boolean> =>
      (await store.write(NAMESPACE, [{ entry: made, mark }]))[0] !== null;
    const holds = async (veriKey: string): Promise<boolean> => (await store.find(NAMESPACE, veriKey)).kept !== null;
    const remove = async (removal: DecisionRemoval, requestId = 'r'): Promise<number> => {
      const fence = await store.fence(NAMESPACE, removal, requestId);
      let removed = 0;
      for (let from: string | null = ''; from !== null;) {
        const step = await store.remove(NAMESPACE, fence, from);
        removed += step.removed;
        from = step.next;
      }
      return removed;
    };
    const pattern = (text: string, under = ''): DecisionRemoval => ({ kind: 'pattern', pattern: text, under });

    it('gives back what it was given, whatever is in it', async () => {
      const odd = ' a\t\n%_\\\'"*:\u{1F600}e\u0301 ';
      const given = entry(odd, {
        decision: { when: new Date(5), map: new Map([[1, 2n]]), none: null, empty: '', list: [] },
        policyHash: odd,
        signerSetHash: '',
        feedEpoch: odd,
        inputDigests: { sbom: 'sha256:ab', [odd]: odd },
        createdAt: new Date(now - 123),
        expiresAt: new Date(now + HOUR_MS + 7),
      });
      await put(given);
      const { kept } = await store.find(NAMESPACE, odd);
      assert.deepEqual(kept!.entry, given);
      assert.ok(kept!.remainingMs > HOUR_MS / 2 && kept!.remainingMs <= HOUR_MS + 7);
      assert.equal(await store.count(NAMESPACE), 1);
      assert.equal((await store.find('other', odd)).kept, null);
    });

    it('takes empty and huge decisions, and refuses what cannot be kept', async () => {
      const huge = 'x'.repeat(2_000_000);
      await put(entry('none', { decision: undefined }), entry('huge', { decision: huge }));
      assert.equal((await store.find(NAMESPACE, 'huge')).kept!.entry.decision, huge);
      assert.equal((await store.find(NAMESPACE, 'none')).kept!.entry.decision, undefined);
      const written = await store.write(NAMESPACE, [
        { entry: entry('function', { decision: () => 1 }), mark: null },
        { entry: entry('sound'), mark: null },
      ]);
      assert.deepEqual(
        written.map((each) => each === null),
        [true, false],
      );
    });

    it('shows what has expired until it is pruned', async () => {
      await put(
        entry('old', { expiresAt: new Date(now - 1) }),
        entry('older', { expiresAt: new Date(now - HOUR_MS) }),
        entry('live'),
      );
      const { kept } = await store.find(NAMESPACE, 'old');
      assert.ok(kept !== null && kept.remainingMs <= 0);
      assert.deepEqual(await store.prune(NAMESPACE, 1).then((keys) => keys.length), 1);
      assert.deepEqual(await store.prune(NAMESPACE, 10).then((keys) => keys.length), 1);
      assert.deepEqual(await store.prune(NAMESPACE, 10), []);
      assert.deepEqual([await holds('old'), await holds('older'), await holds('live')], [false, false, true]);
    });

    it('leaves one row where many write a key at once', async () => {
      const writes = Array.from({ length: 20 }, (_, n) =>
        store.write(NAMESPACE, [{ entry: entry('k', { decision: n }), mark: null }]),
      );
      const versions = (await Promise.all(writes)).map(([written]) => written!.version);
      assert.equal(new Set(versions).size, 20);
      const { kept } = await store.find(NAMESPACE, 'k');
      assert.equal(
        kept!.version,
        versions.reduce((a, b) => (a > b ? a : b)),
      );
      assert.equal(await store.count(NAMESPACE), 1);
    });

    it('keeps what was decided after a lookup only while the key stands as it was found', async () => {
      const nothing = await markOf('k');
      assert.equal(await decideAfter(nothing, entry('k', { decision: 'first' })), true);
      assert.equal(await decideAfter(nothing, entry('k', { decision: 'late' })), false);
      const first = await markOf('k');
      await put(entry('k', { decision: 'set' }));
      assert.equal(await decideAfter(first, entry('k', { decision: 'late' })), false);
      assert.equal((await store.find(NAMESPACE, 'k')).kept!.entry.decision, 'set');
      assert.equal(await decideAfter(await markOf('k'), entry('k', { decision: 'anew' })), true);
      assert.equal((await store.find(NAMESPACE, 'k')).kept!.entry.decision, 'anew');
    });

    const removals: [string, DecisionRemoval, string[]][] = [
      ['key', { kind: 'key', veriKey: 'a:1' }, ['a:1']],
      ['policy', { kind: 'policy', hash: 'p1' }, ['a:1', 'a:2']],
      ['signers', { kind: 'signers', hash: 's2' }, ['a:2', 'b:1']],
      ['epoch', { kind: 'epoch', olderThan: 'e10' }, ['a:1', 'a:2']],
      ['prefix', pattern('a:*'), ['a:1', 'a:2']],
      ['suffix', pattern('*:1'), ['a:1', 'b:1']],
      ['wildcard', pattern('*:*1*'), ['a:1', 'b:1']],
      ['regular expression', pattern('^[ab]:1$'), ['a:1', 'b:1']],
      ['exact pattern', pattern('a:2'), ['a:2']],
      ['everything', pattern('*'), ['a:1', 'a:2', 'a_%', 'b:1']],
      ['text that a database could read as a pattern', pattern('a_%*'), ['a_%']],
      ['pattern of full keys', pattern('decision:a:*', 'decision:'), ['a:1', 'a:2']],
      ['pattern of full keys that begins before them', pattern('dec*', 'decision:'), ['a:1', 'a:2', 'a_%', 'b:1']],
    ];
    for (const [what, removal, hit] of removals) {
      it(`removes by ${what} exactly what it names, once, and keeps it from coming back`, async () => {
        const all = [
          entry('a:1', { feedEpoch: 'e9' }),
          entry('a:2', { signerSetHash: 's2', feedEpoch: 'e9' }),
          entry('b:1', { policyHash: 'p2', signerSetHash: 's2', feedEpoch: 'e10' }),
          entry('a_%', { policyHash: 'p10', feedEpoch: 'e11' }),
        ];
        const keys = all.map(({ veriKey }) => veriKey);
        const marks = new Map(await Promise.all(keys.map(async (key) => [key, await markOf(key)] as const)));
        await put(...all);
        assert.equal(await remove(removal), hit.length);
        const left = await Promise.all(keys.map(holds));
        assert.deepEqual(
          keys.filter((_, i) => !left[i]),
          hit.toSorted((a, b) => keys.indexOf(a) - keys.indexOf(b)),
        );
        assert.equal(await remove(removal), 0);
        for (const each of all.filter(({ veriKey }) => hit.includes(veriKey))) {
          assert.equal(await decideAfter(marks.get(each.veriKey)!, each), false, `${each.veriKey} came back`);
          assert.equal(await decideAfter(await markOf(each.veriKey), each), true, `${each.veriKey} is barred for ever`);
        }
      });
    }

    it('spares what was decided after a removal was announced, though it is not carried out yet', async () => {
      await put(entry('before'));
      const fence = await store.fence(NAMESPACE, { kind: 'policy', hash: 'p1' }, 'r');
      assert.equal(await decideAfter(await markOf('after'), entry('after')), true);
      assert.deepEqual(await store.remove(NAMESPACE, fence, ''), { removed: 1, keys: ['before'], next: null });
      assert.equal(await holds('after'), true);
    });

    it('lets a removal hit its own namespace alone', async () => {
      await put(entry('k'));
      const { mark } = await store.find('other', 'k');
      await remove(pattern('*'));
      assert.notEqual((await store.write('other', [{ entry: entry('k'), mark }]))[0], null);
      await remove(pattern('*'));
      assert.notEqual((await store.find('other', 'k')).kept, null);
    });

    it('walks over many keys in bounded steps', async () => {
      for (let from = 0; from < 2_500; from += 500) {
        await put(
          ...Array.from({ length: 500 }, (_, n) => entry(`key:${from + n}:${(from + n) % 5 === 0 ? 'x' : 'y'}`)),
        );
      }
      assert.equal(await remove(pattern('*:x')), 500);
      assert.equal(await store.count(NAMESPACE), 2_000);
    });

    it('tells what a key has held, and what removed it', async () => {
      await put(entry('k', { policyHash: 'p1' }));
      await put(entry('k', { policyHash: 'p2' }));
      await remove({ kind: 'policy', hash: 'p1' }, 'in vain');
      await remove({ kind: 'policy', hash: 'p2' }, 'by policy');
      await put(entry('k', { policyHash: 'p3' }));
      await remove(pattern('/no such key/'), 'in vain');
      await remove(pattern('*k'), 'by pattern');
      await put(entry('k', { policyHash: 'p4' }));
      const past = await store.past(NAMESPACE, 'k', 10);
      assert.deepEqual(
        past.map(({ policyHash, removedBy }) => [policyHash, removedBy]),
        [
          ['p4', null],
          ['p3', 'by pattern'],
          ['p2', 'by policy'],
          ['p1', null],
        ],
      );
      assert.equal((await store.past(NAMESPACE, 'k', 2)).length, 2);
      await store.forget(NAMESPACE, 100);
      assert.equal((await store.past(NAMESPACE, 'k', 10)).length, 4);
    });

    it('answers a probe', () => store.probe());
  });
}
