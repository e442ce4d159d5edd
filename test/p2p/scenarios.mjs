// @ts-check
/**
 * What must hold in a network whatever its size, each on a swarm that is up; whoever runs one may find nodes gone or new
 * afterwards. They throw where something does not hold, and return figures.
 */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { Swarm, until } from './swarm.mjs';

const R = 3;
const HEALED_WITHIN_MS = 10_000;
const SOON_MS = 20_000;

/** @typedef {{ keys: number, bytes?: number }} Size */

/** @param {Swarm} swarm */
const one = (swarm, n = 0) => /** @type {import('./swarm.mjs').SwarmNode} */ (swarm.alive[n % swarm.alive.length]);

/** @param {Swarm} swarm @param {string} key @param {string | null} value @param {string} [what] */
function everywhere(swarm, key, value, what = `${key} to be ${value} on every node`) {
  return until(SOON_MS, what, async () => {
    const read = await Promise.all(swarm.alive.map((node) => node.ask('read', { key })));
    return read.every((each) => each === value);
  });
}

/** @param {Swarm} swarm @param {number} keys @param {number} withinMs */
function copiesOfAll(swarm, keys, withinMs) {
  const wanted = keys * Math.min(R, swarm.alive.length);
  return until(withinMs, `${wanted} copies`, async () => (await swarm.copies()) === wanted);
}

/** Speed of puts and gets from one node, with nobody else at work. @param {Swarm} swarm @param {Size} size */
export async function speed(swarm, { keys, bytes = 1024 }) {
  const node = one(swarm, 1);
  const put = await node.ask('putMany', { from: 0, to: keys, bytes });
  const get = await one(swarm, 2).ask('readMany', { from: 0, to: keys, width: 1 });
  const many = await one(swarm, 2).ask('readMany', { from: 0, to: keys, width: 16 });
  assert.deepEqual([get.missing, get.wrong, many.missing], [0, 0, 0]);
  return { put, get, 'get, 16 at a time': many };
}

/** A holder dies, and a node comes: nothing is missed, and all copies are back in time. @param {Swarm} swarm @param {Size} size */
export async function churn(swarm, { keys }) {
  await one(swarm).ask('invalidate', { flush: true });
  await until(SOON_MS, 'the network to be empty', async () => (await swarm.copies()) === 0);
  const { refused } = await one(swarm).ask('fillMany', { from: 0, to: keys });
  assert.equal(refused, 0);
  await copiesOfAll(swarm, keys, HEALED_WITHIN_MS);
  await one(swarm, 1).kill();
  const after = await one(swarm, 1).ask('readMany', { from: 0, to: keys });
  assert.deepEqual([after.missing, after.wrong], [0, 0]);
  const afterKillMs = await copiesOfAll(swarm, keys, HEALED_WITHIN_MS);
  await swarm.add();
  await swarm.settled();
  const afterJoinMs = await copiesOfAll(swarm, keys, HEALED_WITHIN_MS);
  for (const node of swarm.alive) {
    const read = await node.ask('readMany', { from: 0, to: keys, step: 7 });
    assert.deepEqual([read.missing, read.wrong], [0, 0]);
  }
  return { afterKillMs: Math.round(afterKillMs), afterJoinMs: Math.round(afterJoinMs), 'reads after the kill': after };
}

/**
 * Many more bytes than three nodes may hold are written to a network of its own: none is ever above its bound, values leave
 * for it, and what is left is right, the newest among it.
 * @param {Size} size
 */
export async function bounded({ keys, bytes = 256 }) {
  const maxBytes = keys * 256;
  const swarm = new Swarm({ network: 'bounded', maxBytes, maxValueBytes: 4096 });
  const slice = Math.ceil(keys / 20);
  let fullest = 0;
  let refused = 0;
  try {
    await swarm.start(3);
    const startedAt = performance.now();
    for (let from = 0; from < keys; from += slice) {
      const to = Math.min(keys, from + slice);
      refused += (await one(swarm, from / slice).ask('fillMany', { from, to, bytes })).refused;
      for (const state of await swarm.states()) fullest = Math.max(fullest, state.bytes);
      assert.ok(fullest <= maxBytes, `${fullest} bytes where ${maxBytes} are the bound`);
    }
    const seconds = (performance.now() - startedAt) / 1000;
    assert.equal(refused, 0);
    const states = await swarm.states();
    for (const { copies, evicted } of states) assert.ok(copies > 0 && evicted > 0 && copies + evicted >= keys);
    const newest = { from: keys - Math.ceil(keys / 100), to: keys };
    let kept = 0;
    for (const node of swarm.alive) {
      const read = await node.ask('readMany', newest);
      assert.deepEqual([read.missing, read.wrong], [0, 0]);
      const all = await node.ask('readMany', { from: 0, to: keys, step: 10 });
      assert.equal(all.wrong, 0);
      kept = Math.max(kept, 1 - all.missing / Math.ceil(keys / 10));
    }
    const memory = await Promise.all(swarm.alive.map((node) => node.ask('memory')));
    return {
      values: keys,
      perSecond: Math.round(keys / seconds),
      maxBytes,
      fullest,
      copies: states.map((state) => state.copies),
      evicted: states.map((state) => state.evicted),
      readable: `${Math.round(kept * 100)} %`,
      rssMb: memory.map(({ rssMb }) => rssMb),
    };
  } finally {
    await swarm.stop();
  }
}

