import { BentoCache, bentostore } from 'bentocache';
import { memoryDriver } from 'bentocache/drivers/memory';

export const bentocache = {
  name: 'bentocache getOrSet',
  async create(load) {
    const cache = new BentoCache({
      default: 'memory',
      stores: { memory: bentostore().useL1Layer(memoryDriver({ maxItems: 100_000 })) },
    });
    return {
      call: (id) => cache.getOrSet({ key: `item:${id}`, ttl: '1h', factory: () => load(id) }),
      close: () => cache.disconnectAll(),
    };
  },
};
