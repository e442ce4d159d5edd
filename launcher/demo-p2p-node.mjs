// @ts-check
/** One instance of the demo without a server: a Nest application with a DHT as its backend. Ends when its parent does. */
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { CacheModule, CacheService } from 'nestjs-larder';
import { dht } from 'nestjs-larder/libp2p';

const { psk, bootstrap } = JSON.parse(process.env.DEMO_P2P ?? '{}');
const tier = dht({ network: 'demo', psk, bootstrap, listen: '/ip4/127.0.0.1/tcp/0' });

class DemoModule {}
Module({ imports: [CacheModule.forRoot({ namespace: 'demo', backend: tier })] })(DemoModule);

const app = await NestFactory.createApplicationContext(DemoModule, { logger: ['error', 'warn'] });
const cache = app.get(CacheService);
let loads = 0;

process.on('message', (/** @type {{ id: number, ask: string, from?: number, to?: number }} */ message) => {
  void answer(message).then((found) => process.send?.({ id: message.id, answer: found }));
});
process.on('disconnect', () => void app.close().then(() => process.exit(0)));
process.send?.({ addresses: tier.addresses()['demo'] });

/** @param {{ ask: string, from?: number, to?: number }} message */
async function answer({ ask, from = 0, to = 0 }) {
  switch (ask) {
    case 'peers':
      return tier.counts()['demo']?.peers;
    case 'copies':
      return tier.counts()['demo']?.copies;
    case 'revoke':
      return (await cache.revoke('product:*', { scope: 'shop' })).latencyMs;
    default: {
      const before = loads;
      const load = async () => ({ loaded: (loads += 1) });
      for (let n = from; n < to; n += 1) await cache.getOrSet(`product:${n}`, load, { scope: 'shop', ttl: '10m' });
      return loads - before;
    }
  }
}
