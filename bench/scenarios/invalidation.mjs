// Scenario C: from the start of an invalidation on instance A until instance B no longer serves from memory, against a raw
// PUBLISH until its message arrives; and 1,000 invalidations at once until all are acknowledged.
import { Redis } from 'ioredis';
import { startRedis } from '../../launcher/services.mjs';
import { larderOverRedis } from '../contenders/larder-redis.mjs';
import { compare, median } from '../measure.mjs';

const ROUNDS = 300;

export async function run() {
  const server = await startRedis({ fromEnvironment: false });
  const load = async (id) => ({ id });
  const publisher = new Redis(server.url);
  const subscriber = new Redis(server.url);
  await subscriber.subscribe('bench');
  const [a, b] = await Promise.all([1, 2].map(() => larderOverRedis({ url: server.url, load })));

  const published = () => {
    const arrived = new Promise((resolve) => subscriber.once('message', resolve));
    const start = process.hrtime.bigint();
    void publisher.publish('bench', 'item:byId:1');
    return arrived.then(() => Number(process.hrtime.bigint() - start));
  };
  const invalidated = async () => {
    await b.call(1);
    const start = process.hrtime.bigint();
    const acknowledged = a.actions.delete('byId:1');
    while (b.cache.get('byId:1', { scope: 'item' }) !== undefined)
      await new Promise((resolve) => setImmediate(resolve));
    const cost = Number(process.hrtime.bigint() - start);
    await acknowledged;
    return cost;
  };
  const many = (once) => async () => {
    const costs = [];
    for (let i = 0; i < ROUNDS; i += 1) costs.push(await once());
    return median(costs);
  };
  const result = await compare(
    [
      { name: 'raw PUBLISH to message', run: many(published) },
      { name: 'nestjs-larder delete on A to gone on B', run: many(invalidated) },
    ],
    { baseline: 'raw PUBLISH to message', rounds: 5, warmups: 1 },
  );

  const bursts = [];
  for (let round = 0; round < 7; round += 1) {
    const start = process.hrtime.bigint();
    await Promise.all(Array.from({ length: 1000 }, (_, id) => a.actions.delete(`byId:${id}`)));
    bursts.push(Number(process.hrtime.bigint() - start) / 1e6);
  }
  const burstMs = Math.round(median(bursts) * 10) / 10;
  console.log(`  1,000 invalidations at once, all acknowledged: ${burstMs} ms (median of ${bursts.length})`);
  await Promise.all([a.close(), b.close()]);
  publisher.disconnect();
  subscriber.disconnect();
  await server.stop();
  return { ...result, burstMs };
}
