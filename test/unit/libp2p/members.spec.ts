import { randomUUID } from 'node:crypto';
import { jest } from '@jest/globals';
import { dht } from '../../../libs/cache/src/adapters/libp2p/index.js';
import { Libp2pNode } from '../../../libs/cache/src/adapters/libp2p/libp2p-node.js';
import { SystemClock } from '../../../libs/cache/src/core/clock/system-clock.js';

const OPTIONS = { network: 'greeting', psk: 'a secret of sixteen', listen: '/ip4/127.0.0.1/tcp/0' };

describe('members of a DHT', () => {
  const openStream = Reflect.get(Libp2pNode.prototype, 'openStream') as Libp2pNode['openStream'];
  afterEach(() => jest.restoreAllMocks());

  it('find each other although their first greetings fail and the connection stays', async () => {
    const failed = new Map<Libp2pNode, number>();
    jest.spyOn(Libp2pNode.prototype, 'openStream').mockImplementation(function (this: Libp2pNode, ...given) {
      const failures = failed.get(this) ?? 0;
      if (failures >= 2) return openStream.apply(this, given);
      failed.set(this, failures + 1);
      return Promise.reject(new Error('too busy'));
    });
    const open = async (bootstrap: readonly string[]) => {
      const tier = dht({ ...OPTIONS, bootstrap });
      const { log } = tier.create({ namespace: 'app', instanceId: randomUUID(), clock: new SystemClock() });
      await log.open({ apply: () => undefined, reset: () => undefined });
      return { log, tier };
    };
    const first = await open([]);
    const second = await open(first.tier.addresses()['greeting']!.slice(0, 1));
    try {
      for (const { tier } of [first, second]) {
        while (tier.counts()['greeting']!.peers < 1) await new Promise((resolve) => setTimeout(resolve, 20));
      }
      expect([...failed.values()]).toEqual([2, 2]);
    } finally {
      await second.log.close();
      await first.log.close();
    }
  }, 30_000);
});
