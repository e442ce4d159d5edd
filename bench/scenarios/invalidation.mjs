// Scenario C: from the start of an invalidation in process A until process B no longer serves from memory, against a raw
// PUBLISH until its message is seen there; and 1,000 invalidations at once until all are acknowledged.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { Redis } from 'ioredis';
import { startRedis } from '../../launcher/services.mjs';
import { larderOverRedis } from '../contenders/larder-redis.mjs';
import { compare, median } from '../measure.mjs';

const TIMES = 200;

export async function run() {
  const server = await startRedis({ fromEnvironment: false });
  const publisher = new Redis(server.url);
  const a = await larderOverRedis({ url: server.url, load: async (id) => ({ id }) });
  const b = fork(new URL('./invalidation-worker.mjs', import.meta.url), {
    env: { ...process.env, BENCH_REDIS_URL: server.url },
  });
  await once(b, 'message');

  const seenAfter = async (order, act) => {
    b.send(order);
    await once(b, 'message');
    const answer = once(b, 'message');
    const start = process.hrtime.bigint();
    const done = act();
    const [at] = await answer;
    await done;
    return Number(BigInt(at) - start);
  };
  const many = (order, act) => async () => {
    const costs = [];
    for (let i = 0; i < TIMES; i += 1) costs.push(await seenAfter(order, act));
    return median(costs);
  };
  const result = await compare(
    [
      { name: 'raw PUBLISH until seen', run: many('publish', () => publisher.publish('bench', 'item:byId:1')) },
      { name: 'nestjs-larder delete until gone', run: many('larder', () => a.actions.delete('byId:1')) },
    ],
    { baseline: 'raw PUBLISH until seen', rounds: 5, warmups: 1 },
  );

  const bursts = [];
  for (let round = 0; round < 7; round += 1) {
    const start = process.hrtime.bigint();
    await Promise.all(Array.from({ length: 1000 }, (_, id) => a.actions.delete(`byId:${id}`)));
    bursts.push(Number(process.hrtime.bigint() - start) / 1e6);
  }
  const burstMs = Math.round(median(bursts) * 10) / 10;
  console.log(`  1,000 invalidations at once, all acknowledged: ${burstMs} ms (median of ${bursts.length})`);
  b.send('stop');
  await once(b, 'exit');
  await a.close();
  publisher.disconnect();
  await server.stop();
  return { ...result, burstMs };
}
