import type { Redis } from 'ioredis';
import { nonceOf, ordOf, positionOf, type Era, type Ord, type Position } from '../../core/coherence/position.js';
import {
  RecordAccelerator,
  type ReadExtent,
  type RecordReading,
  type RecordToStore,
  type StandingRecord,
} from '../../core/coherence/record-accelerator.port.js';
import type { KeepRecord } from './keep-record.js';
import { RecordsCommand } from './record-request.js';
import { asList, asText, runScript, type Argument, type Reply } from './redis-command.js';
import { tierUnavailable } from './redis-failures.js';
import { recordKey, type RedisKeys } from './redis-keys.js';
import type { RedisLink } from './redis-link.js';
import { encodeRecord, isRecord, leftOf, measureOf, PAYLOAD_AT, payloadEnd, seedOf } from './redis-record.js';
import { RECORDS, STORE_RECORDS } from './scripts/record.script.js';
import { NO_CONTROL_RECORD, STALE_ERA } from './scripts/script.js';

/** What the control record says to a reader. */
interface Control {
  readonly position: Position;
  /** An older record is not valid. */
  readonly notBefore: Ord;
  readonly nonce: string;
}

/** What a read asks for. */
interface Asked {
  /** What the Redis keys of the records begin with. */
  readonly start: string;
  readonly keys: readonly Uint8Array[];
  readonly extent: ReadExtent;
}

interface Answer {
  readonly control: Control;
  /** Per key. */
  readonly values: readonly Reply[];
  /** The server's clock, ms. */
  readonly now: number;
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

  override async read(
    group: string,
    keys: readonly Uint8Array[],
    tags: readonly string[],
    extent: ReadExtent = 'all',
  ): Promise<RecordReading> {
    const asked = { start: this.keys.recordStart(group), keys, extent };
    const fields = [...CONTROL_FIELDS, ...tags.map((tag) => `t:${tag}`)];
    const { era } = this.link;
    try {
      const answer = this.clustered
        ? await this.readSlots(asked, fields, era)
        : await this.link.run(this.limitMs, (client) =>
            readTogether(client as Redis, this.keys.control, asked, fields, era),
          );
      return this.judged(asked, answer);
    } catch (error) {
      throw tierUnavailable(error);
    }
  }

  override async store(group: string, reading: RecordReading, records: readonly RecordToStore[]): Promise<void> {
    if (records.length === 0) return;
    const start = this.keys.recordStart(group);
    const seed = seedOf(start);
    const keys = records.map(({ key }) => recordKey(start, key));
    const args: Argument[] = [];
    let longestMs = 0;
    for (const [index, { key, payload, order, lifeMs }] of records.entries()) {
      const deadline = Math.floor(reading.now + lifeMs);
      const inPlace = this.spoiled.get(reading)?.has(keys[index]!) === true ? 1 : 0;
      args.push(deadline, encodeRecord(seed, key, reading.position, { order, deadline, payload }), inPlace);
      longestMs = Math.max(longestMs, lifeMs);
    }
    try {
      await this.keep.cover(longestMs); // so long the positions of their tags must not be forgotten
      await this.link.runAside(this.limitMs, (client) => runScript(client, STORE_RECORDS, keys, args));
    } catch (error) {
      throw tierUnavailable(error);
    }
  }

  override async drop(group: string, keys: readonly Uint8Array[]): Promise<void> {
    if (keys.length === 0) return;
    const start = this.keys.recordStart(group);
    try {
      await this.link.runAside(this.limitMs, (client) => client.unlink(keys.map((key) => recordKey(start, key))));
    } catch (error) {
      throw tierUnavailable(error);
    }
  }

  private judged({ start, keys, extent }: Asked, { control, values, now }: Answer): RecordReading {
    const { position, notBefore, nonce } = control;
    const measure = measureOf(notBefore, nonce, now);
    const seed = seedOf(start);
    const spoiled = new Set<string>();
    let ended = false;
    const records = keys.map((key, index): StandingRecord | null => {
      const raw = values[index];
      if (ended || raw === null || raw === undefined) return null;
      if (!Buffer.isBuffer(raw) || !isRecord(seed, key, raw)) {
        spoiled.add(recordKey(start, key));
        return null;
      }
      const leftMs = leftOf(raw, measure);
      if (leftMs <= 0) return null;
      ended = extent === 'first';
      return { bytes: raw, start: PAYLOAD_AT, end: payloadEnd(raw), leftMs };
    });
    const reading = { position, now, records, rejected: spoiled.size };
    if (spoiled.size > 0) this.spoiled.set(reading, spoiled);
    return reading;
  }

  private async readSlots({ start, keys }: Asked, fields: readonly string[], era: Era): Promise<Answer> {
    // With no key to read, one that is never stored finds the slot, whose clock is asked for.
    const asked = keys.length > 0 ? keys.map((key) => recordKey(start, key)) : [start];
    const reading = this.link.runAside(this.limitMs, (client) => runScript(client, RECORDS, asked, []));
    const judging = this.link.run(this.limitMs, async (client) =>
      controlOf(asList((await client.hmgetBuffer(this.keys.control, ...fields)) as Reply), era),
    );
    const [reply, control] = await Promise.all([reading, judging]);
    const [now, ...values] = asList(reply);
    return { control, values, now: Number(now) };
  }
}

/** All in one write. */
async function readTogether(
  client: Redis,
  control: string,
  { start, keys }: Asked,
  fields: readonly string[],
  era: Era,
): Promise<Answer> {
  const { stream, options } = client;
  stream.cork();
  process.nextTick(() => stream.uncork());
  const reading =
    keys.length > 0 ? client.sendCommand(new RecordsCommand((options.keyPrefix ?? '') + start, keys)) : [];
  const judging = client.hmgetBuffer(control, ...fields);
  const timing = client.time();
  const [values, judges, time] = await Promise.all([reading, judging, timing]);
  const [seconds, micros] = time.map(Number);
  return {
    control: controlOf(judges, era),
    values: asList(values as Reply),
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
  const end = ordOf(era, last);
  if (notBefore.length !== end.length || notBefore > end) throw new Error('ERR the control record contradicts itself');
  return { position, notBefore, nonce: nonceOf(era) };
}
