import { PatternPredicates } from '../../../libs/cache/src/adapters/redis/pattern-predicates.js';
import { RedisCacheBackend } from '../../../libs/cache/src/adapters/redis/redis-cache-backend.js';
import { draft } from '../../../libs/cache/src/adapters/redis/redis-entry.js';
import type { AskedRead, KeyAnswer, ValueStore } from '../../../libs/cache/src/adapters/redis/value-store.js';
import { logIdAt, ordOf, positionOf } from '../../../libs/cache/src/core/coherence/position.js';

const ERA = '00000001aaaaaaaaaaaaaaaa';
const ord = (ms: number): string => ordOf(ERA, logIdAt(ms));

/** As SETF puts it together: an entry stamped at `ms`, fresh for a second at server time 0. */
function entryOf(ms: number, freshMs = 1000): Buffer {
  const { tail } = draft({ payload: Buffer.from('old'), tags: [], freshMs, keepMs: 9000 }, Infinity);
  const times = Buffer.alloc(13);
  times.writeUInt8(1, 0);
  times.writeUIntBE(freshMs, 1, 6);
  times.writeUIntBE(9000, 7, 6);
  return Buffer.concat([Buffer.from(positionOf(ERA, logIdAt(ms))), times, tail]);
}

function answer(patternsAt: number, raw: Buffer | null, permit: KeyAnswer['permit'] = null): KeyAnswer {
  return { batch: { position: positionOf(ERA, logIdAt(patternsAt)), patterns: ord(patternsAt), now: 0 }, raw, permit };
}

function storeOf(read: () => Promise<KeyAnswer>): ValueStore {
  const ask = (asked: AskedRead): void => {
    read().then(
      (answer) => asked.resolve(answer),
      (error: unknown) => asked.reject(error),
    );
  };
  return { ask } as unknown as ValueStore;
}

/** A backend whose server gives these answers, and whose list of patterns is empty whenever it is fetched, at 30. */
function backendOf(answers: KeyAnswer[]): RedisCacheBackend {
  const store = storeOf(() => Promise.resolve(answers.shift()!));
  const predicates = new PatternPredicates(
    () => Promise.resolve({ upTo: ord(30), members: [] }),
    () => () => false,
    100,
  );
  const events = { emit: () => undefined };
  return new RedisCacheBackend({} as never, {} as never, store, predicates, {} as never, events);
}

// Between the answer and the list that is fetched to judge it the list can lose the pattern in question, because it was
// folded into the floor, flushed, lost, or dropped after its sweep. Only the server knows then.
describe('an answer that is older than the list of patterns', () => {
  it('is not served: the server is asked again', async () => {
    const backend = backendOf([answer(10, entryOf(5)), answer(30, null, { token: 'mine', owner: true })]);
    expect(await backend.read('user:1', { permitMs: 1000 })).toMatchObject({ hit: false, stale: null, owner: true });
  });

  it('is served when the server says it again', async () => {
    const backend = backendOf([answer(10, entryOf(15)), answer(10, entryOf(15))]);
    const read = await backend.read('user:1', { permitMs: 1000 });
    expect(read.hit && Buffer.from(read.entry.payload).toString()).toBe('old');
  });

  it('costs nobody his election', async () => {
    const stale = entryOf(15, 0);
    const backend = backendOf([
      answer(10, stale, { token: 'mine', owner: true }),
      answer(10, stale, { token: 'mine', owner: false }),
    ]);
    expect(await backend.read('user:1', { permitMs: 1000 })).toMatchObject({ hit: false, owner: true });
  });

  it('is not served either when the list was fetched while it was on its way, and has lost a pattern that it had', async () => {
    const member = ord(20) + JSON.stringify({ pattern: 'user:*', scope: null });
    const lists = [[member], []];
    const predicates = new PatternPredicates(
      () => Promise.resolve({ upTo: ord(20), members: lists.shift()! }),
      () => () => true,
      100,
    );
    await predicates.refresh();
    const answers = [answer(20, entryOf(5)), answer(20, null, { token: 'mine', owner: true })];
    const read = async () => {
      const next = answers.shift()!;
      if (answers.length === 1) await predicates.refresh();
      return next;
    };
    const store = storeOf(read);
    const backend = new RedisCacheBackend({} as never, {} as never, store, predicates, {} as never, {} as never);
    expect(await backend.read('user:1', { permitMs: 1000 })).toMatchObject({ hit: false, stale: null, owner: true });
  });

  it('is given up where patterns come faster than they can be followed', async () => {
    const backend = backendOf(Array.from({ length: 20 }, (_, n) => answer(40 + n, entryOf(5))));
    await expect(backend.read('user:1', { permitMs: 1000 })).rejects.toMatchObject({ code: 'LARDER_TIER_UNAVAILABLE' });
  });
});
