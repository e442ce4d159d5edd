import { MemoryInvalidationLog } from '../../../libs/cache/src/adapters/memory/memory-invalidation-log.js';
import type { Invalidation } from '../../../libs/cache/src/core/coherence/invalidation.js';
import type { AppendReceipt } from '../../../libs/cache/src/core/coherence/invalidation-log.port.js';
import { InvalidationIntent } from '../../../libs/cache/src/core/invalidation/intent.js';
import { CacheRig } from '../engine/cache-rig.js';
import { Gate, settled, handlingAll } from '../engine/gate.js';

/** A log that can be cut off, and that writes down what it executed. */
class BreakableLog extends MemoryInvalidationLog {
  broken = false;
  readonly executed: Invalidation[] = [];
  attempts = 0;
  hold: Gate | null = null;

  override async append(invalidation: Invalidation): Promise<AppendReceipt> {
    this.attempts += 1;
    if (this.hold !== null) await this.hold.passed;
    if (this.broken) throw new Error('log away');
    this.executed.push(invalidation);
    return super.append(invalidation);
  }
}

async function withLog() {
  const log = new BreakableLog();
  const rig = await CacheRig.open({ log });
  const failures: { requestId: string; pending: number; error: unknown }[] = [];
  rig.invalidations.events.on('failed', ({ requestId, pending, error }) =>
    failures.push({ requestId, pending, error }),
  );
  return { log, rig, failures };
}

const USER = InvalidationIntent.entity('user', 1);

describe('InvalidationService', () => {
  it('refuses a wait that its log cannot give, and has done nothing then', async () => {
    class EventualLog extends BreakableLog {
      override readonly capabilities = { consistency: 'eventual', clusterWait: false, counts: false } as const;
    }
    const log = new EventualLog();
    const rig = await CacheRig.open({ log });
    await expect(rig.invalidations.invalidate([USER], { wait: 'cluster' })).rejects.toMatchObject({
      code: 'LARDER_WAIT_UNSUPPORTED',
      message: expect.stringContaining("got 'memory'"),
    });
    expect(log.attempts).toBe(0);
    expect(rig.invalidations.pendingCount).toBe(0);
    await rig.invalidations.invalidate([USER], { wait: 'applied' });
    expect(log.executed).toHaveLength(1);
  });

  it('carries many intents as one invalidation, each target once', async () => {
    const { log, rig } = await withLog();
    const intents = [
      InvalidationIntent.key('user:get:1'),
      InvalidationIntent.key('user:get:1'),
      USER,
      InvalidationIntent.tag('user:1'),
      InvalidationIntent.collection('users'),
      InvalidationIntent.pattern('get:*', 'user'),
      InvalidationIntent.flush(),
    ];
    await rig.invalidations.invalidate(intents, { reason: 'test', requestId: 'r1' });
    expect(log.executed).toEqual([
      {
        id: 'r1',
        keys: ['user:get:1'],
        tags: ['user:1', 'users'],
        patterns: [{ pattern: 'get:*', scope: 'user' }],
        flush: true,
        reason: 'test',
        origin: 'rig',
      },
    ]);
  });

  it('is never silent: an invalidation that was not applied rejects, and this instance forgets the values all the same', async () => {
    const { log, rig } = await withLog();
    await rig.read('user:get:1', () => 'old', { tags: ['user:1'] });
    log.broken = true;
    await handlingAll(async () => {
      await expect(rig.invalidate(USER, InvalidationIntent.pattern('get:*', 'user'))).rejects.toThrow('log away');
    });
    expect(await rig.read('user:get:1', () => 'new')).toBe('new');
  });

  describe('invalidateOrRetry', () => {
    it('does not fail its caller, announces the failure and repeats until it succeeds', async () => {
      const { log, rig, failures } = await withLog();
      log.broken = true;
      await rig.invalidations.invalidateOrRetry([USER], { requestId: 'r1' });
      expect(failures).toMatchObject([{ requestId: 'r1', pending: 1 }]);
      await rig.clock.advanceAsync(250);
      expect(failures).toHaveLength(2);
      log.broken = false;
      await rig.clock.advanceAsync(500);
      expect(rig.invalidations.pendingCount).toBe(0);
      expect(log.executed.map(({ id }) => id)).toEqual(['r1']);
      expect(rig.clock.pendingTimers).toBe(0);
    });

    it('backs off, and goes on for as long as it takes', async () => {
      const { log, rig } = await withLog();
      log.broken = true;
      await rig.invalidations.invalidateOrRetry([USER]);
      for (let second = 0; second < 60; second += 1) await rig.clock.advanceAsync(1000);
      expect(log.attempts).toBeGreaterThan(10);
      expect(log.attempts).toBeLessThan(25);
    });

    it('keeps one retry loop, whoever fails meanwhile', async () => {
      const { log, rig } = await withLog();
      log.broken = true;
      await rig.invalidations.invalidateOrRetry([USER]);
      log.hold = new Gate();
      await rig.clock.advanceAsync(250); // the retry hangs in the log
      const second = rig.invalidations.invalidateOrRetry([USER]);
      log.hold.open(null);
      log.hold = null;
      await second;
      await settled();
      const timers = rig.clock.pendingTimers;
      expect(timers).toBe(1);
      log.broken = false;
      await rig.clock.advanceAsync(500);
      expect(log.executed).toHaveLength(2);
      expect(rig.clock.pendingTimers).toBe(0);
    });

    it('folds what is too much to remember into one flush, which covers it all', async () => {
      const { log, rig } = await withLog();
      log.broken = true;
      for (let i = 0; i < 1001; i += 1) await rig.invalidations.invalidateOrRetry([USER]);
      expect(rig.invalidations.pendingCount).toBe(1);
      log.broken = false;
      await rig.clock.advanceAsync(250);
      expect(log.executed).toMatchObject([{ flush: true }]);
    });

    it('drops nothing that arrives while the overflow is folded', async () => {
      const { log, rig } = await withLog();
      log.broken = true;
      for (let i = 0; i < 1002; i += 1) await rig.invalidations.invalidateOrRetry([InvalidationIntent.tag(`t${i}`)]);
      log.broken = false;
      await rig.clock.advanceAsync(250);
      expect(log.executed).toMatchObject([{ flush: true }, { tags: ['t1001'] }]);
    });
  });

  describe('close', () => {
    it('reports what is pending, stops repeating and leaves no timer', async () => {
      const { log, rig, failures } = await withLog();
      log.broken = true;
      await rig.invalidations.invalidateOrRetry([USER], { requestId: 'r1' });
      rig.invalidations.close();
      expect(failures.at(-1)).toMatchObject({ requestId: 'r1', pending: 0 });
      expect(rig.clock.pendingTimers).toBe(0);
    });

    it('does not pretend to repeat what fails afterwards', async () => {
      const { log, rig, failures } = await withLog();
      rig.invalidations.close();
      log.broken = true;
      await rig.invalidations.invalidateOrRetry([USER]);
      expect(failures).toMatchObject([{ pending: 0 }]);
      expect(rig.invalidations.pendingCount).toBe(0);
      expect(rig.clock.pendingTimers).toBe(0);
    });

    it('ends a retry that was under way', async () => {
      const { log, rig } = await withLog();
      log.broken = true;
      await rig.invalidations.invalidateOrRetry([USER]);
      const hold = new Gate();
      log.hold = hold;
      await rig.clock.advanceAsync(250);
      rig.invalidations.close();
      hold.open(null);
      await settled();
      expect(rig.clock.pendingTimers).toBe(0);
    });
  });
});

