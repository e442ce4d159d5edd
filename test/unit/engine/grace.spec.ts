import { InvalidationIntent } from '../../../libs/cache/src/core/invalidation/intent.js';
import { CacheRig } from './cache-rig.js';
import { Gate, settled, handlingAll } from './gate.js';

const KEY = 'user:get:1';
const policy = { ttlMs: 1000, graceMs: 60_000, softTimeoutMs: 50, hardTimeoutMs: 10_000 };

/** A rig whose one entry, `old`, is past its fresh life and within its grace. */
async function withExpiredEntry(tags: readonly string[] = []) {
  const rig = await CacheRig.open();
  await rig.read(KEY, () => 'old', { policy, tags });
  rig.clock.advance(1500);
  rig.reads.length = 0;
  const read = (load: () => unknown) => rig.read(KEY, load, { policy, tags });
  return { rig, read };
}

describe('grace', () => {
  it('answers with the method when the method is quick', async () => {
    const { rig, read } = await withExpiredEntry();
    expect(await read(() => 'new')).toBe('new');
    expect(rig.reads.map(({ outcome }) => outcome)).toEqual(['expired']);
    expect(rig.clock.pendingTimers).toBe(2); // the sweeper of the store, and one for all hard timeouts
  });

  it('stands in for a slow method, for every caller and not only for the one that leads the load', async () => {
    const { rig, read } = await withExpiredEntry();
    const gate = new Gate();
    let loads = 0;
    const load = () => {
      loads += 1;
      return gate.passed;
    };
    const answers = Promise.all([read(load), read(load), read(load)]);
    await rig.clock.advanceAsync(50);
    expect(await answers).toEqual(['old', 'old', 'old']);
    expect(loads).toBe(1);
    expect(rig.reads.map(({ outcome }) => outcome)).toEqual(['stale', 'stale', 'stale']);
  });

  it('makes nobody wait again for a load that has proved slow', async () => {
    const { rig, read } = await withExpiredEntry();
    const first = read(() => new Gate().passed);
    await rig.clock.advanceAsync(50);
    expect(await first).toBe('old');
    expect(await read(() => 'never asked')).toBe('old');
  });

  it('stores what the slow load brings in the end, and announces each read once', async () => {
    const { rig, read } = await withExpiredEntry();
    const gate = new Gate();
    const first = read(() => gate.passed);
    await rig.clock.advanceAsync(50);
    expect(await first).toBe('old');
    gate.open('new');
    await settled();
    expect(await read(() => 'never asked')).toBe('new');
    expect(rig.reads.map(({ outcome }) => outcome)).toEqual(['stale', 'hit']);
  });

  it('stands in for a failing method, for leader and joiners alike', async () => {
    const { rig, read } = await withExpiredEntry();
    const gate = new Gate();
    const answers = Promise.all([read(() => gate.passed), read(() => gate.passed)]);
    gate.break(new Error('database down'));
    expect(await answers).toEqual(['old', 'old']);
    expect(rig.trouble.map(({ operation }) => operation)).toEqual(['refresh']);
  });

  it.each([
    ['key', InvalidationIntent.key(KEY)],
    ['tag', InvalidationIntent.tag('t')],
    ['entity', InvalidationIntent.entity('user', 1)],
    ['collection', InvalidationIntent.collection('users')],
    ['pattern', InvalidationIntent.pattern('get:*', 'user')],
    ['scope', InvalidationIntent.scope('user')],
    ['flush', InvalidationIntent.flush()],
  ])('never serves what an invalidation by %s hit while the method was slow', async (_, intent) => {
    const { rig, read } = await withExpiredEntry(['t', 'user:1', 'users']);
    const gate = new Gate();
    const first = read(() => gate.passed);
    await rig.invalidate(intent);
    const second = read(() => 'written');
    await rig.clock.advanceAsync(50);
    gate.open('read before the invalidation');
    expect(await first).toBe('read before the invalidation'); // it asked before the invalidation
    expect(await second).toBe('written');
    expect(await read(() => 'never asked')).toBe('written');
  });

  it('passes the error on when there is nothing left to stand in', async () => {
    const { rig, read } = await withExpiredEntry();
    const error = new Error('database down');
    const gate = new Gate();
    const first = read(() => gate.passed);
    await rig.invalidate(InvalidationIntent.key(KEY));
    gate.break(error);
    await expect(first).rejects.toBe(error);
  });

  it('ends with the grace period', async () => {
    const { rig, read } = await withExpiredEntry();
    rig.clock.advance(60_000);
    const error = new Error('database down');
    await expect(read(() => Promise.reject(error))).rejects.toBe(error);
  });

  it('leaves no unhandled rejection when a load fails long after its caller was served', async () => {
    const { rig, read } = await withExpiredEntry();
    await handlingAll(async () => {
      const gate = new Gate();
      const first = read(() => gate.passed);
      await rig.clock.advanceAsync(50);
      expect(await first).toBe('old');
      gate.break(new Error('late'));
    });
    expect(rig.trouble.map(({ operation }) => operation)).toEqual(['refresh']);
  });

  it('leaves no timer behind', async () => {
    const { rig, read } = await withExpiredEntry();
    await read(() => 'new');
    await rig.engine.close();
    expect(rig.clock.pendingTimers).toBe(0);
  });
});
