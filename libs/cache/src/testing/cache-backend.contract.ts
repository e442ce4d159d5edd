import { strict as assert } from 'node:assert';
import { assertFigures } from '../core/coherence/backend-figures.js';
import type { CacheBackend } from '../core/coherence/cache-backend.port.js';
import type { Invalidation } from '../core/coherence/invalidation.js';
import { describeEntryLife } from './cache-backend-life.contract.js';
import { describeSourceVersion } from './cache-backend-version.contract.js';
import { describeTierInspection } from './tier-inspection.contract.js';
import {
  PERMIT_MS,
  RecordingListener,
  actionsOn,
  entryOf,
  eventually,
  invalidationOf,
  type TierInstance,
  type TierSubject,
} from './tier-subject.js';

declare const describe: (name: string, body: () => void) => void;
declare const it: (name: string, body: () => Promise<void>) => void;
declare const beforeEach: (body: () => Promise<void>) => void;
declare const afterEach: (body: () => Promise<void>) => void;

const KEY = 'user:get:1';
const TAGS = ['%scope:user', 'user:1', 'a tag with "all" of it: %25\n🧊'];

/** Everything that hits the entry `KEY` with `TAGS`. */
const HITS: Readonly<Record<string, Partial<Invalidation>>> = {
  key: { keys: [KEY] },
  tag: { tags: ['user:1'] },
  'scope clear': { tags: ['%scope:user'] },
  'odd tag': { tags: [TAGS[2]!] },
  'pattern of the scope': { patterns: [{ pattern: 'get:*', scope: 'user' }] },
  'pattern of the namespace': { patterns: [{ pattern: '*get*', scope: null }] },
  flush: { flush: true },
};

/** What comes near and does not hit it. */
const MISSES: Partial<Invalidation> = {
  keys: ['user:get:12', 'user:get', 'User:get:1'],
  tags: ['user:12', 'user', '%scope:use'],
  patterns: [
    { pattern: 'get:2*', scope: 'user' },
    { pattern: 'get:*', scope: 'order' },
  ],
};

/**
 * The rules of {@link CacheBackend}, for any implementation, as strict as its capabilities are: what an eventual tier owes
 * other instances, it owes them in a while. Needs `describe`, `it`, `beforeEach`, `afterEach` as globals.
 */