/** An invalidation by each kind of target on one node reaches all. @param {Swarm} swarm */
export async function revoke(swarm) {
  const times = /** @type {number[]} */ ([]);
  for (const targets of [
    { keys: ['user:get:1'] },
    { tags: ['user:1'] },
    { patterns: [{ pattern: 'get:*', scope: 'user' }] },
    { flush: true },
  ]) {
    await one(swarm).ask('write', { key: 'user:get:1', value: 'old', tags: ['user:1'] });
    await everywhere(swarm, 'user:get:1', 'old');
    const startedAt = performance.now();
    const position = await one(swarm, 1).ask('invalidate', targets);
    assert.equal(await one(swarm, 1).ask('read', { key: 'user:get:1' }), null);
    const applied = await Promise.all(swarm.alive.map((node) => node.ask('applied', { position, withinMs: SOON_MS })));
    times.push(Math.round(performance.now() - startedAt));
    assert.ok(applied.every(Boolean));
    for (const node of swarm.alive) assert.equal(await node.ask('read', { key: 'user:get:1' }), null);
  }
  return { appliedEverywhereAfterMs: times };
}

/** What was loaded before an invalidation elsewhere is never readable once that has arrived. @param {Swarm} swarm */
export async function lateFill(swarm) {
  for (const [key, targets] of /** @type {const} */ ([
    ['late by key', { keys: ['late by key'] }],
    ['late by tag', { tags: ['t'] }],
    ['late by flush', { flush: true }],
  ])) {
    const [loader, invalidator] = [one(swarm, 0), one(swarm, 1)];
    assert.equal(await loader.ask('begin', { key }), false);
    const position = await invalidator.ask('invalidate', targets);
    await loader.ask('finish', { key, value: 'old', tags: ['t'] });
    await Promise.all(swarm.alive.map((node) => node.ask('applied', { position, withinMs: SOON_MS })));
    for (let look = 0; look < 3; look += 1) {
      for (const node of swarm.alive) assert.equal(await node.ask('read', { key }), null);
    }
    await loader.ask('write', { key, value: 'new', tags: ['t'] });
    await everywhere(swarm, key, 'new');
  }
}

/** A node that slept through invalidations brings nothing back. @param {Swarm} swarm @param {{ longerThanTimeout: boolean }} how */
export async function rejoin(swarm, { longerThanTimeout }) {
  const keys = Array.from({ length: 20 }, (_, n) => `sleep:${n}`);
  for (const key of keys) await one(swarm).ask('write', { key, value: 'old', tags: [`tag ${key}`] });
  const sleeper = one(swarm, swarm.alive.length - 1);
  sleeper.hang();
  const awake = swarm.alive.filter((node) => node !== sleeper);
  try {
    await awake[0].ask('invalidate', { keys: keys.slice(0, 10) });
    await awake[1].ask('invalidate', { tags: keys.slice(10).map((key) => `tag ${key}`) });
    if (longerThanTimeout) {
      await until(SOON_MS, 'the sleeper to be given up', async () => {
        const states = await Promise.all(awake.map((node) => node.ask('state')));
        return states.every(({ peers }) => peers === awake.length - 1);
      });
    }
  } finally {
    sleeper.goOn();
  }
  await swarm.settled();
  for (const key of keys) await everywhere(swarm, key, null);
  await sleep(1500); // a repair after its return must not bring anything back
  for (const key of keys) await everywhere(swarm, key, null);
}

/** While a holder hangs, everybody else still finds everything. @param {Swarm} swarm @param {Size} size */
export async function hang(swarm, { keys }) {
  await one(swarm).ask('fillMany', { from: 0, to: keys });
  const victim = one(swarm, 1);
  victim.hang();
  try {
    const others = swarm.alive.filter((node) => node !== victim);
    const read = await others[0].ask('readMany', { from: 0, to: keys });
    assert.deepEqual([read.missing, read.wrong], [0, 0]);
    return { reads: read };
  } finally {
    victim.goOn();
    await swarm.settled();
  }
}

