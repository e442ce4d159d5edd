import type { Clock } from '../../core/clock/clock.port.js';
import type { CoherenceEvents } from '../../core/coherence/coherence.events.js';
import { millisecondsOf, type Ord } from '../../core/coherence/position.js';
import { latestHit, type PatternPredicates, type Predicate } from './pattern-predicates.js';
import { MAX_PERMIT_MS } from './entry-limits.js';
import { asText, runScript } from './redis-command.js';
import { primariesOf } from './redis-connector.js';
import type { RedisKeys } from './redis-keys.js';
import type { RedisLink } from './redis-link.js';
import { DROP_PREDICATES } from './scripts/predicates.script.js';
import { NOW } from './scripts/upkeep.script.js';
import type { ValueStore } from './value-store.js';

/** A step of SCAN looks at so many keys; fewer when there are many patterns to hold each key against. */
const STEP_KEYS = 512;
const STEP_TESTS = 20_000;
const PAUSE_MS = 1;

/**
 * Gives back the memory of what pattern invalidations have made invalid, in small steps (SCAN on every primary, UNLINK;
 * never KEYS), and then the predicates themselves.
 *
 * A predicate may be dropped only when nothing it covers can be there or come any more. A fill under a permit that is
 * older than the revoke may arrive until that permit dies, also behind a sweep that has passed already. So what counts is
 * a pass that *began* after every such permit had died.
 */
export class PatternSweeper {
  private running: Promise<void> | null = null;
  private again = false;
  private stopped = false;

  constructor(
    private readonly link: RedisLink,
    private readonly keys: RedisKeys,
    private readonly store: ValueStore,
    private readonly predicates: PatternPredicates,
    private readonly clock: Clock,
    private readonly limitMs: number,
    private readonly events: CoherenceEvents,
  ) {}

  /** A pattern was invalidated: reclaim soon. Callers at the same time share a pass. */
  soon(): void {
    if (this.stopped) return;
    this.again = true;
    this.running ??= this.work().finally(() => {
      this.running = null;
    });
  }

  /** Drops what can be dropped, if anything can; called from time to time on one instance. */
  async expire(): Promise<void> {
    const youngest = (await this.serverTime()) - MAX_PERMIT_MS;
    if (this.predicates.all.some((predicate) => ageOf(predicate) < youngest)) this.soon();
    await this.running;
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.running;
  }

  private async work(): Promise<void> {
    while (this.again && !this.stopped) {
      this.again = false;
      try {
        await this.pass();
      } catch {
        return; // the link has noted why; the predicates stay, and the next pass does what this one could not
      }
    }
  }

  private async pass(): Promise<void> {
    await this.predicates.refresh();
    const prey = [...this.predicates.all];
    if (prey.length === 0) return;
    const droppable = (await this.serverTime()) - MAX_PERMIT_MS;
    const era = this.link.era;
    let removed = 0;
    const nodes = await this.link.run(this.limitMs, async (client) => primariesOf(client));
    for (const node of nodes) {
      let cursor = '0';
      do {
        if (this.stopped) return;
        const count = Math.max(16, Math.min(STEP_KEYS, Math.floor(STEP_TESTS / prey.length)));
        const step = this.link.run(this.limitMs, () => node.scan(cursor, 'MATCH', this.keys.entryGlob, 'COUNT', count));
        const [next, found] = await step;
        cursor = next;
        removed += await this.sweep(found, prey);
        await this.clock.sleep(PAUSE_MS);
      } while (cursor !== '0');
    }
    this.events.emit('swept', { removed });
    const members = prey.filter((predicate) => ageOf(predicate) < droppable).map(({ member }) => member);
    if (members.length === 0 || era !== this.link.era) return;
    const { control, predicates } = this.keys;
    await this.link.run(this.limitMs, (client) =>
      runScript(client, DROP_PREDICATES, [control, predicates], [era, ...members]),
    );
    await this.predicates.refresh();
  }

  /** By the list of this pass and no other: the resident one may be lost and fetched again meanwhile. */
  private async sweep(redisKeys: readonly string[], predicates: readonly Predicate[]): Promise<number> {
    const prey: { redisKey: string; before: Ord }[] = [];
    for (const redisKey of redisKeys) {
      const key = this.keys.keyOf(redisKey);
      if (key === undefined) continue;
      // Of a hashed key only its hash is known here: it may match, and a miss is the worst that can come of it.
      const before = key === null ? predicates.at(-1)!.ord : latestHit(predicates, key, '');
      if (before !== null) prey.push({ redisKey, before });
    }
    return prey.length === 0 ? 0 : this.store.sweep(prey);
  }

  private async serverTime(): Promise<number> {
    const now = this.link.run(this.limitMs, (client) => runScript(client, NOW, [this.keys.control], []));
    return Number(asText(await now));
  }
}

function ageOf({ ord }: Predicate): number {
  return millisecondsOf(ord.slice(8));
}
