// @ts-check
/**
 * What befalls a chaos run. A fault leaves the world as it found it. Faults of the servers happen one after the other,
 * and so do those of workers and network; one of each kind happens at the same time.
 */
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * @template {import('./world.mjs').World} W
 * @typedef {object} Stage
 * @property {W} world
 * @property {import('./seeded-random.mjs').SeededRandom} random
 * @property {number} leaseMs
 */

/**
 * @template {import('./world.mjs').World} W
 * @typedef {(stage: Stage<W>) => Promise<void>} Fault
 */

/** @type {Record<string, Fault<import('./pair-world.mjs').PairWorld>>} */
export const PAIR_FAULTS = {
  'kill -9 and restart empty': async ({ world, random }) => {
    await world.primary.kill();
    await sleep(random.between(0, 1200));
    await world.primary.restart();
    await world.follow();
  },

  'failover with a lost tail': async ({ world, random }) => {
    await world.follow();
    await world.on(world.replica, (redis) => redis.replicaof('NO', 'ONE'));
    await sleep(random.between(200, 900)); // what is acknowledged now is lost
    const old = world.primary;
    await old.kill();
    world.swap();
    await sleep(random.between(300, 1500));
    await old.restart();
    await world.follow();
  },

  'failover away from a frozen primary': async ({ world, random, leaseMs }) => {
    await world.follow();
    const lossMs = random.between(0, 300);
    await world.on(world.replica, (redis) => redis.replicaof('NO', 'ONE'));
    await sleep(lossMs);
    const old = world.primary;
    old.pause(); // some workers notice at once, others go on trusting it until their commands time out
    world.swap();
    const noticed = random.pick(world.workers);
    noticed.proxy.cut();
    await sleep(random.between(200, Math.min(2 * leaseMs, 2500)));
    await old.kill();
    await old.restart();
    await world.follow();
  },

  'frozen server': async ({ world, random }) => {
    world.primary.pause();
    await sleep(random.between(100, 2500));
    world.primary.resume();
  },

  'out of memory': async ({ world, random }) => {
    const { primary } = world;
    await world.on(primary, (redis) => redis.config('SET', 'maxmemory', '1'));
    await sleep(random.between(300, 1500));
    await world.on(primary, (redis) => redis.config('SET', 'maxmemory', '0'));
  },

  'eviction under pressure': async ({ world, random }) => {
    const { primary } = world;
    await world.on(primary, async (redis) => {
      const used = Number(/used_memory:(\d+)/.exec(await redis.info('memory'))?.[1]);
      await redis.config('SET', 'maxmemory-policy', 'allkeys-random');
      await redis.config('SET', 'maxmemory', String(used - 30_000));
      await sleep(random.between(300, 1500));
      await redis.config('SET', 'maxmemory', '0');
      await redis.config('SET', 'maxmemory-policy', 'noeviction');
    });
  },

  'any key deleted': async ({ world, random }) => {
    await world.on(world.primary, async (redis) => {
      const until = performance.now() + 1200;
      while (performance.now() < until) {
        const special = random.pick(['ctl', 'log', 'pat', 'mem', 'sum', 'log', 'pat', 'sum']);
        const key = random.chance(0.1) ? `larder:{chaos}:${special}` : await redis.randomkey();
        if (key !== null && key !== 'chaos:skew') await redis.del(key);
        await sleep(random.between(2, 12));
      }
    });
  },

  'control record deleted': async ({ world }) => {
    await world.on(world.primary, (redis) => redis.del('larder:{chaos}:ctl'));
    await sleep(300);
  },

  flushall: async ({ world }) => {
    await world.on(world.primary, (redis) => redis.flushall());
    await sleep(200);
  },

  'scripts forgotten': async ({ world }) => {
    await world.on(world.primary, (redis) => redis.script('FLUSH'));
    await sleep(200);
  },

  'log trimmed': async ({ world, random }) => {
    await world.on(world.primary, async (redis) => {
      for (let turn = 0; turn < 15; turn += 1) {
        await redis.xtrim('larder:{chaos}:log', 'MAXLEN', 0);
        await sleep(random.between(10, 60));
      }
    });
  },

  'too few replicas': async ({ world, random }) => {
    const { primary } = world;
    await world.on(primary, (redis) => redis.config('SET', 'min-replicas-to-write', '3'));
    await sleep(random.between(200, 800));
    await world.on(primary, (redis) => redis.config('SET', 'min-replicas-to-write', '0'));
  },

  'clients killed': async ({ world }) => {
    await world.killClients();
    await sleep(200);
  },

  'server clock 60 s ahead and back': async ({ world, random }) => {
    await world.on(world.primary, (redis) => redis.set('chaos:skew', '60'));
    await sleep(random.between(300, 1000));
    await world.on(world.primary, (redis) => redis.del('chaos:skew'));
    await sleep(random.between(300, 800));
  },
};

