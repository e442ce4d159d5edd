import type { Clock } from '../../core/clock/clock.port.js';
import type { AnchorWatch } from '../../core/coherence/anchor-watch.js';
import type { CoherenceEvents } from '../../core/coherence/coherence.events.js';
import type { ResetCause } from '../../core/coherence/invalidation-log.port.js';
import type { Invalidation } from '../../core/coherence/invalidation.js';
import type { LogMessageCodec } from '../../core/coherence/log-message.js';
import type { Position } from '../../core/coherence/position.js';
import type { AnchoredAttestor } from './anchored-attestor.js';
import type { HistoryRepair } from './history-repair.js';
import type { RedisConnector } from './redis-connector.js';
import type { RedisKeys } from './redis-keys.js';
import type { ResidentTags } from './resident-tags.js';
import type { ResolvedRedisTierOptions } from './redis.options.js';

/** What a link is made of; see `redis-shared-tier.ts` for the assembly. */
export interface RedisLinkParts {
  readonly keys: RedisKeys;
  readonly clock: Clock;
  readonly instanceId: string;
  readonly options: ResolvedRedisTierOptions;
  readonly connector: RedisConnector;
  readonly attestor: AnchoredAttestor;
  /** Which history counts, where there is an anchor that says so. */
  readonly anchor: AnchorWatch | null;
  readonly repair: HistoryRepair;
  readonly codec: LogMessageCodec;
  /** `null` where entries are judged by the server alone. */
  readonly resident: ResidentTags | null;
  readonly events: CoherenceEvents;
  readonly random: () => number;
}

/** Whom the link tells of the log; the invalidation log of the tier is one. */
export interface LinkListener {
  applied(invalidations: readonly Invalidation[], position: Position): void;
  reset(cause: ResetCause): void;
}
