import * as scenarios from '../../p2p/scenarios.mjs';
import { Swarm } from '../../p2p/swarm.mjs';

/** Each node is a process of its own. `npm run test:p2p -- --nodes 20` does the same with more. */
describe.each([
  { nodes: 3, keys: 300 },
  { nodes: 8, keys: 500 },
])('$nodes nodes', ({ nodes, keys }) => {
  let swarm: Swarm;

  beforeAll(async () => {
    swarm = await new Swarm().start(nodes);
  }, 180_000);
  afterAll(async () => {
    expect(await swarm.stop()).toBe(true);
  }, 60_000);

  it('hit on every node what one of them has stored', () => scenarios.speed(swarm, { keys }), 60_000);
  it('reflect on every node what one of them invalidates', () => scenarios.revoke(swarm), 60_000);
  it('never show what was loaded before an invalidation elsewhere', () => scenarios.lateFill(swarm), 60_000);
  it('miss nothing while one hangs', () => scenarios.hang(swarm, { keys }), 60_000);
  it('miss nothing when one is killed, and hold all copies in time', () => scenarios.churn(swarm, { keys }), 90_000);

  if (nodes === 3) {
    it('get nothing back from one that slept', () => scenarios.rejoin(swarm, { longerThanTimeout: false }), 60_000);
    it(
      'get nothing back from one that they had given up',
      () => scenarios.rejoin(swarm, { longerThanTimeout: true }),
      90_000,
    );
    it('agree when two sides meet again', () => scenarios.partition(swarm), 120_000);
    it('let nobody in who holds another key', () => scenarios.isolation(swarm), 90_000);
    it('stand clocks a minute off either way, and refuse one that is further off', () => scenarios.skew(swarm), 90_000);
  }
});
