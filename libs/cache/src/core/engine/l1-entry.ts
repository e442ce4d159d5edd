import type { TagHandle } from './l1-tag-index.js';

/** What a fill hands to the store. Instants named `…Until` are monotonic milliseconds, `createdAt` is wall time. */
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
  readonly createdAt: number;
  /** Every tag, the implicit tag of the scope included. */
  readonly tags: readonly string[];
}

/** What an entry costs beside its value: its object, list and map slots, its kept promise. Measured, see `docs`. */
const ENTRY_OVERHEAD_BYTES = 400;
const TAG_OVERHEAD_BYTES = 32;

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
  readonly createdAt: number;
  readonly tags: readonly string[];

  /** The settled promise handed out by hits; the engine makes it at the first hit. */
  promise: Promise<unknown> | null = null;
  /** A map of the engine that leads from a raw argument to this entry; the store takes the entry out when it drops it. */
  alias: Map<unknown, L1Entry> | null = null;
  aliasKey: unknown = undefined;

  /** False before the store took the entry and after it dropped it. */
  live = false;
  /** Set by a hit; spares the entry one eviction. */
  visited = false;

  /** Monotonic instant until which the entry may be served without a live lease (the shared tier was away when it was loaded). */
  unleasedUntil = 0;
  /** The fence's sequence number at installation: a pattern applied later dooms the entry, one applied earlier does not. */
  installedAt = 0;

  /** Owned by the store: neighbours in insertion order. */
  newer: L1Entry | null = null;
  older: L1Entry | null = null;
  /** Owned by the store: the tag invalidation count at which this entry was last known to be valid. */
  checkedAt = 0;
  /** Owned by the tag index: one handle per tag, and this entry's place in each. */
  handles: TagHandle[] = [];
  slots: number[] = [];

  constructor(fields: L1EntryFields) {
    this.key = fields.key;
    this.value = fields.value;
    this.shared = fields.shared;
    this.bytes = fields.bytes + ENTRY_OVERHEAD_BYTES + 2 * fields.key.length + TAG_OVERHEAD_BYTES * fields.tags.length;
    this.freshUntil = fields.freshUntil;
    this.keepUntil = fields.keepUntil;
    this.createdAt = fields.createdAt;
    this.tags = fields.tags;
  }
}
