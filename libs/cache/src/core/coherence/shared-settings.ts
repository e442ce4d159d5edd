/** Names a note in the log that says "the settings have changed, read them again"; it is the tag of no entry. */
export const SETTINGS_TAG = '%settings';

/**
 * A few short texts by name that every instance of a namespace reads: what operators have set while the application runs.
 * Kept beside the control record of the log, without an end. Every call may reject.
 */
export interface SharedSettings {
  /** What is set; `null`: nothing was ever set, or the server has lost it. */
  read(): Promise<ReadonlyMap<string, string> | null>;
  /** Sets texts, or takes them away with `null`, all in one step. */
  write(changes: ReadonlyMap<string, string | null>): Promise<void>;
}
