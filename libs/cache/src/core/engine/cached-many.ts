import { BulkLoad, type LoadMissing } from './bulk-load.js';
import type { EngineEvents } from './engine.events.js';
import type { ReadCounters } from './read-counters.js';
import type { ReadPolicy } from './read-policy.js';
import type { ReadRoad } from './read-road.js';
import { traceLoad, type Tracing } from '../events/tracing.js';
import type { Switchable } from './switchable.js';

/** What is decided about a bulk action before its first call. */
export interface ManyDefinition {
  readonly scope: string;
  readonly name: string;
  readonly policy: ReadPolicy;
  /** The full key of one id, given the call's other arguments. May throw: the call is then not cached. */
  readonly keyOf: (id: unknown, rest: readonly unknown[]) => string;
  /** The id of an item of the result. */
  readonly idOf: (item: unknown) => unknown;
  /** The tags of one item (`null`: there is none for the id), the scope's implicit tag included. */
  readonly tagsOf: (item: unknown, id: unknown) => readonly string[];
}

/**
 * A cached method that loads many items by id. Every id is an entry of its own and travels the read road by itself, so
 * all guarantees hold for each; what is missing is loaded by one call.
 */
export class CachedManyAction implements Switchable {
  private on = true;
  private policy: ReadPolicy;

  constructor(
    readonly definition: ManyDefinition,
    readonly counters: ReadCounters,
    private readonly road: ReadRoad,
    private readonly events: EngineEvents,
    private readonly bypass: (() => boolean) | null,
    private readonly tracing: Tracing | null,
  ) {
    this.policy = definition.policy;
  }

  switch(on: boolean, policy: ReadPolicy): void {
    this.on = on;
    this.policy = policy;
  }

  /**
   * The items of the ids: one for each distinct id in the order of `ids`, without those that do not exist.
   * @param loadAll runs the method for a list of ids
   */
  async call(
    ids: readonly unknown[],
    rest: readonly unknown[],
    loadAll: (ids: readonly unknown[]) => Promise<readonly unknown[]>,
  ): Promise<readonly unknown[]> {
    const byKey = !this.on || this.bypass?.() === true ? null : this.distinct(ids, rest);
    if (byKey === null) return this.past(ids, loadAll);
    const bulk = new BulkLoad([...byKey.values()], this.missing(loadAll));
    try {
      const items = await Promise.all([...byKey].map(([key, id]) => this.readOne(key, id, bulk)));
      return items.filter((item) => item !== null && item !== undefined);
    } catch (error) {
      if (!(error instanceof UnidentifiedItems)) throw error;
      this.trouble(error.cause);
      return this.past(ids, loadAll);
    }
  }

  private past(
    ids: readonly unknown[],
    loadAll: (ids: readonly unknown[]) => Promise<readonly unknown[]>,
  ): Promise<readonly unknown[]> {
    this.counters.bypassed += 1;
    return loadAll(ids);
  }

  private async readOne(key: string, id: unknown, bulk: BulkLoad<unknown>): Promise<unknown> {
    const { policy } = this;
    const { scope, name: action, tagsOf } = this.definition;
    const item = this.road.read({
      key,
      scope,
      action,
      policy,
      counters: this.counters,
      load: () => bulk.load(id),
      tagsOf: (value) => tagsOf(value, id),
      unless: null,
      onInstalled: null,
      gathered: true,
      onWaiting: () => bulk.decide(id),
    });
    try {
      return await item;
    } finally {
      bulk.decide(id);
    }
  }

  /** Calls the method and lays its items beside the ids that were asked for. */
  private missing(loadAll: (ids: readonly unknown[]) => Promise<readonly unknown[]>): LoadMissing<unknown> {
    return async (wanted) => this.laidOut(wanted, await this.run(wanted, loadAll));
  }

  private run(
    wanted: readonly unknown[],
    loadAll: (ids: readonly unknown[]) => Promise<readonly unknown[]>,
  ): Promise<readonly unknown[]> {
    if (this.tracing === null) return loadAll(wanted);
    const { scope, name: action } = this.definition;
    return traceLoad(this.tracing, { scope, action, ids: wanted.length }, () => loadAll(wanted));
  }

  private laidOut(wanted: readonly unknown[], loaded: readonly unknown[]): readonly unknown[] {
    const items = new Map<string, unknown>();
    try {
      for (const item of loaded) {
        if (item !== null && item !== undefined) items.set(this.identity(this.definition.idOf(item)), item);
      }
    } catch (error) {
      throw new UnidentifiedItems(error);
    }
    return wanted.map((id) => items.get(this.identity(id)) ?? null);
  }

  /** Ids are the same when they read the same, `42` and `'42'`: databases give large numbers as text. Objects go by their key. */
  private identity(id: unknown): string {
    return typeof id === 'object' && id !== null ? this.definition.keyOf(id, []) : String(id);
  }

  private distinct(ids: readonly unknown[], rest: readonly unknown[]): Map<string, unknown> | null {
    try {
      return new Map(ids.map((id) => [this.definition.keyOf(id, rest), id]));
    } catch (error) {
      this.trouble(error);
      return null;
    }
  }

  private trouble(error: unknown): void {
    const { scope, name: action } = this.definition;
    this.events.emit('trouble', { operation: 'key', scope, action, error });
  }
}

/** The `id` callback failed: what was loaded cannot be told apart, and the call goes past the cache. */
class UnidentifiedItems extends Error {
  constructor(cause: unknown) {
    super('items without an id', { cause });
  }
}
