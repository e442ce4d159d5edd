import fc from 'fast-check';
import {
  MemoryHub,
  type HubInstance,
  type MemoryHubOptions,
} from '../../../libs/cache/src/adapters/memory/memory-hub.js';
import type { CachedAction } from '../../../libs/cache/src/core/engine/cached-action.js';
import type { CachedManyAction } from '../../../libs/cache/src/core/engine/cached-many.js';
import { InvalidationIntent } from '../../../libs/cache/src/core/invalidation/intent.js';
import { scopeTag } from '../../../libs/cache/src/core/invalidation/tags.js';
import { fullKey, localKey } from '../../../libs/cache/src/core/keys/local-key.js';
import { ManualClock } from '../../../libs/cache/src/testing/manual-clock.js';
import { CacheRig, POLICY, callAction } from '../engine/cache-rig.js';

const ROWS = [0, 1] as const;
type Row = (typeof ROWS)[number];
type Way = 'plain' | 'grace' | 'bulk' | 'unkept';
type Kind = 'key' | 'tag' | 'entity' | 'pattern' | 'scope' | 'flush';

/** What happens in a world; `on` is the instance it happens on. */
export type Step =
  | { readonly do: 'read'; readonly on: number; readonly row: Row; readonly way: Way; readonly slow: boolean }
  | { readonly do: 'write'; readonly on: number; readonly row: Row; readonly by: Kind }
  | { readonly do: 'set'; readonly on: number; readonly row: Row }
  | { readonly do: 'pass'; readonly ms: number }
  | { readonly do: 'reset'; readonly on: number }
  | { readonly do: 'pause' | 'resume' | 'lose'; readonly on: number }
  /** The next fill, or only the answer to it, gets lost. */
  | { readonly do: 'lose fill' | 'lose fill answer'; readonly on: number }
  /** What was begun comes to its end before anything else begins. */
  | { readonly do: 'rest' };

export const LEASE_MS = 1000;
const TTL_MS = 2500;
/** Longer than the soft timeout. */
const SLOW_MS = 70;
const TICKS = 12;

const FAULTS = ['pause', 'resume', 'lose', 'lose fill', 'lose fill answer'] as const;

/** Any sequence of steps over so many instances. */
export function steps(instances: number): fc.Arbitrary<Step[]> {
  const on = fc.nat(instances - 1);
  const row = fc.constantFrom(...ROWS);
  const way = fc.constantFrom<Way>('plain', 'grace', 'grace', 'bulk', 'unkept');
  const by = fc.constantFrom<Kind>('key', 'tag', 'entity', 'pattern', 'scope', 'flush');
  const slow = fc.boolean();
  const read = fc.record({ do: fc.constant('read' as const), on, row, way, slow });
  const write = fc.record({ do: fc.constant('write' as const), on, row, by });
  const set = fc.record({ do: fc.constant('set' as const), on, row });
  const ms = fc.constantFrom(60, LEASE_MS + 100, TTL_MS + 1, TTL_MS + 1);
  const pass = fc.record({ do: fc.constant('pass' as const), ms });
  const reset = fc.record({ do: fc.constant('reset' as const), on });
  const fault = fc.record({ do: fc.constantFrom(...FAULTS), on });
  return fc.array(
    fc.oneof(
      { weight: 8, arbitrary: read },
      { weight: 5, arbitrary: write },
      { weight: 4, arbitrary: pass },
      { weight: 1, arbitrary: reset },
      { weight: 3, arbitrary: fc.constant({ do: 'rest' as const }) },
      // Over a network the last `set` to arrive wins, also over an invalidation that overtook it: that is no error.
      instances > 1 ? { weight: 2, arbitrary: fault } : { weight: 2, arbitrary: set },
    ),
    { minLength: 3, maxLength: 10 },
  );
}

/** An invalidation that was acknowledged: of which row and version, by whom and when. */
interface Acknowledged {
  readonly row: Row;
  readonly version: number;
  readonly on: number;
  readonly at: number;
}

interface Instance {
  readonly rig: CacheRig;
  readonly connection: HubInstance | null;
  readonly plain: CachedAction;
  readonly grace: CachedAction;
  readonly unkept: CachedAction;
  readonly bulk: CachedManyAction;
}

/** What happened in all the runs of a file: a proof counts only if there was something to prove. */
export const seen = { fenced: 0, memory: 0, flight: 0, source: 0, stale: 0, tier: 0, resets: 0 };

/** A read that returned something older than it may. */
export class StaleRead extends Error {
  override readonly name = 'StaleRead';
}

