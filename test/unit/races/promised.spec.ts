import { MemoryHub } from '../../../libs/cache/src/adapters/memory/memory-hub.js';
import { InvalidationIntent } from '../../../libs/cache/src/core/invalidation/intent.js';
import { ManualClock } from '../../../libs/cache/src/testing/manual-clock.js';
import { CacheRig } from '../engine/cache-rig.js';
import { Gate, settled } from '../engine/gate.js';
import { KINDS, TAGS } from './invalidation-kinds.js';

const KEY = 'user:get:1';
const RETRY_MS = 250;

async function oneOfTwo() {
  const clock = new ManualClock();
  const hub = new MemoryHub({ clock, leaseMs: 60_000 });
  const connection = hub.instance();
  const rig = await CacheRig.open({ clock, log: connection.log, backend: connection.backend });
  const other = hub.instance();
  const otherRig = await CacheRig.open({ clock, log: other.log, backend: other.backend });
  return { clock, connection, rig, otherRig };
}

const read = (rig: CacheRig, load: () => unknown, graceMs = 0) =>
  rig.read(KEY, load, { tags: TAGS, policy: { graceMs } });

describe.each(Object.entries(KINDS))('an invalidation by %s that is promised and not yet executed', (_, intents) => {
  it('hides what the shared tier holds from who promised it, until it is executed', async () => {
    const { clock, connection, rig, otherRig } = await oneOfTwo();
    await read(rig, () => 'old');
    connection.cutOff();
    await rig.invalidations.invalidateOrRetry(intents);
    connection.reconnect();
    expect(await read(rig, () => 'new')).toBe('new');
    rig.engine.local.store.clear('cleared');
    expect(await read(rig, () => 'newer')).toBe('newer');
    expect(await read(otherRig, () => 'never asked')).toBe('old'); // nobody there was promised anything
    await clock.advanceAsync(RETRY_MS);
    expect(await read(otherRig, () => 'newest')).toBe('newest');
    rig.engine.local.store.clear('cleared');
    expect(await read(rig, () => 'never asked')).toBe('newest');
  });

  it('hides what is expired there as well', async () => {
    const { clock, connection, rig } = await oneOfTwo();
    await read(rig, () => 'old', 600_000);
    await clock.advanceAsync(60_001);
    connection.cutOff();
    await rig.invalidations.invalidateOrRetry(intents);
    connection.reconnect();
    const gate = new Gate();
    const answer = read(rig, () => gate.passed, 600_000);
    await settled();
    await clock.advanceAsync(100); // past the soft timeout: grace would serve it
    gate.open('new');
    expect(await answer).toBe('new');
  });
});

describe('many promises', () => {
  const tag = (n: number) => InvalidationIntent.tag(`t${n}`);

  it('are kept one by one', () => {
    const { invalidations, engine } = new CacheRig();
    const { promised } = engine.local;
    const [first, second] = [invalidations.promise([tag(1)]), invalidations.promise([tag(1), tag(2)])];
    first();
    expect(promised.hit(KEY, ['t1'])).toBe(true);
    second();
    expect(promised.hit(KEY, ['t1'])).toBe(false);
    expect(promised.size).toBe(0);
  });

  it('are bounded: what does not fit counts for everything, as long as it lasts', () => {
    const { invalidations, engine } = new CacheRig();
    const { promised } = engine.local;
    const kept = Array.from({ length: 20_000 }, (_, n) => invalidations.promise([tag(n)]));
    expect(promised.hit(KEY, ['other'])).toBe(false);
    const beyond = invalidations.promise([tag(20_000)]);
    const patterns = Array.from({ length: 300 }, () =>
      invalidations.promise([InvalidationIntent.pattern('nothing:*')]),
    );
    expect(promised.size).toBeLessThanOrEqual(20_000 + 256);
    expect(promised.hit(KEY, ['other'])).toBe(true);
    for (const keep of [beyond, ...patterns]) keep();
    expect(promised.hit(KEY, ['other'])).toBe(false);
    expect(promised.hit(KEY, ['t7'])).toBe(true);
    for (const keep of kept) keep();
    expect(promised.size).toBe(0);
  });
});
