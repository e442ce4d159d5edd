import { SystemClock } from '../clock/system-clock.js';
import { CommitPosition } from './commit-position.js';

const clock = new SystemClock();

/** What more is known of a receipt. */
export interface ReceiptDetails {
  /** How many rows the write recorded; lets a wait tell "not committed" from "done". @default unknown */
  readonly rows?: number;
  /** Unix ms. @default now */
  readonly createdAtMs?: number;
}

/** What a write returns after recording its intents: where they stand, to be waited for. */
export class InvalidationReceipt {
  readonly commitPosition: CommitPosition;
  readonly createdAtMs: number;
  readonly rows: number | null;

  constructor(
    readonly namespace: string,
    commitPosition: CommitPosition | string,
    details: ReceiptDetails = {},
  ) {
    this.commitPosition = CommitPosition.from(commitPosition);
    this.createdAtMs = details.createdAtMs ?? clock.wall();
    this.rows = details.rows ?? null;
  }
}
