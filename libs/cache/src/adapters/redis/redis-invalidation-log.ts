import { randomUUID } from 'node:crypto';
import type { Clock } from '../../core/clock/clock.port.js';
import type { AnchorWatch } from '../../core/coherence/anchor-watch.js';
import {
  InvalidationLog,
  type AppendOptions,
  type AppendReceipt,
  type LogHealth,
  type LogListener,
} from '../../core/coherence/invalidation-log.port.js';
import { targetsOf, type Invalidation } from '../../core/coherence/invalidation.js';
import type { LinkState } from '../../core/coherence/link-state.js';
import {
  MAX_MESSAGE_BYTES,
  MAX_MESSAGE_TARGETS,
  type LogMessageCodec,
  type SignedMessage,
} from '../../core/coherence/log-message.js';
import { covers, eraOfPosition, type Position } from '../../core/coherence/position.js';
import { bytesOf, splitInvalidation } from '../../core/coherence/split-invalidation.js';
import { Gatherer } from './gatherer.js';
import type { MemberWatch } from './member-watch.js';
import type { PatternPredicates } from './pattern-predicates.js';
import type { PatternSweeper } from './pattern-sweeper.js';
import type { RecentInvalidations } from './recent-invalidations.js';
import { failureKind } from './redis-command.js';
import { closed, notInvalidated, required } from './redis-failures.js';
import type { RedisLink } from './redis-link.js';
import type { ResolvedRedisTierOptions } from './redis.options.js';
import type { ServerPolicy } from './server-policy.js';
import type { Upkeep } from './upkeep.js';
import type { ValueStore } from './value-store.js';

/** One piece of an invalidation on its way. */
interface Piece {
  readonly invalidation: Invalidation;
  readonly acknowledge: boolean;
}

interface Executed {
  readonly position: Position;
  readonly removed: number;
}

const MESSAGE = { items: 500, weight: 1, inFlight: 2 };
/** `open` waits at most this long for the first attachment: enough for a server that is there, little for one that is not. */
const OPEN_WAIT_MS = 500;

const STATES: Readonly<Record<LinkState, LogHealth['state']>> = {
  init: 'starting',
  connecting: 'starting',
  attesting: 'starting',
  syncing: 'starting',
  live: 'live',
  suspect: 'suspect',
  detached: 'detached',
  closing: 'closed',
  closed: 'closed',
};

/** What the log is made of; see `redis-shared-tier.ts` for the assembly. */
export interface RedisLogParts {
  readonly link: RedisLink;
  readonly store: ValueStore;
  readonly codec: LogMessageCodec;
  readonly predicates: PatternPredicates;
  readonly sweeper: PatternSweeper;
  readonly upkeep: Upkeep;
  readonly members: MemberWatch;
  /** `null` where nothing older than a change of history is valid anyway. */
  readonly recent: RecentInvalidations | null;
  readonly policy: ServerPolicy;
  readonly anchor: AnchorWatch | null;
  readonly clock: Clock;
  readonly instanceId: string;
  readonly options: ResolvedRedisTierOptions;
}

/**
 * The invalidation log of a namespace as a Redis stream. Appending executes: when `append` resolves, the server has
 * raised the log, the tags and the patterns and removed the keys, in one script; invalidations appended at about the same
 * time share a message. What the log says is followed on a connection of its own (`RedisLink`).
 */
export class RedisInvalidationLog extends InvalidationLog {
  override readonly kind = 'redis';
  override readonly leased = true;
  override readonly leaseMs: number;
  private listener: LogListener | null = null;
  private isClosed = false;
  private readonly outgoing: Gatherer<Piece, Executed>;
  /** Numbers the histories met: what was owed to an earlier one is owed to the latest. */
  private histories = 0;

  constructor(private readonly parts: RedisLogParts) {
    super();
    this.leaseMs = parts.options.leaseMs;
    this.outgoing = new Gatherer((pieces) => this.execute(pieces), MESSAGE, weightOf);
  }

