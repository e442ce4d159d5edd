// Instance B of scenario C, in a process of its own: says when it saw a message, and when it stopped serving.
import { Redis } from 'ioredis';
import { larderOverRedis } from '../contenders/larder-redis.mjs';

const url = process.env.BENCH_REDIS_URL;
const subscriber = new Redis(url);
let arrived = 0;
subscriber.on('message', () => (arrived += 1));
await subscriber.subscribe('bench');
const larder = await larderOverRedis({ url, load: async (id) => ({ id }) });

process.on('message', (order) => void obey(order));
process.send('ready');

async function obey(order) {
  if (order === 'stop') {
    subscriber.disconnect();
    await larder.close();
    process.disconnect();
    return;
  }
  if (order === 'larder') await larder.call(1);
  const before = arrived;
  process.send('waiting');
  // The same waiting for both: the process sleeps until something arrives, and looks in the same turn.
  const seen =
    order === 'publish' ? () => arrived > before : () => larder.cache.get('byId:1', { scope: 'item' }) === undefined;
  while (!seen()) await new Promise((resolve) => setImmediate(resolve).unref());
  process.send(String(process.hrtime.bigint()));
}
