import { randomUUID } from 'node:crypto';
import { dht } from '../../../libs/cache/src/adapters/libp2p/index.js';
import { SystemClock } from '../../../libs/cache/src/core/clock/system-clock.js';

/** More than gossipsub bears of one address by itself. */
const NODES = 16;
const OPTIONS = { network: 'one host', psk: 'a secret of sixteen', listen: '/ip4/127.0.0.1/tcp/0' };
const soon = () => new Promise((resolve) => setTimeout(resolve, 20));

describe('many nodes of a DHT behind one address', () => {
  it('hear of an invalidation as it is announced, and not only when they compare', async () => {
    const open = async (bootstrap: readonly string[]) => {
      const tier = dht({ ...OPTIONS, bootstrap });
      const { log } = tier.create({ namespace: 'app', instanceId: randomUUID(), clock: new SystemClock() });
      const applied: string[] = [];
      await log.open({ apply: ({ id }) => void applied.push(id), reset: () => undefined });
      return { log, applied, counts: () => tier.counts()['one host']!, tier };
    };
    const first = await open([]);
    const nodes = [first];
    try {
      while (nodes.length < NODES) nodes.push(await open(first.tier.addresses()['one host']!.slice(0, 1)));
      for (const { counts } of nodes) while (counts().peers < NODES - 1) await soon();
      for (const { log } of nodes) while (log.health().state !== 'live') await soon();
      const nothing = { tags: [], patterns: [], flush: false };
      await first.log.append({ id: 'told', keys: ['k'], ...nothing, reason: 'test', origin: 'test' });
      for (const { applied } of nodes) while (!applied.includes('told')) await soon();
    } finally {
      await Promise.all(nodes.map(({ log }) => log.close()));
    }
  }, 180_000);
});
