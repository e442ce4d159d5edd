import typeCacheablePackage from '@type-cacheable/core';

const { Cacheable } = typeCacheablePackage;

export const typeCacheable = {
  name: '@type-cacheable/core @Cacheable',
  async create(load) {
    class Items {
      async byId(id) {
        return load(id);
      }
    }
    const descriptor = Object.getOwnPropertyDescriptor(Items.prototype, 'byId');
    const decorated = Cacheable({ cacheKey: ([id]) => `item:${id}`, ttlSeconds: 3600 })(
      Items.prototype,
      'byId',
      descriptor,
    );
    Object.defineProperty(Items.prototype, 'byId', decorated ?? descriptor);
    const items = new Items();
    return { call: (id) => items.byId(id), close() {} };
  },
};