export interface WorldParts {
  readonly instances: number;
  readonly newHub?: (options: MemoryHubOptions) => MemoryHub;
  /** Breaks an instance, to see whether the world notices. */
  readonly sabotage?: (rig: CacheRig) => void;
}

/**
 * A versioned source behind one or two instances, on a clock that stands and a scheduler that decides what happens next.
 * The oracle is G1, G2, G5 and I10 at once: a read never returns a version older than one whose invalidation was
 * acknowledged on this instance before the read began, or anywhere more than L before.
 */
export class World {
  private readonly clock = new ManualClock();
  private readonly versions = new Map<Row, number>(ROWS.map((row) => [row, 1]));
  private readonly acknowledged: Acknowledged[] = [];
  private readonly instances: Instance[] = [];
  /** Steps under way. */
  private open = 0;
  private failure: unknown = null;

  private constructor(private readonly scheduler: fc.Scheduler) {}

  static async run(scheduler: fc.Scheduler, plan: readonly Step[], parts: WorldParts): Promise<void> {
    const world = new World(scheduler);
    await world.start(parts);
    void world.play(plan);
    await world.finish();
  }

  private async start({
    instances,
    newHub = (options) => new MemoryHub(options),
    sabotage,
  }: WorldParts): Promise<void> {
    let slow = false;
    const travel = (what: string) => (slow ? this.turn(what) : Promise.resolve());
    const hub = instances > 1 ? newHub({ clock: this.clock, leaseMs: LEASE_MS, network: { travel } }) : null;
    for (let i = 0; i < instances; i += 1) this.instances.push(await this.instance(hub, sabotage));
    slow = true;
  }

  private async instance(hub: MemoryHub | null, sabotage?: (rig: CacheRig) => void): Promise<Instance> {
    const connection = hub?.instance() ?? null;
    const parts = connection === null ? {} : { log: connection.log, backend: connection.backend };
    const rig = await CacheRig.open({ clock: this.clock, ...parts });
    rig.engine.events.on('fenced', () => (seen.fenced += 1));
    rig.engine.events.on('read', ({ outcome, tier }) => {
      if (outcome === 'stale') seen.stale += 1;
      else if (tier === 'memory' || tier === 'flight' || tier === 'source') seen[tier] += 1;
      else seen.tier += 1;
    });
    sabotage?.(rig);
    const common = { tagsOf: (value: unknown) => tagsOf((value as { id: Row }).id) };
    const policy = { ...POLICY, ttlMs: TTL_MS, hardTimeoutMs: 1_000_000, electionWaitMs: 100 };
    return {
      rig,
      connection,
      plain: rig.action({ ...common, policy }),
      grace: rig.action({ ...common, policy: { ...policy, graceMs: 60_000 } }),
      unkept: rig.action({ ...common, policy, unless: () => true }),
      bulk: rig.many({
        ...common,
        policy: { ...policy, graceMs: 60_000 },
        keyOf: (id) => fullKey('user', localKey('get', [id])),
      }),
    };
  }

  /** Begins the steps in their order; when each of them goes on is for the scheduler to say. */
  private async play(plan: readonly Step[]): Promise<void> {
    this.open += 1;
    const begun: Promise<void>[] = [];
    for (const step of plan) {
      await this.turn(step.do);
      if (step.do !== 'rest') begun.push(this.begin(step));
      else await Promise.all(begun.splice(0));
    }
    this.open -= 1;
  }

  private async begin(step: Step): Promise<void> {
    this.open += 1;
    try {
      await this.take(step);
    } catch (error) {
      this.failure ??= error;
    }
    this.open -= 1;
  }

  private async take(step: Step): Promise<void> {
    switch (step.do) {
      case 'read':
        return this.read(step);
      case 'write':
        return this.write(step.on, step.row, step.by);
      case 'set':
        return this.set(step.on, step.row);
      case 'pass':
        return this.clock.advance(step.ms);
      case 'reset':
        seen.resets += 1;
        return this.instances[step.on]!.rig.applier.reset();
      case 'pause':
        return this.instances[step.on]!.connection?.pause();
      case 'resume':
        return this.instances[step.on]!.connection?.resume();
      case 'lose':
        return this.instances[step.on]!.connection?.lose(1);
      case 'lose fill':
      case 'lose fill answer':
        return this.loseFill(this.instances[step.on]!, step.do === 'lose fill answer');
      case 'rest':
        return;
    }
  }

  private loseFill({ connection }: Instance, answerOnly: boolean): void {
    if (connection === null) return;
    const { backend } = connection;
    const fill = backend.fill.bind(backend);
    backend.fill = async (...args) => {
      backend.fill = fill;
      if (answerOnly) await fill(...args);
      throw new Error('connection lost');
    };
  }

