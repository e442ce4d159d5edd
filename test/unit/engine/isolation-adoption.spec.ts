import { inspect } from 'node:util';
import fc from 'fast-check';
import { snapshot, snapshotOfOwn } from '../../../libs/cache/src/core/engine/isolation.js';

const plain = fc.anything({ withNullPrototype: true, maxDepth: 4 });
const rich = fc.anything({ withDate: true, withMap: true, withSet: true, withTypedArray: true, withBigInt: true });

describe('a value that only the cache holds', () => {
  it('is taken as a copy of it would be: the same shape, frozen to the bottom, of the same size', () => {
    fc.assert(
      fc.property(fc.oneof(plain, rich), (value) => {
        const copied = snapshot(structuredClone(value), 'freeze');
        const own = snapshotOfOwn(structuredClone(value), 'freeze');
        expect(printed(own.value)).toBe(printed(copied.value));
        expect([own.shared, own.classes, own.bytes]).toEqual([copied.shared, copied.classes, copied.bytes]);
        if (own.shared) expectFrozen(own.value, new Set());
      }),
      { numRuns: 500 },
    );
  });

  it('is itself what is kept, where all of it can be frozen', () => {
    const value = { list: [{ id: 1 }], name: 'x' };
    expect(snapshotOfOwn(value, 'freeze').value).toBe(value);
    expect(Object.isFrozen(value.list[0])).toBe(true);
  });

  it('may refer to itself, and counts once what it refers to twice', () => {
    const shared = { id: 1, text: 'x'.repeat(100) };
    const circle: Record<string, unknown> = { first: shared, second: shared };
    circle['self'] = circle;
    expect(snapshotOfOwn(circle, 'freeze').bytes).toBe(snapshot(circle, 'freeze').bytes);
  });

  it('is not frozen for those who get copies', () => {
    const value = { list: [1] };
    const { value: kept, shared } = snapshotOfOwn(value, 'clone');
    expect([Object.isFrozen(kept), shared]).toEqual([false, false]);
  });
});

/** Two invalid dates are the same here, which they are not to Node's own comparison. */
function printed(value: unknown): string {
  return inspect(value, { depth: Infinity, maxArrayLength: null, maxStringLength: null });
}

function expectFrozen(value: unknown, seen: Set<unknown>): void {
  if (typeof value !== 'object' || value === null || seen.has(value)) return;
  seen.add(value);
  expect(Object.isFrozen(value)).toBe(true);
  for (const child of Object.values(value)) expectFrozen(child, seen);
}
