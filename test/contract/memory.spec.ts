import type { HubNetwork } from '../../libs/cache/src/adapters/memory/hub-link.js';
import { MemoryHub } from '../../libs/cache/src/adapters/memory/memory-hub.js';
import { MemoryInvalidationLog } from '../../libs/cache/src/adapters/memory/memory-invalidation-log.js';
import { describeCacheBackend } from '../../libs/cache/src/testing/cache-backend.contract.js';
import { describeInvalidationLog } from '../../libs/cache/src/testing/invalidation-log.contract.js';
import { describeRecordAccelerator } from '../../libs/cache/src/testing/record-accelerator.contract.js';
import { ManualClock } from '../../libs/cache/src/testing/manual-clock.js';
import type { TierSubject } from '../../libs/cache/src/testing/tier-subject.js';

describeInvalidationLog('memory, one process', async () => {
  const clock = new ManualClock();
  return {
    shared: false,
    instance: () => ({ log: new MemoryInvalidationLog(), backend: null }),
    elapse: (ms) => clock.advanceAsync(ms),
    close: async () => {},
  };
});

describeInvalidationLog('memory hub', async () => hubSubject());
describeInvalidationLog('memory hub over a network', async () => hubSubject(roundabout));
describeCacheBackend('memory hub over a network', async () => hubSubject(roundabout));
describeCacheBackend('memory hub', async () => hubSubject());
describeRecordAccelerator('memory hub', async () => hubSubject());
describeRecordAccelerator('memory hub over a network', async () => hubSubject(roundabout));

/** Everything takes a turn to arrive. */
const roundabout: HubNetwork = { travel: () => new Promise((resolve) => setImmediate(resolve)) };

function hubSubject(network: HubNetwork | null = null): TierSubject {
  const clock = new ManualClock();
  const hub = new MemoryHub({ clock, leaseMs: 1000, network });
  return {
    shared: true,
    instance: () => hub.instance(),
    elapse: (ms) => clock.advanceAsync(ms),
    loseHistory: async () => hub.changeHistory(),
    close: async () => {
      await clock.advanceAsync(5000);
      expect(clock.pendingTimers).toBe(0);
    },
  };
}