describe('applying what another instance appended', () => {
  it('kills everything a pattern could mean that this version cannot read, and goes on', async () => {
    const rig = await CacheRig.open();
    await rig.read('user:get:1', () => 'old');
    await rig.read('order:get:1', () => 'other scope');
    await handlingAll(async () =>
      rig.applier.apply({
        id: 'x',
        keys: [],
        tags: [],
        patterns: [{ pattern: '/(?<=look)behind/', scope: 'user' }],
        flush: false,
        reason: '',
        origin: 'a later version',
      }),
    );
    expect(await rig.read('user:get:1', () => 'new')).toBe('new');
    expect(await rig.read('order:get:1', () => 'never asked')).toBe('other scope');
  });

  it('removes durable entries before the log is told, and not from the log what they could not remove', async () => {
    const { log, rig } = await withLog();
    const order: string[] = [];
    const removing = new Gate();
    let broken = false;
    rig.invalidations.removesFrom({
      async remove({ tags }) {
        await removing.passed;
        if (broken) throw new Error('database away');
        order.push(`removed ${tags.join()} before ${log.executed.length} messages`);
        return 7;
      },
    });
    const invalidating = rig.invalidations.invalidate([USER]);
    await settled();
    expect(log.executed).toEqual([]);
    removing.open(null);
    expect((await invalidating).removed).toBe(7);
    expect(order).toEqual(['removed user:1 before 0 messages']);
    broken = true;
    await expect(rig.invalidations.invalidate([USER])).rejects.toThrow('database away');
    expect(log.executed).toHaveLength(1);
  });
});
