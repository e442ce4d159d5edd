// Scenario F: what an invalidation costs as the cache grows. By tag in memory, over 10 and over 10,000 of 100,000 entries;
// by prefix and by regular expression in Redis, over 1,000,000 keys (fewer with LARDER_BENCH_KEYS).
import { Redis } from 'ioredis';
import { InvalidationIntent } from 'nestjs-larder';
import { startRedis } from '../../launcher/services.mjs';
import { larderOverRedis } from '../contenders/larder-redis.mjs';
import { median } from '../measure.mjs';

const REDIS_KEYS = Number(process.env.LARDER_BENCH_KEYS ?? 1_000_000);
const ENTRIES = 100_000;

export async function run() {
  const server = await startRedis({ fromEnvironment: false });
  const load = async (id) => ({ id });
  const cache = await larderOverRedis({
    url: server.url,
    load,
    memory: { maxEntries: ENTRIES * 2, maxBytes: '512mb' },
  });
  const tags = await byTag(cache);
  await up(cache.health);
  await cache.cache.set('byId:1', { id: 1 }, { scope: 'item', ttl: 3600 });
  const revoke = await byPattern(cache, server.url);
  await cache.close();
  await server.stop();
  return { tags, revoke };
}

async function byTag({ cache, health }) {
  const costs = { few: [], many: [] };
  for (let round = 0; round < 7; round += 1) {
    for (const [size, count] of [
      ['few', 10],
      ['many', 10_000],
    ]) {
      const work = Array.from({ length: count }, (_, i) =>
        cache.getOrSet(`${size}:${i}`, () => i, { scope: 'tagged', tags: [size], ttl: 3600 }),
      );
      await Promise.all(work);
      await up(health);
      // What the fills left to do must be over: it is the invalidation that is measured, not the queue before it.
      await new Promise((resolve) => setTimeout(resolve, 300));
      const start = process.hrtime.bigint();
      await cache.invalidate([InvalidationIntent.tag(size)]);
      costs[size].push(Number(process.hrtime.bigint() - start) / 1e3);
    }
  }
  const few = Math.round(median(costs.few));
  const many = Math.round(median(costs.many));
  console.log(`  tag over 10 entries ${few} µs, over 10,000 entries ${many} µs: ${(many / few).toFixed(2)}x`);
  return { fewUs: few, manyUs: many };
}

/** Filling fast starves the heartbeat on a busy machine; what is measured is an invalidation over a live link. */
async function up(health) {
  while (health.report().status !== 'up') await new Promise((resolve) => setTimeout(resolve, 20));
}

async function byPattern({ actions }, url) {
  const client = new Redis(url);
  console.log(`  filling Redis with ${REDIS_KEYS} keys …`);
  const one = await anEntry(client);
  for (let at = 0; at < REDIS_KEYS; at += 10_000) {
    const pipeline = client.pipeline();
    for (let i = at; i < Math.min(at + 10_000, REDIS_KEYS); i += 1)
      pipeline.set(one.key.replace('byId:1', `byId:9${i}`), one.value, 'EX', 3600);
    await pipeline.exec();
  }
  const costs = {};
  for (const [name, pattern] of [
    ['prefix', 'byId:9*'],
    ['regular expression', '^byId:9\\d+$'],
  ]) {
    const start = process.hrtime.bigint();
    await actions.revoke(pattern);
    costs[name] = Math.round(Number(process.hrtime.bigint() - start) / 1e4) / 100;
    console.log(`  revoke by ${name} over ${REDIS_KEYS} keys, acknowledged: ${costs[name]} ms`);
  }
  client.disconnect();
  return costs;
}

/** A real entry, to copy; its fill may still be on its way. */
async function anEntry(client) {
  for (let look = 0; look < 100; look += 1) {
    const key = (await client.keys('*byId:1')).find((found) => found.includes('e:'));
    if (key !== undefined) return { key, value: await client.getBuffer(key) };
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('Expected an entry of byId:1 in Redis, found none in 5 s.');
}
