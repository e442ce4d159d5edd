import { setTimeout as passing } from 'node:timers/promises';
import { SystemClock } from '../../libs/cache/src/core/clock/system-clock.js';
import { describeClock } from '../../libs/cache/src/testing/clock.contract.js';
import { ManualClock } from '../../libs/cache/src/testing/manual-clock.js';

describeClock('SystemClock', () => ({ clock: new SystemClock(), pass: (ms) => passing(ms) }));

describeClock('ManualClock', () => {
  const clock = new ManualClock();
  return { clock, pass: (ms) => clock.advanceAsync(ms) };
});
