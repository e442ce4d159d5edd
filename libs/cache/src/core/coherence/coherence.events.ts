import type { ResetCause } from './invalidation-log.port.js';
import type { LinkState } from './link-state.js';

/** What a log and its shared tier announce. None of it holds keys or values. */
export interface CoherenceEventMap {
  /** The link went from one state to another. */
  state: { readonly from: LinkState; readonly to: LinkState };
  /** The server was attested: the known history (`same`), a new one (`init`), or a changed one (`bump`). */
  attached: { readonly kind: 'same' | 'init' | 'bump'; readonly lineage: string };
  /** Local state was dropped. A `gap` in the chain is one of the causes. */
  reset: { readonly cause: ResetCause };
  /** A fill was refused, because its permit was gone. */
  fenced: { readonly count: number };
  /** A command or a connection failed; `code` is the server's or the system's word (`ECONNREFUSED`, `READONLY`, …). */
  trouble: { readonly code: string };
  /** A background sweep after a pattern invalidation has finished. */
  swept: { readonly removed: number };
}

/** Where announcements go; `Emitter` of `core/events` is one. */
export interface CoherenceEvents {
  emit<Name extends keyof CoherenceEventMap>(name: Name, event: CoherenceEventMap[Name]): void;
}
