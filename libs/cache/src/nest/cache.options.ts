import { durationToMs, looksLikeMilliseconds, type Duration } from '../core/clock/duration.js';
import type { Clock } from '../core/clock/clock.port.js';
import type { CodecOptions } from '../core/codec/codec.options.js';
import type { AuditStore } from '../core/audit/audit-store.port.js';
import type { OutboxStore } from '../core/outbox/outbox-store.port.js';
import type { OutboxWorkerSettings } from '../core/outbox/outbox-worker.options.js';
import type { HistoryAnchor } from '../core/coherence/history-anchor.port.js';
import type { SharedTier } from '../core/coherence/shared-tier.port.js';
import { CacheError, describeInput } from '../core/errors/cache-error.js';
import type { MetricsExporter } from '../core/metrics/metrics-snapshot.js';
import type { MemoryOptions } from '../core/engine/l1.options.js';
import type { ReadPolicy } from '../core/engine/read-policy.js';
import type { CacheConfig } from './config/cache-config.js';
import type { AdminOptions } from './admin/admin.options.js';
import { CACHE_POLICY_DEFAULTS, type CachePolicyOptions } from './decorators/decorator.options.js';
import type { EventMapping } from './events/event-mapping.js';
import type { HttpCacheOptions } from './http/http-cache.options.js';
import type { KeyPolicyOptions } from './logging/key-policy.options.js';
import type { LoggingOptions } from './logging/logging.options.js';
import type { InvalidationApiOptions } from './invalidation-api/invalidation-api.options.js';
import type { OperationsOptions } from './operations/operations.options.js';

/** The service level of the configuration, with its actions. */
export interface ServiceCacheOptions extends CachePolicyOptions {
  /** Action level, by action name (the method's name unless `name` was given). @default no action says anything */
  actions?: Readonly<Record<string, CachePolicyOptions>>;
}

/** Options of `CacheModule.forRoot`. */
export interface CacheModuleOptions {
  /** Isolates one application's keys, log and fences from another's. @default 'app' */
  namespace?: string;
  /**
   * Where values and invalidations are shared with other instances; or the name of one of `backends`. Methods and services
   * may name others. @default memory()
   */
  backend?: SharedTier | string;
  /**
   * Backends by name, for `backend` here, of methods and of services, for a file's `cache.backend`, and for `CACHE_BACKEND`.
   * One that nobody names is not connected. @default memory alone
   */
  backends?: Readonly<Record<string, SharedTier>>;
  /** What a file and the environment say: `loadCacheConfig()` of `nestjs-larder/config`. @default they say nothing */
  config?: CacheConfig;
  /** SIGHUP reads the file of `config` again. @default false */
  reloadOnSighup?: boolean;
  /** Where invalidations that follow writes are made durable. @default none: they go straight to the log */
  outbox?: OutboxStore;
  /** How this instance's worker drains the outbox. @default those of OutboxWorkerOptions */
  outboxWorker?: OutboxWorkerSettings;
  /**
   * Where it is written down which history of a shared log counts, so that a split brain of its servers is bounded; `false`:
   * nowhere. @default that of the outbox, where it brings one, as `typeormOutbox()` does
   */
  anchor?: HistoryAnchor | false;
  /** Where every invalidation is recorded. @default this process's memory */
  audit?: AuditStore;
  /** How long an invalidation waits for its audit record; the record may still be written later. @default '2s' */
  auditTimeout?: Duration;
  /** Bounds of this process's memory tier. @default those of MemoryOptions */
  memory?: MemoryOptions;
  /** Bounds of what goes to and comes from the shared tier. @default those of CodecOptions */
  codec?: CodecOptions;
  /** The global level of the configuration; its backend is `backend`. @default those of CachePolicyOptions */
  defaults?: Omit<CachePolicyOptions, 'backend'>;
  /** The service level, by scope; what it says overrides `@CacheScope`. @default no service says anything */
  services?: Readonly<Record<string, ServiceCacheOptions>>;
  /** Who may use the admin routes; `false`: there are none. @default only a loopback peer */
  admin?: AdminOptions | false;
  /** Routes to invalidate by key and by pattern, and to read the audit; `false`: there are none. @default see InvalidationApiOptions */
  invalidationApi?: InvalidationApiOptions | false;
  /** Routes for operators: outbox, metrics, switches; `false`: there are none. @default see OperationsOptions */
  operations?: OperationsOptions | false;
  /** What holds for all answers cached by `@CachedResponse`. @default see HttpCacheOptions */
  http?: HttpCacheOptions;
  /** Events that invalidate, beside `@InvalidateOn`. @default none */
  events?: readonly EventMapping[];
  /** Where the cache's numbers are shown, e.g. `[prometheus(), opentelemetry()]`. @default nowhere but in CacheMetrics */
  metrics?: MetricsExporter | readonly MetricsExporter[];
  /** What is logged beside trouble. @default see LoggingOptions */
  logging?: LoggingOptions;
  /** How keys are shown in logs, in `Cache-Status` and in the audit. @default see KeyPolicyOptions */
  keyPolicy?: KeyPolicyOptions;
  /** Answers carry a `Cache-Status` header (RFC 9211). @default false */
  cacheStatus?: boolean;
  /**
   * Clients see their own writes on every instance: an answer to a request that invalidated carries `x-cache-pos`, and a
   * request that sends it back reads nothing older. A position that is not reached within 50 ms makes the request's reads go
   * past the cache, so leave it off where strangers may send headers. @default false
   */
  cachePosition?: boolean;
  /** Time, for tests. @default the machine's clock */
  clock?: Clock;
}

