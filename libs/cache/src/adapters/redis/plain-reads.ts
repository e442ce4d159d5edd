import { eraOfPosition, ordOfPosition, positionOf } from '../../core/coherence/position.js';
import { readSummary, type ControlSummary } from './control-summary.js';
import { HitForecast } from './hit-forecast.js';
import type { Reply } from './redis-command.js';
import { freshPosition, tagsOf } from './redis-entry.js';
import type { RedisLink } from './redis-link.js';
import type { ResidentTags } from './resident-tags.js';
import type { BatchAnswer, KeyAnswer, KeyRead } from './value-store.js';

/**
 * Hits judged here, without a script: entries are read beside the summary of the control record, in one `MGET`, which is
 * one instant of the server. The summary says which history and floor hold, and when a tag was last invalidated. An entry
 * stamped since then is valid. For an older one the instance must have applied everything up to the summary's position;
 * then it knows by itself what became of the entry's tags. Everything else (a miss, an expired entry, one of an earlier
 * history, any doubt) is left to GETP, which is asked at once where that is to be expected.
 */
export class PlainReads {
  private readonly forecast = new HitForecast();

  constructor(
    private readonly link: Pick<RedisLink, 'era' | 'follower' | 'heartbeat'>,
    private readonly tags: ResidentTags,
  ) {}

  /** True where a plain read is worth trying. */
  worthwhile({ mode }: KeyRead): boolean {
    return mode === 'get' && this.forecast.likely;
  }

  /** The hits among entries read together with the summary, which comes last; `null`: the server is to judge. */
  judge(reply: readonly Reply[]): readonly (KeyAnswer | null)[] {
    const raws = reply.slice(0, -1) as (Buffer | null)[];
    const summary = readSummary(reply.at(-1) as Buffer | null);
    const now = this.link.heartbeat.serverClock.atMost(this.link.era);
    if (summary === null || now === null || summary.era !== this.link.era) return raws.map(() => this.counted(null));
    const batch = { position: positionOf(summary.era, summary.lastId), patterns: summary.patterns, now };
    return raws.map((raw) => this.counted(raw !== null && this.valid(raw, summary, now) ? hit(batch, raw) : null));
  }

  /** Takes note of what GETP answered: whether a plain read would have done. */
  learn({ raw, permit, batch: { now } }: KeyAnswer): void {
    const position = raw === null || permit !== null ? '' : freshPosition(raw, now);
    const judgeable = position !== '' && eraOfPosition(position) === this.link.era;
    this.forecast.seen(judgeable && this.tags.untouched(ordOfPosition(position), tagsOf(raw!)));
  }

  private valid(raw: Buffer, summary: ControlSummary, now: number): boolean {
    const position = freshPosition(raw, now);
    if (position === '' || eraOfPosition(position) !== summary.era) return false;
    const stamp = ordOfPosition(position);
    if (stamp < summary.floor) return false;
    if (stamp >= summary.lastTag) return true;
    return this.followedUpTo(summary) && this.tags.untouched(stamp, tagsOf(raw));
  }

  /** True when nothing stands in the log that has not been applied here. */
  protected followedUpTo({ lastId }: ControlSummary): boolean {
    return this.link.follower.appliedId >= lastId;
  }

  private counted(answer: KeyAnswer | null): KeyAnswer | null {
    this.forecast.seen(answer !== null);
    return answer;
  }
}

function hit(batch: BatchAnswer, raw: Buffer): KeyAnswer {
  return { batch, raw, permit: null };
}
