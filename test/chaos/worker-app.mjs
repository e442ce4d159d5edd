// @ts-check
/** The application of a chaos worker: one service for each scope, and its doors as plain functions. */
import { Injectable, Module } from '@nestjs/common';
import { groupOf } from './cells.mjs';
import { inside, larder, larderRedis } from './library.mjs';

const NAMESPACE = 'chaos';
/** Long against a run: nothing that is stale may become right by expiring. */
const LONG = '10m';

/**
 * @typedef {object} AppOptions
 * @property {import('./worker.mjs').WorkerOptions['place']} place
 * @property {number} leaseMs
 * @property {() => number} wallOffsetMs
 * @property {(cells: readonly number[]) => Promise<number[]>} load
 * @property {boolean} [smallBounds] what is bounded by a count is full after seconds
 */

/** @param {AppOptions} options */
export async function appModule({ place, leaseMs, wallOffsetMs, load, smallBounds }) {
  const { Cached, CachedMany, CacheModule, CacheScope, CacheService, CacheActions, InvalidationIntent } =
    await larder();
  const { redis } = await larderRedis();
  const { SystemClock } = await inside('core/clock/system-clock.js');
  const { InMemoryAuditStore } = await inside('adapters/memory/in-memory-audit-store.js');
  const { CacheRuntime } = await inside('nest/cache-runtime.js');

  /** A wall clock that can step; the monotonic one goes on as it always does. */
  class SteppingClock extends SystemClock {
    wall() {
      return super.wall() + wallOffsetMs();
    }
  }

  /** @param {number} cell */
  const one = async (cell) => ({ cell, version: (await load([cell]))[0] });

  class CellService {}
  for (const name of ['byKey', 'byTag', 'byEntity', 'byRegex', 'byGrace']) method(CellService, name, one);
  method(CellService, 'byCollection', (/** @type {number} */ _group, /** @type {number} */ cell) => one(cell));
  method(CellService, 'byPattern', (/** @type {number} */ _group, /** @type {number} */ cell) => one(cell));
  method(CellService, 'byIds', async (/** @type {number[]} */ ids) => {
    const versions = await load(ids);
    return ids.map((cell, index) => ({ cell, version: versions[index] }));
  });
  const long = { ttl: LONG, hardTimeout: '1s' };
  decorate(CellService, 'byKey', Cached(long));
  decorate(CellService, 'byTag', Cached({ ...long, tags: (_, cell) => [`t${cell}`, 'all'] }));
  decorate(CellService, 'byEntity', Cached({ ...long, entities: (_, cell) => [['cell', cell]] }));
  decorate(CellService, 'byRegex', Cached(long));
  decorate(CellService, 'byGrace', Cached({ ...long, ttl: '300ms', grace: '20s', tags: (_, cell) => [`g${cell}`] }));
  decorate(CellService, 'byCollection', Cached({ ...long, collections: (_, group) => [`c${group}`] }));
  decorate(CellService, 'byPattern', Cached(long));
  decorate(CellService, 'byIds', CachedMany({ ...long, id: (item) => item.cell, entities: (_, id) => [['many', id]] }));
  Injectable()(CellService);
  CacheScope('cell')(CellService);

  class RoomService {}
  method(RoomService, 'look', one);
  decorate(RoomService, 'look', Cached(long));
  method(RoomService, 'flushed', one);
  decorate(RoomService, 'flushed', Cached(long));
  Injectable()(RoomService);
  CacheScope('room')(RoomService);

  class ChaosModule {}
  Module({
    imports: [
      CacheModule.forRoot({
        namespace: NAMESPACE,
        clock: /** @type {any} */ (new SteppingClock()),
        backend: redis({
          ...place,
          lease: `${leaseMs}ms`,
          logLength: 2000,
          maxPatterns: 50,
          maxTags: 2000,
          secret: 'chaos',
        }),
        defaults: { electionWait: '300ms' },
        ...(smallBounds && { memory: { maxEntries: 2000 }, audit: new InMemoryAuditStore(500) }),
      }),
    ],
    providers: [CellService, RoomService],
  })(ChaosModule);

  /** @param {import('@nestjs/common').INestApplicationContext} app */
  const doors = (app) => {
    const cells = /** @type {any} */ (app.get(CellService));
    const rooms = /** @type {any} */ (app.get(RoomService));
    const cache = app.get(CacheService);
    const actions = app.get(CacheActions);

    /** @type {Record<import('./cells.mjs').Kind, (cell: import('./cells.mjs').Cell) => Promise<{ version: number }>>} */
    const reads = {
      key: ({ index }) => cells.byKey(index),
      tag: ({ index }) => cells.byTag(index),
      entity: ({ index }) => cells.byEntity(index),
      collection: (cell) => cells.byCollection(groupOf(cell), cell.index),
      pattern: (cell) => cells.byPattern(groupOf(cell), cell.index),
      regex: ({ index }) => cells.byRegex(index),
      scope: ({ index }) => rooms.look(index),
      flush: ({ index }) => rooms.flushed(index),
      many: async ({ index }) => (await cells.byIds([index]))[0],
      grace: ({ index }) => cells.byGrace(index),
      manual: ({ index }) =>
        cache.getOrSet(`m:${index}`, () => one(index), { ...long, scope: 'manual', tags: [`m${index}`] }),
    };
    /** @type {Record<import('./cells.mjs').Kind, (cell: import('./cells.mjs').Cell, options: { wait: 'applied' | 'cluster' }) => Promise<unknown>>} */
    const invalidations = {
      key: ({ index }, options) => actions.for('cell').delete(`byKey:${index}`, options),
      tag: ({ index }, options) => cache.invalidate([InvalidationIntent.tag(`t${index}`)], options),
      entity: ({ index }, options) => cache.invalidate([InvalidationIntent.entity('cell', index)], options),
      collection: (cell, options) => cache.invalidate([InvalidationIntent.collection(`c${groupOf(cell)}`)], options),
      pattern: (cell, options) => actions.for('cell').revoke(`byPattern:${groupOf(cell)}:*`, options),
      regex: ({ index }, options) => actions.for('cell').revoke(`^byRegex:${index}$`, options),
      // A room is cleared as a whole, and so are the cells that only a flush reaches; the clear is no part of their promise.
      scope: (_, options) => actions.for('room').clear(options),
      flush: (_, options) => cache.invalidate([InvalidationIntent.flush()], options),
      many: ({ index }, options) => cache.invalidate([InvalidationIntent.entity('many', index)], options),
      grace: ({ index }, options) => cache.invalidate([InvalidationIntent.tag(`g${index}`)], options),
      manual: ({ index }, options) => cache.invalidate([InvalidationIntent.tag(`m${index}`)], options),
    };
    return {
      read: {
        /** @param {import('./cells.mjs').Cell} cell */
        one: async (cell) => (await reads[cell.kind](cell)).version,
        /** @param {readonly import('./cells.mjs').Cell[]} asked */
        many: async (asked) => {
          /** @type {{ cell: number, version: number }[]} */
          const items = await cells.byIds(asked.map(({ index }) => index));
          if (items.length !== asked.length) throw new Error(`asked for ${asked.length} items, got ${items.length}`);
          return asked.map(
            ({ index }) => /** @type {{ version: number }} */ (items.find(({ cell }) => cell === index)).version,
          );
        },
      },
      /** @param {import('./cells.mjs').Cell} cell @param {'applied' | 'cluster'} wait */
      invalidate: (cell, wait) => invalidations[cell.kind](cell, { wait }),
      /** @param {string} name @param {number} serial every so often what was read is invalidated, in one way or another */
      churn: async (name, serial) => {
        const ttl = serial % 2 === 0 ? '300ms' : '2m';
        const padded = name.padEnd(1500, '.');
        await cache.getOrSet(`c:${name}`, () => padded, { ttl, scope: 'churn', tags: [`churn:${name}`] });
        if (serial % 5 === 0) await cache.invalidate([InvalidationIntent.tag(`churn:${name}`)]);
        if (serial % 7 === 0) await cache.delete(`c:${name}`, { scope: 'churn' });
        if (serial % 50 === 0) await actions.for('cell').revoke(`nothing:${name}*`);
      },
    };
  };
  return { module: ChaosModule, doors, runtimeToken: CacheRuntime };
}

/**
 * Plain JavaScript has no decorators yet: this does what a compiler makes of them.
 * @param {{ prototype: any }} type
 * @param {string} name
 * @param {any} decorator
 */
function decorate({ prototype }, name, decorator) {
  const descriptor = Object.getOwnPropertyDescriptor(prototype, name);
  const decorated = decorator(prototype, name, descriptor) ?? descriptor;
  Object.defineProperty(prototype, name, decorated);
}

/**
 * @param {{ prototype: any }} type
 * @param {string} name
 * @param {(...args: any[]) => unknown} body
 */
function method({ prototype }, name, body) {
  const named = {
    [name](/** @type {unknown[]} */ ...args) {
      return body(...args);
    },
  }[name];
  Object.defineProperty(prototype, name, { value: named, writable: true, configurable: true, enumerable: false });
}
