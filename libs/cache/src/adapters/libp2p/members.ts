import type { PeerId } from '@libp2p/interface';
import { randomBytes } from 'node:crypto';
import type { Clock, Timer } from '../../core/clock/clock.port.js';
import type { StreamSetting } from './framed-stream.js';
import type { Libp2pNode } from './libp2p-node.js';
import type { WriterId } from './network-clock.js';
import { PeerLink } from './peer-link.js';
import { placeOfPeer, type Place, type Placed } from './placement.js';
import { FrameKind } from './wire-frames.js';
import { decodeHello, encodeHello } from './wire-messages.js';

/** A node of the network that answers. */
export interface Member extends Placed {
  readonly id: string;
  readonly writer: WriterId;
  readonly link: PeerLink;
}

/** Told of members that come and go, before anything else is done with them. */
export interface MemberWatcher {
  joined(member: Member): void;
  left(member: Member): void;
}

interface KnownAddress {
  failures: number;
  nextTry: number;
  dialing: boolean;
  readonly keep: boolean;
}

/** How often the members are looked after: silence, addresses to dial, ms. */
const UPKEEP_MS = 250;
const RETRY_MS = 250;
const MAX_RETRY_MS = 5000;
/** A node that stays connected and has not answered its greeting is greeted again after this, ms. */
const GREET_AGAIN_MS = 1000;
/** An address that never answers is forgotten after so many tries, unless it is one to begin with. */
const MAX_FAILURES = 40;
const MAX_ADDRESSES = 2000;
const MAX_DIALS = 8;
/** How often Kademlia is asked who else is there: at first, and from then on, ms. */
const FIRST_WALKS_MS = [100, 500, 1500, 4000];
const WALK_EVERY_MS = 15_000;
const WALK_TIMEOUT_MS = 5000;

/**
 * The live nodes of the network: all of them, for placement is only as good as everybody's picture of it. Found by
 * Kademlia and by what members tell of each other; a member is who answers a greeting, and is one no longer when its
 * connection ends or when it leaves questions unanswered for `peerTimeoutMs`.
 */
export class Members {
  private readonly live = new Map<string, Member>();
  private readonly greeting = new Set<string>();
  private readonly addresses = new Map<string, KnownAddress>();
  /** Where each node says that it can be dialled. */
  private readonly dialable = new Map<string, string[]>();
  private readonly timers = new Set<Timer>();
  private closed = false;
  private dials = 0;
  private lookedAt = 0;

  constructor(
    private readonly node: Libp2pNode,
    private readonly writer: WriterId,
    private readonly setting: StreamSetting,
    private readonly clock: Clock,
    private readonly peerTimeoutMs: number,
    private readonly watcher: MemberWatcher,
    bootstrap: readonly string[],
  ) {
    for (const address of bootstrap) this.know(address, true);
  }

  /** This node's own place. */
  get place(): Place {
    return placeOfPeer(this.node.libp2p.peerId.toMultihash().bytes);
  }

  get size(): number {
    return this.live.size;
  }

  all(): IterableIterator<Member> {
    return this.live.values();
  }

  /** Addresses of the live members, for who looks for them. */
  tell(): string[] {
    return [...this.live.keys()].flatMap((id) => this.dialable.get(id) ?? []).concat(this.node.addresses);
  }

  start(): void {
    const { libp2p } = this.node;
    libp2p.addEventListener('peer:connect', ({ detail }) => void this.greet(detail));
    libp2p.addEventListener('peer:disconnect', ({ detail }) => this.lose(detail.toString()));
    libp2p.addEventListener('peer:identify', ({ detail }) => {
      const id = detail.peerId.toString();
      this.dialable.set(
        id,
        detail.listenAddrs.map((each) => (String(each).includes('/p2p/') ? String(each) : `${String(each)}/p2p/${id}`)),
      );
      this.learn(this.dialable.get(id)!);
    });
    this.lookedAt = this.clock.monotonic();
    this.upkeep();
    for (const delay of FIRST_WALKS_MS) this.after(delay, () => void this.walk());
    this.walkAgain();
  }

  /** Addresses that somebody told; dialled unless their node is a member already. */
  learn(addresses: readonly string[]): void {
    for (const address of addresses) this.know(address, false);
  }

  close(): void {
    this.closed = true;
    for (const timer of this.timers) timer.cancel();
    for (const { link } of this.live.values()) link.close();
    this.live.clear();
  }

  private know(address: string, keep: boolean): void {
    if (this.addresses.has(address) || (this.addresses.size >= MAX_ADDRESSES && !keep)) return;
    this.addresses.set(address, { failures: 0, nextTry: 0, dialing: false, keep });
  }

