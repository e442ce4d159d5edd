// Scenario: lookups of 80 candidates in an index of a million rows. The baseline in PostgreSQL is the statement alone, through
// the same pool. In Redis it is a bare pipelined read: the keys of the same 80 records, the fields of the control record that
// judge them and the server's clock, as buffers, on one connection with the options of the tier's own, and nothing is made of
// the answer. Beside it: the least that answers the question (MGET, and count, tier and expiry read by hand, nothing judged),
// and a pipeline of 80 GETs. What is looked up is made before the clock starts.
import { deepEqual } from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { CacheModule } from 'nestjs-larder';
import { PrefixIndex, PrefixIndexModule, TtlTier } from 'nestjs-larder/prefix';
import { redis } from 'nestjs-larder/redis';
import { typeormPrefixes } from 'nestjs-larder/typeorm';
import { DataSource } from 'typeorm';
import { startPostgres, startRedis } from '../../launcher/services.mjs';
import { compare, costOfAwaited } from '../measure.mjs';

const ROWS = 1_000_000;
const CANDIDATES = 80;
const PRINCIPALS = 1_000;
const LOOKUPS = 200;
/** Of a read in Redis, which is short: many small samples, so that what else the machine does falls on all alike. */
const READS = 20;
const PAYLOAD_AT = 57;
const FIELDS = [
  'e',
  'l',
  'f',
  'h',
  ...['all', `principal:${principal(1)}`, 'model:model', 'tokenizer:v1'].map((tag) => `t:%prefix:${tag}`),
];
const BY_HAND = `SELECT prefix_hash, cumulative_token_count, ttl_tier, expires_at FROM prompt_cache_entries
  WHERE principal_id = $1 AND virtual_model = $2 AND tokenizer_version = $3 AND prefix_hash = ANY ($4) AND expires_at > now()`;
const SEED = `INSERT INTO prompt_cache_entries
    (principal_id, virtual_model, tokenizer_version, prefix_hash, cumulative_token_count, ttl_tier, expires_at)
  SELECT ('00000000-0000-4000-8000-' || lpad((n % ${PRINCIPALS})::text, 12, '0'))::uuid, 'model', 'v1',
    sha256(('prefix ' || n)::bytea), n % 100000, '24h', now() + interval '1 day'
  FROM generate_series(0, ${ROWS - 1}) n`;

export async function run() {
  const [postgres, server] = [
    await startPostgres({ fromEnvironment: false }),
    await startRedis({ fromEnvironment: false }),
  ];
  const dataSource = await new DataSource({ type: 'postgres', url: postgres.url }).initialize();
  const store = typeormPrefixes({ dataSource });
  await store.open();
  await dataSource.query(SEED);
  await dataSource.query('VACUUM ANALYZE prompt_cache_entries');
  const results = {};
  console.log(`  PostgreSQL alone: ${CANDIDATES} candidates, ${ROWS} rows, a quarter of the candidates known`);
  const plain = await gateway(dataSource, null);
  const questions = Array.from({ length: LOOKUPS }, (_, n) => question(n));
  results.postgres = await compare(
    [
      { name: 'the statement by hand', run: () => costOfAwaited(LOOKUPS, (n) => byHand(dataSource, questions[n])) },
      { name: 'PrefixIndex.lookup', run: () => costOfAwaited(LOOKUPS, (n) => look(plain.index, questions[n])) },
    ],
    { baseline: 'the statement by hand', rounds: 9 },
  );
  await plain.app.close();

  console.log(`  Redis in front: ${CANDIDATES} candidates, all known there`);
  const fast = await gateway(dataSource, server.url);
  const { scope, hashes } = known(1);
  await fast.index.lookup(scope, hashes);
  await sleep(500);
  const client = new Redis(server.url, { protocol: 2, enableOfflineQueue: false, lazyConnect: true });
  await client.connect();
  const keys = (await client.keys('larder:{bench}:x:*')).sort();
  if (keys.length !== CANDIDATES) throw new Error(`expected ${CANDIDATES} records, got ${keys.length}`);
  assertSame(await decoded(client, keys), await fast.index.lookup(scope, hashes));
  const before = fast.index.counters.storeLookups;
  const bare = 'a bare pipelined read: MGET, HMGET, TIME';
  results.redis = await compare(
    [
      { name: bare, run: () => costOfAwaited(READS, () => pipelined(client, keys)) },
      { name: 'the same, decoded by hand', run: () => costOfAwaited(READS, () => decoded(client, keys)) },
      { name: 'MGET alone', run: () => costOfAwaited(READS, () => client.mgetBuffer(...keys)) },
      { name: '80 GETs in one pipeline', run: () => costOfAwaited(READS, () => gets(client, keys)) },
      { name: 'PrefixIndex.lookup', run: () => costOfAwaited(READS, () => fast.index.lookup(scope, hashes)) },
      { name: 'PrefixIndex.longest', run: () => costOfAwaited(READS, () => fast.index.longest(scope, hashes)) },
    ],
    { baseline: bare, rounds: 201, warmups: 50 },
  );
  if (fast.index.counters.storeLookups !== before)
    throw new Error('expected Redis to answer, and the database was asked');
  client.disconnect();
  await fast.app.close();
  await dataSource.destroy();
  await server.stop();
  await postgres.stop();
  return results;
}

