import { MemoryHub, type HubInstance } from '../../../libs/cache/src/adapters/memory/memory-hub.js';
import type { ReadPolicy } from '../../../libs/cache/src/core/engine/read-policy.js';
import { InvalidationIntent } from '../../../libs/cache/src/core/invalidation/intent.js';
import { ManualClock } from '../../../libs/cache/src/testing/manual-clock.js';
import { CacheRig, POLICY } from '../engine/cache-rig.js';
import { Gate, settled } from '../engine/gate.js';
import { KINDS, TAGS } from './invalidation-kinds.js';

const KEY = 'user:get:1';
const LEASE_MS = 1000;

interface Process extends CacheRig {
  readonly connection: HubInstance;
}

async function twoProcesses() {
  const clock = new ManualClock();
  const hub = new MemoryHub({ clock, leaseMs: LEASE_MS });
  const start = async (): Promise<Process> => {
    const connection = hub.instance();
    const rig = await CacheRig.open({ clock, log: connection.log, backend: connection.backend });
    return Object.assign(rig, { connection });
  };
  const [a, b] = [await start(), await start()];
  return { clock, hub, a, b, start };
}

const read = (rig: CacheRig, load: () => unknown, policy: Partial<ReadPolicy> = {}) =>
  rig.read(KEY, load, { tags: TAGS, policy });

describe.each(Object.entries(KINDS))('two instances, invalidated by %s', (_, intents) => {
  it('keep out of every tier what one loads while the other invalidates', async () => {
    const { a, b } = await twoProcesses();
    const gate = new Gate();
    const load = read(a, () => gate.passed);
    await settled();
    await b.invalidate(...intents);
    gate.open('old');
    expect(await load).toBe('old');
    expect(await read(b, () => 'new')).toBe('new');
    expect(await read(a, () => 'never asked')).toBe('new');
  });

  it('drop what the other has in its memory', async () => {
    const { a, b } = await twoProcesses();
    await read(a, () => 'old');
    expect(await read(b, () => 'never asked')).toBe('old');
    await b.invalidate(...intents);
    expect(await read(a, () => 'new')).toBe('new');
    expect(await read(b, () => 'never asked')).toBe('new');
  });

  it('serve no old value beyond the bound when the message does not come through', async () => {
    const { a, b, clock } = await twoProcesses();
    await read(a, () => 'old');
    a.connection.pause();
    await b.invalidate(...intents);
    expect(await read(a, () => 'new')).toBe('old'); // within the bound
    await clock.advanceAsync(LEASE_MS);
    expect(await read(a, () => 'new')).toBe('new');
  });

  it('forget everything when a message was lost, at the next one at the latest', async () => {
    const { a, b } = await twoProcesses();
    await read(a, () => 'old');
    a.connection.lose(1);
    await b.invalidate(...intents);
    await b.invalidate(InvalidationIntent.key('of something else'));
    expect(await read(a, () => 'new')).toBe('new');
  });

  it('serve what is expired in the shared tier to nobody once it is invalidated', async () => {
    const { a, b, clock } = await twoProcesses();
    const policy = { ttlMs: 500, graceMs: 60_000 };
    await read(a, () => 'old', policy);
    await clock.advanceAsync(600);
    await b.invalidate(...intents);
    const error = new Error('database down');
    await expect(read(a, () => Promise.reject(error), policy)).rejects.toBe(error);
    await expect(read(b, () => Promise.reject(error), policy)).rejects.toBe(error);
  });
});

