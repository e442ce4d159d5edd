import { LRUCache } from 'lru-cache';

export const lruCache = {
  name: 'lru-cache fetch',
  async create(load) {
    const cache = new LRUCache({ max: 100_000, ttl: 3_600_000, fetchMethod: (id) => load(id) });
    return { call: (id) => cache.fetch(id), close() {} };
  },
};
