import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { DhtTotals, type DhtCounts } from '../../../libs/cache/src/adapters/libp2p/dht-counters.js';
import { dht, runInNetwork, currentNetwork } from '../../../libs/cache/src/adapters/libp2p/index.js';
import { assertFigures } from '../../../libs/cache/src/core/coherence/backend-figures.js';
import { CacheHealth, CacheMetrics, CacheModule, CacheService } from '../../../libs/cache/src/index.js';

const COUNTS: DhtCounts = {
  peers: 1,
  copies: 2,
  bytes: 3,
  tombstones: 4,
  evicted: 5,
  predicates: 6,
  repairs: 7,
  readRepairs: 8,
  handedOver: 9,
  gaps: 10,
  hedges: 11,
  malformed: 12,
  forged: 13,
  skewed: 14,
  unsent: 15,
};

describe('the figures of a DHT', () => {
  it('tell all that its nodes count, and keep what a node had counted that has left', () => {
    const totals = new DhtTotals();
    const both = totals.figures([COUNTS, COUNTS]);
    const shown = { ...both.levels, ...both.counts };
    const snake = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    for (const [name, value] of Object.entries(COUNTS)) expect([name, shown[snake(name)]]).toEqual([name, 2 * value]);
    expect(assertFigures(both, 'dht')).toBe(both);
    totals.retire(COUNTS);
    const one = totals.figures([COUNTS]);
    expect(one.counts).toEqual(both.counts);
    expect(one.levels).toMatchObject({ networks: 1, peers: 1, copies: 2 });
    totals.retire(COUNTS);
    expect(totals.figures([])).toMatchObject({ counts: both.counts, levels: { networks: 0, peers: 0, bytes: 0 } });
  });

  it('stand in metrics and health, of all networks of the process', async () => {
    const backend = dht({
      network: currentNetwork,
      psk: 'a secret of sixteen',
      listen: '/ip4/127.0.0.1/tcp/0',
      maxNetworks: 1,
      maxBytes: 100_000,
      maxValueBytes: 50_000,
    });
    @Module({ imports: [CacheModule.forRoot({ backend })] })
    class App {}
    const app = await NestFactory.createApplicationContext(App, { logger: false });
    try {
      const cache = app.get(CacheService);
      const figures = () => app.get(CacheMetrics).snapshot().backends[0]!.figures;
      expect(figures()).toMatchObject({ levels: { networks: 0, copies: 0 }, counts: { repairs: 0 } });
      let evicted = 0;
      for (const network of ['a', 'b']) {
        await runInNetwork(network, () => cache.delete('k')); // its node has started when this has been applied
        for (let n = 0; n < 10; n += 1) {
          await runInNetwork(network, () => cache.set(`key ${n}`, 'x'.repeat(30_000), { ttl: '1h' }));
        }
        const { levels, counts } = figures();
        expect(levels).toMatchObject({ networks: 1, peers: 0 });
        expect(levels['copies']).toBeGreaterThan(0);
        expect(levels['bytes']).toBeGreaterThan(30_000);
        expect(counts['evicted']).toBeGreaterThan(evicted); // also when only the last network is left
        evicted = counts['evicted']!;
      }
      expect(app.get(CacheHealth).report().backend).toMatchObject({
        name: 'dht',
        figures: { levels: { networks: 1 } },
      });
    } finally {
      await app.close();
    }
  }, 60_000);
});
