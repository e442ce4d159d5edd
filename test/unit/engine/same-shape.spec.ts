import { MemoryHub } from '../../../libs/cache/src/adapters/memory/memory-hub.js';
import { ManualClock } from '../../../libs/cache/src/testing/manual-clock.js';
import { CacheRig } from './cache-rig.js';

class User {
  constructor(
    readonly name: string,
    readonly born: Date,
  ) {}

  get label(): string {
    return this.name.toUpperCase();
  }
}

const ann = () => new User('Ann', new Date(0));

describe('the shape of a hit', () => {
  it('is the same from memory and from the shared tier, on the instance that loaded and on another', async () => {
    const clock = new ManualClock();
    const hub = new MemoryHub({ clock, leaseMs: 2000 });
    const [a, b] = await Promise.all(
      [hub.instance(), hub.instance()].map(({ log, backend }) => CacheRig.open({ clock, log, backend })),
    );
    await a!.read('user:get:1', ann);
    const fromMemory = await a!.read('user:get:1', ann);
    const fromSharedTier = await b!.read('user:get:1', ann);
    const fromMemoryThere = await b!.read('user:get:1', ann);
    for (const hit of [fromMemory, fromSharedTier, fromMemoryThere]) {
      expect(Object.getPrototypeOf(hit)).toBe(Object.prototype);
      expect(hit).toEqual({ name: 'Ann', born: new Date(0) });
    }
    await Promise.all([a!.engine.close(), b!.engine.close()]);
  });

  it('keeps the class where memory is the only tier', async () => {
    const rig = await CacheRig.open();
    await rig.read('user:get:1', ann);
    expect(((await rig.read('user:get:1', ann)) as User).label).toBe('ANN');
    await rig.engine.close();
  });
});
