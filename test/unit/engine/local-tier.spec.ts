import { MemoryInvalidationLog } from '../../../libs/cache/src/adapters/memory/memory-invalidation-log.js';
import { InvalidationIntent } from '../../../libs/cache/src/core/invalidation/intent.js';
import { snapshot } from '../../../libs/cache/src/core/engine/isolation.js';
import { resolveMemoryOptions } from '../../../libs/cache/src/core/engine/l1.options.js';
import { LocalTier } from '../../../libs/cache/src/core/engine/local-tier.js';
import { ManualClock } from '../../../libs/cache/src/testing/manual-clock.js';
import { CacheRig, POLICY } from './cache-rig.js';
import { Gate } from './gate.js';

describe('the memory tier of a closed cache', () => {
  it('keeps nothing that a load brings after close()', async () => {
    const rig = await CacheRig.open();
    const gate = new Gate();
    const first = rig.read('user:get:1', () => gate.passed);
    await rig.engine.close();
    gate.open('value');
    expect(await first).toBe('value');
    expect(rig.engine.local.store.size).toBe(0);
    expect(rig.fenced).toEqual([]);
  });

  it('runs the method of every later read', async () => {
    const rig = await CacheRig.open();
    await rig.read('user:get:1', () => 'before');
    await rig.engine.close();
    expect(await rig.read('user:get:1', () => 'first')).toBe('first');
    expect(await rig.read('user:get:1', () => 'second')).toBe('second');
    rig.clock.advance(POLICY.hardTimeoutMs);
    expect(rig.clock.pendingTimers).toBe(0);
  });
});

describe('a value too large for memory', () => {
  it('is returned, and its author is told; it does not count as fenced', async () => {
    const rig = await CacheRig.open({ memory: { maxBytes: 8000 } });
    const read = () => rig.read('user:get:1', () => 'x'.repeat(4000));
    expect(await read()).toHaveLength(4000);
    expect(rig.trouble.map(({ operation }) => operation)).toEqual(['size']);
    expect(rig.fenced).toEqual([]);
    expect(rig.engine.local.store.size).toBe(0);
  });
});

describe('an engine whose reads go past the shared tier', () => {
  async function rigged() {
    const link = { live: true };
    const log = new MemoryInvalidationLog();
    Object.assign(log, { leased: true, leaseMs: 2000, leaseLive: () => link.live } as object);
    const rig = await CacheRig.open({ log });
    const past = rig.engine.pastSharedTier();
    let loads = 0;
    const read = () =>
      past.read({
        key: 'user:get:1',
        scope: 'user',
        action: 'get',
        policy: POLICY,
        counters: past.counters.of('user', 'get'),
        load: () => (loads += 1),
        tagsOf: () => ['user:1'],
        unless: null,
        onInstalled: null,
      });
    return { link, rig, read };
  }

  it('shares memory, announcements and counts with the engine that it comes from, and what is invalidated', async () => {
    const { rig, read } = await rigged();
    expect([await read(), await read()]).toEqual([1, 1]);
    expect(rig.engine.peek('user:get:1')).toEqual({ value: 1 });
    expect(rig.reads.map(({ tier }) => tier)).toEqual(['source', 'memory']);
    expect(rig.engine.counters.of('user', 'get')).toMatchObject({ misses: 1, memoryHits: 1 });
    await rig.invalidate(InvalidationIntent.tag('user:1'));
    expect(await read()).toBe(2);
  });

  it('serves without a lease what was loaded without one, for a moment, and nothing else', async () => {
    const { link, rig, read } = await rigged();
    await read();
    link.live = false;
    expect([await read(), await read()]).toEqual([2, 2]);
    rig.clock.advance(POLICY.degradedTtlMs);
    expect(await read()).toBe(3);
  });
});

describe('a value kept while the shared tier is away', () => {
  class SuspendableClock extends ManualClock {
    sleptMs = 0;
    override wall(): number {
      return super.wall() + this.sleptMs;
    }
  }

  function kept(loadedAt: number) {
    const clock = new SuspendableClock();
    const tier = new LocalTier(resolveMemoryOptions(), { leased: true, leaseMs: 2000, leaseLive: () => false }, clock);
    const copy = snapshot('old', 'freeze');
    const entry = tier.entry('user:get:1', copy, [], 60_000, 60_000);
    tier.grantWithoutLease(entry, loadedAt, 1000);
    expect(tier.install(entry, tier.fence.mark())).toBe('installed');
    return { clock, served: () => tier.fresh('user:get:1', clock.monotonic()) !== undefined };
  }

  it('is served for a moment, and no longer', () => {
    const { clock, served } = kept(0);
    clock.advance(999);
    expect(served()).toBe(true);
    clock.advance(1);
    expect(served()).toBe(false);
  });

  it.each([3_600_000, -3_600_000])(
    'is not served when the clocks disagree, as after the machine was suspended: %d',
    (ms) => {
      const { clock, served } = kept(0);
      clock.advance(10);
      clock.sleptMs = ms; // the monotonic clock stood still
      expect(served()).toBe(false);
    },
  );
});

describe('pattern-sweep', () => {
  it('takes effect at once and does its work in slices, however many entries there are', async () => {
    const rig = await CacheRig.open();
    const reads: Promise<unknown>[] = [];
    for (let i = 0; i < 5000; i += 1) reads.push(rig.read(`user:get:${i}`, () => 'old'));
    await Promise.all(reads);
    // A clock that moves with every look makes each slice exhaust its turn.
    const step = hurryingClock(rig);
    const invalidation = rig.invalidate(InvalidationIntent.pattern('get:*', 'user'));
    expect(rig.engine.local.store.size).toBeGreaterThan(0);
    expect(rig.engine.peek('user:get:4999')).toBeUndefined();
    expect(await rig.read('user:get:4999', () => 'new')).toBe('new');
    step.stop();
    await rig.clock.advanceAsync(0);
    expect((await invalidation).removed).toBeGreaterThanOrEqual(4998);
    expect(rig.engine.peek('user:get:4999')).toEqual({ value: 'new' });
    expect(rig.engine.local.store.size).toBe(1);
  });

  it('ends with the cache: what waits for a sweep is answered and no timer stays', async () => {
    const rig = await CacheRig.open();
    const reads: Promise<unknown>[] = [];
    for (let i = 0; i < 5000; i += 1) reads.push(rig.read(`user:get:${i}`, () => 'old'));
    await Promise.all(reads);
    const step = hurryingClock(rig);
    const invalidation = rig.invalidate(InvalidationIntent.pattern('get:*', 'user'));
    await rig.engine.close();
    step.stop();
    await invalidation;
    expect(rig.clock.pendingTimers).toBe(0);
  });
});

/** Moves the manual clock by 5 ms at every look at it. */
function hurryingClock(rig: CacheRig): { stop(): void } {
  const { clock } = rig;
  let shift = 0;
  Object.defineProperty(clock, 'monotonic', {
    configurable: true,
    value: () => {
      shift += 5;
      return shift;
    },
  });
  return { stop: () => Reflect.deleteProperty(clock, 'monotonic') };
}
