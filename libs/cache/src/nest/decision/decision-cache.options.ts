import { durationToMs, type Duration } from '../../core/clock/duration.js';
import type { DecisionStore } from '../../core/decision/decision-store.port.js';
import { CacheError, describeInput } from '../../core/errors/cache-error.js';
import { assertName } from '../../core/keys/names.js';

/** Options of `DecisionCacheModule.forRoot`. */
export interface DecisionCacheOptions {
  /** The durable tier. @default this process's memory, which serves one process only */
  store?: DecisionStore;
  /** The scope of the entries in the caches in front: no other service may have it. @default 'decision' */
  scope?: string;
  /** How long an entry may stay in memory and in the shared tier before it is read from the store again. @default '24h' */
  cacheTtl?: Duration;
  /** After this a factory is no longer waited for by others, on any instance, and what it makes is not shared. @default '30s' */
  factoryTimeout?: Duration;
  /** How long the store may take to answer before it counts as away. @default '500ms' */
  storeTimeout?: Duration;
  /** Most decisions that wait to be written behind; beyond it callers wait for theirs. @default 1000 */
  maxPendingWrites?: number;
  /** Entries pruned in one step. @default 500 */
  pruneBatch?: number;
}

export const DECISION_CACHE_DEFAULTS = Object.freeze({
  scope: 'decision',
  cacheTtl: '24h',
  factoryTimeout: '30s',
  storeTimeout: '500ms',
  maxPendingWrites: 1_000,
  pruneBatch: 500,
} as const);

/** `DecisionCacheOptions` after validation; durations in ms. */
export interface ResolvedDecisionCacheOptions {
  readonly store: DecisionStore | null;
  readonly scope: string;
  readonly cacheTtlMs: number;
  readonly factoryTimeoutMs: number;
  readonly storeTimeoutMs: number;
  readonly maxPendingWrites: number;
  readonly pruneBatch: number;
}

/** @throws CacheError `LARDER_OPTION_INVALID`, `LARDER_DURATION_INVALID`, `LARDER_KEY_INVALID` naming the field */
export function resolveDecisionCacheOptions(options: DecisionCacheOptions = {}): ResolvedDecisionCacheOptions {
  const given = { ...DECISION_CACHE_DEFAULTS, ...options };
  assertName('scope', given.scope);
  return Object.freeze({
    store: options.store ?? null,
    scope: given.scope,
    cacheTtlMs: positive('cacheTtl', given.cacheTtl),
    factoryTimeoutMs: positive('factoryTimeout', given.factoryTimeout),
    storeTimeoutMs: positive('storeTimeout', given.storeTimeout),
    maxPendingWrites: whole('maxPendingWrites', given.maxPendingWrites),
    pruneBatch: whole('pruneBatch', given.pruneBatch),
  });
}

function positive(field: string, duration: Duration): number {
  const ms = durationToMs(duration, field);
  if (ms > 0) return ms;
  throw invalid(field, 'a duration above 0', duration);
}

function whole(field: string, count: number): number {
  if (Number.isSafeInteger(count) && count > 0) return count;
  throw invalid(field, 'a whole number above 0', count);
}

function invalid(field: string, expected: string, got: unknown): CacheError {
  return new CacheError(
    'LARDER_OPTION_INVALID',
    `Expected \`${field}\` of DecisionCacheModule to be ${expected}, got ${describeInput(got)}. Leave it out for the default.`,
  );
}