/**
 * Two sides that do not hear of each other, each writing and invalidating: one sleeps while the other is awake, longer than
 * it takes to be given up, and then the other way round. When they meet, all agree, and nothing invalidated is back.
 * @param {Swarm} swarm
 */
export async function partition(swarm) {
  const half = Math.ceil(swarm.alive.length / 2);
  const sides = [swarm.alive.slice(0, half), swarm.alive.slice(half)];
  for (const key of ['gone on the first', 'gone on the second', 'written on both']) {
    await one(swarm).ask('put', { key, value: 'before' });
    await everywhere(swarm, key, 'before');
  }
  const apart = (/** @type {typeof sides[number]} */ side) =>
    until(SOON_MS, 'the other side to be given up', async () => {
      const states = await Promise.all(side.map((node) => node.ask('state')));
      return states.every(({ peers }) => peers === side.length - 1);
    });
  const [first, second] = sides;
  try {
    for (const node of second) node.hang();
    await apart(first);
    await first[0].ask('invalidate', { keys: ['gone on the first'] });
    await first[0].ask('put', { key: 'written on both', value: 'first' });
    for (const node of first) node.hang();
    for (const node of second) node.goOn();
    await apart(second);
    await second[0].ask('invalidate', { keys: ['gone on the second'] });
    await second[0].ask('put', { key: 'written on both', value: 'second' });
  } finally {
    for (const node of swarm.alive) node.goOn();
  }
  await swarm.settled();
  await everywhere(swarm, 'gone on the first', null);
  await everywhere(swarm, 'gone on the second', null);
  await everywhere(swarm, 'written on both', 'second');
}

/** Who holds another key, or is of another network, gets nowhere. @param {Swarm} swarm */
export async function isolation(swarm) {
  const before = swarm.alive.length;
  await one(swarm).ask('write', { key: 'secret', value: 'ours' });
  const strangers = new Swarm(swarm.options);
  const bootstrap = one(swarm).addresses;
  try {
    for (const options of [
      { psk: 'the secret of strangers', bootstrap },
      { network: 'another', bootstrap },
    ]) {
      const stranger = await strangers.add({ options: { ...options, aloneAfter: '1s' } });
      await until(SOON_MS, 'the stranger to be alone', async () => (await stranger.ask('state')).available);
      await stranger.ask('invalidate', { flush: true });
      await sleep(1000);
      assert.equal((await stranger.ask('state')).peers, 0);
      assert.equal((await stranger.ask('state')).state, 'detached');
      assert.equal(await stranger.ask('read', { key: 'secret' }), null);
    }
    await everywhere(swarm, 'secret', 'ours');
    assert.ok((await swarm.states()).every(({ peers }) => peers === before - 1));
  } finally {
    await strangers.stop();
  }
}

/** Clocks a minute off either way: the later write wins all the same, and invalidations hit. Adds three nodes. @param {Swarm} swarm */
export async function skew(swarm) {
  const slow = await swarm.add({ skewMs: -60_000 });
  const fast = await swarm.add({ skewMs: 60_000 });
  await swarm.settled();
  await fast.ask('put', { key: 'skewed', value: 'of the fast' });
  await everywhere(swarm, 'skewed', 'of the fast');
  await slow.ask('put', { key: 'skewed', value: 'of the slow, later' });
  await everywhere(swarm, 'skewed', 'of the slow, later');
  await fast.ask('write', { key: 'tagged', value: 'of the fast', tags: ['t'] });
  await everywhere(swarm, 'tagged', 'of the fast');
  await slow.ask('invalidate', { tags: ['t'] });
  await everywhere(swarm, 'tagged', null);
  const states = await swarm.states();
  assert.ok(states.every(({ skewed }) => skewed === 0));
  const far = await swarm.add({ skewMs: 600_000 });
  await swarm.settled();
  await far.ask('write', { key: 'from the future', value: 'x' }).catch(() => {}); // refused by all, or kept by itself alone
  await far.ask('invalidate', { keys: ['skewed'] });
  await until(SOON_MS, 'the invalidation to hold, whatever its time', async () => {
    const read = await Promise.all([slow, fast].map((node) => node.ask('read', { key: 'skewed' })));
    return read.every((each) => each === null);
  });
  const refused = (await swarm.states()).reduce((sum, state) => sum + state.skewed, 0);
  assert.ok(refused > 0);
  await far.kill();
}
