export { DecisionCacheModule } from './decision-cache.module.js';
export type { DecisionCacheModuleAsyncOptions, DecisionCacheOptionsFactory } from './decision-cache.module.js';
export { DecisionCacheService } from './decision-cache.service.js';
export type { DecisionCacheOptions } from './decision-cache.options.js';
export type { DecisionFactory } from './decision-lookups.js';
export { CachedDecision } from './cached-decision.decorator.js';
export type { CachedDecisionOptions } from './cached-decision.decorator.js';
export type { DecisionInvalidation, DecisionPredecessor, DecisionProvenance } from './decision-provenance.js';
export type { DecisionEntry, DecisionFacets } from '../../core/decision/decision-entry.js';
export type { DecisionMetrics } from '../../core/decision/decision-metrics.js';
export { DecisionResult, DecisionStatus } from '../../core/decision/decision-result.js';
export { InvalidationRequest, InvalidationType } from '../../core/decision/invalidation-request.js';
export type { InvalidationResult } from '../../core/decision/invalidation-request.js';
export { compareFeedEpochs } from '../../core/decision/feed-epoch.js';
export { digestSetHash, veriKey } from '../../core/decision/veri-key.js';
export type { VeriKeyInputs } from '../../core/decision/veri-key.js';
export type { DecisionRemoval, PatternRemoval } from '../../core/decision/decision-removal.js';
export { DecisionStore } from '../../core/decision/decision-store.port.js';
export type {
  DecisionFence,
  DecisionLookup,
  DecisionMark,
  DecisionRemovalStep,
  DecisionWrite,
  KeptDecision,
  PastDecision,
  WrittenDecision,
} from '../../core/decision/decision-store.port.js';
export { InMemoryDecisionStore } from '../../adapters/memory/in-memory-decision-store.js';
export type { InMemoryDecisionStoreOptions } from '../../adapters/memory/in-memory-decision-store.js';
