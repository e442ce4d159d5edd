import { stringBytes } from './isolation-size.js';

/** What a fill hands to the store. Instants are monotonic milliseconds. */
export interface L1EntryFields {
  /** Full key (`scope:local key`). */
  readonly key: string;
  /** The stored copy, as `snapshot` returned it. */
  readonly value: unknown;
  /** `snapshot().shared`: true when the value may be handed out as it is. */
  readonly shared: boolean;
  /** `snapshot().bytes`: the value alone; the entry adds its own overhead. */
  readonly bytes: number;
  readonly freshUntil: number;
  readonly keepUntil: number;
  readonly madeAt: number;
  /** Every tag, the implicit tag of the scope included. */
  readonly tags: readonly string[];
}

/** The entries a store holds from one `clear` to the next; ended as a whole. */
export interface Holding {
  current: boolean;
}

/**
 * One life of a tag: the entries stored since the tag was last invalidated. An invalidation marks the handle dead, which
 * kills all its entries in one step; the next entry with that tag starts a new handle.
 */
export class TagHandle {
  dead = false;
  /** In no order: a leaving entry's place goes to the last one. */
  readonly entries: L1Entry[];

  constructor(
    readonly tag: string,
    first: L1Entry,
  ) {
    this.entries = [first]; // not empty at first: a push onto an empty array reserves room for 17
  }
}

/** What an entry costs beside key, tags and value: itself, its place in the store's map, its kept promise, its alias. */
const ENTRY_BYTES = 400;
/** What having tags costs, and each tag: its place in the index. A handle is counted in part, for tags have many entries or one. */
const TAGS_BYTES = 112;
const TAG_BYTES = 96;
const NEVER = -1;
const NONE: never[] = [];

/**
 * One value held by L1. Every field exists from construction on and keeps its type, so that all entries have one hidden
 * class and a hit stays monomorphic.
 */
export class L1Entry {
  readonly key: string;
  readonly value: unknown;
  readonly shared: boolean;
  /** Accounted size: value, key, tags and overhead. */
  readonly bytes: number;
  freshUntil: number;
  keepUntil: number;
  readonly madeAt: number;
  readonly tags: readonly string[];

  /** The settled promise handed out by hits; the engine makes it at the first hit. */
  promise: Promise<unknown> | null = null;
  /** A map of the engine that leads from a raw argument to this entry; the store takes the entry out when it drops it. */
  alias: Map<unknown, L1Entry> | null = null;
  aliasKey: unknown = undefined;

  /** Set by a hit; spares the entry one eviction. */
  visited = false;

  /** Monotonic instant until which the entry may be served without a live lease (the shared tier was away when it was loaded). */
  unleasedUntil = 0;
  /** Wall time of that grant, the second clock by which it is judged. */
  grantedAt = 0;
  /** The fence's sequence number at installation: a pattern applied later dooms the entry, one applied earlier does not. */
  installedAt = 0;

  /** Owned by the store: neighbours in insertion order. */
  newer: L1Entry | null = null;
  older: L1Entry | null = null;
  /** Owned by the store: what it held when it took the entry, `null` before that and after it dropped the entry. */
  holding: Holding | null = null;
  /** Owned by the store: its count of invalidations when this entry was last known to be valid. */
  checkedAt = NEVER;
  /** Owned by the tag index: one handle per tag, and this entry's place in each. */
  handles: TagHandle[] = NONE;
  slots: number[] = NONE;

  constructor(fields: L1EntryFields) {
    this.key = fields.key;
    this.value = fields.value;
    this.shared = fields.shared;
    this.bytes = fields.bytes + entryOverhead(fields.key, fields.tags);
    this.freshUntil = fields.freshUntil;
    this.keepUntil = fields.keepUntil;
    this.madeAt = fields.madeAt;
    this.tags = fields.tags;
  }

  /** True from the moment the store takes the entry until it drops it. An invalidated tag is a further question: `isStale`. */
  get live(): boolean {
    return this.holding !== null && this.holding.current;
  }

  /** Cuts every tie to the store, so that whoever still holds the entry keeps nothing else alive. */
  release(): void {
    this.holding = null;
    this.checkedAt = NEVER;
    this.newer = null;
    this.older = null;
    this.handles = NONE;
    this.slots = NONE;
    if (this.alias !== null && this.alias.get(this.aliasKey) === this) this.alias.delete(this.aliasKey);
    this.alias = null;
    this.aliasKey = undefined;
  }
}

function entryOverhead(key: string, tags: readonly string[]): number {
  let bytes = ENTRY_BYTES + stringBytes(key);
  if (tags.length > 0) bytes += TAGS_BYTES;
  for (const tag of tags) bytes += TAG_BYTES + stringBytes(tag);
  return bytes;
}
