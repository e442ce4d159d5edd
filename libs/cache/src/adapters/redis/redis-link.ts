import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Timer } from '../../core/clock/clock.port.js';
import { Backoff } from '../../core/coherence/backoff.js';
import { CircuitBreaker } from '../../core/coherence/circuit-breaker.js';
import { LinkStateMachine, type LinkRights, type LinkState } from '../../core/coherence/link-state.js';
import { LogFollower } from '../../core/coherence/log-follower.js';
import type { Era } from '../../core/coherence/position.js';
import { Heartbeat } from './heartbeat.js';
import { LogReader } from './log-reader.js';
import { failureCode, failureKind, inTime } from './redis-command.js';
import type { RedisClient } from './redis-connector.js';
import type { LinkListener, RedisLinkParts } from './link-parts.js';
import { RedisSession } from './redis-session.js';
import { REATTEST_INTERVAL_MS, type Attestation } from './server-attestor.js';
import { WaitingRoom } from './waiting-room.js';

type Work<T> = (client: RedisClient) => Promise<T>;

/**
 * An instance's link to the servers: keeps one session alive, attests it, follows the log on it and renews the lease.
 * The state machine says what may be done at each moment (`core/coherence/link-state.ts`); this class makes it happen:
 *
 *     session: connect → attest each connection → follow the log, send heartbeats → until anything fails → back off
 *
 * Nothing but the attestation is sent on a connection that is not attested: commands are let through by `run` alone, and
 * only in a state that has the right.
 */
export class RedisLink {
  readonly follower: LogFollower;
  /** Why the link last failed; `null` since it was last live. */
  lastErrorCode: string | null = null;
  private readonly machine: LinkStateMachine;
  private readonly backoff: Backoff;
  private readonly breaker: CircuitBreaker;
  private readonly reader: LogReader;
  readonly heartbeat: Heartbeat;
  private session: RedisSession | null = null;
  private listener: LinkListener | null = null;
  private running: Promise<void> | null = null;
  private closing = false;
  private satisfiedAt = 0;
  private attestedAt = Number.NEGATIVE_INFINITY;
  private reattesting = false;
  private shards: ReadonlySet<string> = new Set();
  private metShard = '';
  private readonly room: WaitingRoom;

  constructor(private readonly parts: RedisLinkParts) {
    const { clock, options, keys, codec, random, instanceId, anchor, resident } = parts;
    this.room = new WaitingRoom(clock);
    this.heartbeat = new Heartbeat(clock, keys, instanceId, options.leaseMs, options.readTimeoutMs, anchor, resident);
    this.machine = new LinkStateMachine((from, to) => this.changed(from, to));
    this.backoff = new Backoff(options.retryMinMs, options.retryMaxMs, random);
    this.breaker = new CircuitBreaker(clock, options.breakerFailures, options.breakerWindowMs);
    this.follower = new LogFollower(clock, options.leaseMs, {
      apply: (invalidations, position) => {
        resident?.follow(invalidations, position);
        this.listener?.applied(invalidations, position);
        this.room.notify();
      },
      reset: (cause) => {
        resident?.forget(this.follower.position);
        this.listener?.reset(cause);
        this.parts.events.emit('reset', { cause });
        this.room.notify();
      },
      satisfied: () => this.proved(),
      reattach: (told) =>
        told === 'heartbeat' ? this.disowned() : this.session?.end(new Error('EPOCH the log is of another history')),
    });
    this.reader = new LogReader(keys.log, codec, this.follower, clock, () => void this.beat());
  }

  get state(): LinkState {
    return this.machine.state;
  }

  get rights(): LinkRights {
    return this.machine.rights;
  }

  /** False while the breaker is open and no heartbeat has proved the server yet. */
  get readable(): boolean {
    const { anchor, clock } = this.parts;
    if (!this.rights.reads || (this.breaker.open && this.state !== 'live')) return false;
    return anchor === null || anchor.trusted(clock.monotonic());
  }

  /** The history this instance is attached to; empty before the first attestation, which no server accepts. */
  get era(): Era {
    return this.follower.lineage ?? '';
  }

  start(listener: LinkListener): void {
    if (this.running !== null || this.closing) return;
    this.listener = listener;
    this.parts.anchor?.start(() => this.disowned());
    this.running = this.keepAlive();
  }

  /** Runs commands on the values connection. Rejects at once where the state does not allow it. */
  run<T>(limitMs: number, work: Work<T>): Promise<T> {
    return this.onValues(limitMs, work, (session, error) => this.judge(session, error));
  }

  /** As `run`, for commands whose failure says nothing of the link: the session stays. */
  runAside<T>(limitMs: number, work: Work<T>): Promise<T> {
    return this.onValues(limitMs, work, (_, error) => this.note(error));
  }

  /**
   * Runs commands on one shard of a Cluster. A shard that fails takes only its keys with it: the session stays. Each
   * answer names the shard's lineage; one that is not of this history may have lost something, and attests again.
   */
  async runOnShard<T extends { readonly shard: string }>(limitMs: number, work: Work<T>): Promise<T> {
    const answer = await this.runAside(limitMs, work);
    this.recognise(answer.shard);
    return answer;
  }

  /** @throws when the shard that answered is not one of those seen in this history; it is attested then */
  recognise(shard: string): void {
    if (this.shards.has(shard)) return;
    this.metShard = shard;
    this.disowned();
    throw new Error('EPOCH the shard is not one of those seen in this history');
  }

  /** Resolves as soon as `condition` holds, looked at on every change of the link; `false` after `limitMs` or when closed. */
  until(condition: () => boolean, limitMs: number): Promise<boolean> {
    return this.room.until(condition, limitMs);
  }

