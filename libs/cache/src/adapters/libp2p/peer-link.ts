import type { Stream } from '@libp2p/interface';
import type { Clock, Timer } from '../../core/clock/clock.port.js';
import { CacheError } from '../../core/errors/cache-error.js';
import { FramedStream, type StreamSetting } from './framed-stream.js';
import { FrameKind, type Frame } from './wire-frames.js';

interface PendingRequest {
  readonly sentAt: number;
  readonly onPage: ((payload: Uint8Array) => void) | null;
  readonly resolve: (payload: Uint8Array) => void;
  readonly reject: (error: unknown) => void;
  timer: Timer;
}

/**
 * One node's questions to another: many at a time over one stream, answered in any order. A question ends in bounded time.
 */
export class PeerLink {
  private readonly pending = new Map<number, PendingRequest>();
  private readonly stream: FramedStream;
  private next = 0;
  private heardAt: number;
  private over = false;

  constructor(
    stream: Stream,
    setting: StreamSetting,
    private readonly clock: Clock,
    private readonly onEnd: () => void,
  ) {
    this.heardAt = clock.monotonic();
    this.stream = new FramedStream(
      stream,
      setting,
      (frame) => this.answer(frame),
      () => this.end(),
    );
  }

  get closed(): boolean {
    return this.over;
  }

  /** How long the oldest question has waited while nothing was heard, ms; 0: all is answered. */
  waitingMs(): number {
    const oldest = this.pending.values().next().value;
    if (oldest === undefined) return 0;
    return Math.max(0, this.clock.monotonic() - Math.max(oldest.sentAt, this.heardAt));
  }

  /** How long nothing was heard, ms. Says something only of a peer that is asked now and then. */
  silentMs(): number {
    return this.clock.monotonic() - this.heardAt;
  }

  /** Begins to count the silence anew: it was we who slept. */
  forgive(): void {
    this.heardAt = this.clock.monotonic();
  }

  /**
   * @param onPage told of each piece of an answer in pieces but the last
   * @throws CacheError `LARDER_TIER_UNAVAILABLE` where no answer comes in time
   */
  ask(
    kind: FrameKind,
    payload: Uint8Array,
    timeoutMs: number,
    onPage: PendingRequest['onPage'] = null,
  ): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      this.next = (this.next + 1) % 0xffff_ffff;
      const id = this.next;
      if (!this.stream.send(kind, id, payload)) return reject(noAnswer('a closed connection'));
      const sentAt = this.clock.monotonic();
      const expire = () => this.settle(id)?.reject(noAnswer('no answer in time'));
      this.pending.set(id, { sentAt, onPage, resolve, reject, timer: this.clock.schedule(timeoutMs, expire) });
    });
  }

  close(): void {
    this.stream.abort('closed');
  }

  private answer({ kind, id, payload }: Frame): void {
    this.heardAt = this.clock.monotonic();
    if (kind === FrameKind.page) this.pending.get(id)?.onPage?.(payload);
    else if (kind === FrameKind.reply) this.settle(id)?.resolve(payload);
    else if (kind === FrameKind.refused) this.settle(id)?.reject(noAnswer('a refusal'));
  }

  private settle(id: number): PendingRequest | undefined {
    const request = this.pending.get(id);
    this.pending.delete(id);
    request?.timer.cancel();
    return request;
  }

  private end(): void {
    this.over = true;
    for (const id of this.pending.keys()) this.settle(id)?.reject(noAnswer('a lost connection'));
    this.onEnd();
  }
}

function noAnswer(got: string): CacheError {
  return new CacheError(
    'LARDER_TIER_UNAVAILABLE',
    `Expected an answer from a node of the network, got ${got}. The method runs without the tier meanwhile.`,
  );
}
