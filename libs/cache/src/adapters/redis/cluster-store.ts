import type { FillPermit } from '../../core/coherence/cache-backend.port.js';
import type { SignedMessage } from '../../core/coherence/log-message.js';
import { positionOf, type Ord, type Position } from '../../core/coherence/position.js';
import { Gatherer } from './gatherer.js';
import { newToken } from './permit-token.js';
import { asList, asText, failureCode, runScript, type Argument, type Reply } from './redis-command.js';
import { headOf, versionOf, type EntryDraft } from './redis-entry.js';
import type { RedisKeys } from './redis-keys.js';
import type { RedisLink } from './redis-link.js';
import type { ResolvedRedisTierOptions } from './redis.options.js';
import { CLAIM, DROP, JUDGE, LOOK, RELEASE_HERE, STORE_HERE, SWEEP_HERE } from './scripts/cluster.script.js';
import { INV } from './scripts/inv.script.js';
import type { Script } from './scripts/script.js';
import { MODE_LETTERS } from './single-slot-store.js';
import type {
  BatchAnswer,
  ExecutedMessage,
  AskedRead,
  KeyAnswer,
  KeyRead,
  MessageTargets,
  ValueStore,
} from './value-store.js';

const JUDGE_BATCH = { items: 256, weight: 1 << 20, inFlight: 4 };
const NO_HEAD = Buffer.alloc(0);

/** What a value slot says. */
interface ShardReply {
  readonly shard: string;
  readonly rest: readonly Reply[];
}

interface Judgement {
  readonly batch: BatchAnswer;
  readonly valid: boolean;
}

/**
 * Redis Cluster: the control record in one slot, each entry with its permit in another. What is one script on one server
 * is two steps here, in an order that keeps the promises (coherence page, 2.3): a read looks at the entry and *then*
 * judges it by the control record; an invalidation drops entries and permits and *then* raises the log. Never the other
 * way round: between the two a reader could fill what the invalidation has already passed.
 */
export class ClusterStore implements ValueStore {
  private readonly judgements = new Gatherer(
    (heads: readonly Buffer[]) => this.judgeTogether(heads),
    JUDGE_BATCH,
    (head) => head.length,
  );

  constructor(
    private readonly link: RedisLink,
    private readonly keys: RedisKeys,
    private readonly options: ResolvedRedisTierOptions,
  ) {}

  ask(read: AskedRead): void {
    this.read(read).then(
      (answer) => read.resolve(answer),
      (error: unknown) => read.reject(error),
    );
  }

  private async read({ key, permitMs, mode }: KeyRead): Promise<KeyAnswer> {
    const args = [Math.ceil(permitMs), newToken(), MODE_LETTERS[mode]];
    const whole = this.onShard(key, LOOK, args);
    // Without its permit the entry can be read all the same, and a miss cannot be filled.
    const [now, answer] = (await whole.catch(unlessSplit(() => this.onSlot([this.keys.entry(key)], LOOK, args)))).rest;
    const { raw, permit } = looked(answer);
    const { batch, valid } = await this.judgements.add(raw === null ? NO_HEAD : headOf(raw));
    const common = { ...batch, now: Number(asText(now)) }; // the clock that wrote the entry's times judges them
    if (raw === null || valid) return { batch: common, raw, permit };
    if (permit !== null) return { batch: common, raw: null, permit };
    return this.read({ key, permitMs, mode: 'drop' });
  }

  async fill(key: string, permit: FillPermit, entry: EntryDraft): Promise<boolean> {
    const args = [permit.token, permit.position, entry.freshMs, entry.keepMs, entry.tail];
    return (await this.onShard(key, STORE_HERE, args)).rest[0] === 1;
  }

  async release(key: string, token: string): Promise<void> {
    await this.onShard(key, RELEASE_HERE, [token]);
  }

  async execute(message: SignedMessage, targets: MessageTargets): Promise<ExecutedMessage> {
    const removed = await Promise.all(targets.keys.map((key) => this.drop(key)));
    const position = await this.raise(message, targets);
    return { position, removed };
  }

