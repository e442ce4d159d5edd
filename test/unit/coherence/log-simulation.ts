import type { Invalidation } from '../../../libs/cache/src/core/coherence/invalidation.js';
import { instant, type Instant } from '../../../libs/cache/src/core/coherence/lease.js';
import { LogFollower, type FollowerSink, type LogFrame } from '../../../libs/cache/src/core/coherence/log-follower.js';
import { epochOf, logIdAt, type Era, type LogId } from '../../../libs/cache/src/core/coherence/position.js';
import { ManualClock } from '../../../libs/cache/src/testing/manual-clock.js';

export const LEASE_MS = 100;

/** What may happen, one step at a time; fast-check finds the order. */
export type Step =
  | { readonly do: 'advance'; readonly ms: number }
  /** A write commits and its invalidation is executed and acknowledged. `ours`: it hits the entry that is watched. */
  | { readonly do: 'invalidate'; readonly ours: boolean }
  | { readonly do: 'deliver' | 'lose' | 'repeat' | 'swap' | 'trim' }
  | { readonly do: 'beat' | 'execute-beat' | 'answer-beat' }
  | { readonly do: 'read' | 'install' }
  /** The server's state is copied to a replica; the replica is promoted, and what came after the copy is lost. */
  | { readonly do: 'replicate' | 'fail-over' | 'lose-control' | 'attach' };

interface ServerState {
  readonly era: Era;
  readonly lastId: LogId;
  readonly stream: readonly LogFrame[];
}

const OURS: Invalidation = {
  id: 'ours',
  keys: ['k'],
  tags: [],
  patterns: [],
  flush: false,
  reason: '',
  origin: '',
};
const OTHER: Invalidation = { ...OURS, id: 'other', keys: ['another'] };

/**
 * One instance that caches one key, one server that may lose its past, and a transport between them that may lose,
 * repeat and reorder. Time is a manual clock. `stale()` is the promise: what memory would serve under a lease is not
 * older than what was acknowledged a lease ago.
 */
export class LogSimulation implements FollowerSink {
  readonly clock = new ManualClock();
  readonly follower: LogFollower;
  /** What happened, so that a run can show that it was not empty. */
  readonly seen = { applied: 0, resets: [] as string[], served: 0, reattached: 0 };
  private server: ServerState;
  private replica: ServerState;
  private attested = true;
  private connected = false;
  private nonces = 0;
  private readonly inFlight: LogFrame[] = [];
  private delivered: LogFrame[] = [];
  private beats: Instant[] = [];
  private answers: { sentAt: Instant; era: Era; lastId: LogId }[] = [];
  private version = 0;
  private readonly acknowledged: { readonly version: number; readonly at: number }[] = [];
  private reading: { readonly version: number; readonly touched: number } | null = null;
  private touched = 0;
  private entry: number | null = null;
  private appliedBefore = '';

  constructor(Follower: typeof LogFollower = LogFollower) {
    this.follower = new Follower(this.clock, LEASE_MS, this);
    this.server = { era: this.freshEra('00000001'), lastId: logIdAt(1), stream: [] };
    this.replica = this.server;
    this.attach();
  }

  apply(invalidations: readonly Invalidation[]): void {
    this.seen.applied += 1;
    this.touched += 1;
    if (invalidations.some(({ keys }) => keys.includes('k'))) this.entry = null;
  }

  reset(cause: string): void {
    this.seen.resets.push(cause);
    this.touched += 1;
    this.entry = null;
  }

  satisfied(): void {}

  reattach(): void {
    this.seen.reattached += 1;
    this.connected = false;
  }

  /** I8: an entry that would be served now, although a newer version was acknowledged a lease ago. */
  stale(): boolean {
    const now = this.clock.monotonic();
    if (this.entry === null || !this.follower.leaseLive(now)) return false;
    this.seen.served += 1;
    const due = this.acknowledged.filter(({ at }) => at < now - LEASE_MS).at(-1)?.version ?? 0;
    return this.entry < due;
  }

