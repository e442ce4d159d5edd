import { instant, Lease } from '../../../libs/cache/src/core/coherence/lease.js';
import { ManualClock } from '../../../libs/cache/src/testing/manual-clock.js';

class TwoClocks extends ManualClock {
  wallOffset = 0;
  override wall(): number {
    return super.wall() + this.wallOffset;
  }
}

function leased() {
  const clock = new TwoClocks();
  const lease = new Lease(clock, 2000);
  lease.grant(instant(clock));
  const live = (): boolean => lease.live(clock.monotonic());
  return { clock, lease, live };
}

describe('Lease', () => {
  it('is not live before it was granted', () => {
    const clock = new ManualClock();
    expect(new Lease(clock, 2000).live(clock.monotonic())).toBe(false);
  });

  it('ends a lease after the heartbeat was sent', () => {
    const { clock, lease, live } = leased();
    clock.advance(1999);
    expect(live()).toBe(true);
    expect(lease.remaining()).toBe(1);
    clock.advance(1);
    expect(live()).toBe(false);
    expect(lease.remaining()).toBe(0);
  });

  it('is prolonged by a later heartbeat and not shortened by an earlier one', () => {
    const { clock, lease, live } = leased();
    const early = instant(clock);
    clock.advance(1000);
    lease.grant(instant(clock));
    lease.grant(early);
    clock.advance(1500);
    expect(live()).toBe(true);
  });

  // A suspended machine: the monotonic clock stood still, the wall clock did not (G2).
  it.each([3_600_000, 1001, -1001, -60_000])('is void when the clocks disagree by %i ms', (step) => {
    const { clock, live } = leased();
    clock.wallOffset = step;
    expect(live()).toBe(false);
  });

  it('is never prolonged by the wall clock', () => {
    const { clock, live } = leased();
    clock.advance(2000);
    clock.wallOffset = -1000;
    expect(live()).toBe(false);
  });

  it('comes back with the next heartbeat after a step of the wall clock', () => {
    const { clock, lease, live } = leased();
    clock.wallOffset = 60_000;
    clock.advance(1);
    lease.grant(instant(clock));
    expect(live()).toBe(true);
  });

  it('ends when it is revoked', () => {
    const { lease, live } = leased();
    lease.revoke();
    expect(live()).toBe(false);
  });
});
