import type { Clock, Timer } from '../../core/clock/clock.port.js';
import type { PatternSweeper } from './pattern-sweeper.js';
import type { RedisKeys } from './redis-keys.js';
import type { RedisLink } from './redis-link.js';
import type { TagPruning } from './tag-pruning.js';

/** How often an instance offers itself, ms; on average, so that instances started together drift apart. */
const INTERVAL_MS = 30_000;

/**
 * Work that one instance does for all now and then: drops pattern predicates that have had their effect and forgets old
 * tags. The lock only saves work: two at once would do no harm.
 */
export class Upkeep {
  private timer: Timer | null = null;
  private stopped = false;

  constructor(
    private readonly link: RedisLink,
    private readonly keys: RedisKeys,
    private readonly sweeper: PatternSweeper,
    private readonly pruning: TagPruning,
    private readonly clock: Clock,
    private readonly limitMs: number,
    private readonly random: () => number,
  ) {}

  start(): void {
    if (this.stopped) return;
    const wait = INTERVAL_MS * (0.5 + this.random());
    this.timer = this.clock.schedule(wait, () => void this.turn().finally(() => this.start()));
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.timer?.cancel();
    await this.sweeper.stop();
  }

  /** One turn now. Does nothing where the link is not attached, or another instance has just done it. */
  async turn(): Promise<void> {
    if (!this.link.rights.fills) return;
    try {
      const mine = await this.link.run(this.limitMs, (client) =>
        client.set(this.keys.upkeepLock, '1', 'PX', INTERVAL_MS / 2, 'NX'),
      );
      if (mine === null) return;
      await this.sweeper.expire();
      await this.pruning.run();
    } catch {
      return; // the link has noted why; the next turn does what this one could not
    }
  }
}
