import type { Clock, Timer } from '../../core/clock/clock.port.js';
import type { DhtRecord } from './dht-record.js';
import type { DhtCounters } from './dht-counters.js';
import type { Member } from './members.js';
import type { RecordStore } from './record-store.js';
import type { Holder, Replicas } from './replicas.js';
import { FrameKind } from './wire-frames.js';
import { StoreAnswer, encodePairs } from './wire-messages.js';

/** Several nodes that come or go at about the same time are one change, ms. */
const DEBOUNCE_MS = 500;
/** Without any change, for what was missed all the same, ms. */
const EVERY_MS = 60_000;
/** After a repair that somebody did not answer, ms. */
const AGAIN_MS = 2000;
const SLICE = 500;
/** Copies in the air to one node. */
const AT_ONCE = 32;
const LACKS = 1;

interface RepairParts {
  readonly clock: Clock;
  readonly store: RecordStore;
  readonly replicas: Replicas;
  readonly counters: DhtCounters;
  readonly timeoutMs: number;
}

/**
 * Brings every record back to R copies after nodes came or went. Every holder offers what it holds to the other owners, by
 * place and stamp; who lacks it is sent it, once. Who is no owner any more gives its copy up when all owners have it.
 */
export class Repair {
  private timer: Timer | null = null;
  private dueAt = Number.POSITIVE_INFINITY;
  private running = false;
  private closed = false;

  constructor(private readonly parts: RepairParts) {}

  start(): void {
    this.in(EVERY_MS);
  }

  /** Somebody came or went. */
  soon(): void {
    this.in(DEBOUNCE_MS);
  }

  close(): void {
    this.closed = true;
    this.timer?.cancel();
  }

  private in(delayMs: number): void {
    const at = this.parts.clock.monotonic() + delayMs;
    if (this.closed || at >= this.dueAt) return;
    this.timer?.cancel();
    this.dueAt = at;
    this.timer = this.parts.clock.schedule(delayMs, () => void this.run());
  }

  private async run(): Promise<void> {
    this.dueAt = Number.POSITIVE_INFINITY;
    if (this.running) return this.in(DEBOUNCE_MS);
    this.running = true;
    let complete = true;
    try {
      let slice: DhtRecord[] = [];
      for (const record of this.parts.store.records()) {
        slice.push(record);
        if (slice.length < SLICE) continue;
        complete = (await this.offer(slice)) && complete;
        slice = [];
        if (this.closed) return;
      }
      complete = (await this.offer(slice)) && complete;
    } finally {
      this.running = false;
      this.in(complete ? EVERY_MS : AGAIN_MS);
    }
  }

  /** @returns whether every owner of every record is known to have it */
  private async offer(records: readonly DhtRecord[]): Promise<boolean> {
    const offers = new Map<Member, DhtRecord[]>();
    const mine = new Set<DhtRecord>();
    for (const record of records) {
      for (const { member } of this.parts.replicas.holders(record.place)) {
        if (member === null) mine.add(record);
        else if (offers.has(member)) offers.get(member)!.push(record);
        else offers.set(member, [record]);
      }
    }
    const missing = new Set<DhtRecord>();
    await Promise.all([...offers].map(([member, offered]) => this.offerTo(member, offered, missing)));
    for (const record of records) {
      if (mine.has(record) || missing.has(record) || this.parts.store.get(record.place) !== record) continue;
      this.parts.store.remove(record.place);
      this.parts.counters.count('handedOver');
    }
    return missing.size === 0;
  }

  /** Adds to `missing` what the member is not known to have afterwards. */
  private async offerTo(member: Member, offered: readonly DhtRecord[], missing: Set<DhtRecord>): Promise<void> {
    try {
      const answer = await member.link.ask(FrameKind.lack, encodePairs(offered), this.parts.timeoutMs);
      const wanted: DhtRecord[] = [];
      offered.forEach((record, index) => {
        if (answer[index] === LACKS) wanted.push(record);
        else if (answer[index] !== 0) missing.add(record); // another holder is sending it
      });
      for (let at = 0; at < wanted.length; at += AT_ONCE) {
        await Promise.all(wanted.slice(at, at + AT_ONCE).map((record) => this.send(member, record, missing)));
      }
    } catch {
      for (const record of offered) missing.add(record); // gone or hanging: the next repair sees who is left
    }
  }

  private async send(member: Member, record: DhtRecord, missing: Set<DhtRecord>): Promise<void> {
    const holder: Holder = { member, place: member.place };
    const reply = await this.parts.replicas.storeOn(holder, record.sealed);
    if (reply?.answer === StoreAnswer.stored) this.parts.counters.count('repairs');
    else if (reply?.answer !== StoreAnswer.older) missing.add(record);
  }
}
