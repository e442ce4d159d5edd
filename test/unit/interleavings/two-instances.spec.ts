import fc from 'fast-check';
import { World, seen, steps } from './world.js';

const RUNS = Number(process.env['LARDER_RUNS'] ?? 5000);

it('no order of events makes two instances return what was invalidated before the bound', async () => {
  const property = fc.asyncProperty(fc.scheduler(), steps(2), (scheduler, plan) =>
    World.run(scheduler, plan, { instances: 2 }),
  );
  await fc.assert(property, { numRuns: RUNS });
  for (const count of Object.values(seen)) expect(count).toBeGreaterThan(0);
}, 3_600_000);