  /** I7: `applied` moved neither along the chain nor with an empty memory. */
  strayed(): boolean {
    const before = this.appliedBefore;
    const now = this.follower.appliedId;
    this.appliedBefore = now;
    if (now === before || this.entry === null) return false;
    return !this.delivered.some(({ id, previous }) => id === now && previous === before);
  }

  step(step: Step): void {
    switch (step.do) {
      case 'advance':
        return this.clock.advance(step.ms);
      case 'invalidate':
        return this.invalidate(step.ours);
      case 'deliver':
        return this.deliver(this.inFlight.shift());
      case 'lose':
        return void this.inFlight.shift();
      case 'repeat':
        return this.deliver(this.delivered.at(-1));
      case 'swap':
        return void this.inFlight.push(...this.inFlight.splice(0, 1));
      case 'trim':
        this.server = { ...this.server, stream: this.server.stream.slice(1) };
        return;
      case 'beat':
        if (this.connected) this.beats.push(instant(this.clock));
        return;
      case 'execute-beat':
        return this.executeBeat();
      case 'answer-beat':
        return this.answerBeat();
      case 'read':
        this.reading = { version: this.version, touched: this.touched };
        return;
      case 'install':
        if (this.reading?.touched === this.touched) this.entry = this.reading.version;
        this.reading = null;
        return;
      case 'replicate':
        this.replica = this.server;
        return;
      case 'fail-over':
        this.server = this.replica;
        return this.cut();
      case 'lose-control':
        this.server = { era: '', lastId: logIdAt(0), stream: this.server.stream };
        return this.cut();
      case 'attach':
        return this.attach();
    }
  }

  private invalidate(ours: boolean): void {
    this.attest();
    const { era, lastId, stream } = this.server;
    // As low as the clock allows: after a rollback ids are issued again.
    const id = (BigInt(`0x${lastId}`) + 1n).toString(16).padStart(20, '0');
    const frame: LogFrame = { era, previous: lastId, id, content: [ours ? OURS : OTHER] };
    if (ours) this.version += 1;
    this.server = { era, lastId: id, stream: [...stream, frame] };
    if (this.connected) this.inFlight.push(frame);
    if (ours) this.acknowledged.push({ version: this.version, at: this.clock.monotonic() });
  }

  private deliver(frame: LogFrame | undefined): void {
    if (frame === undefined || !this.connected) return;
    this.delivered = [...this.delivered.slice(-3), frame];
    this.follower.message(frame);
  }

  private executeBeat(): void {
    const sentAt = this.beats.shift();
    if (sentAt === undefined || !this.connected || !this.attested) return;
    this.answers.push({ sentAt, era: this.server.era, lastId: this.server.lastId });
  }

  private answerBeat(): void {
    const answer = this.answers.shift();
    if (answer !== undefined && this.connected) this.follower.heartbeat(answer.sentAt, answer.era, answer.lastId);
  }

  /** The connection is gone, and the next server is not known yet. */
  private cut(): void {
    this.attested = false;
    this.connected = false;
    this.inFlight.length = 0;
    this.beats = [];
    this.answers = [];
  }

  private attach(): void {
    if (this.connected) return;
    this.attest();
    this.follower.attached(this.server.era, this.server.lastId);
    this.connected = true;
    this.inFlight.push(...this.server.stream.filter(({ id }) => id > this.follower.appliedId));
  }

  /** What ATTEST does: a server that is not the one attested begins another history. */
  private attest(): void {
    if (this.attested) return;
    this.attested = true;
    const { era, lastId, stream } = this.server;
    const epoch = era === '' ? 1 : Number.parseInt(epochOf(era), 16) + 1;
    const last = stream.at(-1)?.id ?? lastId;
    this.server = {
      era: this.freshEra(epoch.toString(16).padStart(8, '0')),
      lastId: era === '' && last > lastId ? last : lastId,
      stream,
    };
  }

  private freshEra(epoch: string): Era {
    this.nonces += 1;
    return epoch + this.nonces.toString(16).padStart(16, '0');
  }
}
