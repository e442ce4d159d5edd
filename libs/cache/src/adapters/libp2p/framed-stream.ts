import type { Stream } from '@libp2p/interface';
import type { NetworkClock } from './network-clock.js';
import { FrameReader, encodeFrame, type Frame, type FrameKind } from './wire-frames.js';
import type { DhtCounters } from './dht-counters.js';

/** Bytes that may wait to be sent on one stream; whoever does not read them is given up. */
const MAX_WAITING_BYTES = 64 * 1024 * 1024;

/** What both ends of a stream share. */
export interface StreamSetting {
  readonly clock: NetworkClock;
  readonly counters: DhtCounters;
  readonly maxFrameBytes: number;
}

/**
 * A long-lived stream of frames over one of libp2p. Frames of one turn leave in one piece; a peer that does not read is given
 * up when too much waits for it, and so is one that sends what is no frame.
 */
export class FramedStream {
  private waiting: Buffer[] = [];
  private waitingBytes = 0;
  private scheduled = false;
  private ended = false;

  constructor(
    private readonly stream: Stream,
    private readonly setting: StreamSetting,
    private readonly onFrame: (frame: Frame) => void,
    private readonly onEnd: () => void,
  ) {
    const reader = new FrameReader(setting.maxFrameBytes);
    stream.inactivityTimeout = Number.MAX_SAFE_INTEGER;
    stream.addEventListener('message', ({ data }) => {
      for (const frame of reader.push(data instanceof Uint8Array ? data : data.subarray())) this.take(frame);
      if (!reader.broken || this.ended) return;
      setting.counters.count('malformed');
      this.abort('a frame that could not be read');
    });
    stream.addEventListener('drain', () => this.flush());
    stream.addEventListener('remoteCloseWrite', () => this.abort('closed by the peer'));
    stream.addEventListener('close', () => this.end());
  }

  /** @returns false: the stream is over */
  send(kind: FrameKind, id: number, payload: Uint8Array): boolean {
    if (this.ended) return false;
    const bytes = encodeFrame({ kind, id, at: this.setting.clock.tick(), payload });
    this.waiting.push(bytes);
    this.waitingBytes += bytes.length;
    if (this.waitingBytes > MAX_WAITING_BYTES) {
      this.abort('a peer that does not read');
      return false;
    }
    if (!this.scheduled) {
      this.scheduled = true;
      queueMicrotask(() => {
        this.scheduled = false;
        this.flush();
      });
    }
    return true;
  }

  /** Bytes that wait to be sent. */
  get backlog(): number {
    return this.waitingBytes;
  }

  abort(reason: string): void {
    if (this.ended) return;
    this.stream.abort(new Error(reason));
    this.end();
  }

  private take(frame: Frame): void {
    if (this.ended) return;
    this.setting.clock.observe(frame.at);
    this.onFrame(frame);
  }

  private flush(): void {
    if (this.ended || this.waiting.length === 0 || this.stream.writableNeedsDrain) return;
    const bytes = this.waiting.length === 1 ? this.waiting[0]! : Buffer.concat(this.waiting);
    this.waiting = [];
    this.waitingBytes = 0;
    try {
      this.stream.send(bytes);
    } catch {
      this.abort('not writable'); // closed between two turns: the owner is told by `onEnd`
    }
  }

  private end(): void {
    if (this.ended) return;
    this.ended = true;
    this.waiting = [];
    this.waitingBytes = 0;
    this.onEnd();
  }
}