  private async read({ on, row, way, slow }: Step & { do: 'read' }): Promise<void> {
    const { plain, grace, unkept, bulk } = this.instances[on]!;
    const expected = this.oldestAllowed(on, row);
    const load = () => this.load(row, slow);
    const answer =
      way === 'bulk'
        ? (await bulk.call([row], [], async (ids) => Promise.all(ids.map((id) => this.load(id as Row, slow)))))[0]
        : await callAction({ plain, grace, unkept }[way], [row], load);
    const { version } = answer as { version: number };
    if (version >= expected) return;
    throw new StaleRead(`row ${row} on ${on} by ${way}: version ${version}, expected at least ${expected}`);
  }

  /** What the source says now; the answer takes its time, and so did the question. */
  private async load(row: Row, slow: boolean): Promise<{ id: Row; version: number }> {
    await this.turn('load asks');
    const version = this.versions.get(row)!;
    if (slow) await this.clock.sleep(SLOW_MS);
    await this.turn('load answers');
    return { id: row, version };
  }

  private async write(on: number, row: Row, by: Kind): Promise<void> {
    const written = (by === 'key' || by === 'entity' ? [row] : [...ROWS]).map((each) => this.commit(each));
    await this.turn('written');
    await this.instances[on]!.rig.invalidate(intentFor(by, row));
    const at = this.clock.monotonic();
    for (const each of written) this.acknowledged.push({ ...each, on, at });
  }

  private async set(on: number, row: Row): Promise<void> {
    const { version } = this.commit(row);
    // In one turn with the write: of two sets the later one must come later to the cache as well.
    await this.instances[on]!.rig.engine.set(keyOf(row), { id: row, version }, tagsOf(row), {
      ...POLICY,
      ttlMs: TTL_MS,
    });
  }

  private commit(row: Row): { row: Row; version: number } {
    const version = this.versions.get(row)! + 1;
    this.versions.set(row, version);
    return { row, version };
  }

  private oldestAllowed(on: number, row: Row): number {
    const bound = this.clock.monotonic() - LEASE_MS;
    const known = this.acknowledged.filter((each) => each.row === row && (each.on === on || each.at < bound));
    return Math.max(1, ...known.map(({ version }) => version));
  }

  private turn(what: string): Promise<void> {
    return this.scheduler.schedule(Promise.resolve(), what).then(() => undefined);
  }

  /** Lets everything come to its end, then reads everything everywhere once more. */
  private async finish(): Promise<void> {
    await this.come();
    for (const { connection } of this.instances) connection?.resume();
    for (let beat = 0; beat < 6; beat += 1) await this.pass(LEASE_MS / 5);
    for (const on of this.instances.keys())
      for (const row of ROWS) void this.begin({ do: 'read', on, row, way: 'plain', slow: false });
    await this.come();
    for (const { rig } of this.instances) await rig.engine.close();
    if (this.failure !== null) throw this.failure;
  }

  /** Goes on until no step is under way. Whoever waits for time gets some. */
  private async come(): Promise<void> {
    await this.idle();
    while (this.open > 0) await this.pass(20);
  }

  /** Runs what is scheduled, in the scheduler's order, until nothing is. Cheaper than `waitIdle` by half. */
  private async idle(): Promise<void> {
    do {
      while (this.scheduler.count() > 0) {
        await this.scheduler.waitOne();
        for (let tick = 0; tick < TICKS; tick += 1) await Promise.resolve(); // what that set off may schedule more to choose from
      }
      await new Promise<void>((resolve) => setImmediate(resolve));
    } while (this.scheduler.count() > 0);
  }

  private async pass(ms: number): Promise<void> {
    this.clock.advance(ms);
    await this.idle();
  }
}

function keyOf(row: Row): string {
  return fullKey('user', localKey('get', [row]));
}

function tagsOf(row: Row): string[] {
  return [scopeTag('user'), 'every user', `user:${row}`];
}

function intentFor(by: Kind, row: Row): InvalidationIntent {
  switch (by) {
    case 'key':
      return InvalidationIntent.key(keyOf(row));
    case 'tag':
      return InvalidationIntent.tag('every user');
    case 'entity':
      return InvalidationIntent.entity('user', row);
    case 'pattern':
      return InvalidationIntent.pattern('get:*', 'user');
    case 'scope':
      return InvalidationIntent.scope('user');
    case 'flush':
      return InvalidationIntent.flush();
  }
}
