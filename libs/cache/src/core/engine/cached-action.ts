import type { Clock } from '../clock/clock.port.js';
import type { EngineEvents } from './engine.events.js';
import type { L1Entry } from './l1-entry.js';
import type { LocalTier } from './local-tier.js';
import type { ReadCounters } from './read-counters.js';
import type { ReadPolicy } from './read-policy.js';
import type { ReadRequest } from './read-request.js';
import type { ReadRoad } from './read-road.js';
import type { Switchable } from './switchable.js';

/** What is decided about a cached action before its first call, so that nothing is decided per call. */
export interface ActionDefinition {
  readonly scope: string;
  readonly name: string;
  readonly policy: ReadPolicy;
  /** The full key of a call. May throw: the call is then not cached. */
  readonly keyOf: (args: readonly unknown[]) => string;
  /** True when the key follows from the arguments alone, so that a raw primitive may stand for it. */
  readonly keyedByArguments: boolean;
  /** The tags of a result, the scope's implicit tag included. */
  readonly tagsOf: (value: unknown, args: readonly unknown[]) => readonly string[];
  /** False for a call: it goes past the cache. */
  readonly when: ((args: readonly unknown[]) => boolean) | null;
  /** True for a result: it is returned, not kept. */
  readonly unless: ((value: unknown, args: readonly unknown[]) => boolean) | null;
}

/** Stands for "called without arguments" among the raw arguments. */
const NO_ARGUMENTS = Symbol('no arguments');
/** The condition of an action that is switched off. */
const NEVER = (): boolean => false;

/**
 * One cached method, compiled. The usual call has one primitive argument and hits: it finds its entry by the argument
 * itself, builds no key, allocates nothing and gets the promise kept on the entry. Everything else takes the road.
 */
export class CachedAction implements Switchable {
  /** Where raw arguments lead to entries; kept while the action is switched off, for invalidations go on meanwhile. */
  private readonly aliases = new Map<unknown, L1Entry>();
  /** What `hit` looks into: the aliases, or nothing. So a switch costs a hit no question. */
  private direct = this.aliases;
  private policy: ReadPolicy;
  private when: ActionDefinition['when'];
  private readonly leased: boolean;
  private readonly directAllowed: boolean;

  constructor(
    readonly definition: ActionDefinition,
    readonly counters: ReadCounters,
    private readonly local: LocalTier,
    private readonly road: ReadRoad,
    private readonly clock: Clock,
    private readonly events: EngineEvents,
    /** True for a call inside a database transaction: what it reads is nobody else's truth yet. */
    private readonly bypass: (() => boolean) | null,
  ) {
    this.leased = local.leased;
    this.directAllowed = definition.keyedByArguments && definition.when === null;
    this.policy = definition.policy;
    this.when = definition.when;
  }

  switch(on: boolean, policy: ReadPolicy): void {
    this.policy = policy;
    this.when = on ? this.definition.when : NEVER;
    this.direct = on ? this.aliases : new Map();
  }

  /**
   * The kept promise of a hit by raw argument, or `undefined` for anything else. The clock is read afresh only under a
   * lease; a process-local entry is judged by the coarse tick.
   */
  hit(argument: unknown): Promise<unknown> | undefined {
    const entry = this.direct.get(argument);
    if (entry === undefined) return undefined;
    const now = this.leased ? this.clock.monotonic() : this.clock.coarse();
    if (!this.local.servable(entry, now) || (this.bypass !== null && this.bypass())) return undefined;
    entry.visited = true;
    this.counters.memoryHits += 1;
    if (this.events.has('read')) this.announceHit(entry.key, 'memory', entry.freshUntil - now);
    if (!entry.shared) return Promise.resolve(this.local.handOut(entry));
    return (entry.promise ??= Promise.resolve(entry.value));
  }

  /** As `hit`, for a call without arguments. */
  hitWithoutArguments(): Promise<unknown> | undefined {
    return this.hit(NO_ARGUMENTS);
  }

