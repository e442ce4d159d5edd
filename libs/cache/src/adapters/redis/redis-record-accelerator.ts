import { nonceOf, ordOf, positionOf, type Era, type Ord, type Position } from '../../core/coherence/position.js';
import {
  RecordAccelerator,
  type RecordReading,
  type RecordToStore,
  type StandingRecord,
} from '../../core/coherence/record-accelerator.port.js';
import type { KeepRecord } from './keep-record.js';
import { asList, asText, runScript, type Argument, type Reply } from './redis-command.js';
import type { RedisClient } from './redis-connector.js';
import { tierUnavailable } from './redis-failures.js';
import type { RedisKeys } from './redis-keys.js';
import type { RedisLink } from './redis-link.js';
import { decodeRecord, encodeRecord } from './redis-record.js';
import { RECORDS, STORE_RECORDS } from './scripts/record.script.js';
import { NO_CONTROL_RECORD, STALE_ERA } from './scripts/script.js';

/** What the control record says to a reader. */
interface Control {
  readonly position: Position;
  /** An older record is not valid. */
  readonly notBefore: Ord;
  readonly nonce: string;
}

const CONTROL_FIELDS = ['e', 'l', 'f', 'h'] as const;

/**
 * Records in Redis. A read is plain commands in one write (the records, then the control record with the positions of their
 * tags, then the server's clock) and is judged here: no script, no permit. Only records of the present history count; those of
 * an earlier one on its path are read from the durable store once more, which costs less than to tell them.
 *
 * In a Cluster records and control record lie in two slots, which are asked at the same time. The order does not matter: an
 * invalidation that was acknowledged before the read began stands in the control record, and what was stored since carries a
 * later stamp.
 */
export class RedisRecordAccelerator extends RecordAccelerator {
  /** Of a reading: keys under which something stands that is no record; what is stored after it takes its place. */
  private readonly spoiled = new WeakMap<RecordReading, ReadonlySet<string>>();

  constructor(
    private readonly link: RedisLink,
    private readonly keys: RedisKeys,
    private readonly keep: KeepRecord,
    private readonly clustered: boolean,
    private readonly limitMs: number,
  ) {
    super();
  }

  override available(): boolean {
    return this.link.readable;
  }

  override async read(group: string, keys: readonly Uint8Array[], tags: readonly string[]): Promise<RecordReading> {
    const redisKeys = keys.map((key) => this.keys.record(group, key));
    const fields = [...CONTROL_FIELDS, ...tags.map((tag) => `t:${tag}`)];
    const { era } = this.link;
    try {
      const { control, values, now } = this.clustered
        ? await this.readSlots(group, redisKeys, fields, era)
        : await this.link.run(this.limitMs, (client) =>
            readTogether(client, this.keys.control, redisKeys, fields, era),
          );
      const { reading, spoiled } = judged(redisKeys, values, control, now);
      if (spoiled.size > 0) this.spoiled.set(reading, spoiled);
      return reading;
    } catch (error) {
      throw tierUnavailable(error);
    }
  }

  override async store(group: string, reading: RecordReading, records: readonly RecordToStore[]): Promise<void> {
    const keys: string[] = [];
    const args: Argument[] = [];
    let longestMs = 0;
    for (const { key, payload, order, lifeMs } of records) {
      const redisKey = this.keys.record(group, key);
      const deadline = Math.floor(reading.now + lifeMs);
      keys.push(redisKey);
      const inPlace = this.spoiled.get(reading)?.has(redisKey) === true ? 1 : 0;
      args.push(deadline, encodeRecord(redisKey, reading.position, { order, deadline, payload }), inPlace);
      longestMs = Math.max(longestMs, lifeMs);
    }
    if (keys.length === 0) return;
    try {
      await this.keep.cover(longestMs); // so long the positions of their tags must not be forgotten
      await this.link.runAside(this.limitMs, (client) => runScript(client, STORE_RECORDS, keys, args));
    } catch (error) {
      throw tierUnavailable(error);
    }
  }

  override async drop(group: string, keys: readonly Uint8Array[]): Promise<void> {
    if (keys.length === 0) return;
    try {
      await this.link.runAside(this.limitMs, (client) =>
        client.unlink(keys.map((key) => this.keys.record(group, key))),
      );
    } catch (error) {
      throw tierUnavailable(error);
    }
  }

  private async readSlots(group: string, redisKeys: readonly string[], fields: readonly string[], era: Era) {
    // With no key to read, one that is never stored finds the slot, whose clock is asked for.
    const asked = redisKeys.length > 0 ? redisKeys : [this.keys.record(group, new Uint8Array(0))];
    const reading = this.link.runAside(this.limitMs, (client) => runScript(client, RECORDS, asked, []));
    const judging = this.link.run(this.limitMs, async (client) =>
      controlOf(asList((await client.hmgetBuffer(this.keys.control, ...fields)) as Reply), era),
    );
    const [reply, control] = await Promise.all([reading, judging]);
    const [now, ...values] = asList(reply);
    return { control, values, now: Number(now) };
  }
}

async function readTogether(
  client: RedisClient,
  control: string,
  redisKeys: readonly string[],
  fields: readonly string[],
  era: Era,
): Promise<{ readonly control: Control; readonly values: readonly Reply[]; readonly now: number }> {
  const commands = client.pipeline();
  if (redisKeys.length > 0) commands.mgetBuffer(...redisKeys);
  commands.hmgetBuffer(control, ...fields).time();
  const replies = (await commands.exec()) ?? [];
  const failed = replies.find(([error]) => error !== null)?.[0];
  if (failed) throw failed;
  const answers = replies.map(([, answer]) => answer as Reply);
  const [seconds, micros] = asList(answers.at(-1)).map(Number);
  return {
    control: controlOf(asList(answers.at(-2)), era),
    values: redisKeys.length > 0 ? asList(answers[0]) : [],
    now: seconds! * 1000 + Math.floor(micros! / 1000),
  };
}

/** @throws where the server holds another history than the one this instance is attached to, which is attested then */
function controlOf(reply: readonly Reply[], era: Era): Control {
  const [found, last, floor, ...barriers] = reply.map(asText);
  if (!found || !last || !floor) throw new Error(`${NO_CONTROL_RECORD} the control record is missing`);
  if (found !== era) throw new Error(`${STALE_ERA} the log is of another history`);
  const notBefore = barriers.reduce((latest, ord) => (ord > latest ? ord : latest), floor);
  const position = positionOf(era, last);
  // A record is stamped with the log's last position: nothing in it can stand beyond that.
  if (notBefore > ordOf(era, last)) throw new Error('ERR the control record contradicts itself');
  return { position, notBefore, nonce: nonceOf(era) };
}

function judged(
  redisKeys: readonly string[],
  values: readonly Reply[],
  { position, notBefore, nonce }: Control,
  now: number,
): { readonly reading: RecordReading; readonly spoiled: ReadonlySet<string> } {
  const spoiled = new Set<string>();
  const records = redisKeys.map((redisKey, index): StandingRecord | null => {
    const raw = values[index];
    if (raw === null || raw === undefined) return null;
    const record = Buffer.isBuffer(raw) ? decodeRecord(redisKey, raw) : null;
    if (record === null) {
      spoiled.add(redisKey);
      return null;
    }
    if (record.nonce !== nonce || record.ord < notBefore || record.deadline <= now) return null;
    return { payload: record.payload, leftMs: record.deadline - now };
  });
  return { reading: { position, now, records, rejected: spoiled.size }, spoiled };
}
