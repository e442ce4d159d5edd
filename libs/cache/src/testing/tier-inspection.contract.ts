import { strict as assert } from 'node:assert';
import type { CacheBackend } from '../core/coherence/cache-backend.port.js';
import type { Invalidation } from '../core/coherence/invalidation.js';
import { ordOfPosition } from '../core/coherence/position.js';
import type { TierInspection } from '../core/coherence/tier-inspection.js';
import { PERMIT_MS, actionsOn, type TierSubject } from './tier-subject.js';

declare const describe: (name: string, body: () => void) => void;
declare const it: (name: string, body: () => Promise<void>) => void;

/** A tier and what the suite does with it. */
export interface InspectedTier {
  readonly subject: () => TierSubject;
  readonly backend: () => CacheBackend;
  readonly invalidate: (targets: Partial<Invalidation>) => Promise<{ readonly position: string }>;
}

const KEYS = ['user:get:1', 'user:get:2', 'user:list', 'h', 'h:1', 'order:get:1', 'user:*', 'user:[a]?', 'üser:\n{1}'];
const ALL = { matches: () => true, prefix: '', maxKeys: 1000, budgetMs: 60_000 };

/** The rules of `CacheBackend.inspection`, for tiers that have one. */
export function describeTierInspection({ subject, backend, invalidate }: InspectedTier): void {
  const { store, text } = actionsOn(backend);
  const rule = (name: string, body: (inspection: TierInspection) => Promise<void>): void =>
    it(name, async () => {
      const { inspection } = backend();
      if (inspection !== null) await body(inspection);
    });
  const found = async (inspection: TierInspection, matches: (key: string) => boolean, prefix: string) => {
    const survey = await inspection.survey({ ...ALL, matches, prefix });
    assert.equal(survey.complete, true);
    return [...survey.keys].sort();
  };

  describe('inspection', () => {
    rule('finds every key once, whatever text it holds, by what it begins with and by what matches', async (tier) => {
      for (const key of KEYS) await store(key, 'x'.repeat(100));
      assert.deepEqual(await found(tier, () => true, ''), [...KEYS].sort());
      for (const prefix of ['user:', 'user:*', 'user:[', 'h', 'h:', 'ü', 'user:get:1', 'nobody']) {
        const expected = KEYS.filter((key) => key.startsWith(prefix)).sort();
        assert.deepEqual(await found(tier, (key) => key.startsWith(prefix), prefix), expected, prefix);
      }
      assert.deepEqual(await found(tier, (key) => key.endsWith(':1'), ''), ['h:1', 'order:get:1', 'user:get:1']);
      const { bytes } = await tier.survey(ALL);
      assert.ok(bytes >= KEYS.length * 100 && bytes < KEYS.length * 1000);
    });

    rule('finds nothing that was invalidated or has expired', async (tier) => {
      await store('a:tag', '', { tags: ['t'] });
      await store('a:key', '');
      await store('a:pattern:1', '');
      await store('a:short', '', { freshMs: 20, keepMs: 40 });
      await store('a:stays', '');
      await invalidate({ tags: ['t'] });
      await invalidate({ keys: ['a:key'] });
      await invalidate({ patterns: [{ pattern: 'a:pattern:*', scope: null }] });
      await subject().elapse(60);
      assert.deepEqual(await found(tier, () => true, 'a:'), ['a:stays']);
      await invalidate({ flush: true });
      assert.deepEqual(await found(tier, () => true, ''), []);
    });

    rule('ends at its bounds, and says so', async (tier) => {
      for (let n = 0; n < 20; n += 1) await store(`many:${n}`, '');
      const few = await tier.survey({ ...ALL, maxKeys: 5 });
      assert.deepEqual([few.keys.length, few.complete], [5, false]);
      assert.equal(new Set(few.keys).size, 5);
    });

    rule('tells of an entry what would judge it, and neither elects nor takes anything', async (tier) => {
      const tags = ['t', 'u', 'tag '.repeat(300)];
      await store('k', 'payload', { tags, freshMs: 10_000, keepMs: 20_000 });
      const [held, absent] = await tier.entries(['k', 'nothing']);
      assert.equal(absent, null);
      assert.deepEqual([held!.fault, held!.tags], [null, tags]);
      assert.ok(held!.freshMs > 0 && held!.freshMs <= 10_000 && held!.keepMs > held!.freshMs && held!.bytes > 0);
      const read = await backend().read('nothing', { permitMs: PERMIT_MS });
      assert.equal(!read.hit && read.owner, true);
      assert.deepEqual(await tier.tagOrds(['t', 'never']), ['', '']);
      const { position } = await invalidate({ tags: ['u'] });
      assert.equal((await tier.entries(['k']))[0]!.fault, 'tag');
      assert.deepEqual(await tier.tagOrds(['t', 'u']), ['', ordOfPosition(position)]);
      assert.ok(ordOfPosition(held!.position) < ordOfPosition(position));
      assert.equal(await text('k'), null);
    });
  });
}
