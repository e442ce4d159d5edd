import { randomBytes } from 'node:crypto';
import {
  epochOf,
  isEra,
  isLogId,
  positionOf,
  type Era,
  type LogId,
  type Position,
} from '../../core/coherence/position.js';
import { asList, asText, runScript } from './redis-command.js';
import type { RedisClient } from './redis-connector.js';
import type { RedisKeys } from './redis-keys.js';
import { ATTEST } from './scripts/attest.script.js';

/** What a server proved about the history it holds. */
export interface Attestation {
  readonly kind: 'same' | 'init' | 'bump';
  readonly era: Era;
  readonly lastId: LogId;
  /** Where the history before a bump ends; empty for a history just born. */
  readonly since: Position;
}

/** Asks the server behind a connection which history it holds; before the answer nothing else may be sent to it. */
export class ServerAttestor {
  /** @param policy what a changed history does to older entries: drop them, or hold them until somebody has replayed */
  constructor(
    private readonly keys: RedisKeys,
    private readonly policy: 'floor' | 'hold',
    private readonly shardsOf: (client: RedisClient) => Promise<readonly string[]>,
  ) {}

  /** @param known the latest history this instance has seen; a server that lags behind it has lost something */
  async attest(client: RedisClient, known: Era): Promise<Attestation> {
    const { control, log, predicates } = this.keys;
    const shards = await this.shardsOf(client);
    const args = [freshNonce(), this.policy, known === '' ? '0' : epochOf(known), ...shards];
    const [kind, era, lastId, before] = asList(await runScript(client, ATTEST, [control, log, predicates], args)).map(
      asText,
    );
    if (era === undefined || lastId === undefined || !isEra(era) || !isLogId(lastId)) {
      throw new Error('ERR the control record is not one of ours');
    }
    const since = before === undefined || !isEra(before) ? '' : positionOf(before, lastId);
    return { kind: kind === 'init' || kind === 'bump' ? kind : 'same', era, lastId, since };
  }
}

/** A nonce nobody can have used before. */
function freshNonce(): string {
  return randomBytes(8).toString('hex');
}
