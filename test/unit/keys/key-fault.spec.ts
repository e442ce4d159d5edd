import { localKey } from '../../../libs/cache/src/core/keys/local-key.js';
import { CacheError } from '../../../libs/cache/src/core/errors/cache-error.js';

function refusal(...args: unknown[]): CacheError {
  try {
    localKey('find', args);
  } catch (error) {
    if (error instanceof CacheError) return error;
    throw error;
  }
  throw new Error('accepted');
}

/** `levels` arrays inside one another. */
function nest(levels: number): unknown {
  let value: unknown = 1;
  for (let i = 0; i < levels; i++) value = [value];
  return value;
}

const CURE = /Build the key with a `key` callback/;

describe('arguments without a key', () => {
  it.each<[string, unknown, RegExp]>([
    ['functions', () => 1, /got a function \(anonymous\)/],
    ['classes', Date, /got a function \(Date\)/],
    ['symbols of their own', Symbol('x'), /got a symbol that is not registered/],
    ['well-known symbols', Symbol.iterator, /got a symbol that is not registered/],
    ['promises', Promise.resolve(1), /got a promise \(await it before the call\)/],
    ['errors', Object.assign(new TypeError('x'), { code: 'E' }), /got an error \(TypeError\)/],
    ['instances without fields', new (class Session {})(), /got an instance of Session without enumerable fields/],
    ['unnamed instances', new (class {})(), /got an instance of an unnamed class/],
    ['weak maps', new WeakMap(), /got an instance of WeakMap/],
    ['boxed numbers', Object(1), /got an instance of Number/],
    [
      'symbol-named fields',
      { [Symbol('hidden')]: 1, a: 1 },
      /got an object with a symbol-named field \(Symbol\(hidden\)\)/,
    ],
  ])('are %s', (_, argument, reason) => {
    const error = refusal(7, argument);
    expect(error.code).toBe('LARDER_KEY_UNSUPPORTED');
    expect(error.message).toMatch(/^Expected argument 1 of `find` to be data that can stand in a key, /);
    expect(error.message).toMatch(reason);
    expect(error.message).toMatch(CURE);
  });

  it('accept symbol-named fields that are not enumerable', () => {
    const tagged = Object.defineProperty({ a: 1 }, Symbol('meta'), { value: 1, enumerable: false });
    expect(localKey('find', [tagged])).toBe(localKey('find', [{ a: 1 }]));
  });

  it.each<[unknown, string]>([
    [{ filter: { onDone: () => 1 } }, '.filter.onDone'],
    [[1, [() => 1]], '[1][0]'],
    [{ 'first name': { 'x"y': () => 1 } }, '["first name"]["x\\"y"]'],
    [new Map([['a', () => 1]]), '<item 0>[1]'],
    [new Set([1, () => 1]), '<item 1>'],
    [{ a: { toJSON: () => [() => 1] } }, '.a.toJSON()[0]'],
    [{ ['n'.repeat(100)]: () => 1 }, `["${'n'.repeat(40)}…"]`.replace(/^\["(n+)…"\]$/, '.' + 'n'.repeat(100))],
  ])('name the place inside the argument: %#', (argument, path) => {
    expect(refusal(argument).message).toContain(`argument 0 of \`find\` at \`${path}\` to be data`);
  });

  it('never show a value', () => {
    const message = refusal({ password: 'hunter2', onDone: () => 1 }).message;
    expect(message).not.toContain('hunter2');
  });

  it('keep the message short whatever the path', () => {
    expect(refusal({ ['x y'.repeat(100)]: { ['n'.repeat(5000)]: () => 1 } }).message.length).toBeLessThan(600);
  });

  it('name both ends of a cycle', () => {
    const self: Record<string, unknown> = {};
    self.me = self;
    const order: Record<string, unknown> = { id: 1 };
    order.items = [{ order }];
    const map = new Map<string, unknown>();
    map.set('a', map);
    const json = { toJSON: (): unknown => json };
    expect(refusal(self)).toMatchObject({ code: 'LARDER_KEY_CIRCULAR' });
    expect(refusal(self).message).toMatch(
      /^Expected argument 0 of `find` to be free of cycles, but `\.me` refers back to the argument itself\. /,
    );
    expect(refusal({ order }).message).toContain('but `.order.items[0].order` refers back to `.order`.');
    expect(refusal(map).message).toContain('but `<item 0>[1]` refers back to the argument itself.');
    expect(refusal(json)).toMatchObject({ code: 'LARDER_KEY_CIRCULAR' });
    expect(refusal(self).message).toMatch(CURE);
  });

  it('accept a value that occurs twice without a cycle', () => {
    const shared = { a: 1 };
    expect(localKey('find', [[shared, shared]])).toBe('find:[{"a"%3A1},{"a"%3A1}]');
  });

  it('are those nested deeper than 64 levels', () => {
    expect(localKey('find', [nest(64)])).toBe(`find:${'['.repeat(64)}1${']'.repeat(64)}`);
    const error = refusal(nest(65));
    expect(error.code).toBe('LARDER_KEY_UNSUPPORTED');
    expect(error.message).toMatch(
      /^Expected argument 0 of `find` to be nested at most 64 deep, got more at `(\[0\]){64}`/,
    );
    expect(refusal(nest(100_000)).code).toBe('LARDER_KEY_UNSUPPORTED');
  });

  it('leave errors of getters and toJSON as they are', () => {
    const fault = new Error('closed');
    const hostile = {
      toJSON(): never {
        throw fault;
      },
    };
    expect(() => localKey('find', [{ a: [hostile] }])).toThrow(fault);
  });
});
