export { CacheModule, CACHE_OPTIONS } from './nest/cache.module.js';
export type { CacheModuleAsyncOptions, CacheOptionsFactory } from './nest/cache.module.js';
export type { CacheModuleOptions, ServiceCacheOptions } from './nest/cache.options.js';
export { Cached, CachedMany } from './nest/decorators/cached.decorator.js';
export { Invalidates, InvalidateOn } from './nest/decorators/invalidates.decorator.js';
export { CacheScope } from './nest/decorators/cache-scope.decorator.js';
export type {
  CachedManyOptions,
  CachedOptions,
  CachePolicyOptions,
  EntityRef,
  InvalidatesOptions,
} from './nest/decorators/decorator.options.js';
export { CachedResponse } from './nest/http/cached-response.decorator.js';
export { HttpCacheInterceptor } from './nest/http/http-cache.interceptor.js';
export type { CachedResponseOptions, Vary } from './nest/http/cached-response.options.js';
export type { HttpCacheOptions } from './nest/http/http-cache.options.js';
export type { HttpRequest } from './nest/http/http-request.js';
export { CacheService } from './nest/cache.service.js';
export type { SourceVersion } from './core/coherence/source-version.js';
export type { EntryOptions, GetOrSetOptions } from './nest/cache.service.js';
export type { KeyExplanation } from './nest/key-explainer.js';
export { CacheConfigReload } from './nest/config/cache-config-reload.js';
export type { ReloadOptions } from './nest/config/cache-config-reload.js';
export { CacheHealth } from './nest/cache-health.js';
export type { BackendHealth, CacheHealthReport } from './nest/cache-health.js';
export { CacheMetrics } from './nest/cache-metrics.js';
export { LATENCY_BOUNDS_MS } from './core/metrics/latency-histogram.js';
export type { LatencySummary } from './core/metrics/latency-histogram.js';
export type {
  ActionMetrics,
  BackendMetrics,
  CacheMetricsSnapshot,
  FollowMeasurements,
  Measurement,
  MetricsExporter,
} from './core/metrics/metrics-snapshot.js';
export type { OpenSpan, SpanFacts, SpanName, Tracing } from './core/events/tracing.js';
export { CacheInvalidations } from './nest/durability/cache-invalidations.js';
export type { KeyPolicyOptions } from './nest/logging/key-policy.options.js';
export type { LoggingOptions } from './nest/logging/logging.options.js';
export { CacheActions } from './nest/cache-actions.js';
export type { ScopeActions } from './nest/cache-actions.js';
export { CacheEvents } from './nest/events/cache-events.js';
export type { EventMapping } from './nest/events/event-mapping.js';
export type { AdminCommand, AdminOptions, AdminPrincipal } from './nest/admin/admin.options.js';
export type { OperationsOptions } from './nest/operations/operations.options.js';
export type { InvalidationApiOptions } from './nest/invalidation-api/invalidation-api.options.js';
export { InvalidationStatistics } from './nest/invalidation-api/invalidation-statistics.js';
export type { InvalidationFigures } from './nest/invalidation-api/invalidation-statistics.js';
export type { CacheFeatureOptions } from './nest/admin/admin-routes.module.js';

export { memory, MemoryTier } from './adapters/memory/memory.js';
export { custom, CustomTier } from './adapters/memory/custom.js';
export type { CustomOptions, CustomStore } from './adapters/memory/custom.options.js';
export { MemoryHub } from './adapters/memory/memory-hub.js';
export type { HubInstance, MemoryHubOptions } from './adapters/memory/memory-hub.js';
export type { CodecOptions } from './core/codec/codec.options.js';
export type { MemoryOptions } from './core/engine/l1.options.js';

export { InvalidationIntent } from './core/invalidation/intent.js';
export { collectionTag, entityTag } from './core/invalidation/tags.js';
export type { InvalidateOptions, InvalidationResult } from './core/invalidation/invalidation-service.js';

export { CacheBackend } from './core/coherence/cache-backend.port.js';
export type {
  BackendRead,
  FillEntry,
  FillPermit,
  ReadOptions,
  StoredEntry,
} from './core/coherence/cache-backend.port.js';
export type { BackendFigures } from './core/coherence/backend-figures.js';
export type { Invalidation, PatternTarget } from './core/coherence/invalidation.js';
export { InvalidationLog } from './core/coherence/invalidation-log.port.js';
export type {
  AppendOptions,
  AppendReceipt,
  AppendWait,
  LogHealth,
  LogListener,
  ResetCause,
} from './core/coherence/invalidation-log.port.js';
export { COHERENT_BACKEND, COHERENT_LOG, assertWait } from './core/coherence/tier-capabilities.js';
export type { BackendCapabilities, Consistency, LogCapabilities } from './core/coherence/tier-capabilities.js';
export { HistoryAnchor } from './core/coherence/history-anchor.port.js';
export type { AnchoredHistory } from './core/coherence/history-anchor.port.js';
export { SharedTier } from './core/coherence/shared-tier.port.js';
export type { SharedTierContext, SharedTierParts } from './core/coherence/shared-tier.port.js';
export { Clock } from './core/clock/clock.port.js';
export type { Duration } from './core/clock/duration.js';
export { CacheError } from './core/errors/cache-error.js';
export { CACHE_ERROR_CODES } from './core/errors/error-codes.js';
export type { CacheErrorCode } from './core/errors/error-codes.js';

export { InvalidationIntentBatch } from './core/invalidation/intent-batch.js';
export { CommitPosition } from './core/outbox/commit-position.js';
export { InvalidationApplier } from './core/outbox/invalidation-applier.js';
export { InvalidationReceipt } from './core/outbox/invalidation-receipt.js';
export { InvalidationWait } from './core/outbox/invalidation-wait.js';
export type { ClusterBarrier, InvalidationWaitOptions, WaitScope } from './core/outbox/invalidation-wait.js';
export type {
  ConsistencyMode,
  InvalidationWaitDiagnostics,
  InvalidationWaitOutcome,
} from './core/outbox/wait-outcome.js';
export { OutboxState } from './core/outbox/outbox-state.js';
export { OutboxStore } from './core/outbox/outbox-store.port.js';
export { OutboxWorker } from './core/outbox/outbox-worker.js';
export type { OutboxWorkerOptions, OutboxWorkerSettings } from './core/outbox/outbox-worker.options.js';
export { outboxRowId } from './core/outbox/outbox-row-id.js';
export type { OutboxPublishReport, OutboxWorkerDiagnostics } from './core/outbox/outbox-report.js';
export type { OutboxRow } from './core/outbox/outbox-row.js';
export type { CommitStatus, OutboxStatus } from './core/outbox/outbox-status.js';
export { TransactionContext } from './core/outbox/transaction-context.js';
export { InMemoryHistoryAnchor } from './adapters/memory/in-memory-history-anchor.js';
export { InMemoryOutboxStore } from './adapters/memory/in-memory-outbox-store.js';

export { AuditStore } from './core/audit/audit-store.port.js';
export type { AuditAppendResult, AuditEntry, AuditRecord } from './core/audit/audit-record.js';
export type { AuditPage, AuditQuery } from './core/audit/audit-query.js';
export type { AuditHead, AuditTrust, AuditVerification } from './core/audit/audit-chain.js';
export { InMemoryAuditStore } from './adapters/memory/in-memory-audit-store.js';
