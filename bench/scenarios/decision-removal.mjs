// Scenario K: an invalidation by policy hash that hits 10,000 of 1,000,000 decisions in PostgreSQL. The baseline is the bare
// indexed DELETE of as many rows of the same table, with all its indexes. What is compared is what the decision cache adds:
// the fence, counting and naming what went, the log, the memory of the instance and the audit.
import { CacheModule } from 'nestjs-larder';
import { DecisionCacheModule, DecisionCacheService, InvalidationRequest } from 'nestjs-larder/decision';
import { typeormAudit, typeormDecisions } from 'nestjs-larder/typeorm';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { DataSource } from 'typeorm';
import { startPostgres } from '../../launcher/services.mjs';
import { compare } from '../measure.mjs';

const ENTRIES = 1_000_000;
const AFFECTED = 10_000;
const NAMESPACE = 'bench';
const ROUNDS = 9;
const WARMUPS = 2;
const BARE = 'bare indexed DELETE';

const FILL = `
INSERT INTO larder_decision (namespace, veri_key, policy_hash, signer_set_hash, feed_epoch, epoch_key, input_digests, decision,
  created_at, expires_at, version, fence)
SELECT $1, 'sha256:' || encode(sha256(n::text::bytea), 'hex'), 'policy:' || n / ${AFFECTED}, 'signers:' || n % 1000, 'e' || n % 50,
  int4send(n % 50), '{"sbom":"sha256:0"}', decode(repeat('ab', 200), 'hex'), now(), now() + interval '1 day', n, 0
FROM generate_series(0, ${ENTRIES - 1}) n`;

export async function run() {
  const server = await startPostgres({ fromEnvironment: false });
  const dataSource = await new DataSource({ type: 'postgres', url: server.url }).initialize();
  class Bench {}
  Module({
    imports: [
      CacheModule.forRoot({ namespace: NAMESPACE, audit: typeormAudit({ dataSource }) }),
      DecisionCacheModule.forRoot({ store: typeormDecisions({ dataSource }) }),
    ],
  })(Bench);
  const app = await NestFactory.createApplicationContext(Bench, { logger: false });
  const decisions = app.get(DecisionCacheService);
  console.log(`  filling ${ENTRIES} decisions`);
  await dataSource.query(FILL, [NAMESPACE]);
  await dataSource.query('VACUUM ANALYZE larder_decision');
  await dataSource.query('CHECKPOINT');

  // Each call takes a policy that nobody has removed yet; both take theirs in turn, all over the table.
  let next = 0;
  const takePolicy = () => `policy:${next++}`;
  const contenders = [
    {
      name: BARE,
      run: () =>
        timed(async () => {
          const sql = 'DELETE FROM larder_decision WHERE namespace = $1 AND policy_hash = $2';
          const [, removed] = await dataSource.query(sql, [NAMESPACE, takePolicy()]);
          expectAll(removed);
        }),
    },
    {
      name: 'invalidateBy(policy hash)',
      run: () =>
        timed(async () => {
          const { entriesAffected, wasLogged } = await decisions.invalidateBy(
            InvalidationRequest.byPolicyHash(takePolicy()),
          );
          expectAll(entriesAffected);
          if (!wasLogged) throw new Error('expected the invalidation to be logged');
        }),
    },
  ];
  const result = await compare(contenders, { baseline: BARE, rounds: ROUNDS, warmups: WARMUPS });
  await app.close();
  await dataSource.destroy();
  await server.stop();
  return result;
}

/** @returns {Promise<number>} ns */
async function timed(work) {
  const start = process.hrtime.bigint();
  await work();
  return Number(process.hrtime.bigint() - start);
}

function expectAll(removed) {
  if (removed !== AFFECTED) throw new Error(`expected ${AFFECTED} decisions to go, got ${removed}`);
}
