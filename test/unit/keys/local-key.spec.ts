import { createHash } from 'node:crypto';
import { runInNewContext } from 'node:vm';
import { encodeArguments, fullKey, localKey } from '../../../libs/cache/src/core/keys/local-key.js';
import { BorrowedDate, Money, ObjectId } from './key-arguments.js';

/** The key without the escaping of its segments. */
const plain = (...args: unknown[]): string => localKey('f', args).replaceAll('%3A', ':').replaceAll('%25', '%');

describe('local keys', () => {
  it('look like the seed for plain values', () => {
    expect(localKey('get_user', [123])).toBe('get_user:123');
    expect(localKey('getUser', [123, 'en'])).toBe('getUser:123:en');
    expect(localKey('get_user_profile', ['7f3a1c9e-1f2b-4c3d-8e9f-001122334455'])).toBe(
      'get_user_profile:7f3a1c9e-1f2b-4c3d-8e9f-001122334455',
    );
    expect(localKey('day', ['2024-01-31', 'a b/c+d@e.f', 'größe 漢😀'])).toBe('day:2024-01-31:a b/c+d@e.f:größe 漢😀');
    expect(fullKey('user', localKey('get_user', [123]))).toBe('user:get_user:123');
  });

  it('tell no argument from an empty one', () => {
    expect(localKey('list', [])).toBe('list');
    expect(localKey('list', [''])).toBe('list:');
    expect(localKey('list', ['', ''])).toBe('list::');
    expect(localKey('list', [undefined])).toBe('list:undefined');
  });

  it('escape every segment', () => {
    expect(localKey('get', ['a:b', 'c'])).toBe('get:a%3Ab:c');
    expect(localKey('get', ['a', 'b:c'])).toBe('get:a:b%3Ac');
    expect(localKey('get', ['100%'])).toBe('get:100%25');
    expect(localKey('search', [{ page: 2, q: 'x:y' }])).toBe('search:{"page"%3A2,"q"%3A"x%3Ay"}');
  });

  it.each<[unknown, string]>([
    [0, 'f:0'],
    [-0, 'f:-0'],
    [NaN, 'f:NaN'],
    [-Infinity, 'f:-Infinity'],
    [1e21, 'f:1e+21'],
    [0.1, 'f:0.1'],
    [12n, 'f:12n'],
    [true, 'f:true'],
    [null, 'f:null'],
    [undefined, 'f:undefined'],
    [Symbol.for('x'), 'f:Symbol.for("x")'],
    [[], 'f:[]'],
    [{}, 'f:{}'],
    [Object.create(null), 'f:{}'],
    [[1, 'a', null, undefined, -0, 12n, [true]], 'f:[1,"a",null,undefined,-0,12n,[true]]'],
    [{ b: 1, a: { d: undefined, c: 'x' } }, 'f:{"a":{"c":"x","d":undefined},"b":1}'],
    [new Date(86_400_000), 'f:Date(86400000)'],
    [new Date(NaN), 'f:Date(NaN)'],
    [new Map<unknown, unknown>([['b', 1], ['a', new Set([2, 1])]]), 'f:Map([["a",Set([1,2])],["b",1]])'], // prettier-ignore
    [/a\/b/gi, 'f:RegExp("/a\\\\/b/gi")'],
    [Buffer.from([0, 1]), 'f:Buffer(AAE=)'],
    [new Uint8Array([0, 1]), 'f:Uint8Array(AAE=)'],
    [new Uint8Array([9, 0, 1, 9]).subarray(1, 3), 'f:Uint8Array(AAE=)'],
    [new Float64Array([1]), 'f:Float64Array(AAAAAAAA8D8=)'],
    [new DataView(new ArrayBuffer(1)), 'f:DataView(AA==)'],
    [new ArrayBuffer(1), 'f:ArrayBuffer(AA==)'],
    [new SharedArrayBuffer(1), 'f:SharedArrayBuffer(AA==)'],
    [new Money(5), 'f:Money({"cents":5})'],
    [new ObjectId('65a'), 'f:ObjectId("65a")'],
    [new URL('http://a/b'), 'f:URL("http://a/b")'],
    [{ toJSON: () => 1 }, 'f:Object(1)'],
    [new BorrowedDate(5), 'f:"Date"(5)'],
    [new (class extends Money {})(1), 'f:""({"cents":1})'],
    [new (class Größe extends Money {})(1), 'f:"Größe"({"cents":1})'],
    [new (class Ids extends Array<number> {})(1, 2), 'f:Ids([1,2])'],
  ])('write %p as %s', (argument, expected) => {
    expect(plain(argument)).toBe(expected);
  });

  it.each([
    '',
    'a',
    'Date',
    'h1',
    'H',
    'nullable',
    'TRUE',
    '1a',
    '-',
    '1.',
    '.5',
    '1_000',
    '0x10',
    ' f(1)',
    "'",
    '}',
    ')',
  ])('leave the string %p as it is', (text) => {
    expect(plain(text)).toBe(`f:${text}`);
  });

  it.each([
    ...'1 -0 007 1.50 1e5 1e+21 12n -3n NaN -Infinity true null undefined h'.split(' '),
    ...'" "a" [ [1] { {} a(b Date(0) Symbol.for("x") $f( _( a\nb \u0000 \u007f \ud800 a\udc00'.split(' '),
  ])('quote the string %p', (text) => {
    expect(plain(text)).toBe(`f:${JSON.stringify(text)}`);
  });

  it('quote every string inside of arrays and objects', () => {
    expect(plain(['a', 'a"b\\', '1'])).toBe('f:["a","a\\"b\\\\","1"]');
  });

  it('treat the names of the prototype chain as any other text', () => {
    const hostile = JSON.parse(
      '{"__proto__":{"admin":true},"constructor":1,"toString":2,"hasOwnProperty":3}',
    ) as object;
    const nested = '{"__proto__":{"admin":true},"constructor":1,"hasOwnProperty":3,"toString":2}';
    expect(plain(hostile)).toBe(`f:${nested}`);
    expect(plain('__proto__', 'constructor')).toBe('f:__proto__:constructor');
    expect(({} as { admin?: boolean }).admin).toBeUndefined();
  });

  it('read holes of arrays as undefined, as the method does', () => {
    const sparse: unknown[] = [];
    sparse[1] = 1;
    expect(plain(sparse)).toBe('f:[undefined,1]');
  });

  it('see the fields that a subclass or a caller adds to a built-in type', () => {
    class ZonedDate extends Date {
      constructor(ms: number, readonly zone: string) { super(ms); } // prettier-ignore
    }
    expect(plain(new ZonedDate(0, 'UTC'))).toBe('f:ZonedDate(0,{"zone":"UTC"})');
    expect(plain(Object.assign(new Map(), { lazy: true }))).toBe('f:Map([],{"lazy":true})');
  });

  it('are the same for plain data of another realm', () => {
    const foreign: unknown = runInNewContext('({ list: [1], map: new Map([[1, { a: 2 }]]), at: new Date(3) })');
    const own = { list: [1], map: new Map([[1, { a: 2 }]]), at: new Date(3) };
    expect(localKey('f', [foreign])).toBe(localKey('f', [own]));
  });

  it('hash what is longer than 512 bytes, behind the action', () => {
    expect(localKey('f', ['x'.repeat(512)])).toBe(`f:${'x'.repeat(512)}`);
    const hash = createHash('sha256').update('x'.repeat(513)).digest('hex');
    expect(localKey('f', ['x'.repeat(513)])).toBe(`f:h:${hash}`);
    expect(localKey('f', ['é'.repeat(256)])).toBe(`f:${'é'.repeat(256)}`);
    expect(localKey('f', ['é'.repeat(257)])).toMatch(/^f:h:[0-9a-f]{64}$/);
    expect(localKey('f', ['h', hash])).toBe(`f:"h":${hash}`);
  });

  it('take strings of ten million characters', () => {
    const long = 'x:'.repeat(5_000_000);
    const keys = new Set([long, `${long}y`, [long], { a: long }].map((argument) => localKey('f', [argument])));
    expect(keys.size).toBe(4);
    for (const key of keys) expect(key).toMatch(/^f:h:[0-9a-f]{64}$/);
  });

  it('are stable across releases', () => {
    const args = [1, 'a:b', { z: [new Date(0), 1n], a: undefined }, new Set(['y', 'x'])];
    expect(encodeArguments(args)).toBe('1:a%3Ab:{"a"%3Aundefined,"z"%3A[Date(0),1n]}:Set(["x","y"])');
  });
});
