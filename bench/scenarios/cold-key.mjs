// Scenario D: 10,000 calls of one cold key at once; one load, and what it costs beyond the load's own time.
import { CONTENDERS } from '../contenders/index.mjs';
import { median } from '../measure.mjs';

const CALLS = 10_000;
const LOAD_MS = 20;
const ROUNDS = 7;

export async function run() {
  const rows = [];
  for (const contender of CONTENDERS) {
    const { name } = contender;
    let loads = 0;
    const cache = await contender.create(async (id) => {
      loads += 1;
      await new Promise((resolve) => setTimeout(resolve, LOAD_MS));
      return { id };
    });
    const overheads = [];
    let worst = 0;
    for (let round = 1; round <= ROUNDS; round += 1) {
      loads = 0;
      const start = process.hrtime.bigint();
      await Promise.all(Array.from({ length: CALLS }, () => cache.call(round)));
      overheads.push(Number(process.hrtime.bigint() - start) / 1e6 - LOAD_MS);
      worst = Math.max(worst, loads);
    }
    await Promise.resolve(cache.close());
    const row = { name, overheadMs: Math.round(median(overheads) * 10) / 10, loads: worst };
    rows.push(row);
    console.log(`  ${name.padEnd(36)} ${String(row.overheadMs).padStart(8)} ms over the load, ${row.loads} loads`);
  }
  return { rows };
}
