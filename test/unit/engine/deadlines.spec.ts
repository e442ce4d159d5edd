import fc from 'fast-check';
import { Deadlined, Deadlines } from '../../../libs/cache/src/core/engine/deadlines.js';
import { ManualClock } from '../../../libs/cache/src/testing/manual-clock.js';

class Wait extends Deadlined {
  expiredAt: number | null = null;

  constructor(private readonly clock: ManualClock) {
    super();
  }

  override expire(): void {
    this.expiredAt = this.clock.monotonic();
  }
}

function rig() {
  const clock = new ManualClock();
  const deadlines = new Deadlines(clock);
  const begin = (limitMs: number): Wait => {
    const wait = new Wait(clock);
    deadlines.of(limitMs).add(wait, clock.monotonic());
    return wait;
  };
  return { clock, deadlines, begin };
}

describe('deadlines', () => {
  it('expire each at its own time, whatever its neighbours do', async () => {
    const step = fc.record({ limitMs: fc.constantFrom(50, 1000), afterMs: fc.nat(80), overAfterMs: fc.nat(1500) });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const { clock, begin } = rig();
        const waits = steps.map(({ limitMs, afterMs, overAfterMs }) => {
          clock.advance(afterMs);
          const wait = begin(limitMs);
          const dueAt = clock.monotonic() + limitMs;
          let met: boolean | null = null;
          clock.schedule(overAfterMs, () => (met = wait.over()));
          return { wait, dueAt, inTime: overAfterMs < limitMs, told: () => met };
        });
        clock.advance(5000);
        for (const { wait, dueAt, inTime, told } of waits) {
          if (told() === true) expect([inTime || wait.expiredAt === null, wait.expiredAt]).toEqual([true, null]);
          else expect(wait.expiredAt).toBe(dueAt);
          if (inTime) expect(told()).toBe(true);
        }
        expect(clock.pendingTimers).toBe(0);
      }),
    );
  });

  it('need one timer for all of one length', () => {
    const { clock, begin } = rig();
    const waits = Array.from({ length: 1000 }, () => begin(50));
    expect(clock.pendingTimers).toBe(1);
    for (const wait of waits) expect(wait.over()).toBe(true);
    clock.advance(50);
    expect(clock.pendingTimers).toBe(0);
  });

  it('can be met once only, and not after they have expired', () => {
    const { clock, begin } = rig();
    const met = begin(50);
    expect([met.over(), met.over()]).toEqual([true, false]);
    const late = begin(50);
    clock.advance(50);
    expect(late.over()).toBe(false);
  });

  it('leave no timer behind where nothing is waited for', () => {
    const { clock, deadlines, begin } = rig();
    begin(50).over();
    const awaited = begin(1000);
    deadlines.rest();
    expect(clock.pendingTimers).toBe(1);
    clock.advance(1000);
    expect(awaited.expiredAt).toBe(1000);
  });
});
