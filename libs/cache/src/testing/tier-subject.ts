import { strict as assert } from 'node:assert';
import type { CacheBackend, FillEntry, FillPermit } from '../core/coherence/cache-backend.port.js';
import type { RecordAccelerator } from '../core/coherence/record-accelerator.port.js';
import type { Invalidation } from '../core/coherence/invalidation.js';
import type { InvalidationLog, LogListener, ResetCause } from '../core/coherence/invalidation-log.port.js';

/** One instance over a shared tier: its log is not open yet. */
export interface TierInstance {
  readonly log: InvalidationLog;
  /** `null` for a log without a tier. */
  readonly backend: CacheBackend | null;
  /** Where the tier can stand before a durable store. */
  readonly records?: RecordAccelerator;
}

/** A fresh, empty tier of one namespace, and what a suite may do with it. */
export interface TierSubject {
  /** One more instance; in one process alone (`shared: false`) it is asked for once. */
  instance(): TierInstance;
  /** True when several instances share the tier, as processes do. */
  readonly shared: boolean;
  /** Lets at least `ms` pass for the tier and its instances. */
  elapse(ms: number): Promise<void>;
  /** The tier loses its past, as a server does that restarts empty. Left out where that cannot happen. */
  loseHistory?(): Promise<void>;
  /** Closes what the instances did not. */
  close(): Promise<void>;
}

/** A follower that writes down what it is told. */
export class RecordingListener implements LogListener {
  readonly applied: Invalidation[] = [];
  /** Where the log said that each stands, in the order of `applied`. */
  readonly positions: string[] = [];
  readonly resets: ResetCause[] = [];

  apply(invalidation: Invalidation, position: string): void {
    this.applied.push(invalidation);
    this.positions.push(position);
  }

  reset(cause: ResetCause): void {
    this.resets.push(cause);
  }

  /** The ids applied, each once, in the order of their first application. */
  get ids(): string[] {
    return [...new Set(this.applied.map(({ id }) => id))];
  }

  /** All keys, tags and patterns applied under an id, sorted: a long invalidation may arrive in pieces. */
  targetsOf(id: string): string[] {
    const pieces = this.applied.filter((each) => each.id === id);
    const targets = pieces.flatMap(({ keys, tags, patterns }) => [
      ...keys.map((key) => `key ${key}`),
      ...tags.map((tag) => `tag ${tag}`),
      ...patterns.map(({ pattern, scope }) => `pattern ${pattern} ${scope}`),
    ]);
    return [...new Set(targets)].sort();
  }
}

let invalidations = 0;

/** An invalidation with an id of its own. */
export function invalidationOf(targets: Partial<Invalidation> = {}): Invalidation {
  invalidations += 1;
  const id = `invalidation-${invalidations}`;
  return { id, keys: [], tags: [], patterns: [], flush: false, reason: 'contract', origin: 'suite', ...targets };
}

export function entryOf(text: string, entry: Partial<FillEntry> = {}): FillEntry {
  return { payload: new TextEncoder().encode(text), tags: [], freshMs: 60_000, keepMs: 120_000, ...entry };
}

export const PERMIT_MS = 30_000;

/** What the suites do with a backend. */
export interface BackendActions {
  /** The permit of a miss. */
  readonly miss: (key: string) => Promise<FillPermit & { readonly owner: boolean }>;
  /** Reads, and fills what is missing; the fill must succeed. */
  readonly store: (key: string, text: string, entry?: Partial<FillEntry>) => Promise<void>;
  /** The text of a hit, or `null` for a miss; the permit of a miss is given back. */
  readonly text: (key: string) => Promise<string | null>;
}

export function actionsOn(backend: () => CacheBackend): BackendActions {
  const actions: BackendActions = {
    async miss(key) {
      const read = await backend().read(key, { permitMs: PERMIT_MS });
      assert.equal(read.hit, false, `expected no entry of ${key}`);
      return { ...read.permit, owner: read.owner };
    },
    async store(key, text, entry = {}) {
      const { token, position } = await actions.miss(key);
      assert.equal(await backend().fill(key, { token, position }, entryOf(text, entry)), true);
    },
    async text(key) {
      const read = await backend().read(key, { permitMs: PERMIT_MS });
      if (read.hit) return new TextDecoder().decode(read.entry.payload);
      await backend().release(key, read.permit);
      return null;
    },
  };
  return actions;
}

/** Lets time pass until something holds; fails with `what` when it does not come to hold within some seconds. */
export async function eventually(subject: TierSubject, what: string, holds: () => boolean | Promise<boolean>) {
  for (let attempt = 0; attempt < 400; attempt += 1) {
    if (await holds()) return;
    await subject.elapse(20);
  }
  assert.fail(`expected ${what}`);
}
