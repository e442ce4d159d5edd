import { epochOf, millisecondsOf, logIdAt, type LogId } from '../../core/coherence/position.js';
import type { Clock } from '../../core/clock/clock.port.js';
import { MAX_PERMIT_MS } from './entry-limits.js';
import { runScript } from './redis-command.js';
import type { RedisKeys } from './redis-keys.js';
import type { RedisLink } from './redis-link.js';
import { PRUNE } from './scripts/upkeep.script.js';

const STEP_FIELDS = 1000;
const PAUSE_MS = 1;
/** Below this nothing is worth looking through, and above the limit this share stays. */
const FEW_TAGS = 1000;
const KEPT_SHARE = 0.9;

/**
 * Bounds the tags of the control record (coherence page, 2.2). A tag last invalidated longer ago than any entry lives is
 * forgotten; above the limit the oldest are, after the floor was raised to the youngest of them.
 */
export class TagPruning {
  constructor(
    private readonly link: RedisLink,
    private readonly keys: RedisKeys,
    private readonly clock: Clock,
    private readonly maxTags: number,
    private readonly limitMs: number,
  ) {}

  /** Looks the record through in small steps; returns how many tags were forgotten. */
  async run(): Promise<number> {
    const era = this.link.era;
    const [count, keep, last] = await this.link.run(this.limitMs, async (client) => [
      await client.hlen(this.keys.control),
      Number((await client.hget(this.keys.control, 'k')) ?? 0),
      (await client.hget(this.keys.control, 'l')) ?? '',
    ]);
    if (count < Math.min(FEW_TAGS, this.maxTags) || last === '') return 0;
    const tags = await this.tags();
    const outlived = logIdAt(Math.max(0, millisecondsOf(last) - keep - MAX_PERMIT_MS));
    const overflow = this.overflowOf(tags);
    const cutoff = overflow !== null && overflow > outlived ? overflow : outlived;
    const floor = cutoff === overflow ? epochOf(era) + cutoff : '';
    const doomed = [...tags].filter(([, id]) => id <= cutoff).map(([field]) => field);
    let forgotten = 0;
    for (let from = 0; from < doomed.length; from += STEP_FIELDS) {
      const fields = doomed.slice(from, from + STEP_FIELDS);
      forgotten += Number(
        await this.link.run(this.limitMs, (client) =>
          runScript(client, PRUNE, [this.keys.control], [era, cutoff, floor, ...fields]),
        ),
      );
      await this.clock.sleep(PAUSE_MS);
    }
    return forgotten;
  }

  /** The id up to which tags must go so that enough room is left; `null` when there is. */
  private overflowOf(tags: ReadonlyMap<string, LogId>): LogId | null {
    if (tags.size <= this.maxTags) return null;
    const ids = [...tags.values()].sort();
    return ids[tags.size - Math.floor(this.maxTags * KEPT_SHARE) - 1] ?? null;
  }

  private async tags(): Promise<Map<string, LogId>> {
    const tags = new Map<string, LogId>();
    let cursor = '0';
    do {
      const [next, pairs] = await this.link.run(this.limitMs, (client) =>
        client.hscan(this.keys.control, cursor, 'MATCH', 't:*', 'COUNT', STEP_FIELDS),
      );
      cursor = next;
      for (let index = 0; index + 1 < pairs.length; index += 2) tags.set(pairs[index]!, pairs[index + 1]!.slice(8));
      await this.clock.sleep(PAUSE_MS);
    } while (cursor !== '0');
    return tags;
  }
}
