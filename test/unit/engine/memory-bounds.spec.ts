import fc from 'fast-check';
import { InvalidationIntent } from '../../../libs/cache/src/core/invalidation/intent.js';
import { scopeTag } from '../../../libs/cache/src/core/invalidation/tags.js';
import { CacheRig, callAction, POLICY } from './cache-rig.js';
import { settled } from './gate.js';

/** Lets the sweeper of the store run to its end. */
async function sweep(rig: CacheRig, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 500) rig.clock.advance(500);
  await settled();
}

describe('the memory of a cache', () => {
  it('holds a bounded part of 1,000,000 unique keys with a ttl of 1 s, and nothing after that', async () => {
    const rig = await CacheRig.open({ listen: false });
    const action = rig.action({
      policy: { ttlMs: 1000 },
      tagsOf: (value) => [scopeTag('user'), `user:${value as number}`],
    });
    const { store } = rig.engine.local;
    let largest = 0;
    for (let batch = 0; batch < 1000; batch += 1) {
      const calls: unknown[] = [];
      for (let i = 0; i < 1000; i += 1) {
        const id = batch * 1000 + i;
        calls.push(action.call([id], () => id));
      }
      await Promise.all(calls);
      rig.clock.advance(20);
      largest = Math.max(largest, store.size, action.directSize);
    }
    expect(action.counters.misses).toBe(1_000_000);
    expect(largest).toBeLessThanOrEqual(100_000);
    await sweep(rig, 5000);
    expect([store.size, store.bytes, store.tagCount, action.directSize, rig.engine.loadsUnderWay]).toEqual([
      0, 0, 0, 0, 0,
    ]);
    expect(rig.engine.local.fence.size).toBe(0);
    expect(rig.clock.pendingTimers).toBe(0);
  }, 300_000);

  it('remembers a bounded number of 200,000 unique invalidations', async () => {
    const rig = await CacheRig.open();
    for (let i = 0; i < 200_000; i += 100) {
      await rig.invalidate(
        ...Array.from({ length: 100 }, (_, j) =>
          j % 2 === 0 ? InvalidationIntent.key(`user:get:${i + j}`) : InvalidationIntent.entity('user', i + j),
        ),
      );
    }
    for (let i = 0; i < 1000; i += 1) await rig.invalidate(InvalidationIntent.pattern(`get:${i}*`, 'user'));
    expect(rig.engine.local.fence.size).toBeLessThanOrEqual(20_256);
    expect(await rig.read('user:get:1', () => 'value')).toBe('value');
    expect(await rig.read('user:get:1', () => 'never asked')).toBe('value');
  }, 60_000);

  it('is all given back, whatever happened in it', async () => {
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.record({ do: fc.constant('call' as const), id: fc.nat(30), fails: fc.boolean() }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('key' as const), id: fc.nat(30) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('tag' as const), id: fc.nat(3) }) },
      {
        weight: 1,
        arbitrary: fc.constantFrom({ do: 'pattern' as const }, { do: 'scope' as const }, { do: 'flush' as const }),
      },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(100, 900, 3000) }) },
    );
    const property = fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const rig = await CacheRig.open({ memory: { maxEntries: 12 } });
      const action = rig.action({
        policy: { ttlMs: 1000, graceMs: 500 },
        tagsOf: (value) => [scopeTag('user'), `group:${(value as number) % 4}`],
      });
      const { store } = rig.engine.local;
      for (const each of steps) {
        if (each.do === 'call') {
          const load = each.fails ? () => Promise.reject(new Error('x')) : () => each.id;
          await Promise.resolve(callAction(action, [each.id], load)).catch(() => undefined);
        } else if (each.do === 'key') await rig.invalidate(InvalidationIntent.key(`user:get:${each.id}`));
        else if (each.do === 'tag') await rig.invalidate(InvalidationIntent.entity('group', each.id));
        else if (each.do === 'pattern') await rig.invalidate(InvalidationIntent.pattern('get:1*', 'user'));
        else if (each.do === 'scope') await rig.invalidate(InvalidationIntent.scope('user'));
        else if (each.do === 'flush') await rig.invalidate(InvalidationIntent.flush());
        else rig.clock.advance(each.ms);
        expect(store.size).toBeLessThanOrEqual(12);
        expect(rig.engine.loadsUnderWay).toBe(0);
      }
      await sweep(rig, 5000);
      rig.clock.advance(POLICY.hardTimeoutMs); // the one timer of all flights
      expect([store.size, store.bytes, store.tagCount, action.directSize]).toEqual([0, 0, 0, 0]);
      expect(rig.clock.pendingTimers).toBe(0);
    });
    await fc.assert(property, { numRuns: 300 });
  }, 60_000);
});
