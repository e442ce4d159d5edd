import { CacheRig, POLICY, callAction } from '../engine/cache-rig.js';
import { Gate, settled } from '../engine/gate.js';
import { KINDS, TAGS } from './invalidation-kinds.js';

/** The data behind the cache, read through a gate: what is read stays on its way until the gate opens. */
class Source {
  version = 'old';
  private gate: Gate | null = null;

  close(): void {
    this.gate = new Gate();
  }

  open(): void {
    this.gate?.open(null);
    this.gate = null;
  }

  async read(): Promise<{ id: number; version: string }> {
    const row = { id: 1, version: this.version };
    await this.gate?.passed;
    return row;
  }
}

type Read = () => Promise<string>;

/** Ways to read one value through the cache. */
const WAYS: Readonly<Record<string, (rig: CacheRig, source: Source) => Read>> = {
  'a cached method': (rig, source) => {
    const action = rig.action({ tagsOf: () => TAGS });
    return async () => versionOf(await callAction(action, [1], () => source.read()));
  },
  'a cached method without arguments': (rig, source) => {
    const action = rig.action({ tagsOf: () => TAGS, keyOf: () => 'user:get:1' });
    return async () => versionOf(await callAction(action, [], () => source.read()));
  },
  'a cached method under grace': (rig, source) => {
    const action = rig.action({ tagsOf: () => TAGS, policy: { graceMs: 60_000 } });
    return async () => versionOf(await callAction(action, [1], () => source.read()));
  },
  'a bulk method': (rig, source) => {
    const action = rig.many({ tagsOf: () => TAGS });
    const load = async () => [await source.read()];
    return async () => versionOf((await action.call([1], [], load))[0]);
  },
  getOrSet: (rig, source) => async () => versionOf(await rig.read('user:get:1', () => source.read(), { tags: TAGS })),
};

describe.each(Object.entries(WAYS))('%s', (_, way) => {
  describe.each(Object.entries(KINDS))('invalidated by %s', (kind, intents) => {
    let rig: CacheRig;
    let source: Source;
    let read: Read;
    beforeEach(async () => {
      rig = await CacheRig.open();
      source = new Source();
      read = way(rig, source);
    });
    afterEach(() => rig.engine.close());

    const writeAndInvalidate = async () => {
      source.version = 'new';
      await rig.invalidate(...intents);
    };

    it('shows nothing old after an invalidation that overlapped the load', async () => {
      source.close();
      const first = read();
      const joined = read();
      await writeAndInvalidate();
      const after = read();
      source.open();
      expect(await first).toBe('old');
      expect(['old', 'new']).toContain(await joined); // it asked before the invalidation: either will do
      expect(await after).toBe('new');
      expect(await read()).toBe('new');
      await settled();
      expect(await read()).toBe('new');
    });

    it('shows nothing old after an invalidation of what is stored', async () => {
      expect(await read()).toBe('old');
      expect(await read()).toBe('old');
      await writeAndInvalidate();
      expect(await read()).toBe('new');
      expect(await read()).toBe('new');
    });

    it('shows nothing old after an invalidation of what had expired while it was renewed', async () => {
      expect(await read()).toBe('old');
      rig.clock.advance(POLICY.ttlMs);
      source.close();
      const renewal = read();
      await writeAndInvalidate();
      const after = read();
      await rig.clock.advanceAsync(50);
      source.open();
      await renewal;
      expect(await after).toBe('new');
      expect(await read()).toBe('new');
    });

    it('shows nothing old after the second of two overlapping loads was invalidated', async () => {
      source.close();
      const first = read();
      await writeAndInvalidate();
      const second = read();
      source.version = 'newest';
      await rig.invalidate(...intents);
      source.open();
      await Promise.all([first, second]);
      expect(await read()).toBe('newest');
    });

    if (kind !== 'key')
      it('still shares one load among those who come after the invalidation', async () => {
        source.close();
        const first = read();
        await writeAndInvalidate();
        const others = Promise.all([read(), read(), read()]);
        source.open();
        await first;
        expect(await others).toEqual(['new', 'new', 'new']);
        expect(rig.engine.loadsUnderWay).toBe(0);
      });
  });
});

describe('set', () => {
  const policy = POLICY;

  it('is not undone by a load that began before it', async () => {
    const rig = await CacheRig.open();
    const gate = new Gate();
    const load = rig.read('user:get:1', () => gate.passed);
    await rig.engine.set('user:get:1', 'set', TAGS, policy);
    gate.open('loaded');
    await load;
    expect(await rig.read('user:get:1', () => 'never asked')).toBe('set');
  });

  it('is what a reader gets who came after it, whatever load is under way', async () => {
    const rig = await CacheRig.open();
    const gate = new Gate();
    void rig.read('user:get:1', () => gate.passed);
    await rig.engine.set('user:get:1', 'set', TAGS, policy);
    expect(await rig.read('user:get:1', () => 'never asked')).toBe('set');
  });

  it.each(Object.entries(KINDS))('is undone by an invalidation by %s', async (_, intents) => {
    const rig = await CacheRig.open();
    await rig.engine.set('user:get:1', 'set', TAGS, policy);
    await rig.invalidate(...intents);
    expect(await rig.read('user:get:1', () => 'loaded')).toBe('loaded');
  });
});

describe('a load whose result is not kept', () => {
  it.each(Object.entries(KINDS))('is not shared with who came after an invalidation by %s', async (_, intents) => {
    const rig = await CacheRig.open();
    const gate = new Gate();
    const read = (load: () => unknown) => rig.read('user:get:1', load, { tags: TAGS, unless: () => true });
    const first = read(() => gate.passed);
    await rig.invalidate(...intents);
    const second = read(() => 'new');
    gate.open('old');
    expect([await first, await second]).toEqual(['old', 'new']);
  });
});

function versionOf(row: unknown): string {
  return (row as { version: string }).version;
}
