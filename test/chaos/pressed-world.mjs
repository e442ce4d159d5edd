// @ts-check
/** A chaos run's world whose servers have far too little memory: they evict what they have not been asked for lately. */
import { setTimeout as sleep } from 'node:timers/promises';
import { PairWorld } from './pair-world.mjs';

const MEGABYTE = 1024 * 1024;
const ROOM_BYTES = 8 * MEGABYTE;

export class PressedWorld extends PairWorld {
  evicted = 0;
  controlEvicted = 0;

  /** @override */
  get serverArguments() {
    return ['--maxmemory', String(ROOM_BYTES), '--maxmemory-policy', 'allkeys-lru'];
  }

  /** For a moment there is room for nothing at all: everything is evicted, the control record with it. */
  async squeeze() {
    await this.on(this.primary, async (redis) => {
      await redis.config('SET', 'maxmemory', '1');
      await sleep(50);
      if ((await redis.exists('larder:{chaos}:ctl')) === 0) this.controlEvicted += 1;
      await redis.config('SET', 'maxmemory', String(ROOM_BYTES));
      await this.#count(redis);
    });
  }

  /** @override */
  async findings() {
    await this.on(this.primary, (redis) => this.#count(redis));
    const growth = this.workers.map(({ rss }) => growthOf(rss));
    const { evicted, controlEvicted } = this;
    return [
      ...(await super.findings()),
      { name: 'keys were evicted', passed: evicted > 100, detail: { evicted } },
      { name: 'the control record was evicted', passed: controlEvicted > 0, detail: { controlEvicted } },
      { name: 'no process grows', passed: growth.every(({ percent }) => percent < 10), detail: growth },
    ];
  }

  /** Since the server was last asked. @param {import('ioredis').Redis} redis */
  async #count(redis) {
    this.evicted += Number(/evicted_keys:(\d+)/.exec(await redis.info('stats'))?.[1]);
    await redis.config('RESETSTAT');
  }
}

/**
 * What a process takes, in its last third against the one before: the first is for what has a bound to fill it.
 * @param {{ at: number, rss: number }[]} samples
 */
function growthOf(samples) {
  const third = Math.floor(samples.length / 3);
  const before = median(samples.slice(third, 2 * third).map(({ rss }) => rss));
  const last = median(samples.slice(2 * third).map(({ rss }) => rss));
  const minutes = third === 0 ? 0 : (samples[2 * third].at - samples[third].at) / 60_000;
  const megabytes = (last - before) / MEGABYTE;
  return {
    seconds: Math.round(minutes * 180),
    startMegabytes: Math.round(samples[0]?.rss / MEGABYTE),
    megabytes: Math.round(last / MEGABYTE),
    percent: Number(((100 * (last - before)) / before).toFixed(1)),
    megabytesPerMinute: Number((megabytes / minutes).toFixed(2)),
  };
}

/** @param {number[]} values */
function median(values) {
  return values.sort((one, other) => one - other)[Math.floor(values.length / 2)];
}
