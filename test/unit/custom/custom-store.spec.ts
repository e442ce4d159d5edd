import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { custom } from '../../../libs/cache/src/adapters/memory/custom.js';
import type { CustomOptions, CustomStore } from '../../../libs/cache/src/adapters/memory/custom.options.js';
import { decodeStamped, encodeStamped } from '../../../libs/cache/src/adapters/memory/stamped-entry-codec.js';
import { storeKey } from '../../../libs/cache/src/adapters/memory/store-key.js';
import type { CoherenceEventMap } from '../../../libs/cache/src/core/coherence/coherence.events.js';
import { Emitter } from '../../../libs/cache/src/core/events/emitter.js';
import { InvalidationIntent } from '../../../libs/cache/src/core/invalidation/intent.js';
import { ManualClock } from '../../../libs/cache/src/testing/manual-clock.js';
import { CacheRig } from '../engine/cache-rig.js';

class Shelf implements CustomStore {
  readonly entries = new Map<string, Uint8Array>();
  readonly ttls: number[] = [];
  fault: (() => Promise<never>) | null = null;
  calls = 0;

  get = (key: string) => this.served(() => this.entries.get(key) ?? null);
  set = (key: string, value: Uint8Array, ttl: number) =>
    this.served(() => {
      this.ttls.push(ttl);
      this.entries.set(key, value);
    });
  delete = (key: string) => this.served(() => this.entries.delete(key));
  clear = () => this.served(() => this.entries.clear());

  private async served<T>(answer: () => T): Promise<T> {
    this.calls += 1;
    return this.fault === null ? answer() : this.fault();
  }
}

async function rigOver(store: CustomStore) {
  const clock = new ManualClock();
  const events = new Emitter<CoherenceEventMap>();
  const troubles: string[] = [];
  events.on('trouble', ({ code }) => troubles.push(code));
  const context = { namespace: 'shop', instanceId: randomUUID(), clock, events };
  const { log, backend } = custom({ store, name: 'shelf' }).create(context);
  const rig = await CacheRig.open({ clock, log, backend });
  let loads = 0;
  const load = (id: number) =>
    rig.read(`user:get:${id}`, async () => {
      loads += 1;
      return `value ${id} of load ${loads}`;
    });
  /** Memory forgets; the store does not. */
  const fromStore = (id: number) => {
    rig.engine.local.store.clear('cleared');
    return load(id);
  };
  return { rig, clock, load, fromStore, troubles };
}

const hang = () => new Promise<never>(() => undefined);
const fail = () => Promise.reject(new Error('disk full'));

describe('a custom store', () => {
  it('is given the ttl in whole seconds, and bytes that say what is needed to judge them', async () => {
    const store = new Shelf();
    const { load } = await rigOver(store);
    await load(1);
    expect(store.ttls).toEqual([60]);
    const [[key, bytes]] = [...store.entries] as [[string, Uint8Array]];
    expect(key).toBe('user:get:1');
    expect(decodeStamped(bytes)?.stamp).toMatchObject({ key: 'user:get:1', tags: ['%scope:user'] });
  });

  it('serves what it holds, and not once a pattern, a tag or a flush has met it', async () => {
    const { rig, fromStore } = await rigOver(new Shelf());
    expect(await fromStore(1)).toBe('value 1 of load 1');
    expect(await fromStore(1)).toBe('value 1 of load 1');
    const intents = [
      InvalidationIntent.pattern('get:*', 'user'),
      InvalidationIntent.scope('user'),
      InvalidationIntent.key('user:get:1'),
      InvalidationIntent.flush(),
    ];
    for (const [n, intent] of intents.entries()) {
      await rig.invalidations.invalidate([intent]);
      expect(await fromStore(1)).toBe(`value 1 of load ${n + 2}`);
      expect(await fromStore(1)).toBe(`value 1 of load ${n + 2}`);
    }
  });

  it.each([
    ['throws', () => fail],
    [
      'throws at once',
      () => () => {
        throw new Error('not connected');
      },
    ],
  ])('that %s never fails a method, and is left alone after some failures (G6)', async (_, fault) => {
    const store = new Shelf();
    const { fromStore, clock } = await rigOver(store);
    store.fault = fault();
    for (let id = 0; id < 20; id += 1) expect(await fromStore(id)).toMatch(`value ${id}`);
    const { calls } = store;
    expect(calls).toBeLessThan(12);
    store.fault = null;
    await fromStore(1);
    expect(store.calls).toBe(calls);
    await clock.advanceAsync(1500);
    await fromStore(1);
    expect(await fromStore(1)).toBe(await fromStore(1));
    expect(store.calls).toBeGreaterThan(calls);
  });

  it('that hangs delays a method by the soft timeout alone', async () => {
    const store = new Shelf();
    const { load, clock } = await rigOver(store);
    store.fault = hang;
    const answer = load(1);
    await clock.advanceAsync(60);
    expect(await answer).toBe('value 1 of load 1');
    await clock.advanceAsync(60_000);
  });

  it('with bytes of another version, or damaged, misses, and says so', async () => {
    const store = new Shelf();
    const { fromStore, troubles } = await rigOver(store);
    await fromStore(1);
    store.entries.set('user:get:1', Uint8Array.of(7, 7, 7));
    expect(await fromStore(1)).toBe('value 1 of load 2');
    expect(troubles).toEqual(['UNREADABLE']);
  });

  it('gives a process nothing of what another one stored without a shared log', async () => {
    const store = new Shelf();
    const [here, there] = [await rigOver(store), await rigOver(store)];
    expect(await here.fromStore(1)).toBe('value 1 of load 1');
    await here.rig.invalidations.invalidate([InvalidationIntent.flush()]);
    expect(await there.fromStore(1)).toBe('value 1 of load 1');
  });

  it('is given keys that any store can take, and that differ where the keys do', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), fc.string({ unit: 'binary' }), (a, b) => {
        expect(storeKey(a)).toMatch(/^[\x21-\x7e]{0,200}$/);
        expect(storeKey(a) === storeKey(b)).toBe(a === b);
      }),
    );
    expect(storeKey('user:get_user:1')).toBe('user:get_user:1');
  });

  it('may hold anything: no bytes make reading throw', () => {
    const stamp = { key: 'k', lineage: 'l', stamp: 's', tags: ['t'], freshUntil: 1, keepUntil: 2 };
    const bytes = encodeStamped(stamp, Uint8Array.of(1, 2, 3));
    expect(decodeStamped(bytes)).toMatchObject({ stamp, payload: Buffer.of(1, 2, 3) });
    fc.assert(fc.property(fc.uint8Array(), (any) => decodeStamped(any) === null || any.length > 5));
    fc.assert(fc.property(fc.nat(bytes.length - 1), (cut) => expect(decodeStamped(bytes.subarray(0, cut))).toBeNull()));
    expect(decodeStamped('text')).toBeNull();
  });

  it.each<[string, unknown, string]>([
    ['nothing', undefined, '`store`'],
    ['no store', {}, '`store`'],
    ['half a store', { store: { get: () => null } }, 'without set, delete, clear'],
    ['a bad name', { store: new Shelf(), name: 'My Store' }, '`name`'],
    ['a log that is none', { store: new Shelf(), log: {} }, '`log`'],
    ['a timeout of nothing', { store: new Shelf(), timeout: 0 }, '`timeout`'],
  ])('is refused with %s', (_, options, text) => {
    expect(() => custom(options as CustomOptions)).toThrow(text);
  });
});
