import { randomUUID } from 'node:crypto';
import type { Clock } from '../../core/clock/clock.port.js';

interface HeldPermit {
  readonly token: string;
  readonly expiresAt: number;
}

/** Bound (I19). The oldest permit leaves; its fill is refused. */
const MAX_PERMITS = 100_000;

/** Who of this instance may fill which key. A network has no election of its own: each instance elects one of its callers. */
export class PermitBook {
  private readonly permits = new Map<string, HeldPermit>();
  private readonly series = randomUUID();
  private given = 0;

  constructor(private readonly clock: Clock) {}

  /** `owner`: the caller was elected; otherwise the permit is another caller's. */
  ask(key: string, permitMs: number): { readonly token: string; readonly owner: boolean } {
    const now = this.clock.monotonic();
    const held = this.permits.get(key);
    if (held !== undefined && held.expiresAt > now) return { token: held.token, owner: false };
    this.given += 1;
    const token = `${this.series}:${this.given}`;
    this.permits.delete(key);
    this.permits.set(key, { token, expiresAt: now + permitMs });
    if (this.permits.size > MAX_PERMITS) this.permits.delete(this.permits.keys().next().value!);
    return { token, owner: true };
  }

  /** Uses a permit up; false: it is gone. */
  use(key: string, token: string): boolean {
    const held = this.permits.get(key);
    if (held === undefined || held.token !== token) return false;
    this.permits.delete(key);
    return held.expiresAt > this.clock.monotonic();
  }

  release(key: string, token: string): void {
    if (this.permits.get(key)?.token === token) this.permits.delete(key);
  }

  revoke(key: string): void {
    this.permits.delete(key);
  }
}
