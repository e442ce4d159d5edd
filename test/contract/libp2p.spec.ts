import { randomUUID } from 'node:crypto';
import { DhtSharedTier } from '../../libs/cache/src/adapters/libp2p/dht-shared-tier.js';
import { SystemClock } from '../../libs/cache/src/core/clock/system-clock.js';
import type { SharedTierParts } from '../../libs/cache/src/core/coherence/shared-tier.port.js';
import { describeCacheBackend } from '../../libs/cache/src/testing/cache-backend.contract.js';
import { describeInvalidationLog } from '../../libs/cache/src/testing/invalidation-log.contract.js';
import type { TierSubject } from '../../libs/cache/src/testing/tier-subject.js';

describeInvalidationLog('dht', networkSubject);
describeCacheBackend('dht', networkSubject);

/** Nodes of one network in this process; the first is what the others begin with. Separate processes: `test/p2p`. */
async function networkSubject(): Promise<TierSubject> {
  const clock = new SystemClock();
  const network = randomUUID();
  const psk = randomUUID();
  const opened: SharedTierParts[] = [];
  let first: DhtSharedTier | null = null;
  return {
    shared: true,
    instance: () => {
      const bootstrap = [...(first?.addresses()[network] ?? [])];
      const tier = new DhtSharedTier({ network, psk, listen: '/ip4/127.0.0.1/tcp/0', bootstrap });
      first ??= tier;
      const parts = tier.create({ namespace: 'contract', instanceId: randomUUID(), clock });
      opened.push(parts);
      return parts;
    },
    elapse: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    close: async () => {
      await Promise.all(opened.map(({ log }) => log.close()));
    },
  };
}
