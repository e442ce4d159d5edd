import { randomInt } from 'node:crypto';
import type { Clock } from '../clock/clock.port.js';
import { SystemClock } from '../clock/system-clock.js';
import { CacheError, describeInput } from '../errors/cache-error.js';
import type { Emitter } from '../events/emitter.js';
import { isInfrastructureFailure } from './infrastructure-failure.js';
import type { OutboxRow } from './outbox-row.js';
import type { OutboxEvents } from './outbox.events.js';

const RANDOM_STEPS = 2 ** 32;

/** Options of an {@link OutboxWorker}. Durations are milliseconds. */
export interface OutboxWorkerOptions {
  /** Written to claimed rows. @default 'hydracache-outbox-worker' */
  owner?: string;
  /** Most rows per iteration, at least 1. @default 64 */
  batchSize?: number;
  /** After this time the rows of a dead worker are taken over. @default 30000 */
  claimTtlMs?: number;
  /** Pause before a failed row is tried again; constant. @default 1000 */
  backoffMs?: number;
  /** Failures after which a row is dead, at least 1. @default 5 */
  maxAttempts?: number;
  /** Pause of the background loop when nothing is due, give or take a fifth. @default 250 */
  pollIntervalMs?: number;
  /** Longest pause of the background loop while the store or the applier fails. @default 5000 */
  maxPauseMs?: number;
  /** Longest wait for the batch in hand when stopping. @default 5000 */
  stopTimeoutMs?: number;
  /** How long published rows are kept (7 days); at least twice the age of a backup of the shared tier. @default 604800000 */
  retentionMs?: number;
  /**
   * Called before a row is declared dead, to make its death harmless (raise the namespace floor). When it rejects, the row
   * stays pending and is tried again: a row is never dead with stale data behind it. @default nothing
   */
  onDead?: (row: OutboxRow, error: string) => Promise<void> | void;
  /** Which errors are not the row's fault. @default connection-class errors, see `isInfrastructureFailure` */
  isInfrastructureFailure?: (error: unknown) => boolean;
  /** Where the worker announces what it does. @default nowhere */
  events?: Emitter<OutboxEvents>;
  /** @default the machine's clock */
  clock?: Clock;
  /** Uniform in [0, 1), for the jitter of the poll. @default the random source of node:crypto */
  random?: () => number;
}

/** What an application sets of the worker that a module makes; the rest of it is the module's. */
export type OutboxWorkerSettings = Pick<
  OutboxWorkerOptions,
  | 'owner'
  | 'batchSize'
  | 'claimTtlMs'
  | 'backoffMs'
  | 'maxAttempts'
  | 'pollIntervalMs'
  | 'maxPauseMs'
  | 'stopTimeoutMs'
  | 'retentionMs'
  | 'isInfrastructureFailure'
>;

export type ResolvedOutboxWorkerOptions = Readonly<Required<Omit<OutboxWorkerOptions, 'events'>>> &
  Pick<OutboxWorkerOptions, 'events'>;

export const OUTBOX_WORKER_DEFAULTS = Object.freeze({
  owner: 'hydracache-outbox-worker',
  batchSize: 64,
  claimTtlMs: 30_000,
  backoffMs: 1_000,
  maxAttempts: 5,
  pollIntervalMs: 250,
  maxPauseMs: 5_000,
  stopTimeoutMs: 5_000,
  retentionMs: 604_800_000,
});

const DURATIONS = ['claimTtlMs', 'backoffMs', 'pollIntervalMs', 'maxPauseMs', 'stopTimeoutMs', 'retentionMs'] as const;
const COUNTS = ['batchSize', 'maxAttempts'] as const;

/**
 * Fills in the defaults; a member that is `undefined` counts as left out. As in the seed, a batch size or an attempt limit
 * below 1 becomes 1.
 *
 * @throws CacheError `LARDER_OPTION_INVALID`, naming the field, for a duration that is negative, and for what is not a number
 */
export function resolveOutboxWorkerOptions(options: OutboxWorkerOptions = {}): ResolvedOutboxWorkerOptions {
  const resolved = {
    onDead: () => undefined,
    isInfrastructureFailure,
    clock: new SystemClock(),
    random: randomShare,
    ...OUTBOX_WORKER_DEFAULTS,
    ...(Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as typeof options),
  };
  for (const field of DURATIONS) {
    const value = resolved[field];
    if (!Number.isFinite(value) || value < 0) throw invalid(field, 'milliseconds of 0 or more', value);
  }
  for (const field of COUNTS) {
    if (!Number.isFinite(resolved[field])) throw invalid(field, 'a number', resolved[field]);
  }
  if (typeof resolved.owner !== 'string') throw invalid('owner', 'text', resolved.owner);
  return Object.freeze({
    ...resolved,
    batchSize: atLeastOne(resolved.batchSize),
    maxAttempts: atLeastOne(resolved.maxAttempts),
  });
}

function invalid(field: keyof OutboxWorkerOptions, expected: string, got: unknown): CacheError {
  return new CacheError(
    'LARDER_OPTION_INVALID',
    `Expected \`${field}\` of the outbox worker to be ${expected}, got ${describeInput(got)}. Leave it out for the default.`,
  );
}

function atLeastOne(count: number): number {
  return Math.max(1, Math.floor(count));
}

function randomShare(): number {
  return randomInt(RANDOM_STEPS) / RANDOM_STEPS;
}
