import { replaceOldest } from '../bounds/replace-oldest.js';
import type { Clock } from '../clock/clock.port.js';
import { TurnSlices } from '../clock/turn-slices.js';
import type { Invalidation, PatternTarget } from '../coherence/invalidation.js';
import type { LogListener, ResetCause } from '../coherence/invalidation-log.port.js';

/** An invalidation as it came out of the log. */
export interface NotedInvalidation {
  /** The request's id: that of its audit row. */
  readonly requestId: string;
  readonly position: string;
  readonly reason: string;
  /** When it was applied here, Unix ms. */
  readonly at: number;
}

/** Everything this instance held was dropped: by a flush, or because it could not follow the log. */
export interface NotedDrop {
  readonly cause: ResetCause | 'flush';
  /** `null` where the log's continuity was lost. */
  readonly by: NotedInvalidation | null;
  readonly at: number;
}

/** A pattern that was invalidated. */
export interface PatternHit {
  readonly target: PatternTarget;
  readonly by: NotedInvalidation;
}

interface NotedPattern extends PatternHit {
  readonly matches: (key: string) => boolean;
}

/** Targets and patterns remembered; the oldest are forgotten first (I19). */
const MAX_TARGETS = 2_000;
const MAX_PATTERNS = 256;

/** Remembers, for operators, which invalidation last hit which target. */
export class InvalidationJournal implements LogListener {
  private readonly keys = new Map<string, NotedInvalidation>();
  private readonly tags = new Map<string, NotedInvalidation>();
  private patterns: NotedPattern[] = [];
  private dropped: NotedDrop | null = null;

  constructor(
    private readonly clock: Clock,
    private readonly compilePattern: (target: PatternTarget) => (fullKey: string) => boolean,
  ) {}

  apply({ id: requestId, reason, keys, tags, patterns, flush }: Invalidation, position: string): void {
    const by = { requestId, position, reason, at: this.clock.wall() };
    if (flush) this.dropped = { cause: 'flush', by, at: by.at };
    for (const key of keys) replaceOldest(this.keys, key, by, MAX_TARGETS / 2);
    for (const tag of tags) replaceOldest(this.tags, tag, by, MAX_TARGETS / 2);
    for (const target of patterns) this.notePattern(target, by);
  }

  reset(cause: ResetCause): void {
    this.dropped = { cause, by: null, at: this.clock.wall() };
  }

  ofKey(key: string): NotedInvalidation | null {
    return this.keys.get(key) ?? null;
  }

  ofTag(tag: string): NotedInvalidation | null {
    return this.tags.get(tag) ?? null;
  }

  /** The last pattern that hits the key; found in slices that let others in between. */
  async ofPatterns(key: string): Promise<PatternHit | null> {
    const slices = new TurnSlices(this.clock);
    for (const pattern of [...this.patterns].reverse()) {
      if (pattern.matches(key)) return pattern;
      if (slices.spent) await slices.next();
    }
    return null;
  }

  get lastDrop(): NotedDrop | null {
    return this.dropped;
  }

  /** Targets remembered, for the bound's test. */
  get size(): number {
    return this.keys.size + this.tags.size + this.patterns.length;
  }

  /** One that this version cannot read is not remembered: it is applied all the same. */
  private notePattern(target: PatternTarget, by: NotedInvalidation): void {
    let matches: NotedPattern['matches'];
    try {
      matches = this.compilePattern(target);
    } catch {
      return;
    }
    this.patterns.push({ target, matches, by });
    if (this.patterns.length > MAX_PATTERNS) this.patterns = this.patterns.slice(MAX_PATTERNS / 2);
  }
}