  /** Any call: along the read road. `load` runs the method with the caller's arguments. */
  call(args: readonly unknown[], load: () => unknown): unknown {
    if ((this.when !== null && !this.asked(this.when, args)) || (this.bypass !== null && this.bypass())) {
      return this.past(load, '');
    }
    const key = this.keyFor(args);
    if (key === null) return this.past(load, '');
    const flight = this.policy.graceMs === 0 ? this.road.joinable(key) : null;
    if (flight === null) return this.travel(key, args, load);
    return flight.joined().then((arrival) => {
      const landing = this.road.landingFor(flight, arrival);
      if (landing === null) return this.travel(key, args, load);
      this.counters.joined += 1;
      if (this.events.has('read')) this.announceHit(key, 'flight', 0);
      return landing.handOut();
    });
  }

  /** Along the read road. */
  private travel(key: string, args: readonly unknown[], load: () => unknown): Promise<unknown> {
    const alias = this.directAllowed && args.length < 2 ? this.aliases : null;
    return this.road.read(new ActionRead(key, this.definition, this.policy, args, load, alias, this.counters));
  }

  /** Raw arguments that lead straight to an entry, for the bound's test. */
  get directSize(): number {
    return this.aliases.size;
  }

  private keyFor(args: readonly unknown[]): string | null {
    try {
      return this.definition.keyOf(args);
    } catch (error) {
      this.trouble('key', error);
      return null;
    }
  }

  private asked(when: (args: readonly unknown[]) => boolean, args: readonly unknown[]): boolean {
    try {
      return when(args);
    } catch (error) {
      this.trouble('key', error);
      return false;
    }
  }

  private past(load: () => unknown, key: string): unknown {
    this.counters.bypassed += 1;
    const { scope, name } = this.definition;
    if (this.events.has('read')) {
      this.events.emit('read', { scope, action: name, key, outcome: 'bypassed', tier: 'source', ttlMs: 0 });
    }
    return load();
  }

  private announceHit(key: string, tier: string, ttlMs: number): void {
    const { scope, name: action } = this.definition;
    this.events.emit('read', { scope, action, key, outcome: 'hit', tier, ttlMs });
  }

  private trouble(operation: 'key', error: unknown): void {
    this.events.emit('trouble', { operation, scope: this.definition.scope, action: this.definition.name, error });
  }
}

/** One call on the read road. */
class ActionRead implements ReadRequest {
  readonly scope: string;
  readonly action: string;

  constructor(
    readonly key: string,
    private readonly definition: ActionDefinition,
    readonly policy: ReadPolicy,
    private readonly args: readonly unknown[],
    private readonly run: () => unknown,
    /** Where the entry is to be found by the raw argument; `null`: nowhere. */
    private readonly direct: Map<unknown, L1Entry> | null,
    readonly counters: ReadCounters,
  ) {
    this.scope = definition.scope;
    this.action = definition.name;
  }

  load(): unknown {
    return this.run();
  }

  tagsOf(value: unknown): readonly string[] {
    return this.definition.tagsOf(value, this.args);
  }

  unless(value: unknown): boolean {
    const { unless } = this.definition;
    return unless !== null && unless(value, this.args);
  }

  onInstalled(entry: L1Entry): void {
    if (this.direct === null) return;
    const argument = this.args.length === 0 ? NO_ARGUMENTS : this.args[0];
    if (argument !== NO_ARGUMENTS && !standsForItself(argument)) return;
    entry.alias = this.direct;
    entry.aliasKey = argument;
    this.direct.set(argument, entry);
  }
}

/** True for a raw argument that a Map tells apart exactly as the key does; 0 and -0 are one to a Map, two to the key. */
function standsForItself(argument: unknown): boolean {
  switch (typeof argument) {
    case 'string':
      return argument.length <= 256;
    case 'number':
      return argument !== 0;
    case 'bigint':
    case 'boolean':
      return true;
    default:
      return false;
  }
}
