import type { Clock } from '../../core/clock/clock.port.js';
import type { CoherenceEvents } from '../../core/coherence/coherence.events.js';
import { epochOf, isPosition, splitPath, type Era } from '../../core/coherence/position.js';
import type { HistoryChange, ReplayOutcome } from '../../core/coherence/shared-tier.port.js';
import { asList, asText, runScript } from './redis-command.js';
import type { RedisClient } from './redis-connector.js';
import type { RedisKeys } from './redis-keys.js';
import { UNKNOWN_MEMBER } from './scripts/hb.script.js';
import { HELD, SETTLE } from './scripts/upkeep.script.js';

/** In leases: a heartbeat tells, and two may be late before an instance counts as cut off. */
const LEASES_TO_NOTICE = 1.2;

interface Hold extends HistoryChange {
  /** Who held a lease when the history changed. */
  readonly members: readonly string[];
}

/**
 * After a history change under the policy `hold`: entries older than the change are misses until whoever recorded the
 * invalidations durably has applied them again, and every instance those it had executed by itself. If somebody cannot
 * (an instance that held a lease has not come back: it is stopped, cut off or dead), the hold becomes a floor: cold, and right.
 *
 * Every instance that finds a hold tries to repair it and goes on trying until it has ended, so that it does not matter
 * which of them dies; that one of them at a time replays is seen to where the durable record is.
 */
export class HistoryRepair {
  /** Numbers the sessions: only the latest one repairs. */
  private turn = 0;

  constructor(
    private readonly keys: RedisKeys,
    private readonly replay: ((change: HistoryChange) => Promise<ReplayOutcome>) | null,
    private readonly events: CoherenceEvents,
    private readonly clock: Clock,
    private readonly leaseMs: number,
  ) {}

  get policy(): 'floor' | 'hold' {
    return this.replay === null ? 'floor' : 'hold';
  }

  /**
   * Sees to it that no hold stays; at once where there is none. Ends when another history is attested.
   * @param alive false when the session is over: the next one repairs
   */
  async repair(client: RedisClient, era: Era, alive: () => boolean): Promise<void> {
    const turn = (this.turn += 1);
    while (this.replay !== null && alive() && turn === this.turn) {
      const hold = await this.held(client, era);
      if (hold === null) return;
      const outcome = await this.attempt(client, era, hold);
      if (outcome === 'elsewhere') await this.clock.sleep(this.leaseMs);
      else await runScript(client, SETTLE, [this.keys.control], [era, outcome]);
    }
  }

  private async held(client: RedisClient, era: Era): Promise<Hold | null> {
    const reply = asList(await runScript(client, HELD, [this.keys.control], [era])).map(asText);
    const [path, members, knownFor] = reply;
    if (path === undefined || members === undefined) return null;
    return {
      path: [...splitPath(path), { era, upTo: null }],
      members: members.split(' ').filter((member) => member !== ''),
      knownForMs: Number(knownFor),
    };
  }

  private async attempt(client: RedisClient, era: Era, { members, ...change }: Hold): Promise<ReplayOutcome> {
    let outcome: ReplayOutcome;
    try {
      outcome = await this.replay!(change);
    } catch {
      this.events.emit('trouble', { code: 'REPLAY_FAILED' });
      return 'elsewhere'; // or here, later: what it needs is away
    }
    if (outcome !== 'replayed') return outcome;
    return (await this.everyoneIsBack(client, members, era)) ? 'replayed' : 'impossible';
  }

  /** By their heartbeats; whoever comes back says so when it has executed again what it had executed lately by itself. */
  private async everyoneIsBack(client: RedisClient, members: readonly string[], era: Era): Promise<boolean> {
    // The list was lost, or begun anew shortly before: there may be others.
    if (members.includes(UNKNOWN_MEMBER)) return false;
    await this.clock.sleep(LEASES_TO_NOTICE * this.leaseMs);
    const reports = await client.mget(members.map((instance) => this.keys.heartbeat(instance)));
    return reports.every((report) => report !== null && isPosition(report) && epochOf(report) >= epochOf(era));
  }
}
