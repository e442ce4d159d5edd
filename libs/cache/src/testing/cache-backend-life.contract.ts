import { strict as assert } from 'node:assert';
import type { CacheBackend } from '../core/coherence/cache-backend.port.js';
import { PERMIT_MS, actionsOn, entryOf, type TierSubject } from './tier-subject.js';

declare const describe: (name: string, body: () => void) => void;
declare const it: (name: string, body: () => Promise<void>) => void;

const KEY = 'user:get:1';
/** Real servers answer over a network: a life may be this much shorter than asked for when it is read, ms. */
const TOLERANCE_MS = 2000;
const LONG = { freshMs: 60_000, keepMs: 120_000 };
const SHORT = { freshMs: 150, keepMs: 60_000 };

/** How long entries and permits live; part of `describeCacheBackend`. */
export function describeEntryLife(subject: () => TierSubject, backend: () => CacheBackend): void {
  const { miss, store, text } = actionsOn(backend);
  const read = (refresh = false) => backend().read(KEY, { permitMs: PERMIT_MS, refresh });

  describe('the life of an entry', () => {
    it('is what is left of it, and is never armed again by a read', async () => {
      await store(KEY, 'value', LONG);
      const first = await read();
      await subject().elapse(300);
      const second = await read();
      assert.ok(first.hit && second.hit);
      for (const { freshMs, keepMs } of [first.entry, second.entry]) {
        assert.ok(freshMs > LONG.freshMs - TOLERANCE_MS && freshMs <= LONG.freshMs, `fresh for ${freshMs}`);
        assert.ok(keepMs > LONG.keepMs - TOLERANCE_MS && keepMs <= LONG.keepMs, `kept for ${keepMs}`);
      }
      assert.ok(second.entry.freshMs <= first.entry.freshMs - 250);
      assert.ok(second.entry.keepMs <= first.entry.keepMs - 250);
    });

    it('ends: past its fresh life it is a miss with the expired value beside it, for grace', async () => {
      await store(KEY, 'value', { ...SHORT, tags: ['t'] });
      await subject().elapse(250);
      const expired = await read();
      assert.ok(!expired.hit);
      assert.equal(expired.owner, true);
      assert.ok(expired.stale !== null);
      assert.equal(new TextDecoder().decode(expired.stale.payload), 'value');
      assert.deepEqual([...expired.stale.tags], ['t']);
      assert.ok(expired.stale.freshMs <= 0);
      assert.ok(expired.stale.keepMs > 0 && expired.stale.keepMs <= SHORT.keepMs);
      const other = await read();
      assert.ok(!other.hit && !other.owner && other.stale !== null);
    });

    it('ends for good when it is kept no longer', async () => {
      await store(KEY, 'value', { freshMs: 100, keepMs: 200 });
      await subject().elapse(300);
      const gone = await read();
      assert.ok(!gone.hit);
      assert.equal(gone.stale, null);
    });

    it('may have no grace', async () => {
      await store(KEY, 'value', { freshMs: 100, keepMs: 100 });
      assert.equal(await text(KEY), 'value');
      await subject().elapse(200);
      const gone = await read();
      assert.ok(!gone.hit);
      assert.equal(gone.stale, null);
    });

    it('may be a fraction of a millisecond long, as jitter makes it', async () => {
      await store(KEY, 'value', { freshMs: 60_000.25, keepMs: 60_000.75 });
      assert.equal(await text(KEY), 'value');
      await store('short', 'value', { freshMs: 0.25, keepMs: 0.5 });
      await subject().elapse(50);
      assert.equal(await text('short'), null);
    });

    it('begins anew with a fill of the expired', async () => {
      await store(KEY, 'old', SHORT);
      await subject().elapse(250);
      const expired = await read();
      assert.ok(!expired.hit);
      assert.equal(await backend().fill(KEY, expired.permit, entryOf('new', LONG)), true);
      assert.equal(await text(KEY), 'new');
    });

    it('an expired value that was invalidated is not there for grace (I21)', async () => {
      await store(KEY, 'value', SHORT);
      await subject().elapse(250);
      assert.equal((await read()).hit, false);
      await backend().put('other', entryOf('value'));
      await backend().put(KEY, entryOf('set', LONG));
      const again = await read();
      assert.ok(again.hit);
      assert.equal(new TextDecoder().decode(again.entry.payload), 'set');
    });
  });

  describe('a permit', () => {
    it('dies after its time: the next one is elected, and the late fill is refused', async () => {
      const late = await backend().read(KEY, { permitMs: 100 });
      assert.ok(!late.hit);
      await subject().elapse(200);
      assert.equal(await backend().fill(KEY, late.permit, entryOf('late')), false);
      const next = await miss(KEY);
      assert.equal(next.owner, true);
      assert.equal(await backend().fill(KEY, late.permit, entryOf('late')), false);
      assert.equal(await backend().fill(KEY, next, entryOf('in time')), true);
      assert.equal(await text(KEY), 'in time');
    });

    it('is given for a fresh entry to who cannot use that, and everybody else still gets the entry', async () => {
      await store(KEY, 'old');
      const renewal = await read(true);
      assert.ok(!renewal.hit);
      assert.equal(renewal.owner, true);
      assert.equal(await text(KEY), 'old');
      assert.equal(await backend().fill(KEY, renewal.permit, entryOf('new')), true);
      assert.equal(await text(KEY), 'new');
    });
  });
}