  /** @throws CacheError `LARDER_TIER_REQUIRED` when Redis is declared required and is not there */
  override async open(listener: LogListener): Promise<void> {
    const { link, predicates, upkeep, policy, options } = this.parts;
    this.listener = listener;
    link.start({
      applied: (invalidations, position) => {
        predicates.follow(invalidations, position);
        for (const invalidation of invalidations) listener.apply(invalidation, position);
      },
      reset: (cause) => {
        predicates.forget();
        listener.reset(cause);
        if (cause === 'history') void this.executeAgain();
      },
    });
    const waitMs = options.required ? options.connectTimeoutMs : Math.min(OPEN_WAIT_MS, options.connectTimeoutMs);
    await link.until(() => link.state === 'live' || (link.state === 'detached' && !options.required), waitMs);
    if (options.required && link.state !== 'live') {
      await this.close();
      throw required(link.lastErrorCode);
    }
    upkeep.start();
    policy.start();
  }

  override async append(invalidation: Invalidation, options: AppendOptions = {}): Promise<AppendReceipt> {
    if (this.isClosed) throw closed();
    const acknowledge = options.wait === 'cluster';
    let executed: readonly Executed[];
    try {
      executed = await this.executeInOneHistory(invalidation, acknowledge);
    } catch (error) {
      throw notInvalidated(error);
    }
    const { position } = executed.reduce((last, next) => (next.position > last.position ? next : last));
    this.listener?.apply(invalidation, position); // own reads reflect it now, without waiting for the log's echo (G5)
    this.parts.recent?.remember(invalidation, position);
    if (invalidation.patterns.length > 0) this.parts.sweeper.soon();
    if (acknowledge) await this.parts.members.allBeyond(position);
    return { position, removed: executed.reduce((sum, { removed }) => sum + removed, 0) };
  }

  /**
   * Executes an explicit `set`: `store` puts the value in the same step as the message that invalidates the key. `null`: a
   * newer version stands, and nothing was done.
   */
  async put(key: string, store: (message: SignedMessage) => Promise<Position | null>): Promise<Position | null> {
    if (this.isClosed) throw closed();
    const { codec, clock, instanceId } = this.parts;
    const invalidation = {
      id: randomUUID(),
      keys: [key],
      tags: [],
      patterns: [],
      flush: false,
      reason: 'set',
      origin: instanceId,
    };
    try {
      const message = codec.encode({ invalidations: [invalidation], acknowledge: false }, clock.wall());
      const position = await this.insistently(() => store(message));
      if (position === null) return null;
      this.listener?.apply(invalidation, position);
      this.parts.recent?.remember(invalidation, position);
      return position;
    } catch (error) {
      throw notInvalidated(error);
    }
  }

  override leaseLive(now: number): boolean {
    return this.parts.link.follower.leaseLive(now);
  }

  override waitApplied(position: string, timeoutMs: number): Promise<boolean> {
    const { link } = this.parts;
    return link.until(() => link.follower.position !== '' && covers(link.follower.position, position), timeoutMs);
  }

  override health(): LogHealth {
    const { link, policy, anchor } = this.parts;
    return {
      kind: this.kind,
      state: this.isClosed ? 'closed' : STATES[link.state],
      position: link.follower.position,
      leaseMs: link.follower.leaseMs,
      lineage: link.follower.lineage,
      lastErrorCode: link.lastErrorCode,
      warnings: [...policy.warnings, ...(anchor?.warnings ?? [])],
    };
  }

