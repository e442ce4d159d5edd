import { AsyncLocalStorage } from 'node:async_hooks';
import { MemoryHub } from '../../../libs/cache/src/adapters/memory/memory-hub.js';
import type { BackendRead } from '../../../libs/cache/src/core/coherence/cache-backend.port.js';
import { InvalidationIntent } from '../../../libs/cache/src/core/invalidation/intent.js';
import { ManualClock } from '../../../libs/cache/src/testing/manual-clock.js';
import { CacheRig, POLICY } from './cache-rig.js';
import { Gate, settled, handlingAll } from './gate.js';

const KEY = 'user:get:1';

async function overHub() {
  const clock = new ManualClock();
  const hub = new MemoryHub({ clock, leaseMs: 1000 });
  const { log, backend } = hub.instance();
  return { clock, hub, backend, rig: await CacheRig.open({ clock, log, backend }) };
}

describe('the read road', () => {
  it('passes memory, shared tier and method in this order', async () => {
    const { rig, clock } = await overHub();
    await rig.read(KEY, () => 'value');
    await rig.read(KEY, () => 'never asked');
    rig.engine.local.store.clear('cleared');
    await rig.read(KEY, () => 'never asked');
    clock.advance(POLICY.ttlMs);
    await rig.read(KEY, () => 'value');
    expect(rig.reads.map(({ outcome, tier }) => `${outcome} ${tier}`)).toEqual([
      'miss source',
      'hit memory',
      'hit memory-hub',
      'miss source',
    ]);
  });

  it('keeps what the shared tier answers for the time that is left to it', async () => {
    const { rig, clock } = await overHub();
    await rig.read(KEY, () => 'value', { policy: { ttlMs: 10_000 } });
    await clock.advanceAsync(6000);
    rig.engine.local.store.clear('cleared');
    await rig.read(KEY, () => 'never asked');
    expect(rig.engine.inspect(KEY)?.freshMs).toBe(4000);
  });

  it('invalidates what came from the shared tier by the tags it was stored with', async () => {
    const { rig } = await overHub();
    await rig.read(KEY, () => 'old', { tags: ['t'] });
    rig.engine.local.store.clear('cleared');
    await rig.read(KEY, () => 'never asked');
    await rig.invalidate(InvalidationIntent.tag('t'));
    expect(await rig.read(KEY, () => 'new')).toBe('new');
  });

  describe('when the shared tier is in trouble', () => {
    it.each([
      ['rejects', () => Promise.reject<BackendRead>(new Error('down'))],
      ['is silent', () => new Promise<BackendRead>(() => undefined)],
    ])('and %s, the method runs after the soft timeout at most, and nothing escapes', async (_, answer) => {
      const { rig, backend, clock } = await overHub();
      backend.read = answer;
      await handlingAll(async () => {
        const read = rig.read(KEY, () => 'value');
        await clock.advanceAsync(POLICY.softTimeoutMs);
        expect(await read).toBe('value');
      });
    });

    it('and is silent, the method runs in the context of its own caller, not in that of a timer', async () => {
      const { rig, backend, clock } = await overHub();
      backend.read = () => new Promise<BackendRead>(() => undefined);
      const caller = new AsyncLocalStorage<string>();
      const reads = ['ann', 'bob'].map((name) =>
        caller.run(name, () => rig.read(`${KEY}:${name}`, () => caller.getStore() ?? 'nobody')),
      );
      await clock.advanceAsync(POLICY.softTimeoutMs);
      expect(await Promise.all(reads)).toEqual(['ann', 'bob']);
    });

    it('and answers a batch in one turn, each method runs in the context of its own caller', async () => {
      const { rig, backend } = await overHub();
      const batch: (() => void)[] = [];
      const ask = backend.ask.bind(backend);
      backend.ask = (...question) => void batch.push(() => ask(...question));
      const caller = new AsyncLocalStorage<string>();
      const reads = ['ann', 'bob'].map((name) =>
        caller.run(name, () => rig.read(`${KEY}:${name}`, () => caller.getStore() ?? 'nobody')),
      );
      for (const answer of batch) answer();
      expect(await Promise.all(reads)).toEqual(['ann', 'bob']);
    });

    it.each<[string, () => Promise<boolean>]>([
      ['fails', () => Promise.reject(new Error('out of memory'))],
      ['is silent', () => new Promise(() => undefined)],
    ])('and %s when a value is to be stored, memory keeps it and the log keeps memory right', async (_, fill) => {
      const { rig, backend, clock } = await overHub();
      backend.fill = fill;
      const read = rig.read(KEY, () => 'first', { tags: ['t'] });
      await clock.advanceAsync(POLICY.softTimeoutMs);
      expect(await read).toBe('first');
      expect(rig.fenced).toEqual([]);
      expect(await rig.read(KEY, () => 'never asked')).toBe('first');
      await rig.invalidate(InvalidationIntent.tag('t'));
      const again = rig.read(KEY, () => 'second', { tags: ['t'] });
      await clock.advanceAsync(POLICY.softTimeoutMs);
      expect(await again).toBe('second');
    });

    it('and is slow to answer and slow to store, both together cost no more than the soft timeout', async () => {
      const { rig, backend, clock } = await overHub();
      const [read, fill] = [backend.read.bind(backend), backend.fill.bind(backend)];
      backend.read = (...args) => clock.sleep(40).then(() => read(...args));
      backend.fill = (...args) => clock.sleep(40).then(() => fill(...args));
      let answeredAt = Number.POSITIVE_INFINITY;
      const value = rig.read(KEY, () => 'value').finally(() => (answeredAt = clock.monotonic()));
      await clock.advanceAsync(100);
      expect(await value).toBe('value');
      expect(answeredAt).toBe(POLICY.softTimeoutMs);
      rig.engine.local.store.clear('cleared');
      const second = rig.read(KEY, () => 'never asked'); // the fill went on by itself
      await clock.advanceAsync(100);
      expect(await second).toBe('value');
    });

    it('and throws instead of rejecting, the method runs all the same', async () => {
      const { rig, backend } = await overHub();
      backend.read = () => {
        throw new Error('a careless backend');
      };
      expect(await rig.read(KEY, () => 'value')).toBe('value');
      expect(rig.trouble.map(({ operation }) => operation)).toEqual(['read']);
    });

    it('and cannot carry a value, nobody waits for the permit of it', async () => {
      const { rig, backend } = await overHub();
      const released: string[] = [];
      backend.release = async (key) => void released.push(key);
      const huge = () => 'x'.repeat(2 ** 21);
      expect(await rig.read(KEY, huge)).toHaveLength(2 ** 21);
      expect(released).toEqual([KEY]);
      expect(rig.trouble.map(({ operation }) => operation)).toEqual(['fill']);
    });

    it('and is to carry more than it was told to, the value stays here, however large others allow it to be', async () => {
      const { clock, hub } = await overHub();
      const [one, other] = [hub.instance(), hub.instance()];
      const codec = { maxPayloadBytes: 1000 };
      const small = await CacheRig.open({ clock, log: one.log, backend: one.backend, codec });
      const large = await CacheRig.open({ clock, log: other.log, backend: other.backend });
      const text = (letter: string) => () => letter.repeat(2000);
      expect(await small.read(KEY, text('a'))).toBe('a'.repeat(2000));
      expect(small.trouble.map(({ operation }) => operation)).toEqual(['fill']);
      expect(await large.read(KEY, text('b'))).toBe('b'.repeat(2000));
      small.engine.local.store.clear('cleared');
      expect(await small.read(KEY, text('c'))).toBe('c'.repeat(2000));
      expect(small.trouble.map(({ operation }) => operation)).toEqual(['fill', 'decode', 'fill']);
    });

    it('and holds what this version cannot read, the method runs and replaces it', async () => {
      const { rig, backend } = await overHub();
      const entry = { payload: new Uint8Array([250, 1, 2]), tags: [], freshMs: 60_000, keepMs: 60_000 };
      await backend.put(KEY, entry);
      expect(await rig.read(KEY, () => 'value')).toBe('value');
      rig.engine.local.store.clear('cleared');
      expect(await rig.read(KEY, () => 'never asked')).toBe('value');
      expect(rig.trouble.map(({ operation }) => operation)).toEqual(['decode']);
    });

    it('and gives no permit back, nobody is disturbed', async () => {
      const { rig, backend } = await overHub();
      backend.release = () => Promise.reject(new Error('down'));
      await handlingAll(() => expect(rig.read(KEY, () => Promise.reject(new Error('own')))).rejects.toThrow('own'));
      expect(rig.trouble.map(({ operation }) => operation)).toEqual(['release']);
    });
  });

  it('gives the permit back where the result is not kept, so that nobody waits for it', async () => {
    const { rig, backend } = await overHub();
    const released: string[] = [];
    const release = backend.release.bind(backend);
    backend.release = (key, permit) => {
      released.push(key);
      return release(key, permit);
    };
    await rig.read('unless', () => 'value', { unless: () => true });
    await rig.read('tags', () => 'value', {
      tagsOf: () => {
        throw new Error('tags');
      },
    });
    await rig.read('value', () => () => 'a function');
    await rig.read('error', () => Promise.reject(new Error('x'))).catch(() => undefined);
    await settled();
    expect(released).toEqual(['unless', 'tags', 'value', 'error']);
  });

  it('stores jittered lives that are never longer than asked for', async () => {
    const rig = await CacheRig.open();
    await rig.read(KEY, () => 'value', { policy: { jitter: 0.5 } });
    expect(rig.engine.inspect(KEY)?.freshMs).toBeLessThanOrEqual(POLICY.ttlMs);
  });

  it('runs what throws at once as it runs what rejects', async () => {
    const rig = await CacheRig.open();
    const error = new Error('at once');
    const load = () => {
      throw error;
    };
    await expect(rig.read(KEY, load)).rejects.toBe(error);
    expect(rig.engine.loadsUnderWay).toBe(0);
  });

  it('lets two methods call each other without end in sight, and finds it', async () => {
    const rig = await CacheRig.open();
    let rounds = 0;
    const a = (): Promise<unknown> => rig.read('a', async () => ((rounds += 1) > 2 ? 'end' : b()));
    const b = (): Promise<unknown> => rig.read('b', () => a());
    const answer = a();
    await rig.clock.advanceAsync(POLICY.hardTimeoutMs);
    await rig.clock.advanceAsync(POLICY.hardTimeoutMs);
    expect(await answer).toBe('end');
    const gate = new Gate();
    gate.open(null);
    await gate.passed;
    expect(rig.engine.loadsUnderWay).toBe(0);
  });
});
