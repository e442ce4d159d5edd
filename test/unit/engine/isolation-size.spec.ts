import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { snapshot } from '../../../libs/cache/src/core/engine/isolation.js';
import { stringBytes } from '../../../libs/cache/src/core/engine/isolation-size.js';
import { buildLibrary } from '../../chaos/library.mjs';
import { FAMILIES } from './value-families.mjs';

interface Measured {
  readonly ratios: Record<string, number>;
  readonly leftover: {
    readonly bytes: number;
    readonly entries: number;
    readonly accounted: number;
    readonly tags: number;
  };
}

describe('the size that L1 accounts for', () => {
  let measured: Measured;

  beforeAll(async () => {
    await buildLibrary();
    const script = fileURLToPath(new URL('measure-heap.mjs', import.meta.url));
    measured = JSON.parse(execFileSync(process.execPath, ['--expose-gc', script], { encoding: 'utf8' })) as Measured;
  }, 120_000);

  it.each(Object.keys(FAMILIES))('is 0.8 to 1.6 times the heap that entries take which hold %s', (family) => {
    expect(measured.ratios[family]).toBeGreaterThan(0.8);
    expect(measured.ratios[family]).toBeLessThan(1.6);
  });

  it('comes back after unique keys with a short life, round after round', () => {
    expect(measured.leftover).toMatchObject({ entries: 0, accounted: 0, tags: 0 });
    expect(measured.leftover.bytes).toBeLessThan(4_000_000); // each round took some 30 MB
  });

  it('counts one byte per Latin-1 character and two beyond', () => {
    expect(stringBytes('')).toBe(16);
    expect(stringBytes('é'.repeat(800))).toBe(816);
    expect(stringBytes('é'.repeat(799) + '漢')).toBe(1616);
  });

  it('counts about the same with every isolation', () => {
    for (const make of Object.values(FAMILIES)) {
      const [freeze, clone, share] = (['freeze', 'clone', 'share'] as const).map(
        (mode) => snapshot(make(1), mode).bytes,
      );
      expect(clone!).toBeLessThanOrEqual(freeze!); // a frozen array of numbers holds them outside
      expect(share! / clone!).toBeGreaterThan(0.5);
      expect(share! / freeze!).toBeLessThan(1.5);
    }
  });

  it('stops counting a shared value that hangs on very much', () => {
    expect(snapshot(Object.assign([], { length: 2 ** 32 - 1 }), 'share').bytes).toBeGreaterThan(2 ** 34);
    const huge = Array.from({ length: 200_000 }, (_, i) => ({ i }));
    const { bytes } = snapshot(huge, 'share');
    expect(bytes).toBeGreaterThan(1_000_000);
    expect(bytes).toBeLessThan(3_000_000);
  });
});
