import fc from 'fast-check';
import { Backoff } from '../../../libs/cache/src/core/coherence/backoff.js';
import { CircuitBreaker } from '../../../libs/cache/src/core/coherence/circuit-breaker.js';
import { ManualClock } from '../../../libs/cache/src/testing/manual-clock.js';

describe('Backoff', () => {
  it('stays between its bounds, and spreads over the whole of a growing range', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (random) => {
        const backoff = new Backoff(50, 2000, () => random);
        for (let n = 0; n < 50; n += 1) {
          const wait = backoff.next();
          expect(wait).toBeGreaterThanOrEqual(50);
          expect(wait).toBeLessThanOrEqual(Math.min(2000, 50 * 2 ** n));
        }
      }),
    );
    const longest = new Backoff(50, 2000, () => 1);
    expect(Array.from({ length: 8 }, () => longest.next())).toEqual([50, 100, 200, 400, 800, 1600, 2000, 2000]);
  });

  it('begins anew after success', () => {
    const backoff = new Backoff(50, 2000, () => 1);
    backoff.next();
    backoff.next();
    backoff.reset();
    expect(backoff.next()).toBe(50);
  });
});

describe('CircuitBreaker', () => {
  const failTimes = (breaker: CircuitBreaker, times: number): void => {
    for (let n = 0; n < times; n += 1) breaker.failed();
  };

  it('opens after five failures within ten seconds and closes with a proof', () => {
    const breaker = new CircuitBreaker(new ManualClock(), 5, 10_000);
    failTimes(breaker, 4);
    expect(breaker.open).toBe(false);
    breaker.failed();
    expect(breaker.open).toBe(true);
    breaker.proved();
    expect(breaker.open).toBe(false);
  });

  it('does not mind five failures spread over more', () => {
    const clock = new ManualClock();
    const breaker = new CircuitBreaker(clock, 5, 10_000);
    for (let n = 0; n < 20; n += 1) {
      breaker.failed();
      clock.advance(2501);
    }
    expect(breaker.open).toBe(false);
  });
});
