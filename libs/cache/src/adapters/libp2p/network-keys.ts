import { createHash, createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import { frameHash } from './placement.js';

/** Bytes of the seal behind whatever travels or is stored. */
export const SEAL_BYTES = 16;

/**
 * All that separates one network from another, derived from its id, the namespace and the secret: who holds another of the
 * three cannot connect, finds no protocol to speak, and can forge nothing.
 */
export class NetworkKeys {
  /** Names protocol and topic; says nothing of the secret. */
  readonly name: string;
  private readonly sealing: Buffer;
  private readonly connecting: Buffer;
  private readonly identity: string;

  constructor(network: string, namespace: string, secret: string) {
    this.identity = JSON.stringify([network, namespace]);
    this.name = createHash('sha256').update(`larder dht:${this.identity}`).digest('hex').slice(0, 32);
    const derive = (use: string) => Buffer.from(hkdfSync('sha256', secret, this.identity, `larder dht ${use}`, 32));
    this.sealing = derive('seal');
    this.connecting = derive('connect');
  }

  /** The network's key in the form that libp2p reads. */
  get swarmKey(): Uint8Array {
    return Buffer.from(`/key/swarm/psk/1.0.0/\n/base16/\n${this.connecting.toString('hex')}`);
  }

  /** Where a record lies. */
  placeOf(recordKey: string): string {
    return frameHash(`${this.identity}\n${recordKey}`);
  }

  /** The bytes and their seal behind them. */
  seal(body: Uint8Array): Buffer {
    return Buffer.concat([body, this.sealOf(body)]);
  }

  /** What was sealed, without its seal; `null`: by somebody who does not hold the secret, or damaged. */
  open(sealed: Uint8Array): Uint8Array | null {
    const end = sealed.length - SEAL_BYTES;
    if (end < 0) return null;
    const body = sealed.subarray(0, end);
    return timingSafeEqual(this.sealOf(body), sealed.subarray(end)) ? body : null;
  }

  private sealOf(body: Uint8Array): Buffer {
    return createHmac('sha256', this.sealing).update(body).digest().subarray(0, SEAL_BYTES);
  }
}
