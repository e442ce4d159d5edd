import type { Position } from './position.js';

/** What to look for in a shared tier, and what that may cost. */
export interface TierSurveyRequest {
  /** Whether a full key is looked for. */
  readonly matches: (key: string) => boolean;
  /** What every such key begins with; `''` where nothing is known. */
  readonly prefix: string;
  /** Most keys found; the survey ends with them. */
  readonly maxKeys: number;
  /** The survey ends after this time, ms; the step under way is finished. */
  readonly budgetMs: number;
}

/** What a shared tier holds of what was looked for: entries that were invalidated before are not among it. */
export interface TierSurvey {
  /** Each once, in no order. */
  readonly keys: readonly string[];
  /** What their entries take in the tier. */
  readonly bytes: number;
  /** False: not everything was looked at, so the figures are the least there is. */
  readonly complete: boolean;
}

/**
 * Why an entry that is held is never served again: its key, a tag of it or a pattern was invalidated later than its stamp;
 * it is older than the floor of the namespace (a flush, or knowledge that was folded); its history is not on the log's path.
 */
export type EntryFault = 'key' | 'tag' | 'pattern' | 'floor' | 'history';

/** What a shared tier holds for one key; never its value. */
export interface TierEntryState {
  readonly fault: EntryFault | null;
  /** The log's position when the value was about to be read from its source. */
  readonly position: Position;
  readonly tags: readonly string[];
  /** What is left of its fresh life, ms; negative: expired, kept for grace alone. */
  readonly freshMs: number;
  readonly keepMs: number;
  readonly bytes: number;
}

/**
 * What a shared tier can tell operators of its content, beside the read road: nothing is given, taken or elected by
 * asking. Every call may reject; it then says nothing.
 */
export interface TierInspection {
  /** Looks for keys in small steps that leave room for the work of others. */
  survey(request: TierSurveyRequest): Promise<TierSurvey>;
  /** What is held for each of these keys, `null` for nothing. */
  entries(keys: readonly string[]): Promise<readonly (TierEntryState | null)[]>;
  /** Where each of these tags was last invalidated; `''`: not since the floor, as far as is known. */
  tagOrds(tags: readonly string[]): Promise<readonly string[]>;
}
