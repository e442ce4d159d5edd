import { randomUUID } from 'node:crypto';
import { describeRemoval, intentsOf, type DecisionRemoval } from '../../core/decision/decision-removal.js';
import type { DurableRemoval } from '../../core/decision/durable-decisions.js';
import { CacheError } from '../../core/errors/cache-error.js';
import type { InvalidatedEvent } from '../../core/invalidation/invalidation.events.js';
import type { InvalidationRecorder } from '../../core/invalidation/invalidation-service.js';
import type { DecisionTiers } from './decision-tiers.js';

/** Why, and who. */
export interface RemovalOrder {
  readonly reason: string;
  readonly actor: string;
}

/** What a removal did. */
export interface RemovalOutcome {
  readonly removed: number;
  /** Unix ms. */
  readonly at: number;
  readonly wasLogged: boolean;
}

/** A step of a prune may take longer than a lookup, ms. */
const STEP_TIMEOUT_MS = 30_000;

/**
 * Removals take the one road: durable tier, then log and shared tier, then every instance's memory, then the audit. In a
 * transaction they are recorded in the outbox with its writes, and carried out with its commit; and where a removal cannot
 * be carried out at once, it is repeated from the outbox, or from memory where there is none.
 */
export class DecisionRemovals {
  constructor(private readonly tiers: DecisionTiers) {}

  /** @throws CacheError `LARDER_INVALIDATION_FAILED` when it was not carried out everywhere; it is being repeated (G7) */
  async remove(removal: DecisionRemoval, { reason, actor }: RemovalOrder): Promise<RemovalOutcome> {
    const { runtime, scope, keyOf, writer, durable, counters } = this.tiers;
    const intents = intentsOf(removal, scope, keyOf);
    const order = { reason, actor, requestId: randomUUID() };
    if (runtime.durable.inTransaction()) {
      await runtime.durable.invalidate(intents, order);
      return { removed: 0, at: runtime.clock.wall(), wasLogged: false };
    }
    await writer.flush(); // so that what was decided here is there to be counted
    const done = durable.watch(order.requestId);
    try {
      const record: InvalidationRecorder = (event) =>
        done.error === null ? this.record(event, removal, done) : Promise.resolve(false);
      const { removed, at, wasLogged } = await runtime.invalidations.invalidate(intents, order, record);
      if (done.error !== null) throw done.error;
      const distinct = removal.kind === 'key' ? Math.min(1, removed) : done.removed;
      counters.invalidated(distinct);
      return { removed: distinct, at, wasLogged };
    } catch (error) {
      throw await this.repeated(removal, order, error);
    } finally {
      durable.unwatch(order.requestId);
    }
  }

  /**
   * Removes what has expired from the durable tier, a bounded part at a time; in front it is gone by itself.
   *
   * @param order `null`: upkeep, which nobody asked for; recorded where it removed anything
   * @throws CacheError `LARDER_INVALIDATION_FAILED` where the durable tier is away
   */
  async prune(order: RemovalOrder | null, signal: AbortSignal | undefined): Promise<RemovalOutcome> {
    const { runtime, store, guard, namespace, pruneBatch, keyOf } = this.tiers;
    const startedAt = runtime.clock.monotonic();
    await this.tiers.writer.flush();
    const done: DurableRemoval = { removed: 0, keys: [], error: null };
    try {
      for (let full = true; full && signal?.aborted !== true;) {
        const keys = await guard.ask(() => store.prune(namespace, pruneBatch), STEP_TIMEOUT_MS);
        done.removed += keys.length;
        if (done.keys.length < 100) done.keys.push(...keys.slice(0, 100 - done.keys.length));
        full = keys.length === pruneBatch;
      }
      for (let forgotten = 1; forgotten > 0 && signal?.aborted !== true;) {
        forgotten = await guard.ask(() => store.forget(namespace, pruneBatch), STEP_TIMEOUT_MS);
      }
    } catch (cause) {
      throw failed('The expired decisions could not be pruned to the end; prune again.', cause);
    }
    const at = runtime.clock.wall();
    const { reason, actor } = order ?? { reason: 'expired', actor: 'decision-cache' };
    if (order === null && done.removed === 0) return { removed: 0, at, wasLogged: false };
    const appended = await runtime.audit.appendInvalidation({
      pattern: keyOf('expired'),
      keys: done.keys.map(keyOf),
      keyCount: done.removed,
      triggeredBy: actor,
      reason,
      timestampMs: at,
      requestId: randomUUID(),
      latencyMs: Math.round(runtime.clock.monotonic() - startedAt),
    });
    return { removed: done.removed, at, wasLogged: appended !== null };
  }

  private async record(
    { requestId, reason, actor, at, latencyMs, removed }: InvalidatedEvent,
    removal: DecisionRemoval,
    done: DurableRemoval,
  ): Promise<boolean> {
    const { keyOf, runtime } = this.tiers;
    const keys = removal.kind === 'key' ? [removal.veriKey] : done.keys;
    const appended = await runtime.audit.appendInvalidation({
      pattern: describeRemoval(removal, keyOf),
      keys: keys.map(keyOf),
      keyCount: removal.kind === 'key' ? Math.min(1, removed) : done.removed,
      triggeredBy: actor,
      reason,
      timestampMs: at,
      requestId,
      latencyMs: Math.round(latencyMs),
    });
    return appended !== null;
  }

  private async repeated(removal: DecisionRemoval, order: RemovalOrder & { requestId: string }, cause: unknown) {
    const { runtime, scope, keyOf, durable } = this.tiers;
    durable.unwatch(order.requestId); // the repetition has to fail where the durable tier does
    await runtime.durable.invalidate(intentsOf(removal, scope, keyOf), order);
    return failed('The removal could not be carried out everywhere; it is repeated until it is.', cause);
  }
}

function failed(message: string, cause: unknown): CacheError {
  return new CacheError(
    'LARDER_INVALIDATION_FAILED',
    `Expected every tier of decisions to answer, got ${String(cause)}. ${message}`,
    { cause },
  );
}
