import type { Clock, Timer } from '../../core/clock/clock.port.js';
import type { AnchorWatch } from '../../core/coherence/anchor-watch.js';
import { instant, type Instant } from '../../core/coherence/lease.js';
import { ordOf, type Era, type LogId, type Position } from '../../core/coherence/position.js';
import { asList, asText, inTime, runScript } from './redis-command.js';
import type { RedisClient } from './redis-connector.js';
import type { RedisKeys } from './redis-keys.js';
import type { ResidentTags } from './resident-tags.js';
import { HB, LEAVE } from './scripts/hb.script.js';
import { ServerClock } from './server-clock.js';

/** A heartbeat's answer: how far the log of which history had come after `sentAt`. */
export interface Pulse {
  readonly sentAt: Instant;
  readonly era: Era;
  readonly lastId: LogId;
}

const PER_LEASE = 5;

/** Sends the heartbeats of one instance (coherence page, 2.6): five in the time of a lease. */
export class Heartbeat {
  readonly everyMs: number;
  readonly serverClock: ServerClock;
  /** False while this instance owes the history something: its heartbeats do not say then how far it has come. */
  complete = true;
  private readonly limitMs: number;

  constructor(
    private readonly clock: Clock,
    private readonly keys: RedisKeys,
    private readonly instanceId: string,
    private readonly leaseMs: number,
    readTimeoutMs: number,
    private readonly anchor: AnchorWatch | null,
    /** `null`: entries are judged by the server alone, and need no summary beside them. */
    private readonly resident: ResidentTags | null,
  ) {
    this.serverClock = new ServerClock(clock, leaseMs);
    this.everyMs = leaseMs / PER_LEASE;
    this.limitMs = Math.max(2 * this.everyMs, readTimeoutMs);
  }

  /**
   * The instant is taken *before* the command is sent: the lease counts from it. `null`: the server answered, but by the
   * anchor it is not known whether its history counts, and no lease may rest on it.
   */
  async send(client: RedisClient, era: Era, applied: Position): Promise<Pulse | null> {
    const { control, members } = this.keys;
    const sentAt = instant(this.clock);
    const keys = [control, this.keys.heartbeat(this.instanceId), members];
    const position = this.complete ? applied : '';
    const beat = runScript(client, HB, keys, [
      era,
      this.leaseMs,
      this.instanceId,
      position,
      this.resident === null ? 0 : 1,
    ]);
    const [theirs, lastId, whole, serverMs, lastTag] = asList(await inTime(this.clock, this.limitMs, beat));
    this.anchor?.heard(sentAt, whole === 1);
    if (this.anchor?.trusted(sentAt.monotonic) === false) return null;
    const pulse = { sentAt, era: asText(theirs), lastId: asText(lastId) };
    this.serverClock.heard(sentAt, pulse.era, Number(serverMs));
    this.resident?.quiet(ordOf(pulse.era, pulse.lastId), asText(lastTag));
    return pulse;
  }

  /** This instance holds no lease any more. */
  async leave(client: RedisClient): Promise<void> {
    const keys = [this.keys.heartbeat(this.instanceId), this.keys.members];
    await inTime(this.clock, this.limitMs, runScript(client, LEAVE, keys, [this.instanceId]));
  }

  /** Calls `action` at every beat until the returned timer is cancelled. */
  repeat(action: () => void): Timer {
    let timer: Timer | null = null;
    const next = (): void => {
      timer = this.clock.schedule(this.everyMs, () => {
        next();
        action();
      });
    };
    next();
    return { cancel: () => timer?.cancel() };
  }
}
