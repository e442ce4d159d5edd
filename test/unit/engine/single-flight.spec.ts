import { InvalidationIntent } from '../../../libs/cache/src/core/invalidation/intent.js';
import { CacheRig } from './cache-rig.js';
import { Gate, settled, handlingAll } from './gate.js';

const KEY = 'user:get:1';

describe('single flight', () => {
  it('makes 10,000 callers of one cold key share one load', async () => {
    const rig = await CacheRig.open();
    const gate = new Gate();
    let loads = 0;
    const load = () => {
      loads += 1;
      return gate.passed;
    };
    const answers = Promise.all(Array.from({ length: 10_000 }, () => rig.read(KEY, load)));
    gate.open('value');
    expect(new Set(await answers)).toEqual(new Set(['value']));
    expect(loads).toBe(1);
    expect(rig.engine.loadsUnderWay).toBe(0);
  });

  it('hands the error of the method to everybody who waited, as it is, and keeps nothing', async () => {
    const rig = await CacheRig.open();
    const error = new Error('database down');
    const gate = new Gate();
    await handlingAll(async () => {
      const answers = [rig.read(KEY, () => gate.passed), rig.read(KEY, () => gate.passed)];
      gate.break(error);
      for (const answer of await Promise.allSettled(answers)) expect(answer).toMatchObject({ reason: error });
    });
    expect(await rig.read(KEY, () => 'works again')).toBe('works again');
  });

  it('gives nobody an error that is older than an invalidation acknowledged before they asked', async () => {
    const rig = await CacheRig.open();
    const gate = new Gate();
    const first = rig.read(KEY, () => gate.passed);
    await rig.invalidate(InvalidationIntent.entity('user', 1)); // the user was created meanwhile
    const second = rig.read(KEY, () => 'the user');
    gate.break(new Error('no such user'));
    await expect(first).rejects.toThrow('no such user');
    expect(await second).toBe('the user');
  });

  it('shares no value whose tags were invalidated before the joiner came', async () => {
    const rig = await CacheRig.open();
    const gate = new Gate();
    const first = rig.read(KEY, () => gate.passed, { tags: ['t'] });
    await rig.invalidate(InvalidationIntent.tag('t'));
    let loads = 0;
    const load = () => {
      loads += 1;
      return 'new';
    };
    const others = Promise.all([1, 2, 3].map(() => rig.read(KEY, load, { tags: ['t'] })));
    gate.open('old');
    expect(await first).toBe('old');
    expect(await others).toEqual(['new', 'new', 'new']);
    expect(loads).toBe(1);
  });

  it('shares a value that is not kept only while nothing at all was invalidated', async () => {
    const rig = await CacheRig.open();
    const read = (load: () => unknown) => rig.read(KEY, load, { unless: () => true });
    const quiet = new Gate();
    const both = Promise.all([read(() => quiet.passed), read(() => 'own')]);
    quiet.open('shared');
    expect(await both).toEqual(['shared', 'shared']);

    const disturbed = new Gate();
    const first = read(() => disturbed.passed);
    await rig.invalidate(InvalidationIntent.tag('anything'));
    const second = read(() => 'own');
    disturbed.open('old');
    expect(await Promise.all([first, second])).toEqual(['old', 'own']);
  });

  it('lets each caller run the method where the value cannot be shared', async () => {
    const rig = await CacheRig.open();
    const gate = new Gate();
    const stream = () => gate.passed.then(() => () => 'a function');
    const answers = Promise.all([rig.read(KEY, stream), rig.read(KEY, stream)]);
    gate.open(null);
    const [first, second] = await answers;
    expect(first).not.toBe(second);
    expect(rig.trouble.map(({ operation }) => operation)).toEqual(['value']);
  });

  describe('with a load that never settles', () => {
    const policy = { hardTimeoutMs: 1000 };

    it('lets one of those who waited take over, and the others wait for that one', async () => {
      const rig = await CacheRig.open();
      let loads = 0;
      const load = () => {
        loads += 1;
        return loads === 1 ? new Gate().passed : 'value';
      };
      void rig.read(KEY, load, { policy });
      const others = Promise.all([1, 2, 3, 4].map(() => rig.read(KEY, load, { policy })));
      await rig.clock.advanceAsync(1000);
      expect(await others).toEqual(['value', 'value', 'value', 'value']);
      expect(loads).toBe(2);
    });

    it('makes nobody wait for more than two such loads', async () => {
      const rig = await CacheRig.open();
      let loads = 0;
      const load = () => {
        loads += 1;
        return loads < 3 ? new Gate().passed : 'value';
      };
      const answered: unknown[] = [];
      for (let caller = 0; caller < 5; caller += 1)
        void rig.read(KEY, load, { policy }).then((value) => answered.push(value));
      await rig.clock.advanceAsync(1000);
      await rig.clock.advanceAsync(1000);
      expect(answered).toEqual(['value', 'value', 'value']); // all but the two leaders, whose own loads hang
      expect(rig.engine.loadsUnderWay).toBe(0);
    });

    it('returns a load that came too late to its caller, and keeps it for nobody', async () => {
      const rig = await CacheRig.open();
      const gate = new Gate();
      const first = rig.read(KEY, () => gate.passed, { policy });
      await rig.clock.advanceAsync(1500);
      gate.open('late');
      expect(await first).toBe('late');
      expect(await rig.read(KEY, () => 'fresh', { policy })).toBe('fresh');
    });

    it('leaves no flight, no timer and no unhandled rejection', async () => {
      const rig = await CacheRig.open();
      const gate = new Gate();
      await handlingAll(async () => {
        const first = rig.read(KEY, () => gate.passed, { policy });
        await rig.clock.advanceAsync(1000);
        expect(rig.engine.loadsUnderWay).toBe(0);
        gate.break(new Error('much later'));
        await expect(first).rejects.toThrow('much later');
      });
      await rig.engine.close();
      expect(rig.clock.pendingTimers).toBe(0);
    });
  });

  it('does not wait for ever when a method asks for the very value it is loading', async () => {
    const rig = await CacheRig.open();
    let depth = 0;
    const load = async (): Promise<unknown> => {
      depth += 1;
      return depth === 1 ? rig.read(KEY, load, { policy: { hardTimeoutMs: 1000 } }) : 'found at last';
    };
    const answer = rig.read(KEY, load, { policy: { hardTimeoutMs: 1000 } });
    await settled();
    await rig.clock.advanceAsync(1000);
    expect(await answer).toBe('found at last');
  });
});
