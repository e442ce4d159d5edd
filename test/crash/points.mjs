// @ts-check
/** Where a process may be killed, in the order in which a write and its invalidation pass. */

/** The claims of a dead process lapse after this time. */
export const CLAIM_TTL_MS = 300;
/** The pause of a worker that finds nothing to do. */
export const POLL_MS = 50;

/**
 * A `writer` commits and rolls back, and publishes its own commits over the fast path. A `worker` drains what others have
 * written; `mood` is what its applier does meanwhile.
 *
 * @typedef {'willing' | 'slow' | 'cut off' | 'refusing' | 'stopped'} Mood
 * @typedef {{ name: string, role: 'writer' } | { name: string, role: 'worker', mood: Mood }} CrashPoint
 */

/** @type {readonly CrashPoint[]} */
export const CRASH_POINTS = [
  { role: 'writer', name: 'transaction begun' },
  { role: 'writer', name: 'data written' },
  { role: 'writer', name: 'savepoint released' },
  { role: 'writer', name: 'intents recorded' },
  { role: 'writer', name: 'COMMIT under way' },
  { role: 'writer', name: 'COMMIT answered' },
  { role: 'writer', name: 'fast path begun' },
  { role: 'writer', name: 'fast path claimed' },
  { role: 'writer', name: 'fast path applied' },
  { role: 'writer', name: 'fast path marked' },
  { role: 'writer', name: 'caller answered' },
  { role: 'worker', mood: 'willing', name: 'before claim' },
  { role: 'worker', mood: 'willing', name: 'claimed' },
  { role: 'worker', mood: 'willing', name: 'applying' },
  { role: 'worker', mood: 'willing', name: 'applied' },
  { role: 'worker', mood: 'willing', name: 'marking' },
  { role: 'worker', mood: 'willing', name: 'marked' },
  { role: 'worker', mood: 'slow', name: 'before renewal' },
  { role: 'worker', mood: 'slow', name: 'renewed' },
  { role: 'worker', mood: 'cut off', name: 'before release' },
  { role: 'worker', mood: 'cut off', name: 'released' },
  { role: 'worker', mood: 'refusing', name: 'before failure mark' },
  { role: 'worker', mood: 'refusing', name: 'failure marked' },
  { role: 'worker', mood: 'stopped', name: 'stopping' },
  { role: 'worker', mood: 'stopped', name: 'stopped' },
];
