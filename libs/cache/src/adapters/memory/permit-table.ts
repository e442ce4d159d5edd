import { replaceOldest } from '../../core/bounds/replace-oldest.js';
import type { FillPermit } from '../../core/coherence/cache-backend.port.js';
import type { Clock } from '../../core/clock/clock.port.js';

/** Bound (I19): beyond it the oldest permits are forgotten, and their fills refused. */
const MAX_PERMITS = 100_000;

interface HeldPermit {
  readonly token: string;
  readonly expiresAt: number;
}

/** The permits of a tier: who was elected to load each key, and may fill it. Absent means refuse. */
export class PermitTable {
  private given = 0;
  private readonly held = new Map<string, HeldPermit>();

  constructor(private readonly clock: Clock) {}

  /** The permit of a key, and whether its asker was elected by asking. */
  ask(key: string, permitMs: number): { readonly token: string; readonly owner: boolean } {
    const held = this.held.get(key);
    const now = this.clock.wall();
    if (held !== undefined && held.expiresAt > now) return { token: held.token, owner: false };
    this.given += 1;
    const token = `permit-${this.given}`;
    replaceOldest(this.held, key, { token, expiresAt: now + permitMs }, MAX_PERMITS);
    return { token, owner: true };
  }

  stands(key: string, { token }: FillPermit): boolean {
    const held = this.held.get(key);
    return held !== undefined && held.token === token && held.expiresAt > this.clock.wall();
  }

  release(key: string, { token }: FillPermit): void {
    if (this.held.get(key)?.token === token) this.held.delete(key);
  }

  revoke(key: string): void {
    this.held.delete(key);
  }

  clear(): void {
    this.held.clear();
  }
}
