import type { LogListener, ResetCause } from '../../core/coherence/invalidation-log.port.js';
import type { Invalidation } from '../../core/coherence/invalidation.js';
import { SETTINGS_TAG } from '../../core/coherence/shared-settings.js';

/** Follows the log for others, and hears in it that settings have changed. */
export class SettingsFollower implements LogListener {
  constructor(
    private readonly others: readonly LogListener[],
    private readonly changed: () => void,
  ) {}

  apply(invalidation: Invalidation, position: string): void {
    for (const other of this.others) other.apply(invalidation, position);
    if (invalidation.tags.includes(SETTINGS_TAG)) this.changed();
  }

  /** Messages may have been missed, and the server may have lost more than messages. */
  reset(cause: ResetCause): void {
    for (const other of this.others) other.reset(cause);
    this.changed();
  }
}
