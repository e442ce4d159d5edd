// Scenario: lookups of 80 candidates in an index of a million rows. The baseline in PostgreSQL is the statement alone, through
// the same pool; in Redis it is the MGET of the same keys alone, on one ioredis connection.
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { CacheModule } from 'nestjs-larder';
import { PrefixIndex, PrefixIndexModule } from 'nestjs-larder/prefix';
import { redis } from 'nestjs-larder/redis';
import { typeormPrefixes } from 'nestjs-larder/typeorm';
import { DataSource } from 'typeorm';
import { startPostgres, startRedis } from '../../launcher/services.mjs';
import { compare, costOfAwaited } from '../measure.mjs';

const ROWS = 1_000_000;
const CANDIDATES = 80;
const PRINCIPALS = 1_000;
const LOOKUPS = 200;
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
  results.postgres = await compare(
    [
      { name: 'the statement by hand', run: () => costOfAwaited(LOOKUPS, (n) => byHand(dataSource, n)) },
      { name: 'PrefixIndex.lookup', run: () => costOfAwaited(LOOKUPS, (n) => look(plain.index, n)) },
    ],
    { baseline: 'the statement by hand', rounds: 9 },
  );
  await plain.app.close();

  console.log(`  Redis in front: ${CANDIDATES} candidates, all known there`);
  const fast = await gateway(dataSource, server.url);
  const { scope, hashes } = known(1);
  await fast.index.lookup(scope, hashes);
  await sleep(500);
  const client = new Redis(server.url);
  const keys = await client.keys('larder:{bench}:x:*');
  if (keys.length !== CANDIDATES) throw new Error(`expected ${CANDIDATES} records, got ${keys.length}`);
  const before = fast.index.counters.storeLookups;
  results.redis = await compare(
    [
      { name: 'MGET by hand', run: () => costOfAwaited(LOOKUPS, () => client.mgetBuffer(keys)) },
      {
        name: 'MGET, HMGET, TIME by hand, in one pipeline',
        run: () => costOfAwaited(LOOKUPS, () => pipelined(client, keys)),
      },
      { name: 'PrefixIndex.lookup', run: () => costOfAwaited(LOOKUPS, () => fast.index.lookup(scope, hashes)) },
      { name: 'PrefixIndex.longest', run: () => costOfAwaited(LOOKUPS, () => fast.index.longest(scope, hashes)) },
    ],
    { baseline: 'MGET, HMGET, TIME by hand, in one pipeline', rounds: 9 },
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

const principal = (n) => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;
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

function byHand(dataSource, n) {
  return dataSource.query(BY_HAND, [principal(n % PRINCIPALS), 'model', 'v1', candidates(n)]);
}

async function look(index, n) {
  const scope = { principalId: principal(n % PRINCIPALS), virtualModel: 'model', tokenizerVersion: 'v1' };
  const found = await index.lookup(scope, candidates(n));
  if (found.length !== CANDIDATES / 4) throw new Error(`expected ${CANDIDATES / 4} matches, got ${found.length}`);
}

function pipelined(client, keys) {
  return client
    .pipeline()
    .mgetBuffer(keys)
    .hmgetBuffer('larder:{bench}:ctl', 'e', 'l', 'f', 'h', 't:a', 't:b', 't:c', 't:d')
    .time()
    .exec();
}
