import fc from 'fast-check';
import { HubNamespace } from '../../../libs/cache/src/adapters/memory/hub-namespace.js';
import { MemoryHub } from '../../../libs/cache/src/adapters/memory/memory-hub.js';
import { LEASE_MS, StaleRead, World, steps, type Step, type WorldParts } from './world.js';

/** Replaces a method of one object, private or not, for this test alone. */
function override(target: object, method: string, replacement: (...args: never[]) => unknown): void {
  if (typeof (target as Record<string, unknown>)[method] !== 'function') throw new Error(`there is no ${method}()`);
  Object.defineProperty(target, method, { value: replacement });
}

function part(owner: object, name: string): object {
  return (owner as Record<string, object>)[name]!;
}

class WithoutPermit extends HubNamespace {
  protected override permitStands(): boolean {
    return true;
  }
}

class WithoutStamp extends HubNamespace {
  protected override valid(): boolean {
    return true;
  }
}

function hubOf(Namespace: typeof HubNamespace): WorldParts {
  class Hub extends MemoryHub {
    protected override newNamespace(...args: ConstructorParameters<typeof HubNamespace>): HubNamespace {
      return new Namespace(...args);
    }
  }
  return { instances: 2, newHub: (options) => new Hub(options) };
}

interface Mutant extends WorldParts {
  /** The steps to try, where chance would seldom take just these. @default any */
  readonly plan?: readonly Step[];
}

const REST: Step = { do: 'rest' };
const read = (on: number): Step => ({ do: 'read', on, row: 0, way: 'plain', slow: false });
const write = (on: number, row: 0 | 1): Step => ({ do: 'write', on, row, by: 'key' });
const PASS: Step = { do: 'pass', ms: LEASE_MS + 100 };

/** Each switches off one thing that the guarantees rest on. */
const MUTANTS: Readonly<Record<string, Mutant>> = {
  'no fence before memory': {
    instances: 1,
    sabotage: (rig) => override(rig.engine.local.fence, 'untouched', () => true),
  },
  'no check of what a joiner gets': {
    instances: 1,
    sabotage: (rig) => override(part(rig.engine, 'road'), 'youngEnough', () => true),
  },
  'no fence for keys': {
    instances: 1,
    sabotage: (rig) => override(rig.engine.local.fence, 'invalidateKey', () => 0),
  },
  'no fence for tags': {
    instances: 1,
    sabotage: (rig) => override(rig.engine.local.fence, 'invalidateTag', () => 0),
  },
  'no removal of keys from memory': {
    instances: 1,
    sabotage: (rig) => override(rig.engine.local.store, 'delete', () => false),
  },
  'a mark taken after the load': {
    instances: 1,
    sabotage: ({ engine: { local } }) => {
      const install = local.install.bind(local);
      override(local, 'install', (entry: never) => install(entry, local.fence.mark()));
    },
  },
  'no permit in the shared tier': hubOf(WithoutPermit),
  'no stamp in the shared tier': hubOf(WithoutStamp),
  'no fence before the memory of two': {
    instances: 2,
    sabotage: (rig) => override(rig.engine.local.fence, 'untouched', () => true),
  },
  'no lease': {
    instances: 2,
    sabotage: (rig) => override(rig.log, 'leaseLive', () => true),
    plan: [read(0), REST, { do: 'pause', on: 0 }, write(1, 0), REST, PASS, read(0)],
  },
  'no chain': {
    instances: 2,
    sabotage: (rig) => override(part(rig.log, 'follower'), 'continuesChain', () => true),
    plan: [read(0), REST, { do: 'lose', on: 0 }, write(1, 0), write(1, 1), REST, PASS, read(0), REST, PASS, read(0)],
  },
};

describe('the interleavings notice', () => {
  it.each(Object.entries(MUTANTS))(
    '%s',
    async (_, { plan, ...parts }) => {
      const plans = plan === undefined ? steps(parts.instances) : fc.constant([...plan]);
      const property = fc.asyncProperty(fc.scheduler(), plans, (scheduler, chosen) =>
        World.run(scheduler, chosen, parts),
      );
      const { failed, errorInstance } = await fc.check(property, { numRuns: 5000, seed: 1, endOnFailure: true });
      expect(failed).toBe(true);
      expect(errorInstance).toBeInstanceOf(StaleRead);
    },
    120_000,
  );
});
