import type { Clock } from '../../core/clock/clock.port.js';
import { isPosition, ordOfPosition, type Position } from '../../core/coherence/position.js';
import { asList, asText, runScript } from './redis-command.js';
import type { RedisKeys } from './redis-keys.js';
import type { RedisLink } from './redis-link.js';
import type { ResolvedRedisTierOptions } from './redis.options.js';
import { MEMBERS } from './scripts/hb.script.js';

const FIRST_LOOK_MS = 2;
const LONGEST_LOOK_MS = 50;

/**
 * Waits for every live instance (strict mode, coherence page 2.12). Live is who may hold a lease, by the server's time,
 * which is later than the instance's own; each reports how far it has come with its heartbeats, and at once when a
 * message asks for it.
 *
 * If the servers cannot be asked any more, waiting is enough: L after the acknowledgement no instance serves from memory
 * what the invalidation hit (G2). So this never fails, and ends within L and a heartbeat.
 */
export class MemberWatch {
  constructor(
    private readonly link: RedisLink,
    private readonly keys: RedisKeys,
    private readonly clock: Clock,
    private readonly options: ResolvedRedisTierOptions,
  ) {}

  async allBeyond(position: Position): Promise<void> {
    const giveUpAt = this.clock.monotonic() + this.options.leaseMs * 1.2;
    for (let lookMs = FIRST_LOOK_MS; ; lookMs = Math.min(2 * lookMs, LONGEST_LOOK_MS)) {
      if (await this.everyone(position)) return;
      const leftMs = giveUpAt - this.clock.monotonic();
      if (leftMs <= 0) return;
      await this.clock.sleep(Math.min(lookMs, leftMs));
    }
  }

  private async everyone(position: Position): Promise<boolean> {
    if (!this.link.rights.reads) return false;
    try {
      return await this.link.run(this.options.readTimeoutMs, async (client) => {
        const members = asList(await runScript(client, MEMBERS, [this.keys.members], [])).map(asText);
        if (members.length === 0) return false; // this instance at least belongs in it: the list was lost
        const reports = await client.mget(members.map((member) => this.keys.heartbeat(member)));
        return reports.every(
          (report) => report !== null && isPosition(report) && ordOfPosition(report) >= ordOfPosition(position),
        );
      });
    } catch {
      return false; // noted by the link; the wait goes on, and ends by itself
    }
  }
}
