import { OTHER_ACTIONS } from '../../../libs/cache/src/core/engine/engine.events.js';
import { ReadCounterRegistry } from '../../../libs/cache/src/core/engine/read-counters.js';

describe('ReadCounterRegistry', () => {
  it('has one set of counters for each action, in order of first use', () => {
    const registry = new ReadCounterRegistry();
    const first = registry.of('b', 'x');
    registry.of('a', 'x');
    registry.of('b', 'y');
    expect(registry.of('b', 'x')).toBe(first);
    expect(registry.all().map(({ scope, action }) => `${scope}.${action}`)).toEqual(['b.x', 'a.x', 'b.y']);
  });

  it('counts what is beyond its bound as one action, whose name no scope can have', () => {
    const registry = new ReadCounterRegistry(2);
    for (let scope = 0; scope < 100; scope += 1) registry.of(`tenant${scope}`, 'getOrSet').count('miss', 'source');
    const all = registry.all();
    expect(all).toHaveLength(3);
    expect(all[2]).toMatchObject({ scope: OTHER_ACTIONS, action: OTHER_ACTIONS, misses: 98 });
    expect(OTHER_ACTIONS).not.toMatch(/^[\w.-]+$/);
  });
});
