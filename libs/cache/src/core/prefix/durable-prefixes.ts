import type { Invalidation } from '../coherence/invalidation.js';
import type { DurableEntries } from '../invalidation/durable-entries.js';
import { partOf, type ScopePart } from './index-scope.js';
import type { PrefixStore } from './prefix-store.port.js';

/** The entries of a prefix index on the removal road: their tags name parts of scopes, and a flush means them all. */
export class DurablePrefixes implements DurableEntries {
  constructor(private readonly store: PrefixStore) {}

  async remove({ tags, flush }: Invalidation): Promise<number> {
    const parts = flush ? ['all' as const] : tags.map(partOf).filter((part): part is ScopePart => part !== null);
    return parts.length === 0 ? 0 : this.store.remove(parts);
  }
}
