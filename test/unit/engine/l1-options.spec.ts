import { CacheError } from '../../../libs/cache/src/core/errors/cache-error.js';
import { parseBytes } from '../../../libs/cache/src/core/codec/byte-size.js';
import { MEMORY_DEFAULTS, resolveMemoryOptions } from '../../../libs/cache/src/core/engine/l1.options.js';

function rejection(action: () => unknown): CacheError {
  try {
    action();
  } catch (error) {
    expect(error).toBeInstanceOf(CacheError);
    return error as CacheError;
  }
  throw new Error('nothing was thrown');
}

describe('MemoryOptions', () => {
  it('has the documented defaults', () => {
    expect(resolveMemoryOptions()).toEqual({ maxEntries: 100_000, maxBytes: 64 * 1024 ** 2 });
    expect(resolveMemoryOptions({})).toEqual(resolveMemoryOptions(MEMORY_DEFAULTS));
    expect(Object.isFrozen(MEMORY_DEFAULTS)).toBe(true);
  });

  it.each<[number | string, number]>([
    [1, 1],
    [67_108_864, 67_108_864],
    ['512b', 512],
    ['512kb', 524_288],
    ['64mb', 67_108_864],
    ['1gb', 1_073_741_824],
    ['1.5 MB', 1_572_864],
    [' 8KB ', 8192],
  ])('reads %p as %d bytes', (input, bytes) => {
    expect(parseBytes(input, 'x')).toBe(bytes);
  });

  it.each([0, -1, 1.5, NaN, Infinity, 2 ** 60, '', '64', 'mb', '64 m', '-1mb', '0.1b', '1e3kb', {}])(
    'refuses %p',
    (input) => {
      const error = rejection(() => resolveMemoryOptions({ maxBytes: input as string }));
      expect(error.code).toBe('LARDER_OPTION_INVALID');
      expect(error.message).toMatch(/^Expected `maxBytes` to be an amount of memory, got .*'64mb'/);
    },
  );

  it.each([0, -1, 1.5, NaN, '10'])('refuses %p entries', (maxEntries) => {
    const error = rejection(() => resolveMemoryOptions({ maxEntries: maxEntries as number }));
    expect(error.code).toBe('LARDER_OPTION_INVALID');
    expect(error.message).toMatch(/^Expected `maxEntries` to be a whole number/);
  });

  it('names the option that asked', () => {
    expect(rejection(() => parseBytes('much', 'maxPayloadBytes')).message).toContain('`maxPayloadBytes`');
  });
});
