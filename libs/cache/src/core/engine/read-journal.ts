import { replaceOldest } from '../bounds/replace-oldest.js';
import type { FenceHit, FenceMark, LocalFence } from './local-fence.js';

/**
 * Why the method had to run for a key:
 *
 * - `cold`: this instance knows nothing of it, and the shared tier, where there is one, had nothing valid
 * - `expired`, `evicted`: its time was up, or it had to make room
 * - `invalidated`: by what `by` names
 * - `fenced`: the load before was not kept, because it was invalidated meanwhile by what `by` names
 * - `not kept`: the load before was not to be kept, or failed
 * - `tier away`: memory could not answer, and the shared tier did not
 * - `unknown`: so much was invalidated since that it is not told apart any more
 */
export type MissCause =
  'cold' | 'expired' | 'evicted' | 'invalidated' | 'fenced' | 'not kept' | 'tier away' | 'unknown';

export interface Miss {
  readonly cause: MissCause;
  /** What hit it, where something did. */
  readonly by: FenceHit | null;
  /** Monotonic ms. */
  readonly at: number;
}

/** What became of a value, from memory's or the shared tier's point of view. */
type Fate = 'kept' | 'fenced' | 'not kept';

interface KeyRecord {
  readonly tags: readonly string[];
  readonly mark: FenceMark;
  readonly freshUntil: number;
  readonly fate: Fate;
  miss: Miss | null;
}

/** Keys remembered; those not read from below memory for the longest time are forgotten first (I19). */
const MAX_KEYS = 1_000;

/**
 * Remembers of each key how it was last filled and why it was last missed, for operators. It is written where a read has
 * gone beyond memory, never on a hit, and reasons are worked out from what it and the fence remember: nothing is noted when
 * an entry leaves.
 */
export class ReadJournal {
  private readonly keys = new Map<string, KeyRecord>();

  constructor(private readonly fence: LocalFence) {}

  /** What an entry depends on, as of its last fill; `null`: not known here. */
  tagsOf(key: string): readonly string[] | null {
    return this.keys.get(key)?.tags ?? null;
  }

  missOf(key: string): Miss | null {
    return this.keys.get(key)?.miss ?? null;
  }

  /** The method is about to run. */
  missed(key: string, mark: FenceMark, now: number, tierAway: boolean): void {
    const known = this.keys.get(key);
    const miss = { ...this.reasonOf(key, known, now, tierAway), at: now };
    this.put(key, { tags: known?.tags ?? [], mark, freshUntil: now, fate: 'not kept', miss });
  }

  /** A value was read from the source or the shared tier at the mark. */
  filled(key: string, mark: FenceMark, tags: readonly string[], freshUntil: number, fate: Fate): void {
    this.put(key, { tags, mark, freshUntil, fate, miss: this.missOf(key) });
  }

  /** Keys remembered, for the bound's test. */
  get size(): number {
    return this.keys.size;
  }

  private reasonOf(key: string, known: KeyRecord | undefined, now: number, tierAway: boolean): Omit<Miss, 'at'> {
    if (tierAway) return { cause: 'tier away', by: null };
    if (known === undefined) return { cause: 'cold', by: null };
    const hit = this.fence.hitSince(known.mark, key, known.tags);
    if (known.fate === 'fenced') return { cause: 'fenced', by: hit };
    if (hit !== null)
      return hit.kind === 'forgotten' ? { cause: 'unknown', by: null } : { cause: 'invalidated', by: hit };
    if (known.fate === 'not kept') return { cause: 'not kept', by: null };
    return { cause: now >= known.freshUntil ? 'expired' : 'evicted', by: null };
  }

  private put(key: string, record: KeyRecord): void {
    replaceOldest(this.keys, key, record, MAX_KEYS);
  }
}
