import fc from 'fast-check';
import { InvalidationIntent } from '../../../libs/cache/src/core/invalidation/intent.js';
import { ManualClock } from '../../../libs/cache/src/testing/manual-clock.js';
import { CacheRig } from './cache-rig.js';

/** Every look at it costs 5 ms, so that each slice of a sweep exhausts its turn after one step. */
class TiringClock extends ManualClock {
  private looks = 0;

  override monotonic(): number {
    this.looks += 1;
    return super.monotonic() + 5 * this.looks;
  }
}

const KEYS = 900;
const PATTERNS: Readonly<Record<string, (id: number) => boolean>> = {
  'get:1*': (id) => String(id).startsWith('1'),
  '*7': (id) => String(id).endsWith('7'),
  '*4*': (id) => String(id).includes('4'),
  '/^get:[0-4]/': (id) => /^[0-4]/.test(String(id)),
};

type Step =
  | { readonly do: 'revoke'; readonly pattern: string }
  | { readonly do: 'write' | 'delete'; readonly id: number }
  | { readonly do: 'turn' }
  | { readonly do: 'clear' };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('revoke' as const), pattern: fc.constantFrom(...Object.keys(PATTERNS)) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constantFrom('write' as const, 'delete' as const), id: fc.nat(KEYS - 1) }),
  },
  { weight: 4, arbitrary: fc.constant({ do: 'turn' as const }) },
  { weight: 1, arbitrary: fc.constant({ do: 'clear' as const }) },
);

it('shows no entry older than a pattern that hit it, in any slice of any sweep, and loses none that is younger', async () => {
  let slices = 0;
  const property = fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 14 }), async (steps) => {
    const rig = await CacheRig.open({ clock: new TiringClock(), listen: false, memory: { maxEntries: KEYS } });
    const policy = { ttlMs: 1e9 };
    const expected = new Map<number, number>();
    let version = 0;
    const write = async (id: number): Promise<void> => {
      const written = (version += 1);
      await rig.read(`user:get:${id}`, () => written, { policy });
      if (!expected.has(id)) expected.set(id, written);
    };
    for (let id = 0; id < KEYS; id += 1) await write(id);
    const going: Promise<unknown>[] = [];
    for (const each of steps) {
      if (each.do === 'revoke') {
        going.push(rig.invalidate(InvalidationIntent.pattern(each.pattern, 'user')));
        for (const id of expected.keys()) if (PATTERNS[each.pattern]!(id)) expected.delete(id);
      } else if (each.do === 'write') await write(each.id);
      else if (each.do === 'delete') {
        going.push(rig.invalidate(InvalidationIntent.key(`user:get:${each.id}`)));
        expected.delete(each.id);
      } else if (each.do === 'clear') {
        going.push(rig.invalidate(InvalidationIntent.scope('user')));
        // Entries of these reads carry the tag of the scope.
        expected.clear();
      } else {
        slices += 1;
        rig.clock.advance(0);
      }
      for (let id = 0; id < KEYS; id += 13)
        expect([id, rig.engine.peek(`user:get:${id}`)?.value]).toEqual([id, expected.get(id)]);
    }
    for (let turn = 0; turn < 60; turn += 1) await rig.clock.advanceAsync(0);
    await Promise.all(going);
    for (let id = 0; id < KEYS; id += 1)
      expect([id, rig.engine.peek(`user:get:${id}`)?.value]).toEqual([id, expected.get(id)]);
    await rig.engine.close();
    expect(rig.clock.pendingTimers).toBe(0);
  });
  await fc.assert(property, { numRuns: 60 });
  expect(slices).toBeGreaterThan(60);
}, 60_000);
