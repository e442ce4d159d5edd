// @ts-check
/** The application of the cluster cases: a shop with one method for each way of caching. */
import { Injectable, Module } from '@nestjs/common';
import { larder, larderRedis } from '../../chaos/library.mjs';

/**
 * @typedef {object} ShopOptions
 * @property {Record<string, any>} tier options of redis()
 * @property {string} [namespace]
 * @property {Record<string, unknown>} [defaults]
 * @property {string} [backend] where products are kept: the main one, `side` (on the same server), or `memory`
 *
 * @typedef {object} Ground what the shop stands on
 * @property {(key: string) => Promise<string | null>} load
 * @property {import('./source.mjs').Source} source
 */

/**
 * @param {ShopOptions} options
 * @param {Ground} ground
 */
export async function shopModule({ tier, namespace = 'shop', defaults = {}, backend }, { load, source }) {
  const { Cached, CachedMany, CacheModule, CacheScope, Invalidates } = await larder();
  const { redis } = await larderRedis();

  class Shop {
    /** @param {string} id */
    async product(id) {
      return load(`product ${id}`);
    }
    /** @param {string} text */
    async search(text) {
      return load(`search ${text}`);
    }
    /** @param {string[]} ids */
    async products(ids) {
      return Promise.all(ids.map(async (id) => ({ id, value: await load(`product ${id}`) })));
    }
    /** @param {string} id */
    async patient(id) {
      return load(`product ${id}`);
    }
    /** @param {string} id @param {string} value */
    async rename(id, value) {
      source.write(`product ${id}`, value);
      return { id };
    }
  }
  const long = { ttl: '10m' };
  decorate(
    Shop,
    'product',
    Cached({
      ...long,
      entities: (_, id) => [['product', id]],
      tags: (_, id) => [`tag:${id}`],
      collections: ['products'],
    }),
  );
  decorate(Shop, 'search', Cached({ ...long, collections: ['products'] }));
  decorate(
    Shop,
    'products',
    CachedMany({
      ...long,
      id: ({ id }) => id,
      entities: (_, id) => [['product', id]],
      tags: (_, id) => [`tag:${id}`],
      collections: ['products'],
    }),
  );
  decorate(
    Shop,
    'patient',
    Cached({ ttl: '100ms', grace: '10m', softTimeout: '20ms', entities: (_, id) => [['product', id]] }),
  );
  decorate(Shop, 'rename', Invalidates({ entities: ({ id }) => [['product', id]] }));
  Injectable()(Shop);
  CacheScope('shop')(Shop);

  class ShopModule {}
  const [main, side] = [0, 1].map(() => redis(/** @type {any} */ (tier)));
  const services = { shop: backend === undefined ? {} : { backend } };
  Module({
    imports: [CacheModule.forRoot({ namespace, backend: main, backends: { side }, services, defaults })],
    providers: [Shop],
  })(ShopModule);
  return { module: ShopModule, Shop };
}

/**
 * Plain JavaScript has no decorators yet: this does what a compiler makes of them.
 * @param {{ prototype: any }} type
 * @param {string} name
 * @param {any} decorator
 */
function decorate({ prototype }, name, decorator) {
  Object.defineProperty(prototype, name, decorator(prototype, name, Object.getOwnPropertyDescriptor(prototype, name)));
}
