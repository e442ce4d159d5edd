import type { Invalidation, PatternTarget } from '../../core/coherence/invalidation.js';
import type { EntryFault } from '../../core/coherence/tier-inspection.js';
import { targetMatcher } from '../../core/invalidation/target-matcher.js';
import { PatternCache } from '../../core/keys/pattern-cache.js';

/** Bounds (I19). Beyond them the oldest knowledge is folded into the floor: colder, never stale. */
const MAX_TARGETS = 100_000;
const MAX_PATTERNS = 1000;

interface Predicate {
  readonly at: string;
  readonly matches: (fullKey: string) => boolean;
}

/**
 * When each key, tag and pattern was last invalidated: what stamps are judged by (I1). Instants are positions of one
 * history, whose text order is the log's. What is no longer known is covered by the floor, below which nothing is valid.
 */
export class TargetKnowledge {
  private readonly keys = new Map<string, string>();
  private readonly tags = new Map<string, string>();
  private readonly patterns = new Map<string, Predicate>();
  private readonly compile = targetMatcher(new PatternCache());

  constructor(private floor: string) {}

  /** A pattern that cannot be read here, of a newer version, might mean everything. */
  note({ keys, tags, patterns, flush }: Omit<Invalidation, 'id' | 'reason' | 'origin'>, at: string): void {
    if (flush) this.raiseFloor(at);
    for (const key of keys) this.raise(this.keys, key, at);
    for (const tag of tags) this.raise(this.tags, tag, at);
    for (const target of patterns) this.notePattern(target, at);
  }

  /** True when nothing that the entry depends on was invalidated after its stamp, as far as is known; else false. */
  valid(key: string, tags: readonly string[], stamp: string): boolean {
    return this.fault(key, tags, stamp) === null;
  }

  /** What makes the entry invalid; `null`: nothing. */
  fault(key: string, tags: readonly string[], stamp: string): Exclude<EntryFault, 'history'> | null {
    if (stamp < this.floor) return 'floor';
    if ((this.keys.get(key) ?? '') > stamp) return 'key';
    if (tags.some((tag) => (this.tags.get(tag) ?? '') > stamp)) return 'tag';
    for (const { at, matches } of this.patterns.values()) if (at > stamp && matches(key)) return 'pattern';
    return null;
  }

  /** When a tag was last invalidated; `''`: not since the floor. */
  tagAt(tag: string): string {
    return this.tags.get(tag) ?? '';
  }

  /** Nothing older is valid. */
  raiseFloor(at: string): void {
    if (at > this.floor) this.floor = at;
  }

  private compiled(target: PatternTarget): Predicate['matches'] | null {
    try {
      return this.compile(target);
    } catch {
      return null;
    }
  }

  private raise(targets: Map<string, string>, target: string, at: string): void {
    if ((targets.get(target) ?? '') < at) targets.set(target, at);
    if (targets.size <= MAX_TARGETS) return;
    for (const known of targets.values()) this.raiseFloor(known);
    targets.clear();
  }

  /** A pattern that is invalidated again takes the place of its like. */
  private notePattern(target: PatternTarget, at: string): void {
    const name = nameOf(target);
    const known = this.patterns.get(name);
    if (known !== undefined && known.at >= at) return;
    const matches = known?.matches ?? this.compiled(target);
    if (matches === null) return this.raiseFloor(at);
    this.patterns.delete(name);
    this.patterns.set(name, { at, matches });
    if (this.patterns.size <= MAX_PATTERNS) return;
    for (const [oldest, { at }] of [...this.patterns].slice(0, MAX_PATTERNS / 2)) {
      this.raiseFloor(at);
      this.patterns.delete(oldest);
    }
  }
}

/** Scopes hold no space. */
function nameOf({ pattern, scope }: PatternTarget): string {
  return `${scope ?? ''} ${pattern}`;
}