describe('two instances', () => {
  it('make one load of a cold key', async () => {
    const { a, b, clock } = await twoProcesses();
    const gate = new Gate();
    let loads = 0;
    const load = () => {
      loads += 1;
      return gate.passed;
    };
    const answers = Promise.all([read(a, load), read(b, load), read(a, load), read(b, load)]);
    await clock.advanceAsync(20);
    gate.open('value');
    await clock.advanceAsync(100);
    expect(await answers).toEqual(['value', 'value', 'value', 'value']);
    expect(loads).toBe(1);
  });

  it('do not wait for a load that failed elsewhere', async () => {
    const { a, b, clock } = await twoProcesses();
    const gate = new Gate();
    const failing = read(a, () => gate.passed);
    await settled();
    const second = read(b, () => 'value');
    gate.break(new Error('database down'));
    await expect(failing).rejects.toThrow('database down');
    await clock.advanceAsync(10);
    expect(await second).toBe('value');
  });

  it('stand in for a method that fails with what the shared tier keeps, though memory has nothing', async () => {
    const { a, clock, start } = await twoProcesses();
    const policy = { ttlMs: 500, graceMs: 60_000 };
    await read(a, () => 'old', policy);
    await clock.advanceAsync(600);
    const fresh = await start();
    expect(await read(fresh, () => Promise.reject(new Error('database down')), policy)).toBe('old');
    expect(fresh.reads.map(({ outcome }) => outcome)).toEqual(['stale']);
  });

  it('stand in for a slow renewal by another instance at once', async () => {
    const { a, b, clock } = await twoProcesses();
    const policy = { ttlMs: 500, graceMs: 60_000, softTimeoutMs: 50 };
    await read(a, () => 'old', policy);
    await clock.advanceAsync(600);
    const gate = new Gate();
    const renewing = read(a, () => gate.passed, policy);
    const waiting = read(b, () => 'not asked in time', policy);
    await clock.advanceAsync(60);
    expect([await renewing, await waiting]).toEqual(['old', 'old']);
    gate.open('new');
    await clock.advanceAsync(200);
    expect(await read(a, () => 'never asked', policy)).toBe('new');
  });

  it('see a value that one of them set', async () => {
    const { a, b } = await twoProcesses();
    await read(a, () => 'old');
    await read(b, () => 'old');
    await a.engine.set(KEY, 'set', TAGS, POLICY);
    expect(await read(a, () => 'never asked')).toBe('set');
    expect(await read(b, () => 'never asked')).toBe('set');
  });

  it('start cold after the shared tier has lost its past', async () => {
    const { a, b, hub, clock } = await twoProcesses();
    await read(a, () => 'old');
    hub.changeHistory();
    await clock.advanceAsync(LEASE_MS);
    expect(await read(a, () => 'new')).toBe('new');
    expect(await read(b, () => 'never asked')).toBe('new');
  });

  describe('one of them cut off', () => {
    it('loads by itself, keeps the value for a moment only, and recovers', async () => {
      const { a, b, clock } = await twoProcesses();
      await read(a, () => 'old');
      a.connection.cutOff();
      await clock.advanceAsync(LEASE_MS);
      expect(await read(a, () => 'during')).toBe('during');
      expect(await read(a, () => 'never asked')).toBe('during');
      await clock.advanceAsync(1000);
      expect(await read(a, () => 'later')).toBe('later');
      await b.invalidate(InvalidationIntent.entity('user', 1));
      a.connection.reconnect();
      await clock.advanceAsync(2 * LEASE_MS);
      expect(await read(a, () => 'new')).toBe('new');
      expect(await read(b, () => 'never asked')).toBe('new');
    });

    it('is told that its invalidation was not executed, and repeats it later', async () => {
      const { a, b, clock } = await twoProcesses();
      await read(b, () => 'old');
      a.connection.cutOff();
      await expect(a.invalidate(InvalidationIntent.entity('user', 1))).rejects.toMatchObject({
        code: 'LARDER_LOG_UNAVAILABLE',
      });
      await a.invalidations.invalidateOrRetry([InvalidationIntent.entity('user', 1)]);
      a.connection.reconnect();
      await clock.advanceAsync(250);
      expect(await read(b, () => 'new')).toBe('new');
    });
  });

  it('do not share an unkept value across a dead lease', async () => {
    const { a, clock } = await twoProcesses();
    a.connection.cutOff();
    await clock.advanceAsync(LEASE_MS);
    const gate = new Gate();
    const unkept = { tags: TAGS, unless: () => true };
    const first = a.read(KEY, () => gate.passed, unkept);
    const second = a.read(KEY, () => 'own', unkept);
    gate.open('perhaps old');
    expect([await first, await second]).toEqual(['perhaps old', 'own']);
  });

  it('lets a reply that came too late elect nobody', async () => {
    const clock = new ManualClock();
    let slow = 0;
    const travel = (what: string) => (what.startsWith('read') && slow > 0 ? clock.sleep(slow) : Promise.resolve());
    const hub = new MemoryHub({ clock, leaseMs: LEASE_MS, network: { travel } });
    const open = async () => {
      const { log, backend } = hub.instance();
      return CacheRig.open({ clock, log, backend });
    };
    const [a, b] = [await open(), await open()];
    slow = 100;
    const gate = new Gate();
    const first = read(a, () => gate.passed);
    await clock.advanceAsync(300);
    slow = 0;
    const second = read(b, () => 'value');
    await settled();
    expect(await second).toBe('value'); // it did not have to wait for a fill that never comes
    gate.open('value');
    await first;
  });

  it('wait, when asked to, until no instance can serve the old value', async () => {
    const { a, b, clock } = await twoProcesses();
    await read(b, () => 'old');
    b.connection.pause();
    let done = false;
    const invalidation = a.invalidations
      .invalidate([InvalidationIntent.entity('user', 1)], { wait: 'cluster' })
      .finally(() => {
        done = true;
      });
    await settled();
    await clock.advanceAsync(LEASE_MS / 2);
    expect(done).toBe(false);
    expect(await read(b, () => 'new')).toBe('old');
    await clock.advanceAsync(LEASE_MS / 2);
    await invalidation;
    expect(await read(b, () => 'new')).toBe('new');
  });

  it('leave no timer behind', async () => {
    const { a, b, clock } = await twoProcesses();
    const reads = Promise.all([read(a, () => 'x'), read(b, () => 'x')]);
    await clock.advanceAsync(1000);
    await reads;
    await a.engine.close();
    await b.engine.close();
    expect(clock.pendingTimers).toBe(0);
  });
});
