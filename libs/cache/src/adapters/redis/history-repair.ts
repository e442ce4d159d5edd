import type { Clock } from '../../core/clock/clock.port.js';
import type { CoherenceEvents } from '../../core/coherence/coherence.events.js';
import type { HistoryChange } from '../../core/coherence/shared-tier.port.js';
import { runScript } from './redis-command.js';
import type { RedisClient } from './redis-connector.js';
import type { RedisKeys } from './redis-keys.js';
import { SETTLE } from './scripts/upkeep.script.js';
import type { Attestation } from './server-attestor.js';

/** In leases: a heartbeat tells, and two may be late before an instance counts as cut off. */
const LEASES_TO_NOTICE = 1.2;

/**
 * After a history change under the policy `hold`: entries older than the change are misses until whoever recorded the
 * invalidations durably has applied them again. If nobody can, the hold becomes a floor: cold, and right.
 */
export class HistoryRepair {
  constructor(
    private readonly keys: RedisKeys,
    private readonly replay: ((change: HistoryChange) => Promise<boolean>) | null,
    private readonly events: CoherenceEvents,
    private readonly clock: Clock,
    private readonly leaseMs: number,
  ) {}

  get policy(): 'floor' | 'hold' {
    return this.replay === null ? 'floor' : 'hold';
  }

  async repair(client: RedisClient, { since, era }: Attestation): Promise<void> {
    if (this.replay === null) return;
    const replayed = await this.replay({ since, lineage: era }).catch(() => {
      this.events.emit('trouble', { code: 'REPLAY_FAILED' });
      return false;
    });
    // By then every live instance has noticed, and executed again what it had executed lately by itself.
    if (replayed) await this.clock.sleep(LEASES_TO_NOTICE * this.leaseMs);
    await runScript(client, SETTLE, [this.keys.control], [era, replayed ? 'replayed' : 'floor']);
  }
}
