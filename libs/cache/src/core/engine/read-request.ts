import type { L1Entry } from './l1-entry.js';
import type { ReadCounters } from './read-counters.js';
import type { ReadPolicy } from './read-policy.js';

/** One read as the road sees it. */
export interface ReadRequest {
  readonly key: string;
  readonly scope: string;
  readonly action: string;
  readonly policy: ReadPolicy;
  /** Where the read is counted. */
  readonly counters: ReadCounters;
  /** Runs the method. Its errors pass unchanged. */
  readonly load: () => unknown;
  /** The tags of a loaded value, the scope's implicit tag included. */
  readonly tagsOf: (value: unknown) => readonly string[];
  /** True: return the value, keep nothing. */
  readonly unless: ((value: unknown) => boolean) | null;
  /** Told of the entry when one is installed, so that the action can reach it by its raw argument. */
  readonly onInstalled: ((entry: L1Entry) => void) | null;
  /** True where one call of the method answers many such reads: the span is that call's. @default false */
  readonly gathered?: boolean;
  /** Told when the read begins to wait for somebody else's load. */
  readonly onWaiting?: (() => void) | undefined;
  /** Told what answers: `memory`, the backend's name, `flight` for another's load, or `source`. */
  readonly onAnswered?: ((tier: string) => void) | undefined;
}
