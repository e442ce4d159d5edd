import { ObjectShapes } from '../../../libs/cache/src/core/keys/object-shapes.js';

describe('shapes of objects', () => {
  it('sort the names and prepare what stands before each value', () => {
    const shape = new ObjectShapes().of(['b', 'a:%', '"']);
    expect(shape.sorted).toEqual(['"', 'a:%', 'b']);
    expect(shape.openings).toEqual(['{"\\""%3A', ',"a%3A%25"%3A', ',"b"%3A']);
  });

  it('are found again by the same names in the same order', () => {
    const shapes = new ObjectShapes();
    const first = shapes.of(['b', 'a']);
    expect(shapes.of(['b', 'a'])).toBe(first);
    expect(shapes.of(['b', 'c'])).not.toBe(first);
    expect(shapes.of(['a', 'b']).openings).toEqual(first.openings);
    expect(shapes.size).toBe(3);
  });

  it('stay bounded for ever new names, in number and in length', () => {
    const shapes = new ObjectShapes();
    for (let i = 0; i < 5_000; i++) expect(shapes.of([`user_${i}`, 'x']).sorted).toEqual([`user_${i}`, 'x']);
    expect(shapes.size).toBeLessThanOrEqual(512);
    const sameFirstName = new ObjectShapes();
    for (let i = 0; i < 5_000; i++) sameFirstName.of(['id', `user_${i}`]);
    expect(sameFirstName.size).toBe(8);
    const long = new ObjectShapes();
    expect(long.of(['x'.repeat(5_000)]).sorted).toEqual(['x'.repeat(5_000)]);
    expect(long.size).toBe(0);
  });
});
