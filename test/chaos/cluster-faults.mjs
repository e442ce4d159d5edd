// @ts-check
/** What befalls a Redis Cluster in a chaos run. As in `faults.mjs`, each leaves the world as it found it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { NODE_TIMEOUT_MS } from './cluster-world.mjs';

/** @typedef {import('./cluster-world.mjs').ClusterWorld} ClusterWorld */

/** @type {Record<string, import('./faults.mjs').Fault<ClusterWorld>>} */
export const CLUSTER_FAULTS = {
  'primary killed': async ({ world, random }) => {
    const primary = random.pick(await world.primaries());
    await world.kill(primary);
    await world.succeeded(primary);
    await sleep(random.between(0, 500));
    await world.restart(primary);
    await world.whole();
  },

  'primary of the control record killed': async ({ world, random }) => {
    const primary = await world.control();
    await world.kill(primary);
    await world.succeeded(primary);
    await sleep(random.between(0, 500));
    await world.restart(primary);
    await world.whole();
  },

  'primary back at once and empty': async ({ world, random }) => {
    const primary = random.pick(await world.primaries());
    await world.kill(primary);
    await world.restart(primary);
    await world.whole();
  },

  'shard lost and back empty': async ({ world, random }) => {
    const primary = random.pick(await world.primaries());
    const replica = await world.replicaOf(primary);
    await Promise.all([world.kill(primary), world.kill(replica)]);
    await sleep(random.between(0, NODE_TIMEOUT_MS));
    await Promise.all([world.restart(primary), world.restart(replica)]);
    await world.whole();
  },

  'failover with a lost tail': async ({ world, random }) => {
    const primary = random.chance(0.5) ? await world.control() : random.pick(await world.primaries());
    const replica = await world.replicaOf(primary);
    world.freeze(replica);
    await world.on(primary, (redis) => redis.call('CLIENT', 'KILL', 'TYPE', 'replica'));
    await sleep(random.between(100, 500)); // what is acknowledged now is lost
    await world.kill(primary);
    world.thaw(replica);
    await world.succeeded(primary);
    await world.restart(primary);
    await world.whole();
  },

  'takeover by a replica that lags': async ({ world, random }) => {
    const primary = random.pick(await world.primaries());
    const replica = await world.replicaOf(primary);
    world.freeze(replica);
    await world.on(primary, (redis) => redis.call('CLIENT', 'KILL', 'TYPE', 'replica'));
    await sleep(random.between(100, NODE_TIMEOUT_MS / 4)); // what is acknowledged now is lost
    world.thaw(replica);
    await world.on(replica, (redis) => redis.call('CLUSTER', 'FAILOVER', 'TAKEOVER'));
    await world.succeeded(primary);
    await world.whole();
  },

  'failover in good order': async ({ world, random }) => {
    const primary = random.chance(0.5) ? await world.control() : random.pick(await world.primaries());
    const replica = await world.replicaOf(primary);
    await world.on(replica, (redis) => redis.call('CLUSTER', 'FAILOVER'));
    await world.succeeded(primary);
    await world.whole();
  },

  'takeover from a frozen primary, which wakes': async ({ world, random }) => {
    const primary = random.chance(0.5) ? await world.control() : random.pick(await world.primaries());
    const replica = await world.replicaOf(primary);
    world.freeze(primary);
    await sleep(random.between(0, 300));
    await world.on(replica, (redis) => redis.call('CLUSTER', 'FAILOVER', 'TAKEOVER'));
    await sleep(random.between(0, NODE_TIMEOUT_MS));
    world.thaw(primary);
    await world.whole();
  },

  'frozen primary': async ({ world, random }) => {
    const primary = random.pick(await world.primaries());
    world.freeze(primary);
    await sleep(random.between(100, 2 * NODE_TIMEOUT_MS)); // with luck its replica takes over, and it wakes as an old primary
    world.thaw(primary);
    await world.whole();
  },

  'slots of values moved': async ({ world, random }) => {
    for (let turn = 0; turn < 8; turn += 1) {
      const key = await world.anyValueKey(random);
      if (key !== null) await world.moveSlotOf(key, () => sleep(random.between(1, 40)));
    }
  },

  'slot of the control record moved': async ({ world, random }) => {
    await world.moveControl(() => sleep(random.between(1, 60)));
    await sleep(random.between(200, 800));
  },

  'any key deleted': async ({ world, random }) => {
    const until = performance.now() + 1000;
    while (performance.now() < until) {
      for (const primary of await world.primaries()) {
        await world.on(primary, async (redis) => {
          const key = await redis.randomkey();
          if (key !== null) await redis.del(key);
        });
      }
      if (random.chance(0.2)) await world.lose(random.pick(/** @type {const} */ (['ctl', 'log', 'pat', 'mem'])));
    }
  },

  'control record deleted': async ({ world }) => {
    await world.lose('ctl');
    await sleep(300);
  },

  'all data deleted': async ({ world }) => {
    for (const primary of await world.primaries()) await world.on(primary, (redis) => redis.flushall());
    await sleep(200);
  },

  'eviction under pressure': async ({ world, random }) => {
    const primary = random.chance(0.5) ? await world.control() : random.pick(await world.primaries());
    await world.on(primary, async (redis) => {
      const used = Number(/used_memory:(\d+)/.exec(await redis.info('memory'))?.[1]);
      await redis.config('SET', 'maxmemory-policy', 'allkeys-random');
      await redis.config('SET', 'maxmemory', String(used - 30_000));
      await sleep(random.between(300, 1000));
      await redis.config('SET', 'maxmemory', '0');
      await redis.config('SET', 'maxmemory-policy', 'noeviction');
    });
  },

  'out of memory': async ({ world, random }) => {
    const primary = random.chance(0.5) ? await world.control() : random.pick(await world.primaries());
    await world.on(primary, (redis) => redis.config('SET', 'maxmemory', '1'));
    await sleep(random.between(200, 800));
    await world.on(primary, (redis) => redis.config('SET', 'maxmemory', '0'));
  },

  'scripts forgotten': async ({ world }) => {
    for (const primary of await world.primaries()) await world.on(primary, (redis) => redis.script('FLUSH'));
    await sleep(200);
  },

  'log trimmed': async ({ world, random }) => {
    for (let turn = 0; turn < 10; turn += 1) {
      await world.trimLog();
      await sleep(random.between(10, 60));
    }
  },

  'one node out of one worker’s reach': async ({ world, random }) => {
    const line = random.pick(world.lines).to(random.pick(await world.primaries()));
    line.door = 'refuse';
    line.cut();
    await sleep(random.between(300, 1500));
    line.release();
  },

  'one node out of reach': async ({ world, random }) => {
    const node = random.pick(await world.primaries());
    const held = random.chance(0.5);
    for (const group of world.lines) {
      const line = group.to(node);
      if (held) line.set({ hold: ['up', 'down'] });
      else line.door = 'refuse';
      if (!held) line.cut();
    }
    await sleep(random.between(300, 1500));
    for (const group of world.lines) group.to(node).release();
  },
};
