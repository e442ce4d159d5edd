import type { Clock } from '../../core/clock/clock.port.js';
import type {
  EntryFault,
  TierEntryState,
  TierInspection,
  TierSurvey,
  TierSurveyRequest,
} from '../../core/coherence/tier-inspection.js';
import type { PatternPredicates } from './pattern-predicates.js';
import { asList, asText, runScript, type Argument, type Reply } from './redis-command.js';
import { primariesOf, type RedisClient } from './redis-connector.js';
import { decodeEntry, headOf } from './redis-entry.js';
import type { RedisKeys } from './redis-keys.js';
import type { RedisLink } from './redis-link.js';
import { INSPECT } from './scripts/inspect.script.js';

/** A step of SCAN looks at so many keys of the server. */
const STEP_KEYS = 512;
/** Of an entry so much is fetched at first, bytes; and where its tags reach beyond that, the longest head there is. */
const USUAL_HEAD = 512;
const LONGEST_HEAD = 17_000;
/** Entries judged at a time: each head is sent back to the server. */
const JUDGED_AT_ONCE = 128;
const FAULTS: Readonly<Record<string, EntryFault | null>> = { v: null, t: 'tag', f: 'floor', h: 'history' };

interface Head {
  readonly key: string;
  readonly raw: Buffer;
  readonly bytes: number;
}

/** What Redis holds, for operators: SCAN in small steps on every primary, never KEYS; heads of entries, never values. */
export class RedisTierInspection implements TierInspection {
  constructor(
    private readonly link: RedisLink,
    private readonly keys: RedisKeys,
    private readonly predicates: PatternPredicates,
    private readonly clock: Clock,
    private readonly limitMs: number,
  ) {}

  async survey({ matches, prefix, maxKeys, budgetMs }: TierSurveyRequest): Promise<TierSurvey> {
    const until = this.clock.monotonic() + budgetMs;
    const found = new Map<string, number>();
    const glob = this.keys.entryGlobOf(prefix);
    let complete = true;
    const over = (): boolean => this.clock.monotonic() >= until || found.size >= maxKeys;
    for (const node of await this.link.run(this.limitMs, async (client) => primariesOf(client))) {
      for (let cursor: string | null = null; cursor !== '0';) {
        if (over()) return surveyOf(found, maxKeys, false);
        const from: string = cursor ?? '0';
        const step = this.link.run(this.limitMs, () => node.scan(from, 'MATCH', glob, 'COUNT', STEP_KEYS));
        const [next, redisKeys] = await step;
        cursor = next;
        const wanted: string[] = [];
        for (const redisKey of redisKeys) {
          const key = this.keys.keyOf(redisKey);
          if (key === null) complete = false; // of a long key only its hash is known here
          if (typeof key === 'string' && !found.has(key) && matches(key)) wanted.push(key);
        }
        for (let at = 0; at < wanted.length && !over(); at += JUDGED_AT_ONCE) {
          const slice = wanted.slice(at, at + JUDGED_AT_ONCE);
          const states = await this.entries(slice);
          states.forEach((state, index) => {
            if (state !== null && state.fault === null) found.set(slice[index]!, state.bytes);
          });
        }
        await this.clock.sleep(0);
      }
    }
    return surveyOf(found, maxKeys, complete && !over());
  }

  async entries(keys: readonly string[]): Promise<readonly (TierEntryState | null)[]> {
    const states = new Map<string, TierEntryState>();
    for (let at = 0; at < keys.length; at += JUDGED_AT_ONCE) {
      const heads = await this.heads(keys.slice(at, at + JUDGED_AT_ONCE));
      if (heads.length === 0) continue;
      const { now, flags } = await this.inspect([], heads);
      heads.forEach((head, index) => {
        const state = this.stateOf(head, flags.charAt(index), now);
        if (state !== null) states.set(head.key, state);
      });
    }
    return keys.map((key) => states.get(key) ?? null);
  }

  async tagOrds(tags: readonly string[]): Promise<readonly string[]> {
    return tags.length === 0 ? [] : (await this.inspect(tags, [])).ords;
  }

  private async heads(keys: readonly string[]): Promise<readonly Head[]> {
    const heads = await this.link.run(this.limitMs, (client) =>
      Promise.all(keys.map((key) => headAt(client, key, this.keys.entry(key)))),
    );
    return heads.filter(({ raw }) => raw.length > 0);
  }

  private async inspect(tags: readonly string[], heads: readonly Head[]) {
    const args: Argument[] = [this.link.era, tags.length, ...tags, ...heads.map(({ raw }) => raw)];
    const reply: Reply[] = asList(
      await this.link.run(this.limitMs, (client) => runScript(client, INSPECT, [this.keys.control], args)),
    );
    const [patterns, now, ...rest] = reply.map(asText);
    await this.predicates.reach(patterns!);
    return { now: Number(now), ords: rest.slice(0, tags.length), flags: rest.at(-1)! };
  }

  private stateOf({ key, raw, bytes }: Head, flag: string, now: number): TierEntryState | null {
    const entry = decodeEntry(raw, now);
    if (entry === null || entry.keepMs <= 0) return null;
    const { tags, freshMs, keepMs } = entry;
    const fault = this.predicates.doom(key, raw) === null ? FAULTS[flag]! : 'pattern';
    return { fault, position: raw.toString('latin1', 0, 44), tags, freshMs, keepMs, bytes };
  }
}

async function headAt(client: RedisClient, key: string, redisKey: string): Promise<Head> {
  const [usual, bytes] = await Promise.all([
    client.getrangeBuffer(redisKey, 0, USUAL_HEAD - 1),
    client.strlen(redisKey),
  ]);
  const whole = usual.length < USUAL_HEAD || decodeEntry(usual, 0) !== null;
  const raw = whole ? usual : await client.getrangeBuffer(redisKey, 0, LONGEST_HEAD - 1);
  return { key, raw: headOf(raw), bytes };
}

function surveyOf(found: ReadonlyMap<string, number>, maxKeys: number, complete: boolean): TierSurvey {
  const entries = [...found].slice(0, maxKeys);
  return { keys: entries.map(([key]) => key), bytes: entries.reduce((sum, [, bytes]) => sum + bytes, 0), complete };
}
