import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

interface SigningKey {
  readonly id: string;
  readonly secret: string;
}

/**
 * HMAC-SHA256 over the text of a log message, so that who can write to the server but does not hold the secret cannot
 * speak as an instance. The text names its namespace and its time; the key id allows secrets to be rotated: the first
 * secret signs, every secret verifies.
 */
export class MessageSigner {
  private readonly keys: readonly SigningKey[];

  /** @param secrets newest first; at least one */
  constructor(secrets: readonly string[]) {
    this.keys = secrets.map((secret) => ({
      id: createHash('sha256').update(`larder key id:${secret}`).digest('hex').slice(0, 8),
      secret,
    }));
  }

  sign(text: string): string {
    const key = this.keys[0]!;
    return `${key.id}:${this.mac(key, text)}`;
  }

  verify(text: string, signature: string): boolean {
    const [id, mac] = signature.split(':');
    const key = this.keys.find((known) => known.id === id);
    if (key === undefined || mac === undefined) return false;
    const expected = Buffer.from(this.mac(key, text));
    const given = Buffer.from(mac);
    return expected.length === given.length && timingSafeEqual(expected, given);
  }

  private mac(key: SigningKey, text: string): string {
    return createHmac('sha256', key.secret).update(text).digest('hex');
  }
}
