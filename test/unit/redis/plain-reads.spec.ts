import { PlainReads } from '../../../libs/cache/src/adapters/redis/plain-reads.js';
import { draft } from '../../../libs/cache/src/adapters/redis/redis-entry.js';
import { ResidentTags } from '../../../libs/cache/src/adapters/redis/resident-tags.js';
import { ServerClock } from '../../../libs/cache/src/adapters/redis/server-clock.js';
import { logIdAt, ordOf, positionOf } from '../../../libs/cache/src/core/coherence/position.js';
import { ManualClock } from '../../../libs/cache/src/testing/manual-clock.js';

const ERA = '00000001aaaaaaaaaaaaaaaa';
const EARLIER = '00000000bbbbbbbbbbbbbbbb';
const NONE = '0'.repeat(28);
const SERVER_MS = 1_000_000;
const ord = (ms: number): string => ordOf(ERA, logIdAt(ms));
const position = (ms: number, era = ERA): string => positionOf(era, logIdAt(ms));

/** As SETF puts it together. */
function entry(stamp: string, tags: readonly string[] = [], freshUntil = SERVER_MS + 5000): Buffer {
  const { tail } = draft({ payload: Buffer.from('value'), tags, freshMs: 5000, keepMs: 9000 }, Infinity);
  const times = Buffer.alloc(13);
  times.writeUInt8(1, 0);
  times.writeUIntBE(freshUntil, 1, 6);
  times.writeUIntBE(freshUntil + 4000, 7, 6);
  return Buffer.concat([Buffer.from(stamp), times, tail]);
}

/** As the scripts write it. */
function summary({ era = ERA, last = 100, floor = NONE, patterns = NONE, lastTag = NONE } = {}): Buffer {
  return Buffer.from(era + logIdAt(last) + floor + patterns + lastTag);
}

/** A clock whose wall can be stepped. */
class SteppingClock extends ManualClock {
  wallAhead = 0;
  override wall(): number {
    return super.wall() + this.wallAhead;
  }
}

/** An instance that has followed the log from 10 to `applied`, where tag `a` was invalidated at 50. */
function instance(applied = 100) {
  const clock = new SteppingClock();
  const serverClock = new ServerClock(clock, 2000);
  serverClock.heard({ monotonic: clock.monotonic(), wall: clock.wall() }, ERA, SERVER_MS);
  const tags = new ResidentTags();
  tags.forget(position(10));
  const known = { keys: [], patterns: [], flush: false, reason: '', origin: '', id: '1' };
  tags.follow([{ ...known, tags: ['a'] }], position(50));
  const link = { era: ERA, follower: { appliedId: logIdAt(applied) }, heartbeat: { serverClock } };
  return { clock, plain: new PlainReads(link as never, tags) };
}

const judged = (raw: Buffer | null, head: Buffer | null, applied = 100): boolean =>
  instance(applied).plain.judge([raw, head])[0] !== null;

describe('a hit that is judged here', () => {
  it('was stamped after the last invalidation of any tag, or after that of each of its own', () => {
    expect(judged(entry(position(70), ['a']), summary({ lastTag: ord(60) }))).toBe(true);
    expect(judged(entry(position(50), ['a']), summary({ lastTag: ord(60) }))).toBe(true);
    expect(judged(entry(position(40), ['b']), summary({ lastTag: ord(60) }))).toBe(true);
  });

  it('carries what the predicates and the memory tier need to know', () => {
    const [answer] = instance().plain.judge([entry(position(70)), summary({ patterns: ord(30) })]);
    expect(answer).toMatchObject({ permit: null, batch: { position: position(100), patterns: ord(30) } });
    expect(answer!.batch.now).toBeGreaterThanOrEqual(SERVER_MS);
    expect(instance().plain.judge([entry(position(70)), summary()])[0]!.batch.patterns).toBe('');
  });
});

describe('what is left to the server', () => {
  it.each<[string, Buffer | null, Buffer | null, number]>([
    ['a miss', null, summary(), 100],
    ['everything, where the summary is lost', entry(position(70)), null, 100],
    ['everything, where the summary is of another history', entry(position(70)), summary({ era: EARLIER }), 100],
    ['an entry of which a tag was invalidated', entry(position(40), ['a']), summary({ lastTag: ord(60) }), 100],
    [
      'an older entry, while something in the log is not applied',
      entry(position(70)),
      summary({ lastTag: ord(80) }),
      99,
    ],
    ['an entry from before the log was followed', entry(position(9)), summary({ lastTag: ord(60) }), 100],
    ['an entry below the floor', entry(position(40)), summary({ floor: ord(41) }), 100],
    ['an entry of an earlier history', entry(position(70, EARLIER)), summary(), 100],
    ['an expired entry', entry(position(70), [], SERVER_MS), summary(), 100],
    ['bytes that are no entry', Buffer.from('x'.repeat(200)), summary(), 100],
  ])('%s', (_, raw, head, applied) => {
    expect(judged(raw, head, applied)).toBe(false);
  });

  it('everything, while the server was not heard or this machine was suspended', () => {
    const silent = instance();
    silent.clock.advance(2001);
    expect(silent.plain.judge([entry(position(70)), summary()])).toEqual([null]);
    const suspended = instance();
    suspended.clock.wallAhead = 1500;
    expect(suspended.plain.judge([entry(position(70)), summary()])).toEqual([null]);
  });
});

describe('whether a plain read is tried', () => {
  const batch = { position: position(100), patterns: '', now: SERVER_MS };
  const read = { key: 'k', permitMs: 1, mode: 'get' } as const;

  it('follows what became of the last few dozen reads', () => {
    const { plain } = instance();
    expect(plain.worthwhile(read)).toBe(false);
    for (let n = 0; n < 100; n += 1) plain.learn({ batch, raw: entry(position(70)), permit: null });
    expect(plain.worthwhile(read)).toBe(true);
    expect(plain.worthwhile({ ...read, mode: 'renew' })).toBe(false);
    for (let n = 0; n < 20; n += 1) plain.judge([null, summary()]);
    expect(plain.worthwhile(read)).toBe(false);
    for (let n = 0; n < 100; n += 1) plain.learn({ batch, raw: entry(position(9)), permit: null });
    expect(plain.worthwhile(read)).toBe(false); // hits, but none that could be judged here
  });
});
