/** Where the fence stood when a read began; an install is allowed only if nothing it depends on was invalidated since. */
export interface FenceMark {
  readonly sequence: number;
  readonly generation: number;
}

/** What has hit something; a pattern is known here by what it does alone. */
export interface FenceHit {
  /** `all`: a flush, or everything was dropped; `forgotten`: too long ago to be told apart. */
  readonly kind: 'key' | 'tag' | 'pattern' | 'all' | 'forgotten';
  /** The key or the tag. */
  readonly target: string | null;
}

/** How many targets and patterns are remembered before the oldest knowledge is folded into the floor (I19). */
const MAX_TARGETS = 20_000;
const MAX_PATTERNS = 256;

interface RecentPattern {
  readonly sequence: number;
  readonly matches: (key: string) => boolean;
}

/**
 * The fence of this process's memory tier: it remembers which targets were invalidated since when, so that a value whose
 * load *began* before an invalidation is never installed *after* it (G1, I9).
 *
 * Time is a local counter: each invalidation applied here takes the next sequence number. A read notes the number at its
 * start (`mark`) and asks at its end whether its key or any tag, which may be known only after the load, was hit in
 * between (`untouched`). The memory is bounded: on overflow the forgotten past is summed up in a floor, and marks below
 * it count as touched. That errs to the safe side: the value is returned, just not kept.
 */
export class LocalFence {
  private sequence = 0;
  private generation = 0;
  /** Marks below this cannot be judged any more. */
  private floor = 0;
  private readonly keys = new Map<string, number>();
  private readonly tags = new Map<string, number>();
  private patterns: RecentPattern[] = [];

  /** The instant before which everything read is suspect if a target of it is hit later. */
  mark(): FenceMark {
    return { sequence: this.sequence, generation: this.generation };
  }

  /** The number of the last invalidation applied here; entries are stamped with it. */
  get current(): number {
    return this.sequence;
  }

  invalidateKey(key: string): number {
    return this.remember(this.keys, key);
  }

  invalidateTag(tag: string): number {
    return this.remember(this.tags, tag);
  }

  invalidateMatching(matches: (key: string) => boolean): number {
    this.sequence += 1;
    if (this.patterns.length >= MAX_PATTERNS) {
      const half = this.patterns.splice(0, MAX_PATTERNS / 2);
      this.floor = Math.max(this.floor, half.at(-1)!.sequence);
    }
    this.patterns.push({ sequence: this.sequence, matches });
    return this.sequence;
  }

  /** Everything before now is suspect: a flush, or continuity with the log was lost. */
  invalidateAll(): void {
    this.sequence += 1;
    this.generation += 1;
    this.floor = this.sequence;
    this.keys.clear();
    this.tags.clear();
    this.patterns = [];
  }

  /** True when nothing that an entry depends on was invalidated since the mark. */
  untouched(mark: FenceMark, key: string, tags: readonly string[]): boolean {
    const since = mark.sequence;
    if (mark.generation !== this.generation || since < this.floor) return false;
    if (since === this.sequence) return true;
    if ((this.keys.get(key) ?? 0) > since) return false;
    for (const tag of tags) if ((this.tags.get(tag) ?? 0) > since) return false;
    for (let index = this.patterns.length - 1; index >= 0; index -= 1) {
      const recent = this.patterns[index]!;
      if (recent.sequence <= since) break;
      if (recent.matches(key)) return false;
    }
    return true;
  }

  /** What has hit it since the mark, for those who ask why; `null`: nothing. */
  hitSince(mark: FenceMark, key: string, tags: readonly string[]): FenceHit | null {
    if (this.untouched(mark, key, tags)) return null;
    const since = mark.sequence;
    if (mark.generation !== this.generation) return { kind: 'all', target: null };
    if (since < this.floor) return { kind: 'forgotten', target: null };
    if ((this.keys.get(key) ?? 0) > since) return { kind: 'key', target: key };
    const tag = tags.find((each) => (this.tags.get(each) ?? 0) > since);
    return tag === undefined ? { kind: 'pattern', target: null } : { kind: 'tag', target: tag };
  }

  /** Targets remembered, for the bound's test. */
  get size(): number {
    return this.keys.size + this.tags.size + this.patterns.length;
  }

  private remember(targets: Map<string, number>, target: string): number {
    this.sequence += 1;
    if (this.keys.size + this.tags.size >= MAX_TARGETS) {
      this.keys.clear();
      this.tags.clear();
      this.floor = this.sequence - 1;
    }
    targets.set(target, this.sequence);
    return this.sequence;
  }
}
