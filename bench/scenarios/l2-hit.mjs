// Scenario B: a hit in Redis, with 1, 16 and 256 reads at a time. The baseline is a plain ioredis GET and JSON.parse; Larder
// runs its whole read road, coherence check and memory install included, with room for 50 entries in memory, which reads
// going round 2,000 keys never find again; and, beside it, its Redis tier alone, which checks and decodes.
import { BentoCache, bentostore } from 'bentocache';
import { redisDriver } from 'bentocache/drivers/redis';
import { Redis } from 'ioredis';
import { startRedis } from '../../launcher/services.mjs';
import { larderOverRedis } from '../contenders/larder-redis.mjs';
import { tierOverRedis } from '../contenders/larder-tier.mjs';
import { compare } from '../measure.mjs';

const KEYS = 2000;
const OPERATIONS = { 1: 2000, 16: 8000, 256: 20_000 };
const BASELINE = 'ioredis GET + JSON.parse';

export async function run() {
  const server = await startRedis({ fromEnvironment: false });
  const load = async (id) => ({ id, name: `item ${id}`, tags: ['a', 'b'], price: id * 100 });
  const plain = new Redis(server.url);
  for (let id = 1; id <= KEYS; id += 1) await plain.set(`plain:${id}`, JSON.stringify(await load(id)));
  const larder = await larderOverRedis({ url: server.url, load, memory: { maxEntries: 50 } });
  const tier = await tierOverRedis({ url: server.url, load });
  const bento = new BentoCache({
    default: 'redis',
    stores: { redis: bentostore().useL2Layer(redisDriver({ connection: new Redis(server.url) })) },
  });
  const caches = [
    { name: BASELINE, call: async (id) => JSON.parse(await plain.get(`plain:${id}`)) },
    { name: 'nestjs-larder @Cached, Redis', call: (id) => larder.call(id) },
    { name: 'nestjs-larder, its Redis tier alone', call: (id) => tier.call(id) },
    {
      name: 'bentocache getOrSet',
      call: (id) => bento.getOrSet({ key: `item:${id}`, ttl: '1h', factory: () => load(id) }),
    },
  ];
  for (const { call } of caches) for (let id = 1; id <= KEYS; id += 1) await call(id);

  const at = {};
  for (const [width, operations] of Object.entries(OPERATIONS)) {
    console.log(`  ${width} at a time`);
    const contenders = caches.map(({ name, call }) => ({
      name,
      run: () => costAtWidth(Number(width), operations, call),
    }));
    const { rows } = await compare(contenders, { baseline: BASELINE, rounds: 7 });
    const throughput = rows.map(({ name, ns }) => ({ name, speed: Math.round((rows[0].ns / ns) * 100) / 100 }));
    for (const { name, speed } of throughput)
      console.log(`    ${name}: ${speed.toFixed(2)}x the throughput of the baseline`);
    at[width] = { rows, throughput };
  }
  await larder.close();
  await tier.close();
  await bento.disconnectAll();
  plain.disconnect();
  await server.stop();
  return { at };
}

/** `width` reads are always in the air; the mean cost of one, ns. */
async function costAtWidth(width, operations, call) {
  let next = 0;
  const worker = async () => {
    while (next < operations) {
      next += 1;
      await call(1 + (next % KEYS));
    }
  };
  const start = process.hrtime.bigint();
  await Promise.all(Array.from({ length: width }, worker));
  return Number(process.hrtime.bigint() - start) / operations;
}
