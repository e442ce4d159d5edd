import { randomInt } from 'node:crypto';

const SUFFIXES = 2 ** 47;

/** A new id, `inv-<Unix ms>-<number>`; the number is random, so that instances need not agree (REQ-003-12). */
export function newRequestId(nowMs: number): string {
  return `inv-${nowMs}-${randomInt(SUFFIXES)}`;
}