/** @type {Record<string, Fault<import('./pressed-world.mjs').PressedWorld>>} */
export const PRESSED_FAULTS = {
  ...PAIR_FAULTS,
  'memory squeezed': async ({ world }) => {
    await world.squeeze();
    await sleep(300);
  },
};

/** @typedef {import('./pair-world.mjs').PairWorld | import('./cluster-world.mjs').ClusterWorld} AnyWorld */

/** @type {Record<string, Fault<AnyWorld>>} */
export const WORKER_FAULTS = {
  'bus cut 3 s': async ({ world, random }) => {
    const { proxy } = random.pick(world.workers);
    proxy.door = 'refuse';
    proxy.cut();
    await sleep(3000);
    proxy.release();
  },

  'all cut': async ({ world, random }) => {
    for (const { proxy } of world.workers) proxy.cut();
    await sleep(random.between(100, 400));
  },

  'one connection cut': async ({ world, random }) => {
    random.pick(world.workers).proxy.cut([random.pick(/** @type {const} */ (['values', 'log', 'heartbeat']))]);
    await sleep(random.between(100, 400));
  },

  blackhole: async ({ world, random }) => {
    const { proxy } = random.pick(world.workers);
    proxy.set({ hold: ['up', 'down'] });
    await sleep(random.between(300, 3500));
    proxy.release();
  },

  'blackhole in one direction': async ({ world, random }) => {
    const { proxy } = random.pick(world.workers);
    proxy.set({ hold: [random.pick(/** @type {const} */ (['up', 'down']))] });
    await sleep(random.between(300, 2500));
    proxy.release();
  },

  'one connection held': async ({ world, random }) => {
    const { proxy } = random.pick(world.workers);
    const role = random.pick(/** @type {const} */ (['values', 'log', 'heartbeat']));
    proxy.set({ hold: ['up', 'down'], roles: [role] });
    await sleep(random.between(200, 2500));
    proxy.release();
  },

  'bus slow': async ({ world, random, leaseMs }) => {
    const { proxy } = random.pick(world.workers);
    proxy.set({ delayMs: random.between(20, leaseMs / 3), roles: ['log'] });
    await sleep(random.between(500, 2000));
    proxy.release();
  },

  'bus held while the log is trimmed': async ({ world, random }) => {
    const { proxy } = random.pick(world.workers);
    for (let turn = 0; turn < 4; turn += 1) {
      proxy.set({ hold: ['down'], roles: ['log'] });
      await sleep(random.between(30, 120));
      await world.trimLog().catch(() => undefined); // the primary may be down at the moment
      proxy.release();
      await sleep(random.between(30, 200));
    }
  },

  latency: async ({ world, random }) => {
    const { proxy } = random.pick(world.workers);
    proxy.set({ delayMs: random.between(5, 200) });
    await sleep(random.between(500, 2000));
    proxy.release();
  },

  'half-open': async ({ world, random }) => {
    const { proxy } = random.pick(world.workers);
    proxy.hidesEnds = true;
    proxy.set({ hold: ['down'] });
    await world.killClients().catch(() => undefined); // the primary may be down at the moment
    await sleep(random.between(500, 2500));
    proxy.release();
  },

  'accept and close': async ({ world, random }) => {
    const { proxy } = random.pick(world.workers);
    proxy.door = 'close';
    proxy.cut();
    await sleep(random.between(300, 1500));
    proxy.release();
  },

  'worker stopped and continued': async ({ world, random }) => {
    const worker = random.pick(world.workers);
    worker.signal('SIGSTOP');
    await sleep(random.between(200, 4000));
    worker.signal('SIGCONT');
  },

  'worker stuttering': async ({ world, random }) => {
    const worker = random.pick(world.workers);
    for (let turn = 0; turn < 15; turn += 1) {
      worker.signal('SIGSTOP');
      await sleep(random.between(5, 60));
      worker.signal('SIGCONT');
      await sleep(random.between(5, 60));
    }
  },

  'worker killed': async ({ world, random }) => {
    await random.pick(world.workers).restart();
  },

  'wall clock +60 s': async ({ world, random }) => {
    const worker = random.pick(world.workers);
    worker.tell({ set: { wallOffsetMs: 60_000 } });
    await sleep(random.between(200, 900));
    worker.tell({ set: { wallOffsetMs: 0 } });
  },

  'wall clock -60 s': async ({ world, random }) => {
    const worker = random.pick(world.workers);
    worker.tell({ set: { wallOffsetMs: -60_000 } });
    await sleep(random.between(200, 900));
    worker.tell({ set: { wallOffsetMs: 0 } });
  },

  'slow loader': async ({ world, random }) => {
    for (const worker of world.workers) worker.tell({ set: { slowLoaderMs: [200, 2500] } });
    await sleep(random.between(1000, 2500));
    for (const worker of world.workers) worker.tell({ set: { slowLoaderMs: null } });
  },
};
