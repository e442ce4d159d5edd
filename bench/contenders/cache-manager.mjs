import { createCache } from 'cache-manager';

export const cacheManager = {
  name: 'cache-manager wrap',
  async create(load) {
    const cache = createCache({ ttl: 3_600_000 });
    return { call: (id) => cache.wrap(`item:${id}`, () => load(id)), close: () => cache.disconnect() };
  },
};