  /** The permit claimed first makes the last step lose against any invalidation that comes in between. */
  async put(key: string, entry: EntryDraft, message: SignedMessage): Promise<Position | null> {
    const version = versionOf(entry);
    const token = newToken() + version;
    const { invalidationTimeoutMs } = this.options;
    const claim = [token, invalidationTimeoutMs * 2, version];
    if ((await this.onShard(key, CLAIM, claim, invalidationTimeoutMs)).rest[0] === 0) return null;
    const position = await this.raise(message, { keys: [], tags: [], patterns: [], flush: false });
    await this.fill(key, { token, position }, entry);
    return position;
  }

  async sweep(prey: readonly { readonly redisKey: string; readonly before: Ord }[]): Promise<number> {
    const removed = await Promise.all(
      prey.map(({ redisKey, before }) => this.onSlot([redisKey], SWEEP_HERE, [before])),
    );
    return removed.reduce((sum, { rest }) => sum + Number(rest[0]), 0);
  }

  /**
   * Where entry and permit cannot be reached at once, the permit goes first: from then on nothing older than this
   * invalidation can be stored, and the entry cannot come back.
   */
  private async drop(key: string): Promise<boolean> {
    const limitMs = this.options.invalidationTimeoutMs;
    const inTwo = async (): Promise<ShardReply> => {
      await this.onSlot([this.keys.permit(key)], DROP, [], limitMs);
      return this.onSlot([this.keys.entry(key)], DROP, [], limitMs);
    };
    const { rest } = await this.onShard(key, DROP, [], limitMs).catch(unlessSplit(inTwo));
    return rest[0] === 1;
  }

  private async raise(message: SignedMessage, { tags, patterns, flush }: MessageTargets): Promise<Position> {
    const { control, log, predicates } = this.keys;
    const { logLength, maxTags, maxPatterns, invalidationTimeoutMs } = this.options;
    const era = this.link.era;
    const limits = [flush ? 1 : 0, maxTags, maxPatterns, tags.length];
    const texts = patterns.map((pattern) => JSON.stringify(pattern));
    const args = [era, logLength, message.text, message.signature, ...limits, ...tags, ...texts];
    const reply = await this.link.run(invalidationTimeoutMs, (client) =>
      runScript(client, INV, [control, log, predicates], args),
    );
    return positionOf(era, asText(asList(reply)[0]));
  }

  private async judgeTogether(heads: readonly Buffer[]): Promise<readonly Judgement[]> {
    const args = [this.link.era, ...heads];
    const reply = await this.link.run(this.options.readTimeoutMs, (client) =>
      runScript(client, JUDGE, [this.keys.control], args),
    );
    const [position, patterns, now, shard, flags] = asList(reply).map(asText);
    this.link.recognise(shard!);
    const batch = { position: position!, patterns: patterns!, now: Number(now) };
    return heads.map((_, index) => ({ batch, valid: flags!.charAt(index) === '1' }));
  }

  private onShard(
    key: string,
    script: Script,
    args: readonly Argument[],
    limitMs = this.options.readTimeoutMs,
  ): Promise<ShardReply> {
    return this.onSlot([this.keys.entry(key), this.keys.permit(key)], script, args, limitMs);
  }

  private onSlot(
    keys: readonly string[],
    script: Script,
    args: readonly Argument[],
    limitMs = this.options.readTimeoutMs,
  ): Promise<ShardReply> {
    return this.link.runOnShard(limitMs, async (client) => {
      const [shard, ...rest] = asList(await runScript(client, script, keys, args));
      return { shard: asText(shard), rest };
    });
  }
}

/** While a slot moves, two keys of it may be on different primaries; a script that needs both is refused until it has moved. */
function unlessSplit<T>(instead: () => Promise<T>): (error: unknown) => Promise<T> {
  return (error) => (failureCode(error) === 'TRYAGAIN' ? instead() : Promise.reject(error));
}

function looked(answer: Reply | undefined): Pick<KeyAnswer, 'raw' | 'permit'> {
  if (Buffer.isBuffer(answer)) return { raw: answer, permit: null };
  const [token, elected, raw] = asList(answer);
  return { raw: Buffer.isBuffer(raw) ? raw : null, permit: { token: asText(token), owner: elected === 1 } };
}
