import type { LogFollower } from '../../core/coherence/log-follower.js';
import type { LogMessageCodec } from '../../core/coherence/log-message.js';
import { isEra, isLogId, type LogId } from '../../core/coherence/position.js';
import type { Clock } from '../../core/clock/clock.port.js';
import { asList, asText, inTime, type Reply } from './redis-command.js';
import type { RedisClient } from './redis-connector.js';

/** How long one XREAD waits for news, ms, and after how long without its answer the connection counts as dead. */
const BLOCK_MS = 1000;
const DEAD_MS = 3000;
const MESSAGES_PER_READ = 500;

/**
 * Reads the log's stream, blocking, on a connection of its own, and hands each message to the follower. It resumes after
 * the last message *applied*, so a lost reply costs nothing.
 */
export class LogReader {
  constructor(
    private readonly stream: string,
    private readonly codec: LogMessageCodec,
    private readonly follower: LogFollower,
    private readonly clock: Clock,
    /** Told when a message asks every instance to report. */
    private readonly onAcknowledge: () => void,
  ) {}

  /** One read. Returns the number of messages; rejects when the connection is of no use. */
  async step(client: RedisClient): Promise<number> {
    const lineage = this.follower.lineage;
    const from = streamId(this.follower.appliedId);
    const reply = await inTime(
      this.clock,
      DEAD_MS,
      client.callBuffer('xread', 'COUNT', MESSAGES_PER_READ, 'BLOCK', BLOCK_MS, 'STREAMS', this.stream, from),
    );
    const [, entries] = asList(asList(reply as Reply)[0]);
    const messages = asList(entries);
    let report = false;
    for (const entry of messages) {
      if (this.follower.lineage !== lineage) break; // attached elsewhere meanwhile: these were read for another position
      report = this.deliver(asList(asList(entry)[1])) || report;
    }
    if (report) this.onAcknowledge();
    return messages.length;
  }

  private deliver(fields: readonly Reply[]): boolean {
    const field = new Map<string, string>();
    for (let index = 0; index + 1 < fields.length; index += 2)
      field.set(asText(fields[index]), asText(fields[index + 1]));
    const era = field.get('e') ?? '';
    const id = field.get('i') ?? '';
    if (!isEra(era) || !isLogId(id)) return false; // written by a stranger; the chain tells if one of ours is missing
    const message = this.codec.decode({ text: field.get('m') ?? '', signature: field.get('a') ?? '' });
    const content = typeof message === 'string' ? message : message.invalidations;
    this.follower.message({ era, previous: field.get('v') ?? '', id, content });
    return typeof message !== 'string' && message.acknowledge;
  }
}

/** `ms-seq`, as Redis writes it. */
function streamId(id: LogId): string {
  return `${Number.parseInt(id.slice(0, 12), 16)}-${Number.parseInt(id.slice(12), 16)}`;
}
