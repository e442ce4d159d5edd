import { asText, runScript } from './redis-command.js';
import type { RedisKeys } from './redis-keys.js';
import type { RedisLink } from './redis-link.js';
import { KEEP } from './scripts/upkeep.script.js';

/** Room for later entries, so that a slightly longer life does not cost a round trip each time. */
const HEADROOM = 1.25;

/**
 * Puts the longest physical life of any entry on record in the control record, *before* the first such entry is stored:
 * only then may a tag's position be forgotten once it is older than that (coherence page, 2.2).
 */
export class KeepRecord {
  private covered = 0;
  private era = '';
  /** A record under way: a burst of fills needs one, not one each. */
  private recording: { readonly era: string; readonly wanted: number; readonly done: Promise<void> } | null = null;

  constructor(
    private readonly link: RedisLink,
    private readonly keys: RedisKeys,
    private readonly limitMs: number,
  ) {}

  async cover(keepMs: number): Promise<void> {
    const era = this.link.era;
    if (era === this.era && keepMs <= this.covered) return;
    if (this.recording === null || this.recording.era !== era || this.recording.wanted < keepMs) {
      const wanted = Math.ceil(keepMs * HEADROOM);
      const recording = { era, wanted, done: this.record(era, wanted) };
      this.recording = recording;
      const over = (): void => {
        if (this.recording === recording) this.recording = null;
      };
      recording.done.then(over, over);
    }
    await this.recording.done;
  }

  private async record(era: string, wanted: number): Promise<void> {
    const recorded = await this.link.run(this.limitMs, (client) =>
      runScript(client, KEEP, [this.keys.control], [era, wanted]),
    );
    if (era !== this.era) this.covered = 0;
    this.era = era;
    this.covered = Math.max(this.covered, wanted, Number(asText(recorded)));
  }
}
