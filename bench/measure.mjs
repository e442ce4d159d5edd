// Interleaved rounds: every contender runs once per round, so drift of the machine hits all alike; medians are quoted.

/**
 * @param {{ name: string, run: () => Promise<number> | number }[]} contenders `run` returns the cost of one operation, ns
 * @param {{ rounds?: number, warmups?: number, baseline: string }} options
 */
export async function compare(contenders, { rounds = 9, warmups = 2, baseline }) {
  const samples = new Map(contenders.map(({ name }) => [name, []]));
  for (let round = -warmups; round < rounds; round += 1) {
    for (const { name, run } of contenders) {
      const cost = await run();
      if (round >= 0) samples.get(name).push(cost);
    }
  }
  const base = median(samples.get(baseline));
  const rows = contenders.map(({ name }) => {
    const costs = samples.get(name);
    return {
      name,
      ns: round1(median(costs)),
      min: round1(Math.min(...costs)),
      max: round1(Math.max(...costs)),
      ratio: round2(median(costs) / base),
    };
  });
  print(rows, baseline);
  return { baseline, rows };
}

/** The cost of one awaited call, ns. */
export async function costOfAwaited(calls, call) {
  const start = process.hrtime.bigint();
  for (let i = 0; i < calls; i += 1) await call(i);
  return Number(process.hrtime.bigint() - start) / calls;
}

/** The cost of one synchronous call, ns. */
export function costOf(calls, call) {
  let sink = 0;
  const start = process.hrtime.bigint();
  for (let i = 0; i < calls; i += 1) sink += call(i).length;
  const cost = Number(process.hrtime.bigint() - start) / calls;
  if (sink < 0) throw new Error('unreachable; keeps the work from being optimised away');
  return cost;
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function print(rows, baseline) {
  const width = Math.max(...rows.map(({ name }) => name.length));
  for (const { name, ns, min, max, ratio } of rows) {
    const note = name === baseline ? 'baseline' : `${ratio.toFixed(2)}x`;
    console.log(`  ${name.padEnd(width)}  ${String(ns).padStart(9)} ns  (${min} to ${max})  ${note}`);
  }
}

const round1 = (value) => Math.round(value * 10) / 10;
const round2 = (value) => Math.round(value * 100) / 100;
