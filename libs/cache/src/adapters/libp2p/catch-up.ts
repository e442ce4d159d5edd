import type { Clock, Timer } from '../../core/clock/clock.port.js';
import type { DhtCounters } from './dht-counters.js';
import type { Member, Members } from './members.js';
import type { Predicates } from './predicates.js';
import type { SequenceTracker, SequenceVector } from './sequence-tracker.js';
import { FrameKind } from './wire-frames.js';
import { decodePage, decodeSync } from './wire-messages.js';

/** What is announced while we look is on its way for less than this, ms: only what is missing longer is a gap. */
const GRACE_MS = 500;
/** How often one member is asked how far it has come, ms. */
const COMPARE_MS = 5000;

/** What catching up works on. */
export interface CatchUpParts {
  readonly clock: Clock;
  readonly sequences: SequenceTracker;
  readonly predicates: Predicates;
  readonly counters: DhtCounters;
  readonly members: () => Members;
  readonly aloneAfterMs: number;
  readonly timeoutMs: number;
  /** Something was invalidated that was not announced here. */
  readonly onLearned: () => void;
  /** Something was invalidated, and nobody knows what. */
  readonly onLost: () => void;
}

/**
 * Keeps what this node knows of invalidations complete, whatever gossip loses: a newcomer learns all of it before its first
 * read, a gap in a node's numbers is closed by a snapshot from another, and members compare how far they have come.
 */
export class CatchUp {
  private complete = false;
  private closed = false;
  private closingGap = false;
  private readonly timers = new Set<Timer>();

  constructor(private readonly parts: CatchUpParts) {}

  /** True once the first snapshot has been learned, or nobody was there to give one. */
  get caughtUp(): boolean {
    return this.complete;
  }

  start(): void {
    this.after(this.parts.aloneAfterMs, () => {
      if (this.parts.members().size === 0) this.complete = true;
    });
    this.compareAgain();
  }

  close(): void {
    this.closed = true;
    for (const timer of this.timers) timer.cancel();
  }

  /** Learns what a member knows and this node does not. */
  async compareWith(member: Member): Promise<void> {
    try {
      const answer = decodeSync(await member.link.ask(FrameKind.sync, new Uint8Array(0), this.parts.timeoutMs));
      if (answer === null) return;
      this.parts.members().learn(answer.peers);
      if (this.complete && !this.parts.sequences.behind(answer.vector)) return;
      if (this.complete) await this.parts.clock.sleep(GRACE_MS);
      if (this.complete && !this.parts.sequences.behind(answer.vector)) return;
      await this.learnFrom(member);
    } catch {
      // Gone or hanging: there is another member, or another time.
    }
    // Nobody else to learn from: what there is, is all there is.
    if (!this.complete && this.parts.members().size === 0) this.after(this.parts.aloneAfterMs, () => this.alone());
  }

  /** A message is missing. */
  gap(): void {
    if (this.closingGap || this.closed) return;
    this.closingGap = true;
    this.after(GRACE_MS, () => void this.closeGap());
  }

  private alone(): void {
    if (this.parts.members().size === 0) this.complete = true;
  }

  private async closeGap(): Promise<void> {
    const { sequences, counters } = this.parts;
    try {
      if (!sequences.gap) return;
      counters.count('gaps');
      for (const member of this.parts.members().all()) {
        try {
          await this.learnFrom(member);
        } catch {
          continue; // this one cannot tell
        }
        if (!sequences.gap) return;
      }
      if (this.closed) return;
      sequences.closeGaps();
      this.parts.onLost();
    } finally {
      this.closingGap = false;
    }
  }

  /** The vector counts only once all rows that came with it have been learned. */
  private async learnFrom(member: Member): Promise<void> {
    let vector: SequenceVector | null = null;
    let learned = false;
    const take = (payload: Uint8Array): void => {
      const page = decodePage(payload);
      if (page === null) throw new Error('a page that could not be read');
      vector ??= page.vector;
      for (const row of page.rows) learned = this.parts.predicates.learn(row) || learned;
    };
    let broken = false;
    const onPage = (payload: Uint8Array): void => {
      try {
        take(payload);
      } catch {
        broken = true;
      }
    };
    const last = await member.link.ask(FrameKind.snapshot, new Uint8Array(0), this.parts.timeoutMs * 10, onPage);
    onPage(last);
    if (learned) this.parts.onLearned();
    if (broken || vector === null || this.closed) return this.parts.counters.count('malformed');
    this.parts.sequences.adopt(vector);
    this.complete = true;
  }

  private compareAgain(): void {
    this.after(COMPARE_MS, () => {
      const members = [...this.parts.members().all()];
      const member = members[Math.floor(this.parts.clock.monotonic()) % Math.max(1, members.length)];
      if (member !== undefined) void this.compareWith(member);
      else this.alone();
      this.compareAgain();
    });
  }

  private after(delayMs: number, action: () => void): void {
    if (this.closed) return;
    const timer = this.parts.clock.schedule(delayMs, () => {
      this.timers.delete(timer);
      if (!this.closed) action();
    });
    this.timers.add(timer);
  }
}
