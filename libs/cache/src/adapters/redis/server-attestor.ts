import { randomBytes } from 'node:crypto';
import { Cluster } from 'ioredis';
import type { Clock } from '../../core/clock/clock.port.js';
import { isEra, isLogId, positionOf, type Era, type LogId, type Position } from '../../core/coherence/position.js';
import { asList, asText, inTime, runScript } from './redis-command.js';
import { primariesOf, type RedisClient } from './redis-connector.js';
import type { RedisKeys } from './redis-keys.js';
import { ATTEST } from './scripts/attest.script.js';

/** A server that keeps changing its history is attested at most this often, ms. */
export const REATTEST_INTERVAL_MS = 50;

/** What a server proved about the history it holds. */
export interface Attestation {
  readonly kind: 'same' | 'init' | 'bump';
  readonly era: Era;
  readonly lastId: LogId;
  /** Where the history before a bump ends; empty for a history just born. */
  readonly since: Position;
  /** The shards of a Cluster that have been seen in this history, by their replication ids. */
  readonly shards: readonly string[];
}

/** That of the first connection, and the `bump` that began the history if it was begun here. */
export interface Attestations {
  readonly attestation: Attestation;
  readonly bump: Attestation | null;
}

/** What a server is told to do that was attested before and holds an earlier history than the caller knows; see ATTEST. */
export type WhenBehind = 'bump' | 'yield' | 'take';

/** Asks the server behind a connection which history it holds; before the answer nothing else may be sent to it. */
export class ServerAttestor {
  /** @param policy what a changed history does to older entries: drop them, or hold them until somebody has replayed */
  constructor(
    private readonly keys: RedisKeys,
    private readonly policy: 'floor' | 'hold',
    private readonly clock: Clock,
    private readonly leaseMs: number,
    private readonly limitMs: number,
  ) {}

  /**
   * Asks the server behind each connection, until all hold the same history. Beside it the `bump` that began it, if it
   * was begun here: who begins a history sees to its repair.
   */
  async attestAll(
    clients: readonly RedisClient[],
    known: Era,
    met: string,
    whenBehind: WhenBehind = 'bump',
  ): Promise<Attestations> {
    let latest = known;
    let bump: Attestation | null = null;
    for (;;) {
      const attestations: Attestation[] = [];
      for (const client of clients) {
        const attestation = await inTime(this.clock, this.limitMs, this.attest(client, latest, met, whenBehind));
        if (attestation.era > latest) latest = attestation.era;
        if (attestation.kind === 'bump') bump = attestation;
        attestations.push(attestation);
      }
      const attestation = attestations[0]!;
      if (attestations.every(({ era }) => era === attestation.era)) {
        return { attestation, bump: bump?.era === attestation.era ? bump : null };
      }
      await this.clock.sleep(REATTEST_INTERVAL_MS);
    }
  }

  /**
   * @param known the latest history this instance has seen; a server that lags behind it has lost something
   * @param met a shard that answered and was not among those seen in this history; empty: none
   */
  private async attest(client: RedisClient, known: Era, met: string, whenBehind: WhenBehind): Promise<Attestation> {
    const { control, log, predicates, members } = this.keys;
    const shards = [...(await shardsOf(client)), met].filter((shard) => shard !== '');
    const args = [freshNonce(), this.policy, known === '' ? '0' : known, this.leaseMs, whenBehind, ...shards];
    const reply = asList(await runScript(client, ATTEST, [control, log, predicates, members], args)).map(asText);
    const [kind, era, lastId, before = '', seen = ''] = reply;
    if (kind === 'behind') throw new Error('SUPERSEDED the server holds an earlier history');
    if (era === undefined || lastId === undefined || !isEra(era) || !isLogId(lastId)) {
      throw new Error('ERR the control record is not one of ours');
    }
    return {
      kind: kind === 'init' || kind === 'bump' ? kind : 'same',
      era,
      lastId,
      since: isEra(before) ? positionOf(before, lastId) : '',
      shards: seen.split(' ').filter((shard) => shard !== ''),
    };
  }
}

/** The replication ids of a Cluster's primaries, as far as they answer; each changes when a replica is promoted. */
async function shardsOf(client: RedisClient): Promise<readonly string[]> {
  if (!(client instanceof Cluster)) return [];
  const infos = await Promise.allSettled(primariesOf(client).map((node) => node.info('replication')));
  return infos.flatMap((info) => {
    const id = info.status === 'fulfilled' ? /master_replid:(\w+)/.exec(info.value)?.[1] : undefined;
    return id === undefined ? [] : [id];
  });
}

/** A nonce nobody can have used before. */
function freshNonce(): string {
  return randomBytes(8).toString('hex');
}
