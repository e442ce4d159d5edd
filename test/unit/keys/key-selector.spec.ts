import {
  compileKeySelector,
  type KeySelection,
  type MethodSignature,
} from '../../../libs/cache/src/core/keys/key-selector.js';

const compile = (selection: KeySelection, signature?: MethodSignature) =>
  compileKeySelector(selection, 'UserService.find', signature);

describe('which arguments enter the key', () => {
  it('is all of them by default', () => {
    expect(compile({})([1, 'en'])).toEqual([1, 'en']);
    expect(compile({ params: ['id', 'locale'] })([1, 'en'])).toEqual([1, 'en']);
  });

  it('is the named parameters, in the order of `keys`', () => {
    const select = compile({ keys: ['locale', 'id'], params: ['id', 'trace', 'locale'] });
    expect(select([7, 'x', 'en'])).toEqual(['en', 7]);
    expect(select([7])).toEqual([undefined, 7]);
  });

  it('is the named fields of the one object argument', () => {
    class Query {
      constructor(readonly id: number) {}
      get upper(): string {
        return `#${this.id}`;
      }
    }
    expect(compile({ keys: ['id', 'page'] }, { arity: 1 })([{ page: 2, id: 7, trace: 'x' }])).toEqual([7, 2]);
    expect(compile({ keys: ['id', 'upper'] }, { paramTypes: [Query] })([new Query(7)])).toEqual([7, '#7']);
    expect(compile({ keys: ['missing'] }, { paramTypes: [Object] })([{}])).toEqual([undefined]);
  });

  it.each<[string, KeySelection, MethodSignature | undefined, RegExp]>([
    [
      'an undeclared name',
      { keys: ['uid'], params: ['id'] },
      undefined,
      /`keys` of UserService\.find to name declared parameters \(`id`\), got "uid"/,
    ],
    [
      'fields of two parameters',
      { keys: ['id'] },
      { arity: 2 },
      /UserService\.find to take one object argument.*got a method of 2 parameters.*params: \["id", "locale"\]/,
    ],
    ['fields of no parameter', { keys: ['id'] }, { arity: 0 }, /got a method of 0 parameters/],
    [
      'fields of an optional second parameter',
      { keys: ['id'] },
      { arity: 1, paramTypes: [Object, Object] },
      /got a method of 2 parameters/,
    ],
    [
      'fields of a number',
      { keys: ['id'] },
      { paramTypes: [Number] },
      /parameter of UserService\.find to be an object.*type Number/,
    ],
    ['fields of a list', { keys: ['id'] }, { paramTypes: [Array] }, /type Array/],
    [
      'no name',
      { keys: [] },
      { arity: 1 },
      /`keys` of UserService\.find to be a list of distinct names, got an array of 0/,
    ],
    ['text instead of a list', { keys: 'id' as unknown as string[] }, { arity: 1 }, /got "id" \(string\)/],
    ['an empty name', { keys: [''] }, { arity: 1 }, /got "" \(string\), which is no name/],
    ['a name twice', { keys: ['id', 'id'] }, { arity: 1 }, /"id" \(string\), which stands there twice/],
    ['a parameter twice', { params: ['id', 'id'] }, undefined, /`params` of UserService\.find.*stands there twice/],
  ])('cannot be %s', (_, selection, signature, message) => {
    expect(() => compile(selection, signature)).toThrow(expect.objectContaining({ code: 'LARDER_OPTION_INVALID' }));
    expect(() => compile(selection, signature)).toThrow(message);
  });

  it.each<[readonly unknown[], RegExp]>([
    [[42], /UserService\.find to be called with one object holding `id`, got `42` \(number\)\. Declare/],
    [[null], /got `null`/],
    [[], /got 0 arguments/],
    [[{ id: 1 }, 'en'], /got 2 arguments/],
  ])('is refused at the call where fields are named and %p comes', (args, message) => {
    const select = compile({ keys: ['id'] });
    expect(() => select(args)).toThrow(expect.objectContaining({ code: 'LARDER_KEY_UNSUPPORTED' }));
    expect(() => select(args)).toThrow(message);
  });
});
