import type { Clock } from '../../core/clock/clock.port.js';
import { CacheError } from '../../core/errors/cache-error.js';
import { compareRecords, type DhtRecord, type RecordCodec } from './dht-record.js';
import type { DhtCounters } from './dht-counters.js';
import { HedgePolicy } from './hedge.js';
import type { Member, Members } from './members.js';
import { nearest, type Place, type Placed } from './placement.js';
import type { RecordServer } from './record-server.js';
import type { RecordStore } from './record-store.js';
import { FrameKind } from './wire-frames.js';
import { StoreAnswer, decodeStoreReply, encodePlace, type StoreReply } from './wire-messages.js';

/** What replicas are kept with. */
export interface ReplicaParts {
  readonly clock: Clock;
  readonly members: Members;
  readonly server: RecordServer;
  readonly store: RecordStore;
  readonly codec: RecordCodec;
  readonly counters: DhtCounters;
  readonly replication: number;
  readonly requestTimeoutMs: number;
  /** True for a record that may be served: neither expired nor invalidated. */
  readonly valid: (record: DhtRecord) => boolean;
  /** A copy could not be placed; it has to be made good. */
  readonly onMissed: () => void;
}

/** A holder: another node, or this one (`member` is `null`). */
export interface Holder extends Placed {
  readonly member: Member | null;
}

/** A read asks so many nodes beyond the owners before it is a miss: those that owned the record a moment ago. */
const FORMER_OWNERS = 2;
/** A node that leaves a question open for so long is asked last, ms. */
const SLOW_MS = 30;

/** Reads and writes the copies of records: R of them, on the nodes nearest to the key. */
export class Replicas {
  private readonly hedge = new HedgePolicy();

  constructor(private readonly parts: ReplicaParts) {}

  /** The nodes nearest to a place, nearest first. */
  holders(place: Place, count = this.parts.replication): Holder[] {
    return nearest(this.everybody(), place, count);
  }

  /** The record of a key, of whoever has it; `null`: nobody. One question where the nearest node has it. */
  async find(place: Place): Promise<DhtRecord | null> {
    const holders = this.holders(place, this.parts.replication + FORMER_OWNERS);
    const owners = this.inOrder(holders.slice(0, this.parts.replication));
    const local = owners.find(({ member }) => member === null);
    const held = local === undefined ? null : this.parts.store.get(place);
    if (held !== null) return held.tombstone ? null : held;
    const first = owners.find(({ member }) => member !== null);
    if (first === undefined) return null;
    const answer = await this.askWithHedge(first, owners, place);
    if (answer !== null && this.parts.valid(answer)) return answer.tombstone ? null : answer;
    return this.askAll(
      holders.filter((each) => each !== first && each.member !== null),
      holders,
      place,
    );
  }

  /**
   * Stores on all owners; resolves when most have answered.
   * @throws CacheError `LARDER_TIER_UNAVAILABLE` where nobody took it
   */
  async place(record: DhtRecord): Promise<'stored' | 'older'> {
    const owners = this.holders(record.place);
    const enough = Math.floor(owners.length / 2) + 1;
    const answers: StoreReply[] = [];
    let open = owners.length;
    return new Promise((resolve, reject) => {
      const judge = (answer: StoreReply | null) => {
        open -= 1;
        if (answer === null) this.parts.onMissed();
        else answers.push(answer);
        if (answers.some((each) => each.answer === StoreAnswer.older)) resolve('older');
        else if (answers.filter((each) => each.answer === StoreAnswer.stored).length >= enough) resolve('stored');
        else if (open === 0) {
          if (answers.some((each) => each.answer === StoreAnswer.stored) || this.over(record)) resolve('stored');
          else reject(notTaken());
        }
      };
      for (const owner of owners) this.storeOn(owner, record.sealed).then(judge, () => judge(null));
    });
  }

  /** Stores one copy; rejects where the node does not answer. */
  async storeOn({ member }: Holder, sealed: Uint8Array): Promise<StoreReply | null> {
    if (member === null) return this.parts.server.store(sealed);
    return decodeStoreReply(await member.link.ask(FrameKind.store, sealed, this.parts.requestTimeoutMs));
  }

  /** True where a record's life ended before it could arrive: there is nothing left to keep, and nobody to blame. */
  private over({ expiresAt }: DhtRecord): boolean {
    return expiresAt <= this.parts.clock.wall();
  }

  private *everybody(): IterableIterator<Holder> {
    yield { member: null, place: this.parts.members.place };
    for (const member of this.parts.members.all()) yield { member, place: member.place };
  }

  /** Nodes that answer come before nodes that are silent. */
  private inOrder(owners: readonly Holder[]): Holder[] {
    const slow = ({ member }: Holder) => (member !== null && member.link.waitingMs() > SLOW_MS ? 1 : 0);
    return [...owners].sort((a, b) => slow(a) - slow(b));
  }

  /** Asks the first, and the next as well when the first is slow; the first answer that is a record wins. */
  private askWithHedge(first: Holder, owners: readonly Holder[], place: Place): Promise<DhtRecord | null> {
    const second = owners.find((each) => each !== first && each.member !== null);
    return new Promise((resolve) => {
      let open = 1;
      const told = (record: DhtRecord | null) => {
        open -= 1;
        if (record !== null || open === 0) {
          timer.cancel();
          resolve(record);
        }
      };
      const timer = this.parts.clock.schedule(this.hedge.delayMs, () => {
        if (second === undefined || !this.hedge.spend()) return;
        this.parts.counters.count('hedges');
        open += 1;
        void this.ask(second, place).then(told);
      });
      void this.ask(first, place).then(told);
    });
  }

  /** The newest of what they have; owners that lack it are given it, off the read's way. */
  private async askAll(asked: readonly Holder[], holders: readonly Holder[], place: Place): Promise<DhtRecord | null> {
    const found = await Promise.all(asked.map((holder) => this.ask(holder, place)));
    let newest: DhtRecord | null = null;
    for (const record of found) {
      if (record === null || !this.parts.valid(record)) continue;
      if (newest === null || compareRecords(record, newest) > 0) newest = record;
    }
    if (newest === null) return null;
    const { sealed } = newest;
    for (const owner of holders.slice(0, this.parts.replication)) {
      const at = asked.indexOf(owner);
      if (at >= 0 && found[at]?.stamp === newest.stamp) continue;
      this.parts.counters.count('readRepairs');
      this.storeOn(owner, sealed).catch(() => this.parts.onMissed());
    }
    return newest.tombstone ? null : newest;
  }

  /** `null`: it has none, or does not answer in time. Never rejects. */
  private async ask({ member }: Holder, place: Place): Promise<DhtRecord | null> {
    if (member === null) return this.parts.store.get(place);
    const askedAt = this.parts.clock.monotonic();
    try {
      const sealed = await member.link.ask(FrameKind.find, encodePlace(place), this.parts.requestTimeoutMs);
      this.hedge.answered(this.parts.clock.monotonic() - askedAt);
      if (sealed.length === 0) return null;
      const record = this.parts.codec.decode(sealed);
      if (record === null || record.place !== place) {
        this.parts.counters.count('forged');
        return null;
      }
      return record;
    } catch {
      return null; // gone or hanging: the next one is asked, and the members find out
    }
  }
}

function notTaken(): CacheError {
  return new CacheError(
    'LARDER_TIER_UNAVAILABLE',
    'Expected a node of the network to store a value, got none that did. Look at the peers and at the clocks of the nodes.',
  );
}
