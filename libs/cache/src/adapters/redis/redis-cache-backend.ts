import {
  CacheBackend,
  type Asker,
  type BackendRead,
  type FillEntry,
  type FillPermit,
  type ReadOptions,
  type StoredEntry,
} from '../../core/coherence/cache-backend.port.js';
import type { CoherenceEvents } from '../../core/coherence/coherence.events.js';
import type { TierInspection } from '../../core/coherence/tier-inspection.js';
import { CacheError } from '../../core/errors/cache-error.js';
import { MAX_KEEP_MS, MAX_PERMIT_MS } from './entry-limits.js';
import type { KeepRecord } from './keep-record.js';
import type { PatternPredicates } from './pattern-predicates.js';
import { decodeEntry, draft } from './redis-entry.js';
import { tierUnavailable } from './redis-failures.js';
import type { RedisInvalidationLog } from './redis-invalidation-log.js';
import type { RedisLink } from './redis-link.js';
import { answerTo, type AskedRead, type KeyAnswer, type KeyRead, type ValueStore } from './value-store.js';

/** So often an answer is asked for that is not older than the list of patterns. */
const MAX_LOOKS = 4;

/**
 * Redis as the shared tier. Whether an entry is valid is decided in the server when it is *read* (stamp), whether a fill
 * may be stored is decided in the server when it is *stored* (permit); see the contracts of the scripts. Only pattern
 * invalidations are judged here, against the resident list of predicates.
 */
export class RedisCacheBackend extends CacheBackend {
  override readonly name = 'redis';

  constructor(
    private readonly link: RedisLink,
    private readonly log: RedisInvalidationLog,
    private readonly store: ValueStore,
    private readonly predicates: PatternPredicates,
    private readonly keep: KeepRecord,
    private readonly events: CoherenceEvents,
    override readonly inspection: TierInspection | null = null,
  ) {
    super();
  }

  /** The link is opened with the log; there is nothing to wait for here. */
  override open(): Promise<void> {
    return Promise.resolve();
  }

  override available(): boolean {
    return this.link.readable;
  }

  override read(key: string, options: ReadOptions): Promise<BackendRead> {
    return new Promise((answered, failed) => this.ask(key, options, { answered, failed }));
  }

  override ask(key: string, { permitMs, refresh }: ReadOptions, asker: Asker): void {
    const bounded = Math.min(Math.max(permitMs, 1), MAX_PERMIT_MS);
    const mode = refresh === true ? 'renew' : 'get';
    this.store.ask(new JudgedRead(key, bounded, mode, this.predicates.drops, this, asker));
  }

  /**
   * Nearly every answer can be judged at once.
   * @param drops what the predicates had dropped when the server was asked
   */
  judged(read: KeyRead, answer: KeyAnswer, drops: number): BackendRead | Promise<BackendRead> {
    const { raw, permit, batch } = answer;
    if (raw === null) return missed(answer, null);
    if (!this.canJudge(answer, drops)) return this.judgedLater(read, answer);
    const entry = decodeEntry(raw, batch.now);
    const doomed = entry === null || this.predicates.doom(read.key, raw) !== null;
    if (!doomed) return permit === null ? { hit: true, entry } : missed(answer, entry);
    if (permit !== null) return missed(answer, null);
    const { key, permitMs } = read;
    return answerTo(this.store, { key, permitMs, mode: 'drop' }).then((dropped) => missed(dropped, null));
  }

  /**
   * Asks until the resident predicates can judge the answer. Where they had to be fetched first, or were fetched meanwhile,
   * the server is asked again: what the list does not name any more (folded, lost or flushed into the floor, or swept and
   * dropped) it has judged by then itself, and an answer from before that is void.
   */
  private async judgedLater(read: KeyRead, first: KeyAnswer): Promise<BackendRead> {
    let answer = first;
    let elected = first.permit?.owner === true ? first.permit.token : null;
    for (let look = 1; look < MAX_LOOKS; look += 1) {
      await this.predicates.reach(answer.batch.patterns);
      const { drops } = this.predicates;
      answer = await answerTo(this.store, read);
      const { raw, permit } = answer;
      if (permit?.owner === true) elected = permit.token;
      if (raw !== null && !this.canJudge(answer, drops)) continue;
      const byEarlierLook = permit !== null && permit.token === elected;
      return this.judged(read, byEarlierLook ? { ...answer, permit: { token: elected!, owner: true } } : answer, drops);
    }
    throw new Error('ERR patterns are invalidated faster than they can be followed');
  }

  private canJudge({ batch }: KeyAnswer, drops: number): boolean {
    return this.predicates.drops === drops && this.predicates.current(batch.patterns);
  }

  override async fill(key: string, permit: FillPermit, entry: FillEntry): Promise<boolean> {
    const drafted = draft(entry, MAX_KEEP_MS);
    if (permit.token === '' || drafted.keepMs <= 0) return false;
    try {
      await this.keep.cover(drafted.keepMs);
      const stored = await this.store.fill(key, permit, drafted);
      if (!stored) this.events.emit('fenced', { count: 1 });
      return stored;
    } catch (error) {
      throw tierUnavailable(error);
    }
  }

  override async release(key: string, permit: FillPermit): Promise<void> {
    if (permit.token === '') return;
    try {
      await this.store.release(key, permit.token);
    } catch (error) {
      throw tierUnavailable(error);
    }
  }

  /** @throws CacheError `LARDER_LOG_UNAVAILABLE`, `LARDER_LOG_UNCERTAIN` when the value is not known to be stored */
  override async put(key: string, entry: FillEntry): Promise<boolean> {
    const drafted = draft(entry, MAX_KEEP_MS);
    const position = await this.log.put(key, async (message) => {
      await this.keep.cover(drafted.keepMs);
      return this.store.put(key, drafted, message);
    });
    return position !== null;
  }

  override close(): Promise<void> {
    return Promise.resolve(); // the log closes the link, after it has left the members
  }
}

/** A read on its way, which judges its answer when it comes. */
class JudgedRead implements AskedRead {
  constructor(
    readonly key: string,
    readonly permitMs: number,
    readonly mode: KeyRead['mode'],
    /** What the predicates had dropped when the server was asked. */
    private readonly drops: number,
    private readonly backend: RedisCacheBackend,
    private readonly asker: Asker,
  ) {}

  resolve(answer: KeyAnswer): void {
    let judged: BackendRead | Promise<BackendRead>;
    try {
      judged = this.backend.judged(this, answer, this.drops);
    } catch (error) {
      this.reject(error);
      return;
    }
    if (!(judged instanceof Promise)) this.asker.answered(judged);
    else
      judged.then(
        (read) => this.asker.answered(read),
        (error: unknown) => this.reject(error),
      );
  }

  reject(error: unknown): void {
    this.asker.failed(error instanceof CacheError ? error : tierUnavailable(error));
  }
}

/** Where no permit could be written nobody was elected, and nobody's fill is worth waiting for. */
function missed({ permit, batch }: KeyAnswer, stale: StoredEntry | null): BackendRead {
  if (permit === null) throw tierUnavailable(new Error('ERR a miss without a permit'));
  const { token, owner } = permit;
  return { hit: false, permit: { token, position: batch.position }, owner: owner || token === '', stale };
}
