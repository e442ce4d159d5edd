import { isInvalidation, targetsOf, type Invalidation } from './invalidation.js';
import type { MessageSigner } from './message-signature.js';

/** A message is one log entry; invalidations appended at about the same time share one. */
export const LOG_MESSAGE_VERSION = 1;
export const MAX_MESSAGE_BYTES = 64 * 1024;
export const MAX_MESSAGE_TARGETS = 1000;

/** As it travels: text, and a signature that is empty where no secret is configured. */
export interface SignedMessage {
  readonly text: string;
  readonly signature: string;
}

export interface LogMessage {
  readonly invalidations: readonly Invalidation[];
  /** True: each instance reports at once how far it has come, because somebody waits for all of them. */
  readonly acknowledge: boolean;
}

interface WireMessage {
  readonly v: number;
  readonly ns: string;
  /** Unix ms of the sender: for people, and so that two messages never have the same signature. */
  readonly ts: number;
  readonly ack?: true;
  readonly batch: readonly Invalidation[];
}

/** Writes and reads the messages of one namespace. Whatever arrives, reading never throws. */
export class LogMessageCodec {
  constructor(
    private readonly namespace: string,
    private readonly signer: MessageSigner | null,
  ) {}

  encode(message: LogMessage, sentAt: number): SignedMessage {
    const wire: WireMessage = {
      v: LOG_MESSAGE_VERSION,
      ns: this.namespace,
      ts: sentAt,
      ...(message.acknowledge ? { ack: true } : {}),
      batch: message.invalidations,
    };
    const text = JSON.stringify(wire);
    return { text, signature: this.signer === null ? '' : this.signer.sign(text) };
  }

  decode({ text, signature }: SignedMessage): LogMessage | 'unreadable' | 'forged' {
    if (this.signer !== null && !this.signer.verify(text, signature)) return 'forged';
    if (Buffer.byteLength(text) > MAX_MESSAGE_BYTES) return 'unreadable';
    const wire = parse(text);
    if (wire === null || wire.v !== LOG_MESSAGE_VERSION) return 'unreadable';
    if (wire.ns !== this.namespace) return 'forged'; // signed for another namespace, or written by a stranger
    if (!Array.isArray(wire.batch) || !wire.batch.every(isInvalidation)) return 'unreadable';
    const targets = wire.batch.reduce((sum, invalidation) => sum + targetsOf(invalidation), 0);
    if (targets > MAX_MESSAGE_TARGETS) return 'unreadable';
    return { invalidations: wire.batch, acknowledge: wire.ack === true };
  }
}

function parse(text: string): Partial<WireMessage> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : null;
  } catch {
    return null; // not JSON: the caller treats it as unreadable
  }
}
