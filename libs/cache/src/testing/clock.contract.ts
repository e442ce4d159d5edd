import { strict as assert } from 'node:assert';
import type { Clock } from '../core/clock/clock.port.js';

declare const describe: (name: string, body: () => void) => void;
declare const it: (name: string, body: () => Promise<void> | void) => void;
declare const beforeEach: (body: () => void) => void;

/** A clock, and a way to let its time pass. */
export interface ClockSubject {
  readonly clock: Clock;
  /** Lets at least `ms` pass on the clock, and everything run that falls due. */
  pass(ms: number): Promise<void>;
}

/** Unix ms of 2020: a wall clock that shows less was never set. */
const PAST = Date.UTC(2020, 0, 1);

/** The rules of {@link Clock}, for any implementation. Needs `describe`, `it` and `beforeEach` as globals. */
export function describeClock(name: string, create: () => ClockSubject): void {
  describe(`Clock: ${name}`, () => {
    let subject: ClockSubject;
    let clock: Clock;

    beforeEach(() => {
      subject = create();
      clock = subject.clock;
    });

    it('shows the time of day in Unix milliseconds', async () => {
      const before = clock.wall();
      assert.ok(before > PAST);
      await subject.pass(20);
      assert.ok(clock.wall() >= before);
    });

    it('measures without ever going back', async () => {
      let last = clock.monotonic();
      for (let step = 0; step < 5; step += 1) {
        await subject.pass(2);
        const now = clock.monotonic();
        assert.ok(now > last, `${now} after ${last}`);
        last = now;
      }
    });

    it('has a coarse reading that is never ahead and never goes back', async () => {
      let last = clock.coarse();
      for (let step = 0; step < 5; step += 1) {
        await subject.pass(2);
        const coarse = clock.coarse();
        assert.ok(coarse <= clock.monotonic());
        assert.ok(coarse >= last);
        last = coarse;
      }
    });

    it('has a coarse reading that follows while it is read', async () => {
      const start = clock.coarse();
      for (let step = 0; step < 200 && clock.coarse() === start; step += 1) await subject.pass(2);
      assert.ok(clock.coarse() > start);
    });

    it('calls a scheduled action once, not before its time', async () => {
      const start = clock.monotonic();
      const calls: number[] = [];
      clock.schedule(20, () => calls.push(clock.monotonic() - start));
      assert.equal(calls.length, 0);
      await subject.pass(60);
      await subject.pass(60);
      assert.equal(calls.length, 1);
      assert.ok(calls[0]! >= 19, `after ${calls[0]} ms`); // a timer of the machine may round down by up to 1 ms
    });

    it('calls actions in the order in which they fall due', async () => {
      const calls: string[] = [];
      clock.schedule(40, () => calls.push('later'));
      clock.schedule(5, () => calls.push('sooner'));
      await subject.pass(80);
      assert.deepEqual(calls, ['sooner', 'later']);
    });

    it('takes an action back, before its time and after it', async () => {
      const calls: string[] = [];
      const kept = clock.schedule(5, () => calls.push('kept'));
      clock.schedule(5, () => calls.push('cancelled')).cancel();
      await subject.pass(40);
      kept.cancel();
      assert.deepEqual(calls, ['kept']);
    });

    it('never calls an action within the call that schedules it', async () => {
      let called = false;
      clock.schedule(0, () => {
        called = true;
      });
      assert.equal(called, false);
      await subject.pass(10);
      assert.equal(called, true);
    });

    it('sleeps', async () => {
      const start = clock.monotonic();
      let slept = -1;
      const sleeping = clock.sleep(20).then(() => {
        slept = clock.monotonic() - start;
      });
      await subject.pass(60);
      await sleeping;
      assert.ok(slept >= 19, `slept ${slept} ms`);
    });
  });
}