export function describeCacheBackend(name: string, create: () => Promise<TierSubject>): void {
  describe(`CacheBackend: ${name}`, () => {
    let subject: TierSubject;
    let here: TierInstance;
    let backend: CacheBackend;
    let listener: RecordingListener;
    const opened: TierInstance[] = [];
    const { miss, store, text } = actionsOn(() => backend);

    const open = async (): Promise<{ instance: TierInstance; follower: RecordingListener }> => {
      const instance = subject.instance();
      const follower = new RecordingListener();
      opened.push(instance);
      await Promise.all([instance.log.open(follower), instance.backend!.open()]);
      await eventually(subject, 'the backend to be available', () => instance.backend!.available());
      await eventually(subject, 'the log to be live', () => instance.log.health().state === 'live');
      return { instance, follower };
    };
    /** At once where the tier is coherent; in a while where it is eventual. */
    const inItsTime = async (what: string, holds: () => Promise<boolean>) => {
      if (backend.capabilities.consistency === 'eventual') return eventually(subject, what, holds);
      assert.ok(await holds(), `expected ${what}`);
    };
    const invalidate = (targets: Partial<Invalidation>) => here.log.append(invalidationOf(targets));

    beforeEach(async () => {
      subject = await create();
      const first = await open();
      here = first.instance;
      listener = first.follower;
      backend = here.backend!;
    });
    afterEach(async () => {
      for (const { backend: each, log } of opened.splice(0)) await Promise.all([each?.close(), log.close()]);
      await subject.close();
    });

    it('has a name for hits and metrics', async () => {
      assert.match(backend.name, /^[a-z][a-z0-9-]*$/);
    });

    describe('a miss', () => {
      it('elects one of all who ask', async () => {
        const reads = await Promise.all(Array.from({ length: 50 }, () => miss(KEY)));
        assert.equal(reads.filter(({ owner }) => owner).length, 1);
      });

      it('elects the next one when the permit is given back, and only then', async () => {
        const { token, position } = await miss(KEY);
        await backend.release(KEY, { token: `${token}-of-somebody-else`, position });
        assert.equal((await miss(KEY)).owner, false);
        await backend.release(KEY, { token, position });
        assert.equal((await miss(KEY)).owner, true);
      });

      it('is a miss of this key alone', async () => {
        await miss(KEY);
        assert.equal((await miss('user:get:2')).owner, true);
      });
    });

    describe('a fill', () => {
      it('is read again as it was, byte for byte', async () => {
        const payload = Uint8Array.from({ length: 1024 }, (_, i) => i % 256);
        const permit = await miss(KEY);
        assert.equal(await backend.fill(KEY, permit, entryOf('', { payload, tags: TAGS })), true);
        const read = await backend.read(KEY, { permitMs: PERMIT_MS });
        assert.ok(read.hit);
        assert.deepEqual([...read.entry.payload], [...payload]);
        assert.deepEqual([...read.entry.tags].sort(), [...TAGS].sort());
      });

      it('may be empty, and may be large', async () => {
        await store('empty', '');
        await store('large', 'x'.repeat(300_000));
        assert.equal(await text('empty'), '');
        assert.equal((await text('large'))?.length, 300_000);
      });

      it('may have many tags, or one tag twice', async () => {
        const tags = Array.from({ length: 32 }, (_, i) => `t${i}`);
        await store('many', 'value', { tags });
        await store('twice', 'value', { tags: ['t1', 't1'] });
        await invalidate({ tags: ['t31'] });
        assert.equal(await text('many'), null);
        assert.equal(await text('twice'), 'value');
        await invalidate({ tags: ['t1'] });
        assert.equal(await text('twice'), null);
      });

      it('works once per permit', async () => {
        const permit = await miss(KEY);
        assert.equal(await backend.fill(KEY, permit, entryOf('first')), true);
        assert.equal(await backend.fill(KEY, permit, entryOf('second')), false);
        assert.equal(await text(KEY), 'first');
      });

      it('needs the very permit of its key', async () => {
        const { token, position } = await miss(KEY);
        const other = await miss('user:get:2');
        assert.equal(await backend.fill(KEY, { token: `${token}x`, position }, entryOf('forged')), false);
        assert.equal(await backend.fill(KEY, other, entryOf('of another key')), false);
        assert.equal(await backend.fill('user:get:3', { token, position }, entryOf('elsewhere')), false);
        assert.equal(await text('user:get:3'), null);
      });

      it('takes any text as a key, and tells all keys apart', async () => {
        const keys = ['a:b', 'a%3Ab', 'a\nb', 'a b', '{a}', '{a', '*', 'a*', '[ab]', '?', '__proto__', 'constructor'];
        keys.push('ä', 'a\u0308', '🧊', '\u0000', '"', "'", '\\', 'x'.repeat(5000), `${'x'.repeat(4999)}y`);
        for (const key of keys) await store(key, `value of ${key}`);
        for (const key of keys) assert.equal(await text(key), `value of ${key}`);
        await invalidate({ keys: [keys[0]!] });
        assert.equal(await text(keys[0]!), null);
        for (const key of keys.slice(1)) assert.equal(await text(key), `value of ${key}`);
      });
    });

    for (const [kind, targets] of Object.entries(HITS))
      describe(`an invalidation by ${kind}`, () => {
        it('keeps out a value read from the source before it (G1)', async () => {
          const permit = await miss(KEY);
          await invalidate(targets);
          await backend.fill(KEY, permit, entryOf('old', { tags: TAGS }));
          assert.equal(await text(KEY), null);
          assert.equal(await text(KEY), null);
        });

        it('removes what is stored, and leaves nothing for grace (I21)', async () => {
          await store(KEY, 'old', { tags: TAGS });
          await invalidate(targets);
          const read = await backend.read(KEY, { permitMs: PERMIT_MS });
          assert.equal(read.hit, false);
          assert.equal(read.stale, null);
        });

        it('lets the next value in', async () => {
          await store(KEY, 'old', { tags: TAGS });
          await invalidate(targets);
          await store(KEY, 'new', { tags: TAGS });
          assert.equal(await text(KEY), 'new');
        });

        it('holds on every other instance too (G3)', async () => {
          if (!subject.shared) return;
          const there = (await open()).instance.backend!;
          const misses = async (key: string) => !(await there.read(key, { permitMs: PERMIT_MS })).hit;
          await store(KEY, 'old', { tags: TAGS });
          await inItsTime('the entry to be found there', async () => !(await misses(KEY)));
          const pending = await there.read('user:get:2', { permitMs: PERMIT_MS });
          assert.ok(!pending.hit);
          await invalidate({ ...targets, ...('keys' in targets ? { keys: [KEY, 'user:get:2'] } : {}) });
          await inItsTime('the entry to be gone there', () => misses(KEY));
          await there.fill('user:get:2', pending.permit, entryOf('old', { tags: TAGS }));
          await inItsTime('the overtaken fill to be gone', () => misses('user:get:2'));
        });
      });

    it('is not hit by what names others', async () => {
      await store(KEY, 'value', { tags: TAGS });
      const permit = await miss('user:get:2');
      await invalidate(MISSES);
      assert.equal(await backend.fill('user:get:2', permit, entryOf('value', { tags: ['user:2'] })), true);
      assert.equal(await text(KEY), 'value');
    });

    it('counts the entries of named keys that it dropped', async () => {
      await store(KEY, 'value');
      const removed = here.log.capabilities.counts ? 1 : 0;
      assert.equal((await invalidate({ keys: [KEY, 'user:get:2'] })).removed, removed);
      assert.equal((await invalidate({ keys: [KEY] })).removed, 0);
    });

    describe('put', () => {
      it('stores without a permit, and voids the fills under way', async () => {
        const permit = await miss(KEY);
        await backend.put(KEY, entryOf('set'));
        assert.equal(await backend.fill(KEY, permit, entryOf('loaded before')), false);
        assert.equal(await text(KEY), 'set');
      });

      it('replaces what is there; the last writer wins', async () => {
        await backend.put(KEY, entryOf('first', { tags: ['t'] }));
        await backend.put(KEY, entryOf('second'));
        await invalidate({ tags: ['t'] });
        assert.equal(await text(KEY), 'second');
      });

      it('is undone by what is invalidated later, not by what was before', async () => {
        await invalidate({ tags: TAGS });
        await backend.put(KEY, entryOf('set', { tags: TAGS }));
        assert.equal(await text(KEY), 'set');
        await invalidate({ tags: ['user:1'] });
        assert.equal(await text(KEY), null);
      });

      it('takes the key from every memory, here and elsewhere', async () => {
        const others = subject.shared ? [(await open()).follower] : [];
        await backend.put(KEY, entryOf('set'));
        assert.ok(listener.applied.some(({ keys }) => keys.includes(KEY)));
        for (const follower of others)
          await eventually(subject, 'the other to drop its copy', () =>
            follower.applied.some(({ keys }) => keys.includes(KEY)),
          );
      });
    });

    it('tells figures that a monitoring system can show, of which counts only rise', async () => {
      const before = assertFigures(backend.figures(), name).counts;
      await backend.put(KEY, entryOf('set'));
      await text(KEY);
      const after = assertFigures(backend.figures(), name).counts;
      for (const [count, value] of Object.entries(before)) assert.ok(after[count]! >= value, count);
    });

    describeEntryLife(
      () => subject,
      () => backend,
    );
    describeSourceVersion({
      subject: () => subject,
      backend: () => backend,
      listener: () => listener,
      invalidate,
    });
    describeTierInspection({ subject: () => subject, backend: () => backend, invalidate });
  });
}
