import { Injectable } from '@nestjs/common';
import { HealthIndicatorService, type HealthIndicatorResult } from '@nestjs/terminus';
import { CacheHealth, isSound, type BackendHealth } from '../cache-health.js';
import { CacheRuntime } from '../cache-runtime.js';
import {
  type AuditHealthOptions,
  type OutboxHealthOptions,
  resolveAuditHealthOptions,
  resolveOutboxHealthOptions,
} from './health.options.js';

const NO_ANSWER = Symbol('no answer');

/**
 * The cache for `@nestjs/terminus`: provide it beside `TerminusModule` and name its checks in `HealthCheckService.check`.
 * None of them shows keys, values, addresses or texts of errors, and none rejects but for thresholds that
 * are no numbers (`LARDER_OPTION_INVALID`).
 */
@Injectable()
export class CacheHealthIndicator {
  constructor(
    private readonly indicators: HealthIndicatorService,
    private readonly health: CacheHealth,
    private readonly runtime: CacheRuntime,
  ) {}

  /**
   * The tiers and the log; asks nobody. `degraded` while the shared tier is away or an invalidation is being repeated:
   * methods work, so this is never `down` before the application closes.
   */
  tier<const Key extends string = 'cache'>(key: Key = 'cache' as Key): HealthIndicatorResult<Key> {
    const indicator = this.indicators.check(key);
    const report = this.health.report();
    const { otherBackends, pendingInvalidations, memory } = report;
    const data = {
      ...linkOf(report),
      pendingInvalidations,
      memory,
      ...(otherBackends.length === 0
        ? {}
        : { otherBackends: Object.fromEntries(otherBackends.map((other) => [other.name, linkOf(other)])) }),
    };
    if (report.log.state === 'closed') return indicator.down(data);
    const sound = pendingInvalidations === 0 && [report, ...otherBackends].every(isSound);
    return sound ? indicator.up(data) : indicator.degraded(data);
  }

  /** The backlog of the outbox, asked of its store. `up` where there is none. */
  async outbox<const Key extends string = 'cache_outbox'>(
    key: Key = 'cache_outbox' as Key,
    options: OutboxHealthOptions = {},
  ): Promise<HealthIndicatorResult<Key>> {
    const indicator = this.indicators.check(key);
    const { outbox, namespace } = this.runtime.durable;
    if (outbox === null) return indicator.up({ configured: false });
    const { degradedAgeMs, downAgeMs, degradedDeadRows, timeoutMs } = resolveOutboxHealthOptions(options);
    const status = await this.answer(() => outbox.status(namespace), timeoutMs);
    if (status === NO_ANSWER) return indicator.down({ reason: 'the outbox store does not answer' });
    const { pending, oldestPendingAgeMs, deadLettered, lastPublishedAtMs } = status;
    const data = { pending, oldestPendingAgeMs, deadLettered, lastPublishedAtMs };
    if (pending > 0 && oldestPendingAgeMs >= downAgeMs) return indicator.down(data);
    const late = pending > 0 && oldestPendingAgeMs >= degradedAgeMs;
    return late || deadLettered >= degradedDeadRows ? indicator.degraded(data) : indicator.up(data);
  }

  /** The audit: whether its store answers, and whether the last records could be written. */
  async audit<const Key extends string = 'cache_audit'>(
    key: Key = 'cache_audit' as Key,
    options: AuditHealthOptions = {},
  ): Promise<HealthIndicatorResult<Key>> {
    const indicator = this.indicators.check(key);
    const { degradedFailures, timeoutMs } = resolveAuditHealthOptions(options);
    const { store, failed, failedInARow } = this.runtime.audit;
    const head = await this.answer(() => store.head(), timeoutMs);
    const data = { failedRecords: failed };
    if (head === NO_ANSWER) return indicator.down({ ...data, reason: 'the audit store does not answer' });
    return failedInARow >= degradedFailures ? indicator.degraded(data) : indicator.up(data);
  }

  /** An error is no answer either; its text may name hosts and users, and stays here. */
  private answer<T>(ask: () => Promise<T>, timeoutMs: number): Promise<T | typeof NO_ANSWER> {
    return new Promise((resolve) => {
      const none = (): void => resolve(NO_ANSWER);
      const timer = this.runtime.clock.schedule(timeoutMs, none);
      ask()
        .then(resolve, none)
        .finally(() => timer.cancel());
    });
  }
}

function linkOf({ tiers, log, backend }: Pick<BackendHealth, 'tiers' | 'log' | 'backend'>) {
  const { state, leaseMs, lastErrorCode, warnings } = log;
  const { available = null, figures = null } = backend ?? {};
  return { tiers, link: state, available, leaseMs, lastErrorCode, warnings, figures };
}
