// Scenario A: the same hit while the cache is watched: exporters installed against none. What they cost is the goal's 3 %.
// Each sample is a process of its own: two equal caches in one process differ by more than that, by where they lie in memory.
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { compare } from '../measure.mjs';

const WORKER = fileURLToPath(new URL('l1-hit-watched-worker.mjs', import.meta.url));
const UNWATCHED = 'not watched';

const CONTENDERS = {
  [UNWATCHED]: [],
  'not watched, once more': [],
  'prometheus()': ['prometheus'],
  'opentelemetry(), metrics and traces': ['opentelemetry'],
  both: ['prometheus', 'opentelemetry'],
};

export function run() {
  const contenders = Object.entries(CONTENDERS).map(([name, exporters]) => ({
    name,
    run: () => Number(execFileSync(process.execPath, [WORKER, ...exporters], { encoding: 'utf8' })),
  }));
  return compare(contenders, { baseline: UNWATCHED, rounds: 25, warmups: 1 });
}
