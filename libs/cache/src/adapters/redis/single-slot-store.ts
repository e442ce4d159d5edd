import type { FillPermit } from '../../core/coherence/cache-backend.port.js';
import type { SignedMessage } from '../../core/coherence/log-message.js';
import { positionOf, type Ord, type Position } from '../../core/coherence/position.js';
import { Gatherer } from './gatherer.js';
import { asList, asText, runScript, type Argument, type Reply } from './redis-command.js';
import type { EntryDraft } from './redis-entry.js';
import type { PlainReads } from './plain-reads.js';
import type { RedisKeys } from './redis-keys.js';
import type { RedisLink } from './redis-link.js';
import type { ResolvedRedisTierOptions } from './redis.options.js';
import { GETP } from './scripts/getp.script.js';
import { INV } from './scripts/inv.script.js';
import { SWEEP } from './scripts/predicates.script.js';
import { PUT } from './scripts/put.script.js';
import { newToken } from './permit-token.js';
import { RELEASE, SETF } from './scripts/setf.script.js';
import type { Script } from './scripts/script.js';
import type { AskedRead, ExecutedMessage, KeyAnswer, KeyRead, MessageTargets, ValueStore } from './value-store.js';

/** Several batches under way keep the server busy while replies are read here; measured, see `docs/redis.md`. */
const READ_BATCH = { items: 128, weight: Number.POSITIVE_INFINITY, inFlight: 4 };
/** A burst of cold keys must not queue up more fills than are stored well within the time a command may take. */
const FILL_BATCH = { items: 64, weight: 1_000_000, inFlight: 2 };
export const MODE_LETTERS = { get: 'g', renew: 'r', drop: 'd' } as const;

interface Fill {
  readonly key: string;
  readonly permit: FillPermit;
  readonly entry: EntryDraft;
}

/** One server (or a Sentinel group): everything of a namespace lies in one slot, so each operation is one atomic script. */
export class SingleSlotStore implements ValueStore {
  private readonly reads = new Gatherer((batch: readonly AskedRead[]) => this.readTogether(batch), READ_BATCH);

  private readonly plainReads = new Gatherer((batch: readonly AskedRead[]) => this.readPlainly(batch), READ_BATCH);

  private readonly fills = new Gatherer(
    (batch: readonly Fill[]) => this.fillTogether(batch),
    FILL_BATCH,
    ({ entry }) => entry.tail.length,
  );

  constructor(
    private readonly link: RedisLink,
    private readonly keys: RedisKeys,
    private readonly options: ResolvedRedisTierOptions,
    private readonly plain: PlainReads,
  ) {}

  ask(read: AskedRead): void {
    (this.plain.worthwhile(read) ? this.plainReads : this.reads).join(read, read);
  }

  fill(key: string, permit: FillPermit, entry: EntryDraft): Promise<boolean> {
    return this.fills.add({ key, permit, entry });
  }

  async release(key: string, token: string): Promise<void> {
    await this.run(this.options.readTimeoutMs, RELEASE, [this.keys.permit(key)], [token]);
  }

  async execute(message: SignedMessage, targets: MessageTargets): Promise<ExecutedMessage> {
    const { control, log, predicates } = this.keys;
    const { logLength, maxTags, maxPatterns, invalidationTimeoutMs } = this.options;
    const era = this.link.era;
    const keys = [control, log, predicates];
    for (const key of targets.keys) keys.push(this.keys.entry(key), this.keys.permit(key));
    const limits = [targets.flush ? 1 : 0, maxTags, maxPatterns, targets.tags.length];
    const patterns = targets.patterns.map((pattern) => JSON.stringify(pattern));
    const args = [era, logLength, message.text, message.signature, ...limits, ...targets.tags, ...patterns];
    const [id, removed] = asList(await this.run(invalidationTimeoutMs, INV, keys, args)).map(asText);
    return { position: positionOf(era, id!), removed: Array.from(removed!, (flag) => flag === '1') };
  }

  async put(key: string, entry: EntryDraft, message: SignedMessage): Promise<Position | null> {
    const era = this.link.era;
    const { logLength, invalidationTimeoutMs } = this.options;
    const keys = [this.keys.control, this.keys.log, this.keys.entry(key), this.keys.permit(key)];
    const args = [era, logLength, message.text, message.signature, entry.freshMs, entry.keepMs, entry.tail];
    const id = asText(await this.run(invalidationTimeoutMs, PUT, keys, args));
    return id === '' ? null : positionOf(era, id);
  }

  async sweep(prey: readonly { readonly redisKey: string; readonly before: Ord }[]): Promise<number> {
    const keys = prey.map(({ redisKey }) => redisKey);
    return Number(
      await this.run(
        this.options.readTimeoutMs,
        SWEEP,
        keys,
        prey.map(({ before }) => before),
      ),
    );
  }

  private async fillTogether(fills: readonly Fill[]): Promise<readonly boolean[]> {
    const keys = fills.flatMap(({ key }) => [this.keys.entry(key), this.keys.permit(key)]);
    const args = fills.flatMap(({ permit: { token, position }, entry: { freshMs, keepMs, tail } }) => [
      token,
      position,
      freshMs,
      keepMs,
      tail,
    ]);
    const stored = asText(await this.run(this.options.readTimeoutMs, SETF, keys, args));
    return Array.from(stored, (letter) => letter === '1');
  }

  private async readTogether(reads: readonly KeyRead[]): Promise<readonly KeyAnswer[]> {
    const keys = [this.keys.control];
    let permitMs = 0;
    let modes = '';
    for (const { key, permitMs: wanted, mode } of reads) {
      keys.push(this.keys.entry(key));
      permitMs = Math.max(permitMs, wanted);
      modes += MODE_LETTERS[mode];
    }
    const args = [this.link.era, Math.ceil(permitMs), newToken(), modes];
    const answers = answersOf(asList(await this.run(this.options.readTimeoutMs, GETP, keys, args)), reads.length);
    for (const answer of answers) this.plain.learn(answer);
    return answers;
  }

  /** What cannot be judged here the server is asked to judge. */
  private async readPlainly(reads: readonly AskedRead[]): Promise<readonly (KeyAnswer | null)[]> {
    const keys = reads.map(({ key }) => this.keys.entry(key));
    keys.push(this.keys.summary);
    const reply = await this.link.run(this.options.readTimeoutMs, (client) => client.mgetBuffer(keys));
    const answers = this.plain.judge(reply);
    answers.forEach((answer, index) => {
      if (answer === null) this.reads.join(reads[index]!, reads[index]!);
    });
    return answers;
  }

  private run(limitMs: number, script: Script, keys: readonly string[], args: readonly Argument[]): Promise<Reply> {
    return this.link.run(limitMs, (client) => runScript(client, script, keys, args));
  }
}

/** Reads GETP's reply; see there. */
export function answersOf(reply: readonly Reply[], count: number): readonly KeyAnswer[] {
  const batch = { position: asText(reply[0]), patterns: asText(reply[1]), now: Number(asText(reply[2])) };
  const answers: KeyAnswer[] = [];
  for (let index = 0; index < count; index += 1) {
    const answer = reply[3 + index];
    if (Array.isArray(answer)) {
      const [token, elected, raw] = answer;
      const permit = { token: asText(token), owner: elected === 1 };
      answers.push({ batch, raw: Buffer.isBuffer(raw) ? raw : null, permit });
    } else {
      answers.push({ batch, raw: answer as Buffer, permit: null });
    }
  }
  return answers;
}
