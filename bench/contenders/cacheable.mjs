import { Cacheable } from 'cacheable';

export const cacheable = {
  name: 'cacheable getOrSet',
  async create(load) {
    const cache = new Cacheable({ ttl: '1h' });
    return { call: (id) => cache.getOrSet(`item:${id}`, () => load(id)), close: () => cache.disconnect() };
  },
};