  override async close(): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    this.parts.policy.stop();
    await this.parts.upkeep.stop();
    await this.parts.link.close();
    this.listener = null;
  }

  /** One position stands for all pieces, so none of them may be in a history that has ended meanwhile. */
  private async executeInOneHistory(invalidation: Invalidation, acknowledge: boolean): Promise<readonly Executed[]> {
    const pieces = splitInvalidation(invalidation);
    if (pieces.length === 1) return [await this.outgoing.add({ invalidation, acknowledge })];
    for (;;) {
      const executed = await Promise.all(
        pieces.map((piece) => this.outgoing.add({ invalidation: piece, acknowledge })),
      );
      const eras = new Set(executed.map(({ position }) => eraOfPosition(position)));
      if (eras.size <= 1) return executed;
    }
  }

  /**
   * The history changed: what this instance had executed lately, the server may not have heard of. Until it has, the
   * instance does not count as back.
   */
  private async executeAgain(): Promise<void> {
    const { link, recent, options, clock } = this.parts;
    if (recent === null) return;
    const history = (this.histories += 1);
    link.heartbeat.complete = false;
    while (!this.isClosed && history === this.histories) {
      try {
        if (await link.until(() => link.rights.fills, options.leaseMs)) {
          const again = async (invalidation: Invalidation): Promise<Position> => {
            const [{ position }] = (await this.executeInOneHistory(invalidation, false)) as [Executed];
            return position;
          };
          await recent.executeAgain(link.era, again);
          link.heartbeat.complete = history === this.histories;
          return;
        }
      } catch {
        await clock.sleep(options.retryMinMs); // the link has noted it
      }
    }
  }

  private async execute(pieces: readonly Piece[]): Promise<readonly Executed[]> {
    const { codec, clock, store } = this.parts;
    const invalidations = pieces.map(({ invalidation }) => invalidation);
    const acknowledge = pieces.some((piece) => piece.acknowledge);
    const message = codec.encode({ invalidations, acknowledge }, clock.wall());
    if (Buffer.byteLength(message.text) > MAX_MESSAGE_BYTES && pieces.length > 1) return this.executeHalves(pieces);
    const keys = [...new Set(invalidations.flatMap((invalidation) => invalidation.keys))];
    const tags = [...new Set(invalidations.flatMap((invalidation) => invalidation.tags))];
    const patterns = invalidations.flatMap((invalidation) => invalidation.patterns);
    const flush = invalidations.some((invalidation) => invalidation.flush);
    const { position, removed } = await this.insistently(() => store.execute(message, { keys, tags, patterns, flush }));
    const gone = new Set(keys.filter((_, index) => removed[index]));
    // A key that several of them name was removed once: it counts for the first.
    return invalidations.map((invalidation) => ({
      position,
      removed: invalidation.keys.reduce((sum, key) => sum + Number(gone.delete(key)), 0),
    }));
  }

  /** Their weight was underestimated, because JSON escapes much of them. */
  private async executeHalves(pieces: readonly Piece[]): Promise<readonly Executed[]> {
    const middle = Math.ceil(pieces.length / 2);
    return [...(await this.execute(pieces.slice(0, middle))), ...(await this.execute(pieces.slice(middle)))];
  }

  /**
   * While the attestation is under way an invalidation waits for it; what met another history is repeated, once attested.
   * Where histories are anchored, this one must still count when the work is done.
   */
  private async insistently<T>(work: () => Promise<T>): Promise<T> {
    const { link, anchor, clock, options } = this.parts;
    const giveUpAt = clock.monotonic() + options.invalidationTimeoutMs;
    for (;;) {
      if (link.rights.invalidations === 'queue') {
        await link.until(() => link.rights.invalidations !== 'queue', giveUpAt - clock.monotonic());
      }
      try {
        const { era } = link;
        const done = await work();
        await anchor?.vouch(era);
        return done;
      } catch (error) {
        if (failureKind(error) !== 'history' || clock.monotonic() >= giveUpAt) throw error;
      }
    }
  }
}

/** Share of a message that a piece fills. */
function weightOf({ invalidation }: Piece): number {
  return Math.max((1.2 * bytesOf(invalidation)) / MAX_MESSAGE_BYTES, targetsOf(invalidation) / MAX_MESSAGE_TARGETS);
}
