/** What an invalidation hits, ready to be asked. */
export interface Targets {
  readonly keys: readonly string[];
  readonly tags: readonly string[];
  readonly patterns: readonly ((key: string) => boolean)[];
  /** True: everything. */
  readonly flush: boolean;
}

/** How many keys and tags are told apart; what comes beyond counts as a flush (I19). */
const MAX_TARGETS = 20_000;
const MAX_PATTERNS = 256;

/**
 * Invalidations that this process has promised to a writer and the shared tier is not known to have executed yet: the
 * transaction is committed, but its rows wait for a worker, or a direct invalidation is being repeated. Until then what the
 * shared tier holds of their targets may be older than the promise, and is not served here (G5).
 */
export class PromisedTargets {
  private readonly keys = new Map<string, number>();
  private readonly tags = new Map<string, number>();
  private readonly patterns = new Set<(key: string) => boolean>();
  private flushes = 0;

  /** Takes a promise; returns what to call, once, when the shared tier has executed it. */
  promise(targets: Targets): () => void {
    if (targets.flush || !this.hasRoomFor(targets)) {
      this.flushes += 1;
      return () => {
        this.flushes -= 1;
      };
    }
    // One function per promise: the same pattern may be promised twice.
    const patterns = targets.patterns.map((matches) => (key: string) => matches(key));
    for (const key of targets.keys) count(this.keys, key, 1);
    for (const tag of targets.tags) count(this.tags, tag, 1);
    for (const pattern of patterns) this.patterns.add(pattern);
    return () => {
      for (const key of targets.keys) count(this.keys, key, -1);
      for (const tag of targets.tags) count(this.tags, tag, -1);
      for (const pattern of patterns) this.patterns.delete(pattern);
    };
  }

  /** True when an entry of the shared tier may be older than what was promised. */
  hit(key: string, tags: readonly string[]): boolean {
    if (this.flushes > 0 || this.keys.has(key)) return true;
    if (this.tags.size > 0 && tags.some((tag) => this.tags.has(tag))) return true;
    for (const matches of this.patterns) if (matches(key)) return true;
    return false;
  }

  /** Targets told apart, for the bound's test. */
  get size(): number {
    return this.keys.size + this.tags.size + this.patterns.size;
  }

  private hasRoomFor({ keys, tags, patterns }: Targets): boolean {
    return (
      this.keys.size + this.tags.size + keys.length + tags.length <= MAX_TARGETS &&
      this.patterns.size + patterns.length <= MAX_PATTERNS
    );
  }
}

function count(targets: Map<string, number>, target: string, change: 1 | -1): void {
  const next = (targets.get(target) ?? 0) + change;
  if (next === 0) targets.delete(target);
  else targets.set(target, next);
}