  /** Sends a heartbeat now. */
  async beat(): Promise<void> {
    const session = this.session;
    if (session === null || this.closing || !this.rights.reads) return;
    try {
      const pulse = await this.heartbeat.send(session.heartbeat, this.era, this.follower.position);
      if (pulse !== null && session.alive) this.follower.heartbeat(pulse.sentAt, pulse.era, pulse.lastId);
    } catch (error) {
      this.judge(session, error);
    }
  }

  async close(): Promise<void> {
    if (this.closing) return;
    this.closing = true;
    const session = this.session;
    if (session !== null && this.rights.reads) {
      await this.heartbeat.leave(session.heartbeat).catch((error: unknown) => this.note(error)); // it would expire anyway
    }
    this.parts.anchor?.close();
    this.machine.on('close');
    session?.end(new Error('CLOSED the link was closed'));
    this.room.close();
    await this.running;
    this.machine.on('closed');
  }

  private async onValues<T>(
    limitMs: number,
    work: Work<T>,
    onFailure: (session: RedisSession, error: unknown) => void,
  ): Promise<T> {
    const { session } = this;
    if (session === null || !this.rights.fills) throw new Error('CLOSED the link is not attached');
    try {
      return await inTime(this.parts.clock, limitMs, work(session.values));
    } catch (error) {
      onFailure(session, error);
      throw error;
    }
  }

  private async keepAlive(): Promise<void> {
    while (!this.closing) {
      try {
        await this.live();
      } catch (error) {
        this.note(error);
      }
      this.machine.on('lost');
      if (!this.closing) await this.room.pause(this.backoff.next());
    }
  }

  /** One session from its first to its last moment. */
  private async live(): Promise<void> {
    const { clock, options, connector } = this.parts;
    this.machine.on('dial');
    const session = new RedisSession(connector);
    this.session = session;
    let beating: Timer | null = null;
    try {
      await session.connect(clock, options.connectTimeoutMs);
      this.machine.on('ready');
      await this.attest(session, session.clients);
      beating = this.heartbeat.repeat(() => this.onBeat());
      const reading = this.readForEver(session);
      const cause = await session.ended;
      await reading;
      throw cause;
    } finally {
      session.end(new Error('CLOSED the session was given up'));
      beating?.cancel();
      this.parts.anchor?.detach();
      this.session = null;
    }
  }

  /** The connection of the log is asked only while it is new: later it waits for messages, and each names its history. */
  private async attest(session: RedisSession, clients: readonly RedisClient[]): Promise<void> {
    this.attestedAt = this.parts.clock.monotonic();
    const { attestation, bump } = await this.parts.attestor.attestAll(clients, this.era, this.metShard);
    if (!session.alive || this.closing) throw new Error('CLOSED the session ended while it was attested');
    this.attached(bump ?? attestation);
    const repair = this.parts.repair.repair(session.values, attestation.era, () => session.alive);
    repair.catch((error: unknown) => this.judge(session, error));
  }

  private attached({ kind, era, lastId, shards }: Attestation): void {
    this.shards = new Set(shards);
    this.metShard = '';
    this.follower.attached(era, lastId);
    this.satisfiedAt = this.parts.clock.monotonic();
    this.machine.on('attested');
    this.parts.events.emit('attached', { kind, lineage: era });
    void this.beat();
  }

  /** Another history is held by the server, or counts: ask again, not more often than the interval allows. */
  private disowned(): void {
    this.machine.on('disowned');
    const { session } = this;
    if (session === null || this.reattesting || this.state !== 'attesting') return;
    this.reattesting = true;
    const wait = this.attestedAt + REATTEST_INTERVAL_MS - this.parts.clock.monotonic();
    this.room
      .pause(wait)
      .then(() => (session.alive ? this.attest(session, [session.values, session.heartbeat]) : undefined))
      .catch((error: unknown) => session.end(error))
      .finally(() => {
        this.reattesting = false;
      });
  }

  private async readForEver(session: RedisSession): Promise<void> {
    try {
      while (session.alive) {
        // A message of a foreign history is not read over and over while the attestation is under way.
        if (this.state === 'attesting')
          await this.until(() => this.state !== 'attesting' || !session.alive, this.heartbeat.everyMs);
        else if ((await this.reader.step(session.log)) > 0) await nextTurn(); // first what arrived with the messages
      }
    } catch (error) {
      this.judge(session, error);
      session.end(error);
    }
  }

  private onBeat(): void {
    const silentMs = this.parts.clock.monotonic() - this.satisfiedAt;
    if (silentMs > 2 * this.heartbeat.everyMs) this.machine.on('overdue');
    void this.beat();
  }

  private proved(): void {
    this.satisfiedAt = this.parts.clock.monotonic();
    this.breaker.proved();
    this.backoff.reset();
    this.machine.on('satisfied');
  }

  /** Draws the consequence of a failed command. */
  private judge(session: RedisSession, error: unknown): void {
    if (this.closing || !session.alive) return;
    this.note(error);
    const kind = failureKind(error);
    if (kind === 'history') this.disowned();
    else if (kind === 'lost') session.end(error);
  }

  private note(error: unknown): void {
    if (this.closing) return;
    const code = failureCode(error);
    this.lastErrorCode = code;
    if (failureKind(error) === 'lost') this.breaker.failed();
    this.parts.events.emit('trouble', { code });
  }

  private changed(from: LinkState, to: LinkState): void {
    if (to === 'live') this.lastErrorCode = null;
    this.parts.events.emit('state', { from, to });
    this.room.notify();
  }
}
