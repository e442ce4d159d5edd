import { jest } from '@jest/globals';
import { InvalidationIntent } from '../../../libs/cache/src/core/invalidation/intent.js';
import { CacheRig, callAction } from './cache-rig.js';
import { Gate } from './gate.js';

describe('CachedAction', () => {
  it('hands the same promise to every hit of a primitive argument, and builds no key for it', async () => {
    const rig = await CacheRig.open();
    let keys = 0;
    const action = rig.action({
      keyOf: (args) => {
        keys += 1;
        return `user:get:${String(args[0])}`;
      },
    });
    await callAction(action, [1], () => 'value');
    const [first, second] = [action.hit(1), action.hit(1)];
    expect(first).toBeInstanceOf(Promise);
    expect(second).toBe(first);
    expect(await first).toBe('value');
    expect(keys).toBe(1);
  });

  it.each([[0], [-0], [null], [undefined], [{}], [Symbol.for('x')], ['x'.repeat(257)]])(
    'goes by the key where the raw argument %p does not stand for itself',
    async (argument) => {
      const rig = await CacheRig.open();
      const action = rig.action();
      await callAction(action, [argument], () => 'value');
      expect(action.hit(argument)).toBeUndefined();
      expect(action.directSize).toBe(0);
      expect(await callAction(action, [argument], () => 'never asked')).toBe('value');
    },
  );

  it('tells 0 from -0, 1 from "1" and 1n, "" from nothing, and one argument from two', async () => {
    const rig = await CacheRig.open();
    const action = rig.action();
    const lists = [
      [],
      [0],
      [-0],
      [1],
      ['1'],
      [1n],
      [''],
      [Number.NaN],
      ['NaN'],
      [true],
      ['true'],
      [1, 1],
      [1, undefined],
    ];
    for (const [i, list] of lists.entries()) expect(await callAction(action, list, () => i)).toBe(i);
    for (const [i, list] of lists.entries()) expect(await callAction(action, list, () => 'never asked')).toBe(i);
  });

  it('has no short cut where the key does not follow from the arguments alone, or where `when` decides', async () => {
    const rig = await CacheRig.open();
    for (const action of [rig.action({ keyedByArguments: false }), rig.action({ when: () => true })]) {
      await callAction(action, [1], () => 'value');
      expect(action.hit(1)).toBeUndefined();
      expect(action.directSize).toBe(0);
    }
  });

  it.each([
    ['key', InvalidationIntent.key('user:get:1')],
    ['scope', InvalidationIntent.scope('user')],
    ['pattern', InvalidationIntent.pattern('get:*', 'user')],
    ['flush', InvalidationIntent.flush()],
  ])('takes no short cut to what an invalidation by %s hit', async (_, intent) => {
    const rig = await CacheRig.open();
    const action = rig.action();
    await callAction(action, [1], () => 'old');
    await rig.invalidate(intent);
    expect(action.hit(1)).toBeUndefined();
    expect(await callAction(action, [1], () => 'new')).toBe('new');
    expect(await action.hit(1)).toBe('new');
  });

  it('takes no short cut to what has expired', async () => {
    const rig = await CacheRig.open();
    const action = rig.action({ policy: { ttlMs: 1000 } });
    await callAction(action, [1], () => 'old');
    rig.clock.advance(999);
    expect(await action.hit(1)).toBe('old');
    rig.clock.advance(1);
    expect(action.hit(1)).toBeUndefined();
  });

  it('goes past the cache inside a transaction, and neither serves nor keeps anything there', async () => {
    let inside = false;
    const rig = await CacheRig.open({ bypass: () => inside });
    const action = rig.action();
    const many = rig.many();
    await callAction(action, [1], () => 'outside');
    inside = true;
    expect(await callAction(action, [1], () => 'inside')).toBe('inside');
    expect(await callAction(action, [2], () => 'inside')).toBe('inside');
    expect(await many.call([1], [], async () => [{ id: 1 }])).toEqual([{ id: 1 }]);
    expect(await rig.read('user:get:3', () => 'inside')).toBe('inside');
    expect(rig.engine.peek('user:get:1')).toBeUndefined();
    inside = false;
    expect(rig.engine.peek('user:get:1')).toEqual({ value: 'outside' });
    expect(await rig.read('user:get:3', () => 'new')).toBe('new');
    expect(await callAction(action, [1], () => 'never asked')).toBe('outside');
    expect(await callAction(action, [2], () => 'new')).toBe('new');
    expect([action.counters.bypassed, many.counters.bypassed]).toEqual([3, 1]); // that of the key counts as the action's
  });

  it('counts every read once, by how it ended, and every load', async () => {
    const rig = await CacheRig.open();
    const action = rig.action({ when: ([id]) => id !== 0 });
    const gate = new Gate();
    const joined = [action.call([1], () => gate.passed), action.call([1], () => gate.passed)];
    gate.open('value');
    await Promise.all(joined);
    await action.call([1], () => 'never asked');
    await action.call([0], () => 'past');
    await Promise.resolve(action.call([2], () => Promise.reject(new Error('x')))).catch(() => undefined);
    const { scope: _, action: __, ...counts } = action.counters;
    expect(counts).toEqual({
      memoryHits: 1,
      sharedHits: 0,
      joined: 1,
      misses: 2,
      expired: 0,
      stale: 0,
      bypassed: 1,
      loads: 1,
      failedLoads: 1,
    });
  });

  it('announces every call once, with outcome and tier', async () => {
    const rig = await CacheRig.open();
    const action = rig.action({ when: ([id]) => id !== 0, policy: { ttlMs: 1000, graceMs: 5000 } });
    const gate = new Gate();
    const first = action.call([1], () => gate.passed);
    const joined = action.call([1], () => gate.passed);
    gate.open('value');
    await Promise.all([first, joined]);
    await callAction(action, [1], () => 'never asked');
    await action.call([0], () => 'past');
    rig.clock.advance(1000);
    await callAction(action, [1], () => 'renewed');
    expect(rig.reads.map(({ outcome, tier }) => `${outcome} ${tier}`).sort()).toEqual(
      ['miss source', 'hit flight', 'hit memory', 'bypassed source', 'expired source'].sort(),
    );
  });

  it('survives a listener that throws', async () => {
    const rig = await CacheRig.open();
    const warned = jest.spyOn(process, 'emitWarning').mockReturnValue();
    for (const error of [new Error('listener'), Object.create(null)]) {
      rig.engine.events.on('read', () => {
        throw error;
      });
    }
    expect(await callAction(rig.action(), [1], () => 'value')).toBe('value');
    expect(warned.mock.calls.map(([text]) => String(text).split('\n')[0])).toEqual([
      'Error: listener',
      '[Object: null prototype] {}',
    ]);
    warned.mockRestore();
  });
});
