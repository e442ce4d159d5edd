import type { EventClass } from '../decorators/method-declarations.js';

/** An event that invalidates, declared in the options (REQ-002-28). */
export interface EventMapping {
  /** The event's name, or its class. */
  readonly event: string | EventClass;
  /** Patterns over local keys, e.g. `get_user:*`. */
  readonly keys?: readonly string[];
  /** Tags. */
  readonly tags?: readonly string[];
  /** The scope whose keys are meant. @default every scope of the application */
  readonly scope?: string;
}
