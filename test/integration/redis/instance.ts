import { randomUUID } from 'node:crypto';
import { Clock, type CacheBackend, type InvalidationLog } from 'nestjs-larder';
import { redis } from 'nestjs-larder/redis';

type Listener = Parameters<InvalidationLog['open']>[0];
type BackendRead = Awaited<ReturnType<CacheBackend['read']>>;
type FillPermit = Parameters<CacheBackend['fill']>[1];
type AppendReceipt = Awaited<ReturnType<InvalidationLog['append']>>;
type Invalidation = Parameters<InvalidationLog['append']>[0];
type TierOptions = Parameters<typeof redis>[0];
type TierContext = Parameters<ReturnType<typeof redis>['create']>[0];
export type CoherenceEvents = NonNullable<TierContext['events']>;
export type Replay = NonNullable<TierContext['replay']>;

/** Time as it is. */
export class RealClock extends Clock {
  override wall(): number {
    return Date.now();
  }
  override monotonic(): number {
    return performance.now();
  }
  override coarse(): number {
    return performance.now();
  }
  override schedule(delayMs: number, action: () => void): { cancel(): void } {
    const handle = setTimeout(action, delayMs);
    handle.unref();
    return { cancel: () => clearTimeout(handle) };
  }
}

export interface InstanceOptions {
  readonly namespace: string;
  readonly tier: TierOptions;
  readonly instanceId?: string;
  readonly replay?: Replay;
}

/** One process's share of the protocol, without an engine: the two ports, and what the log told. */
export class Instance implements Listener {
  readonly clock = new RealClock();
  readonly id: string;
  readonly log: InvalidationLog;
  readonly backend: CacheBackend;
  readonly applied: Invalidation[] = [];
  readonly resets: string[] = [];
  readonly announced: { readonly name: string; readonly event: object }[] = [];

  constructor({ namespace, tier, instanceId, replay }: InstanceOptions) {
    this.id = instanceId ?? randomUUID();
    const events = {
      emit: (name: string, event: object) => void this.announced.push({ name, event }),
    } as CoherenceEvents;
    const parts = redis(tier).create({
      namespace,
      instanceId: this.id,
      clock: this.clock,
      events,
      ...(replay === undefined ? {} : { replay }),
    });
    if (parts.backend === null) throw new Error('redis() made no backend');
    this.log = parts.log;
    this.backend = parts.backend;
  }

  static async open(options: InstanceOptions): Promise<Instance> {
    const instance = new Instance(options);
    await instance.open();
    return instance;
  }

  async open(): Promise<void> {
    await this.log.open(this);
    await this.backend.open();
  }

  apply(invalidation: Invalidation): void {
    this.applied.push(invalidation);
  }

  reset(cause: string): void {
    this.resets.push(cause);
  }

  announcements(name: string): readonly object[] {
    return this.announced.filter((one) => one.name === name).map(({ event }) => event);
  }

  get leased(): boolean {
    return this.log.leaseLive(this.clock.monotonic());
  }

  read(key: string, refresh = false): Promise<BackendRead> {
    return this.backend.read(key, { permitMs: 5000, refresh });
  }

  /** What a reader gets from the shared tier: the value, or `null` for a miss (whose permit is then left behind). */
  async value(key: string): Promise<string | null> {
    const read = await this.read(key);
    return read.hit ? Buffer.from(read.entry.payload).toString() : null;
  }

  /** Begins a load: resolves with the right to fill. */
  async miss(key: string): Promise<FillPermit> {
    const read = await this.read(key);
    if (read.hit) throw new Error(`expected a miss of ${key}`);
    return read.permit;
  }

  fill(key: string, permit: FillPermit, value: string, options: FillOptions = {}): Promise<boolean> {
    const { tags = [], freshMs = 60_000, graceMs = 0 } = options;
    const entry = { payload: Buffer.from(value), tags, freshMs, keepMs: freshMs + graceMs };
    return this.backend.fill(key, permit, entry);
  }

  /** Miss and fill in one go. */
  async store(key: string, value: string, options: FillOptions = {}): Promise<void> {
    if (!(await this.fill(key, await this.miss(key), value, options)))
      throw new Error(`the fill of ${key} was refused`);
  }

  invalidate(targets: Partial<Invalidation>, wait: 'applied' | 'cluster' = 'applied'): Promise<AppendReceipt> {
    const nothing = { keys: [], tags: [], patterns: [], flush: false, reason: 'test', origin: this.id };
    return this.log.append({ ...nothing, id: randomUUID(), ...targets }, { wait });
  }

  /** Resolves once `condition` holds; fails loudly when it does not within `limitMs`. */
  async until(what: string, condition: () => boolean | Promise<boolean>, limitMs = 10_000): Promise<void> {
    const giveUpAt = this.clock.monotonic() + limitMs;
    while (!(await condition())) {
      if (this.clock.monotonic() > giveUpAt) throw new Error(`waited ${limitMs} ms in vain: ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.log.close(), this.backend.close()]);
  }
}

export interface FillOptions {
  readonly tags?: readonly string[];
  readonly freshMs?: number;
  readonly graceMs?: number;
}
