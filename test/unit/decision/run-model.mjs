// @ts-check
/**
 * `npm run test:decisions [-- --runs N]`: so many histories of the decision cache against its model, 20,000 unless told
 * otherwise. A history that fails is printed with the seed that repeats it.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { parseArgs } from 'node:util';

const { values } = parseArgs({ options: { runs: { type: 'string', default: '20000' } } });
const runs = Number(values.runs);
if (!Number.isSafeInteger(runs) || runs < 1) {
  console.error(`Expected --runs to be a whole number above 0, got ${values.runs}.`);
  process.exit(2);
}
const jest = ['run', 'jest', '--', '--selectProjects', 'larder', '--', 'test/unit/decision/model'];
const env = { ...process.env, LARDER_TEST_DECISION_RUNS: String(runs) };
const [code] = await once(spawn('npm', jest, { env, stdio: 'inherit' }), 'exit');
process.exitCode = code ?? 1;
