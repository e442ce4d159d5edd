import fc from 'fast-check';
import { World, seen, steps } from './world.js';

const RUNS = Number(process.env['LARDER_RUNS'] ?? 15_000);

it('no order of events makes one instance return what was invalidated before it was asked', async () => {
  const property = fc.asyncProperty(fc.scheduler(), steps(1), (scheduler, plan) =>
    World.run(scheduler, plan, { instances: 1 }),
  );
  await fc.assert(property, { numRuns: RUNS });
  const { tier, ...counts } = seen;
  expect(tier).toBe(0);
  for (const count of Object.values(counts)) expect(count).toBeGreaterThan(0);
}, 3_600_000);
