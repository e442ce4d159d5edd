import fc from 'fast-check';
import { LogFollower } from '../../../libs/cache/src/core/coherence/log-follower.js';
import { LogSimulation, type Step } from './log-simulation.js';

// I7 and I8 of the coherence page against a transport that loses, repeats, reorders and trims, and a server that loses
// its past. Each part of the follower is then switched off, and the same search must find the stale read.
const plain = <Name extends Step['do']>(...names: Name[]) =>
  fc.constantFrom(...names.map((name) => ({ do: name }) as Step));
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('advance' as const), ms: fc.integer({ min: 1, max: 60 }) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('invalidate' as const), ours: fc.boolean() }) },
  { weight: 8, arbitrary: plain('deliver', 'beat', 'execute-beat', 'answer-beat', 'read', 'install') },
  { weight: 2, arbitrary: plain('lose', 'repeat', 'swap', 'trim') },
  { weight: 2, arbitrary: plain('replicate', 'fail-over', 'lose-control', 'attach') },
);
/** Steps come in groups that do something, among single ones: a heartbeat there and back, a whole read. */
const group = fc.oneof(
  { weight: 3, arbitrary: step.map((one) => [one]) },
  {
    weight: 1,
    arbitrary: fc.constantFrom<Step[]>(
      [{ do: 'beat' }, { do: 'execute-beat' }, { do: 'answer-beat' }],
      [{ do: 'read' }, { do: 'install' }],
      [{ do: 'attach' }, { do: 'deliver' }],
      [{ do: 'fail-over' }, { do: 'attach' }],
    ),
  },
);
const script = fc.array(group, { minLength: 10, maxLength: 60 }).map((groups) => groups.flat());

interface Found {
  readonly failed: boolean;
  readonly totals: { applied: number; served: number; resets: Set<string> };
}

function search(Follower: typeof LogFollower, runs: number, seed: number): Found {
  const totals = { applied: 0, served: 0, resets: new Set<string>() };
  const property = fc.property(script, (steps) => {
    const simulation = new LogSimulation(Follower);
    for (const one of steps) {
      simulation.step(one);
      if (simulation.stale() || simulation.strayed()) return false;
    }
    totals.applied += simulation.seen.applied;
    totals.served += simulation.seen.served;
    for (const cause of simulation.seen.resets) totals.resets.add(cause);
    return true;
  });
  const result = fc.check(property, { numRuns: runs, seed, endOnFailure: true });
  return { failed: result.failed, totals };
}

class WithoutChain extends LogFollower {
  protected override continuesChain(): boolean {
    return true;
  }
}

class WithoutCatchingUp extends LogFollower {
  protected override satisfied(): boolean {
    return true;
  }
}

class WithoutLineage extends LogFollower {
  protected override sameHistory(era: string): boolean {
    return this.lineage !== null || super.sameHistory(era);
  }
}

class WithEpochsOnly extends LogFollower {
  protected override sameHistory(era: string): boolean {
    return this.lineage !== null && era.slice(0, 8) === this.lineage.slice(0, 8);
  }
}

describe('following a log over a bad transport', () => {
  it('never serves under a lease what was invalidated a lease ago, whatever the transport does', () => {
    const { failed, totals } = search(LogFollower, 20_000, 1);
    expect(failed).toBe(false);
    // The runs were not empty: messages were applied, memory was served, and every kind of reset happened.
    expect(totals.applied).toBeGreaterThan(10_000);
    expect(totals.served).toBeGreaterThan(10_000);
    expect([...totals.resets].sort()).toEqual(['gap', 'history', 'lost-message']);
  });

  it.each([
    ['the chain', WithoutChain],
    ['catching up with the heartbeat', WithoutCatchingUp],
    ['the comparison of histories', WithoutLineage],
    ['the nonce of histories', WithEpochsOnly],
  ])('and does so when it goes without %s', (_, Mutant) => {
    expect(search(Mutant, 60_000, 1).failed).toBe(true);
  });
});