async function gateway(dataSource, redisUrl) {
  class Gateway {}
  Module({
    imports: [
      CacheModule.forRoot({ namespace: 'bench', ...(redisUrl === null ? {} : { backend: redis({ url: redisUrl }) }) }),
      PrefixIndexModule.forRoot({ store: typeormPrefixes({ dataSource }), sweep: false, softTimeout: '5s' }),
    ],
  })(Gateway);
  const app = await NestFactory.createApplicationContext(Gateway, { logger: false });
  return { app, index: app.get(PrefixIndex) };
}

function principal(n) {
  return `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;
}

const hashOf = (text) => createHash('sha256').update(text).digest();

/** A quarter of them is there. */
function candidates(n) {
  const of = n % PRINCIPALS;
  return Array.from({ length: CANDIDATES }, (_, at) =>
    at % 4 === 0 ? hashOf(`prefix ${of + PRINCIPALS * ((n + at) % 1000)}`) : hashOf(`${n} ${at}`),
  );
}

function known(of) {
  const hashes = Array.from({ length: CANDIDATES }, (_, at) => hashOf(`prefix ${of + PRINCIPALS * at}`));
  return { scope: { principalId: principal(of), virtualModel: 'model', tokenizerVersion: 'v1' }, hashes };
}

function question(n) {
  return {
    scope: { principalId: principal(n % PRINCIPALS), virtualModel: 'model', tokenizerVersion: 'v1' },
    hashes: candidates(n),
  };
}

function byHand(dataSource, { scope, hashes }) {
  return dataSource.query(BY_HAND, [scope.principalId, scope.virtualModel, scope.tokenizerVersion, hashes]);
}

async function look(index, { scope, hashes }) {
  const found = await index.lookup(scope, hashes);
  if (found.length !== CANDIDATES / 4) throw new Error(`expected ${CANDIDATES / 4} matches, got ${found.length}`);
}

function pipelined(client, keys) {
  return client
    .pipeline()
    .mgetBuffer(...keys)
    .hmgetBuffer('larder:{bench}:ctl', ...FIELDS)
    .time()
    .exec();
}

function gets(client, keys) {
  const commands = client.pipeline();
  for (const key of keys) commands.getBuffer(key);
  return commands.exec();
}

/** By the layouts of `redis-record.ts` and `prefix-record.ts`. */
async function decoded(client, keys) {
  const [[, records]] = await pipelined(client, keys);
  return records.map((raw) => ({
    cumulativeTokenCount: raw.readUInt32BE(PAYLOAD_AT + 1),
    ttlTier: TtlTier.all[raw[PAYLOAD_AT + 23]],
    expiresAt: new Date(raw.readUIntBE(PAYLOAD_AT + 5, 6)),
  }));
}

/** What is compared answers the same. */
function assertSame(byHand, found) {
  const told = (entries) =>
    entries
      .map(({ cumulativeTokenCount, ttlTier, expiresAt }) => [cumulativeTokenCount, `${ttlTier}`, +expiresAt].join())
      .sort();
  deepEqual(told(byHand), told(found));
}