export const CACHE_MODULE_DEFAULTS = Object.freeze({
  namespace: 'app',
  auditTimeout: '2s',
  cacheStatus: false,
  cachePosition: false,
  reloadOnSighup: false,
} as const);

const NAMESPACE = /^[A-Za-z0-9_.-]{1,64}$/;

/** @throws CacheError `LARDER_OPTION_INVALID` */
export function resolveNamespace(namespace: string | undefined): string {
  if (namespace === undefined) return CACHE_MODULE_DEFAULTS.namespace;
  if (typeof namespace === 'string' && NAMESPACE.test(namespace)) return namespace;
  throw new CacheError(
    'LARDER_OPTION_INVALID',
    `Expected \`namespace\` to be 1 to 64 letters, digits, '_', '.' or '-', got ${describeInput(namespace)}. Use a short name of the application, e.g. 'shop'.`,
  );
}

/** @throws CacheError `LARDER_OPTION_INVALID`, `LARDER_DURATION_INVALID` */
export function resolveAuditTimeout(timeout: Duration = CACHE_MODULE_DEFAULTS.auditTimeout): number {
  const ms = durationToMs(timeout, 'auditTimeout');
  if (ms > 0) return ms;
  throw new CacheError(
    'LARDER_OPTION_INVALID',
    `Expected \`auditTimeout\` to be a duration above 0, got ${describeInput(timeout)}. Leave it out for ${CACHE_MODULE_DEFAULTS.auditTimeout}.`,
  );
}

/** A policy after all levels were laid over each other. */
export interface ResolvedPolicy {
  readonly enabled: boolean;
  readonly policy: ReadPolicy;
  /** The backend that a level names; `undefined`: the main one. */
  readonly backend: string | undefined;
  /** Things to tell the author at boot. */
  readonly warnings: readonly string[];
}

/**
 * Lays configuration levels over each other: for each field the nearest level that says anything wins (REQ-002-07, 08).
 *
 * @param levels nearest first
 * @param where names the method in messages
 * @throws CacheError `LARDER_OPTION_INVALID` or `LARDER_DURATION_INVALID` naming field and method
 */
export function resolvePolicy(levels: readonly (CachePolicyOptions | undefined)[], where: string): ResolvedPolicy {
  const pick = <Field extends keyof typeof CACHE_POLICY_DEFAULTS>(
    field: Field,
  ): NonNullable<CachePolicyOptions[Field]> =>
    (levels.find((level) => level?.[field] !== undefined) ?? CACHE_POLICY_DEFAULTS)[field]!;
  const duration = (field: 'grace' | 'softTimeout' | 'hardTimeout' | 'degradedTtl' | 'electionWait') =>
    durationToMs(pick(field), `${field}\` of \`${where}`);
  const ttl = pick('ttl');
  const policy: ReadPolicy = Object.freeze({
    ttlMs: positiveTtl(ttl, where),
    graceMs: duration('grace'),
    jitter: share(pick('jitter'), where),
    softTimeoutMs: duration('softTimeout'),
    hardTimeoutMs: duration('hardTimeout'),
    degradedTtlMs: duration('degradedTtl'),
    electionWaitMs: duration('electionWait'),
    isolation: oneOf(pick('isolation'), where),
  });
  const warnings = looksLikeMilliseconds(ttl)
    ? [`ttl ${ttl} of ${where} is more than 30 days: bare numbers are seconds. Did you mean '${ttl}ms'?`]
    : [];
  return { enabled: flag(pick('enabled'), where), policy, backend: nearestBackend(levels), warnings };
}

/** The backend that the nearest level names; `undefined`: none does, so it is the main one. */
export function nearestBackend(levels: readonly (CachePolicyOptions | undefined)[]): string | undefined {
  return levels.find((level) => level?.backend !== undefined)?.backend;
}

function positiveTtl(ttl: Duration, where: string): number {
  const ms = durationToMs(ttl, `ttl\` of \`${where}`);
  if (ms > 0) return ms;
  throw new CacheError(
    'LARDER_DURATION_INVALID',
    `Expected \`ttl\` of ${where} to be longer than 0, got ${describeInput(ttl)}. Use \`enabled: false\` to switch caching off.`,
  );
}

function share(jitter: number, where: string): number {
  if (typeof jitter === 'number' && jitter >= 0 && jitter <= 1) return jitter;
  throw invalid('jitter', where, 'a share from 0 to 1', jitter, 'Write 0.05 for five per cent.');
}

function oneOf(isolation: unknown, where: string): ReadPolicy['isolation'] {
  if (isolation === 'freeze' || isolation === 'clone' || isolation === 'share') return isolation;
  throw invalid('isolation', where, "'freeze', 'clone' or 'share'", isolation, "Leave it out for 'freeze'.");
}

function flag(enabled: unknown, where: string): boolean {
  if (typeof enabled === 'boolean') return enabled;
  throw invalid('enabled', where, 'true or false', enabled, 'Leave it out for true.');
}

function invalid(field: string, where: string, expected: string, got: unknown, cure: string): CacheError {
  return new CacheError(
    'LARDER_OPTION_INVALID',
    `Expected \`${field}\` of ${where} to be ${expected}, got ${describeInput(got)}. ${cure}`,
  );
}
