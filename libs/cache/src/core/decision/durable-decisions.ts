import type { Invalidation } from '../coherence/invalidation.js';
import type { DurableEntries } from '../invalidation/durable-entries.js';
import { removalsOf, type DecisionRemoval } from './decision-removal.js';
import type { DecisionStore } from './decision-store.port.js';
import type { StoreGuard } from './store-guard.js';

/** What a removal has done to the durable tier. */
export interface DurableRemoval {
  /** Distinct entries. */
  removed: number;
  /** Some of their keys. */
  keys: string[];
  /** `null`: it was done. */
  error: unknown;
}

const MAX_KEYS = 100;
/** A step of a removal may take longer than a lookup: it removes thousands of entries, ms. */
const STEP_TIMEOUT_MS = 30_000;
/** Announcing one waits for the writes under way alone, ms. */
const FENCE_TIMEOUT_MS = 5_000;

/**
 * The durable tier's place on the removal road: before the log, so that the caches in front are never filled from there
 * with what was removed. Every invalidation comes through here, whoever asked for it; those of the decision cache itself are
 * watched, so that the entries removed are counted and named.
 */
export class DurableDecisions implements DurableEntries {
  private readonly watched = new Map<string, DurableRemoval>();
  private spared = 0;

  /** @param sparing what no request id of anybody else begins with */
  constructor(
    private readonly store: DecisionStore,
    private readonly guard: StoreGuard,
    private readonly namespace: string,
    private readonly scope: string,
    private readonly under: string,
    private readonly sparing: string,
  ) {}

  /** A request id for invalidations that are to empty the caches in front alone: what they held was replaced here. */
  idThatSpares(): string {
    this.spared += 1;
    return `${this.sparing}-${this.spared}`;
  }

  /** Follows the invalidation of that id until the returned removal is forgotten. */
  watch(requestId: string): DurableRemoval {
    const removal: DurableRemoval = { removed: 0, keys: [], error: null };
    this.watched.set(requestId, removal);
    return removal;
  }

  unwatch(requestId: string): void {
    this.watched.delete(requestId);
  }

  /**
   * Where the store fails, whoever watches is told and the caches in front are emptied all the same; else it throws, and the
   * invalidation is repeated.
   */
  async remove(invalidation: Invalidation): Promise<number> {
    if (invalidation.id.startsWith(this.sparing)) return 0;
    const removal = this.watched.get(invalidation.id) ?? { removed: 0, keys: [], error: null };
    try {
      for (const each of removalsOf(invalidation, this.scope, this.under)) {
        await this.removeAll(each, invalidation.id, removal);
      }
    } catch (error) {
      if (!this.watched.has(invalidation.id)) throw error;
      removal.error = error;
    }
    return removal.removed;
  }

  private async removeAll(removal: DecisionRemoval, requestId: string, done: DurableRemoval): Promise<void> {
    const { store, guard, namespace } = this;
    const fence = await guard.ask(() => store.fence(namespace, removal, requestId), FENCE_TIMEOUT_MS);
    for (let from: string | null = ''; from !== null;) {
      const at: string = from;
      const step = await guard.ask(() => store.remove(namespace, fence, at), STEP_TIMEOUT_MS);
      done.removed += step.removed;
      if (done.keys.length < MAX_KEYS) done.keys.push(...step.keys.slice(0, MAX_KEYS - done.keys.length));
      from = step.next;
    }
  }
}
