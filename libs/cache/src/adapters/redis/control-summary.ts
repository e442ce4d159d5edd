import type { Era, LogId, Ord } from '../../core/coherence/position.js';

/**
 * What of the control record decides whether an entry of the present history is valid, as the scripts write it (SUMMARY):
 *
 *     0    era (24)
 *     24   last id of the log (20)
 *     44   floor: entries stamped before it are invalid (28)
 *     72   ord of the last pattern invalidation (28); zeros: none
 *     100  ord of the last tag invalidation (28); zeros: none
 */
export interface ControlSummary {
  readonly era: Era;
  readonly lastId: LogId;
  readonly floor: Ord;
  readonly patterns: Ord;
  readonly lastTag: Ord;
}

const LENGTH = 128;
const NOTHING = '0'.repeat(28);

/** `null` for anything else; a summary that is missing is one. */
export function readSummary(raw: Buffer | null): ControlSummary | null {
  if (raw === null || raw.length !== LENGTH) return null;
  const text = raw.toString('latin1', 0, LENGTH);
  return {
    era: text.slice(0, 24),
    lastId: text.slice(24, 44),
    floor: text.slice(44, 72),
    patterns: none(text.slice(72, 100)),
    lastTag: none(text.slice(100, LENGTH)),
  };
}

/** Zeros stand for nothing. */
function none(ord: Ord): Ord {
  return ord === NOTHING ? '' : ord;
}