  /** A member is who answers. One that does not speak our protocol is somebody else's node. */
  private async greet(peer: PeerId): Promise<void> {
    const id = peer.toString();
    if (this.closed || this.live.has(id) || this.greeting.has(id) || id === this.node.libp2p.peerId.toString()) return;
    this.greeting.add(id);
    try {
      const stream = await this.node.openStream(peer, this.peerTimeoutMs);
      const link: PeerLink = new PeerLink(stream, this.setting, this.clock, () => this.linkEnded(peer, link));
      const hello = decodeHello(
        await link.ask(FrameKind.hello, encodeHello({ writer: this.writer }), this.peerTimeoutMs),
      );
      if (hello === null || this.closed) return link.close();
      const member: Member = { id, writer: hello.writer, link, place: placeOfPeer(peer.toMultihash().bytes) };
      this.live.set(id, member);
      this.watcher.joined(member);
    } catch {
      this.greetAfter(GREET_AGAIN_MS, peer); // too busy to answer in time, perhaps; dialling it would change nothing
    } finally {
      this.greeting.delete(id);
    }
  }

  private linkEnded(peer: PeerId, link: PeerLink): void {
    const id = peer.toString();
    if (this.live.get(id)?.link !== link) return;
    this.lose(id);
    this.greetAfter(RETRY_MS, peer);
  }

  /** Of a connection that stands, nobody tells a second time. One that is gone tells when it is back. */
  private greetAfter(delayMs: number, peer: PeerId): void {
    this.after(delayMs, () => {
      if (this.node.libp2p.getConnections(peer).length > 0) void this.greet(peer);
    });
  }

  private lose(id: string): void {
    const member = this.live.get(id);
    if (member === undefined || this.closed) return;
    this.live.delete(id);
    member.link.close();
    this.watcher.left(member);
    for (const address of this.dialable.get(id) ?? []) {
      const known = this.addresses.get(address);
      if (known !== undefined) Object.assign(known, { failures: 0, nextTry: this.clock.monotonic() + RETRY_MS });
      else this.know(address, false);
    }
  }

  private upkeep(): void {
    const now = this.clock.monotonic();
    const slept = now - this.lookedAt > UPKEEP_MS + this.peerTimeoutMs / 4;
    this.lookedAt = now;
    for (const member of this.live.values()) {
      const { link } = member;
      if (slept) link.forgive();
      if (link.silentMs() > this.peerTimeoutMs) this.hangUp(member);
      else if (link.silentMs() > this.peerTimeoutMs / 4) this.ping(link);
    }
    this.dialKnown();
    this.after(UPKEEP_MS, () => this.upkeep());
  }

  private ping(link: PeerLink): void {
    // What comes of it is in the link's silence.
    link.ask(FrameKind.hello, encodeHello({ writer: this.writer }), UPKEEP_MS).catch(() => undefined);
  }

  private hangUp(member: Member): void {
    this.lose(member.id);
    for (const connection of this.node.libp2p.getConnections()) {
      if (connection.remotePeer.toString() === member.id) connection.abort(new Error('silent for too long'));
    }
  }

  private dialKnown(): void {
    const now = this.clock.monotonic();
    const self = this.node.libp2p.peerId.toString();
    for (const [address, known] of this.addresses) {
      if (this.dials >= MAX_DIALS) return;
      const id = address.split('/p2p/')[1];
      if (id === self) this.addresses.delete(address);
      if (id === self || known.dialing || known.nextTry > now || (id !== undefined && this.live.has(id))) continue;
      if (id === undefined && this.live.size > 0 && known.failures === 0 && known.nextTry > 0) continue;
      void this.dial(address, known);
    }
  }

  private async dial(address: string, known: KnownAddress): Promise<void> {
    known.dialing = true;
    this.dials += 1;
    try {
      await this.node.dial(address, this.peerTimeoutMs);
      known.failures = 0;
      known.nextTry = this.clock.monotonic() + MAX_RETRY_MS;
    } catch {
      known.failures += 1; // nobody there, or another network: tried again, ever more seldom
      known.nextTry = this.clock.monotonic() + Math.min(RETRY_MS * 2 ** Math.min(known.failures, 10), MAX_RETRY_MS);
      if (known.failures > MAX_FAILURES && !known.keep) this.addresses.delete(address);
    } finally {
      known.dialing = false;
      this.dials -= 1;
    }
  }

  private walkAgain(): void {
    this.after(WALK_EVERY_MS, () => {
      void this.walk();
      this.walkAgain();
    });
  }

  /** Towards ourselves and towards anywhere, so that the table is warm beyond our neighbourhood. */
  private async walk(): Promise<void> {
    for (const towards of [this.node.libp2p.peerId.toMultihash().bytes, randomBytes(32)]) {
      try {
        if (!this.closed) await this.node.lookAround(towards, WALK_TIMEOUT_MS, (found) => this.learn(found));
      } catch {
        // Nobody to ask yet, or not in time: there is another walk.
      }
    }
  }

  private after(delayMs: number, action: () => void): void {
    if (this.closed) return;
    const timer = this.clock.schedule(delayMs, () => {
      this.timers.delete(timer);
      if (!this.closed) action();
    });
    this.timers.add(timer);
  }
}
