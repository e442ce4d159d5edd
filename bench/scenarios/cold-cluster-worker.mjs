import { larderOverRedis } from '../contenders/larder-redis.mjs';

let loads = 0;
const cache = await larderOverRedis({
  url: process.env.BENCH_REDIS_URL,
  load: async (id) => {
    loads += 1;
    await new Promise((resolve) => setTimeout(resolve, 100));
    return { id };
  },
});

process.on('message', (order) => void obey(order));
process.send('ready');

async function obey({ key, calls, stop }) {
  if (stop === true) {
    await cache.close();
    process.disconnect();
    return;
  }
  loads = 0;
  await Promise.all(Array.from({ length: calls }, () => cache.call(key)));
  process.send({ loads });
}
