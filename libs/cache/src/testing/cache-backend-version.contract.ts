import { strict as assert } from 'node:assert';
import type { CacheBackend, FillEntry } from '../core/coherence/cache-backend.port.js';
import type { Invalidation } from '../core/coherence/invalidation.js';
import { versionTag } from '../core/coherence/source-version.js';
import { PERMIT_MS, actionsOn, entryOf, eventually, type RecordingListener, type TierSubject } from './tier-subject.js';

declare const describe: (name: string, body: () => void) => void;
declare const it: (name: string, body: () => Promise<void>) => void;

const KEY = 'user:get:1';

/** What a suite may do in the test under way. */
export interface VersionScene {
  readonly subject: () => TierSubject;
  readonly backend: () => CacheBackend;
  /** What the instance of the backend is told by the log. */
  readonly listener: () => RecordingListener;
  readonly invalidate: (targets: Partial<Invalidation>) => Promise<unknown>;
}

/** Which entries a version of the source keeps from being replaced; part of `describeCacheBackend`. */
export function describeSourceVersion({ subject, backend, listener, invalidate }: VersionScene): void {
  const { miss, text } = actionsOn(backend);
  const of = (version: number | bigint, value: string, entry: Partial<FillEntry> = {}): FillEntry =>
    entryOf(value, { tags: [versionTag(version), 'user:1'], ...entry });
  const permitToRenew = async () => {
    const read = await backend().read(KEY, { permitMs: PERMIT_MS, refresh: true });
    assert.ok(!read.hit);
    return { ...read.permit, owner: read.owner };
  };
  const renew = async (entry: FillEntry): Promise<boolean> => backend().fill(KEY, await permitToRenew(), entry);

  describe('a version of the source', () => {
    it('is not replaced by an older one, whoever fills or puts it', async () => {
      assert.equal(await backend().fill(KEY, await miss(KEY), of(9, 'nine')), true);
      assert.equal(await renew(of(8, 'eight')), false);
      assert.equal(await backend().put(KEY, of(8, 'eight')), false);
      assert.equal(await text(KEY), 'nine');
      assert.equal(await renew(of(10, 'ten')), true);
      assert.equal(await text(KEY), 'ten');
      assert.equal(await backend().put(KEY, of(2n ** 60n, 'large')), true);
      assert.equal(await backend().put(KEY, of(11, 'eleven')), false);
      assert.equal(await text(KEY), 'large');
    });

    it('is replaced by its own like, and by what has none: then the last writer wins', async () => {
      await backend().put(KEY, of(9, 'nine'));
      assert.equal(await renew(of(9, 'nine again')), true);
      assert.equal(await backend().put(KEY, of(9, 'and again')), true);
      assert.equal(await backend().put(KEY, entryOf('without')), true);
      assert.equal(await text(KEY), 'without');
      assert.equal(await backend().put(KEY, of(1, 'one')), true);
      assert.equal(await text(KEY), 'one');
    });

    it('counts also once it is expired, until its key is invalidated', async () => {
      await backend().put(KEY, of(9, 'nine', { freshMs: 50 }));
      await subject().elapse(150);
      assert.equal(await backend().fill(KEY, await miss(KEY), of(8, 'from a lagging replica')), false);
      assert.equal(await text(KEY), null);
      await invalidate({ keys: [KEY] });
      assert.equal(await backend().fill(KEY, await miss(KEY), of(8, 'eight')), true);
      assert.equal(await text(KEY), 'eight');
    });

    it('that is refused leaves nothing behind: no message, and no permit that others would wait for', async () => {
      await backend().put(KEY, of(9, 'nine'));
      await eventually(subject(), 'the first to be told', () => listener().ids.length === 1);
      assert.equal(await backend().put(KEY, of(8, 'eight')), false);
      assert.equal(await renew(of(8, 'eight')), false);
      await subject().elapse(100);
      assert.equal(listener().ids.length, 1);
      assert.equal((await permitToRenew()).owner, true);
    });

    it('is the newest of many that are put at once', async () => {
      const versions = [3, 17, 5, 11, 19, 2, 13, 7];
      const stored = await Promise.all(versions.map((version) => backend().put(KEY, of(version, `v${version}`))));
      assert.equal(stored[versions.indexOf(19)], true);
      assert.equal(await text(KEY), 'v19');
    });
  });
}
