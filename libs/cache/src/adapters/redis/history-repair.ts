import type { Clock } from '../../core/clock/clock.port.js';
import type { CoherenceEvents } from '../../core/coherence/coherence.events.js';
import { epochOf, isPosition, type Era } from '../../core/coherence/position.js';
import type { HistoryChange } from '../../core/coherence/shared-tier.port.js';
import { runScript } from './redis-command.js';
import type { RedisClient } from './redis-connector.js';
import type { RedisKeys } from './redis-keys.js';
import { UNKNOWN_MEMBER } from './scripts/hb.script.js';
import { SETTLE } from './scripts/upkeep.script.js';
import type { Attestation } from './server-attestor.js';

/** In leases: a heartbeat tells, and two may be late before an instance counts as cut off. */
const LEASES_TO_NOTICE = 1.2;

/**
 * After a history change under the policy `hold`: entries older than the change are misses until whoever recorded the
 * invalidations durably has applied them again, and every instance those it had executed by itself. If somebody cannot
 * (an instance that held a lease has not come back: it is stopped, cut off or dead), the hold becomes a floor: cold, and right.
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
    const members = await client.zrange(this.keys.members, '0', '-1'); // also those whose lease has just ended
    const replayed = await this.replay({ since, lineage: era }).catch(() => {
      this.events.emit('trouble', { code: 'REPLAY_FAILED' });
      return false;
    });
    const complete = replayed && (await this.everyoneIsBack(client, members, era));
    await runScript(client, SETTLE, [this.keys.control], [era, complete ? 'replayed' : 'floor']);
  }

  /** By their heartbeats; whoever comes back executes again, at once, what it had executed lately by itself. */
  private async everyoneIsBack(client: RedisClient, members: readonly string[], era: Era): Promise<boolean> {
    await this.clock.sleep(LEASES_TO_NOTICE * this.leaseMs);
    const instances = members.filter((member) => member !== UNKNOWN_MEMBER);
    if (instances.length === 0) return false; // the list was lost
    const reports = await client.mget(instances.map((instance) => this.keys.heartbeat(instance)));
    const back = (report: string | null): boolean =>
      report !== null && isPosition(report) && epochOf(report) >= epochOf(era);
    if (!reports.every(back)) return false;
    await this.clock.sleep(this.leaseMs / 5); // for what the last of them has under way
    return true;
  }
}
