import { MemoryTier } from '../../adapters/memory/memory.js';
import type { SharedTier } from '../../core/coherence/shared-tier.port.js';
import { HistoryAnchor } from '../../core/coherence/history-anchor.port.js';
import type { CacheModuleOptions } from '../cache.options.js';

/** The anchor of a cache: the one given, else the one an outbox brings; `null` where one process is all there is. */
export function anchorOf({
  anchor,
  outbox,
  backend,
}: Pick<CacheModuleOptions, 'anchor' | 'outbox'> & { readonly backend: SharedTier }): HistoryAnchor | null {
  if (anchor === false || backend instanceof MemoryTier) return null;
  if (anchor !== undefined) return anchor;
  const brought = (outbox as { readonly anchor?: unknown } | undefined)?.anchor;
  return brought instanceof HistoryAnchor ? brought : null;
}
