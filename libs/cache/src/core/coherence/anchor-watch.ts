import type { Clock, Timer } from '../clock/clock.port.js';
import type { AnchoredHistory, HistoryAnchor } from './history-anchor.port.js';
import { Lease, instant, type Instant } from './lease.js';
import { epochOf, type Era } from './position.js';

/** What a split brain adds to L at most, ms: so long the anchor's word counts, from the moment it was asked. */
export const ANCHOR_BOUND_MS = 1000;
const LOOK_EVERY_MS = ANCHOR_BOUND_MS / 2;
const LOOK_LIMIT_MS = ANCHOR_BOUND_MS;
/** Every tenth look of an attached instance confirms its history. */
const LOOKS_PER_CONFIRMATION = 10;
/** A history that misses six confirmations in a row is followed by nobody, ms. */
const DESERTED_MS = 6 * LOOKS_PER_CONFIRMATION * LOOK_EVERY_MS;

/**
 * One instance's view of the anchor: whether the history it follows is still the one that counts. Three rules bound what
 * a split brain can do (coherence page, 2.8):
 *
 * - a history is used only once it is anchored (`settle`), and the anchor's epochs only grow;
 * - what is served rests on a look at the anchor begun at most `ANCHOR_BOUND_MS` earlier (`trusted`);
 * - an invalidation is acknowledged only after a look begun after it was executed (`vouch`).
 *
 * Where the anchor does not answer, the server's own word will do: while it has every replica it ever had, none of them
 * can have been promoted behind its back (`heard`). So an outage of the database alone costs nothing.
 */
export class AnchorWatch {
  private followed: Era | null = null;
  private attached = false;
  private standing: AnchoredHistory | null = null;
  private readable = false;
  /** Since when every look has been answered, and with the same. */
  private unchangedSince = Number.POSITIVE_INFINITY;
  private looks = 0;
  private current: Promise<void> | null = null;
  private following: Promise<void> | null = null;
  private timer: Timer | null = null;
  private closed = false;
  private readonly confirmed: Lease;
  private readonly whole: Lease;
  private onSuperseded: () => void = () => undefined;

  constructor(
    private readonly anchor: HistoryAnchor,
    private readonly namespace: string,
    private readonly clock: Clock,
    leaseMs: number,
  ) {
    this.confirmed = new Lease(clock, ANCHOR_BOUND_MS);
    this.whole = new Lease(clock, leaseMs);
  }

  /** @param onSuperseded told when the history of an attached instance counts no more */
  start(onSuperseded: () => void): void {
    this.onSuperseded = onSuperseded;
    this.repeat();
  }

  close(): void {
    this.closed = true;
    this.timer?.cancel();
  }

  /** The era that stood when asked now; empty: none did, or the anchor does not answer. */
  async latest(): Promise<Era> {
    await this.lookAfresh();
    return this.readable ? (this.standing?.era ?? '') : '';
  }

  /** True when nobody has followed what stands for a while: a server that comes back to its clients may go beyond it. */
  get deserted(): boolean {
    return this.clock.monotonic() - this.unchangedSince >= DESERTED_MS;
  }

  /**
   * Anchors `era` and follows it from now on.
   *
   * @returns `false`: another history of its epoch stands, or a later one
   * @throws when the anchor does not answer, unless `era` was anchored and followed before
   */
  async settle(era: Era): Promise<boolean> {
    this.whole.revoke(); // it was another connection's word
    const sentAt = instant(this.clock);
    try {
      this.note(await this.inTime(this.stood(era)), sentAt);
    } catch {
      this.unanswered();
      this.attached = this.followed === era;
      if (this.attached) return true;
      throw new Error('ANCHOR_UNREADABLE a history is not used before it is anchored');
    }
    this.attached = this.standing?.era === era;
    this.followed = this.attached ? era : null;
    if (this.attached) this.confirmed.grant(sentAt);
    return this.attached;
  }

  /** The connection is gone: nothing is confirmed by this instance until it has settled again. */
  detach(): void {
    this.attached = false;
  }

  /** A heartbeat sent at `sentAt` tells whether the server has every replica it ever had. */
  heard(sentAt: Instant, whole: boolean): void {
    if (whole) this.whole.grant(sentAt);
    else this.whole.revoke();
  }

  /** True when the history followed counted shortly before `now`, as far as can be known. */
  trusted(now: number): boolean {
    return this.followed !== null && (this.confirmed.live(now) || this.whole.live(now));
  }

  /**
   * Resolves when the history in which something was done still counted after this was called, as far as can be known.
   * @throws what makes the link attest again, or give up
   */
  async vouch(era: Era): Promise<void> {
    if (this.readable) await this.lookAfresh();
    if (this.followed !== era) throw new Error('EPOCH the history was superseded');
    if (this.readable || this.whole.live(this.clock.monotonic())) return;
    throw new Error('ANCHOR_UNREADABLE it is not known which history counts');
  }

  /** What weakens the bound right now, for health. */
  get warnings(): readonly string[] {
    if (this.readable || this.looks === 0) return [];
    return [
      'The history anchor cannot be read. Redis is used only while it has all its replicas; see to the database of the anchor.',
    ];
  }

  private repeat(): void {
    void this.lookAfresh().then(() => {
      if (!this.closed) this.timer = this.clock.schedule(LOOK_EVERY_MS, () => this.repeat());
    });
  }

  /** A look begun now or later: one under way was begun too early, and all who ask meanwhile share the one after it. */
  private lookAfresh(): Promise<void> {
    if (this.current === null) {
      this.current = this.look().finally(() => {
        this.current = null;
      });
      return this.current;
    }
    this.following ??= this.current.then(() => {
      this.following = null;
      return this.lookAfresh();
    });
    return this.following;
  }

  /** Never rejects: an anchor that does not answer is a state, not an error. */
  private async look(): Promise<void> {
    const { followed, attached } = this;
    const sentAt = instant(this.clock);
    this.looks += 1;
    try {
      const asked = attached ? this.stood(followed!) : this.anchor.read(this.namespace);
      this.note(await this.inTime(asked), sentAt);
    } catch {
      this.unanswered();
      return;
    }
    if (followed === null || followed !== this.followed) return; // settled elsewhere meanwhile
    if (this.standing?.era === followed) {
      this.confirmed.grant(sentAt);
      return;
    }
    this.followed = null;
    if (!this.attached) return;
    this.attached = false;
    this.onSuperseded();
  }

  private note(found: AnchoredHistory | null, sentAt: Instant): void {
    const { standing } = this;
    const unchanged = found?.era === standing?.era && found?.confirmations === standing?.confirmations;
    if (!this.readable || !unchanged) this.unchangedSince = sentAt.monotonic;
    this.readable = true;
    this.standing = found;
  }

  private unanswered(): void {
    this.readable = false;
    this.unchangedSince = Number.POSITIVE_INFINITY;
  }

  /** What stands, after `era` has taken the place of anything earlier. */
  private async stood(era: Era): Promise<AnchoredHistory> {
    const { anchor, namespace } = this;
    if (this.looks % LOOKS_PER_CONFIRMATION === 0) await anchor.raise(namespace, era, era);
    for (;;) {
      const found = await anchor.read(namespace);
      if (found !== null && (found.era === era || epochOf(found.era) >= epochOf(era))) return found;
      await anchor.raise(namespace, found?.era ?? null, era);
    }
  }

  private inTime<T>(answer: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = this.clock.schedule(LOOK_LIMIT_MS, () => reject(new Error('the anchor did not answer in time')));
      answer.then(resolve, reject).finally(() => timer.cancel());
    });
  }
}
