import type { Invalidation, PatternTarget } from '../../core/coherence/invalidation.js';
import { isLogId, type LogId } from '../../core/coherence/position.js';
import { instantOf, type Stamp } from './network-clock.js';

/** One thing that was invalidated, as it travels to who joins late. Flush: kind `all`, no text. */
export interface PredicateRow {
  readonly kind: 'key' | 'tag' | 'pattern' | 'all';
  readonly text: string;
  readonly scope: string | null;
  readonly at: LogId;
}

interface PatternPredicate extends PatternTarget {
  readonly at: LogId;
  readonly matches: (key: string) => boolean;
}

/** Bounds (I19): beyond them the oldest become a floor below which nothing is valid. Colder, never stale. */
const MAX_NAMES = 100_000;
const MAX_PATTERNS = 1000;

/**
 * What was invalidated in the network, as every node remembers it: an entry is valid while nothing that names its key or one
 * of its tags is as late as its stamp. Adding is idempotent and commutative. What is older than any entry can be is forgotten.
 */
export class Predicates {
  private readonly names = { key: new Map<string, LogId>(), tag: new Map<string, LogId>() };
  private patterns: PatternPredicate[] = [];
  private floor: LogId = '';

  constructor(
    private readonly compile: (target: PatternTarget) => (key: string) => boolean,
    private readonly maxNames = MAX_NAMES,
    private readonly maxPatterns = MAX_PATTERNS,
  ) {}

  get size(): number {
    return this.names.key.size + this.names.tag.size + this.patterns.length + (this.floor === '' ? 0 : 1);
  }

  /** @returns whether anything in it was not known */
  add({ keys, tags, patterns, flush }: Invalidation, at: LogId): boolean {
    let learned = false;
    for (const key of keys) learned = this.raise('key', key, at) || learned;
    for (const tag of tags) learned = this.raise('tag', tag, at) || learned;
    for (const target of patterns) learned = this.addPattern(target, at) || learned;
    if (flush) learned = this.raiseFloor(at) || learned;
    return learned;
  }

  /** As `add`, for what a snapshot tells. */
  learn({ kind, text, scope, at }: PredicateRow): boolean {
    switch (kind) {
      case 'key':
      case 'tag':
        return this.raise(kind, text, at);
      case 'pattern':
        return this.addPattern({ pattern: text, scope }, at);
      case 'all':
        return this.raiseFloor(at);
    }
  }

  /** True when something that hits the entry is as late as its stamp. */
  hits({
    key,
    tags,
    stamp,
  }: {
    readonly key: string;
    readonly tags: readonly string[];
    readonly stamp: Stamp;
  }): boolean {
    const instant = instantOf(stamp);
    if (this.floor >= instant || (this.names.key.get(key) ?? '') >= instant) return true;
    for (const tag of tags) if ((this.names.tag.get(tag) ?? '') >= instant) return true;
    return this.patterns.some(({ at, matches }) => at >= instant && matches(key));
  }

  /** Everything remembered, in pieces. May be walked while more is added. */
  *rows(): IterableIterator<PredicateRow> {
    if (this.floor !== '') yield { kind: 'all', text: '', scope: null, at: this.floor };
    const patterns = this.patterns.slice(); // more may be added between two pieces
    for (const { pattern, scope, at } of patterns) yield { kind: 'pattern', text: pattern, scope, at };
    for (const kind of ['key', 'tag'] as const) {
      for (const [text, at] of this.names[kind]) yield { kind, text, scope: null, at };
    }
  }

  /** Forgets what is older than `before`: no entry of that time is left anywhere. */
  forget(before: LogId): void {
    for (const map of [this.names.key, this.names.tag]) {
      for (const [text, at] of map) {
        if (at >= before) break; // in the order in which they were raised: later ones are younger, or soon gone
        map.delete(text);
      }
    }
    this.patterns = this.patterns.filter(({ at }) => at >= before);
    if (this.floor !== '' && this.floor < before) this.floor = '';
  }

  private raise(kind: 'key' | 'tag', text: string, at: LogId): boolean {
    const map = this.names[kind];
    const known = map.get(text);
    if ((known !== undefined && known >= at) || this.floor >= at) return false;
    map.delete(text);
    map.set(text, at);
    if (map.size > this.maxNames) this.fold(map);
    return true;
  }

  private addPattern(target: PatternTarget, at: LogId): boolean {
    const same = this.patterns.findIndex(({ pattern, scope }) => pattern === target.pattern && scope === target.scope);
    if (this.floor >= at || (same >= 0 && this.patterns[same]!.at >= at)) return false;
    if (same >= 0) this.patterns.splice(same, 1);
    this.patterns.push({ ...target, at, matches: this.matcher(target) });
    if (this.patterns.length > this.maxPatterns) {
      const oldest = this.patterns.splice(0, Math.ceil(this.maxPatterns / 2));
      this.raiseFloor(oldest.reduce((latest, each) => (each.at > latest ? each.at : latest), ''));
    }
    return true;
  }

  /** A pattern that this version cannot read hits all it could mean. */
  private matcher(target: PatternTarget): (key: string) => boolean {
    try {
      return this.compile(target);
    } catch {
      const prefix = target.scope === null ? '' : `${target.scope}:`;
      return (key) => key.startsWith(prefix);
    }
  }

  private raiseFloor(at: LogId): boolean {
    if (this.floor >= at) return false;
    this.floor = at;
    for (const map of [this.names.key, this.names.tag]) {
      for (const [text, instant] of map) if (instant <= at) map.delete(text);
    }
    this.patterns = this.patterns.filter((each) => each.at > at);
    return true;
  }

  private fold(map: Map<string, LogId>): void {
    let latest: LogId = '';
    let left = Math.ceil(this.maxNames / 2);
    for (const at of map.values()) {
      if (at > latest) latest = at;
      left -= 1;
      if (left === 0) break;
    }
    this.raiseFloor(latest);
  }
}

/** A row as a stranger may have written it. */
export function isPredicateRow(value: unknown): value is PredicateRow {
  if (typeof value !== 'object' || value === null) return false;
  const { kind, text, scope, at } = value as Partial<Record<keyof PredicateRow, unknown>>;
  return (
    (kind === 'key' || kind === 'tag' || kind === 'pattern' || kind === 'all') &&
    typeof text === 'string' &&
    (scope === null || typeof scope === 'string') &&
    typeof at === 'string' &&
    isLogId(at)
  );
}
