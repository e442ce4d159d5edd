// @ts-check
/**
 * `npm run test:decisions [-- --runs N]`, `npm run test:prefixes [-- --runs N]`: so many histories of a cache against its
 * model, 20,000 unless told otherwise. A history that fails is printed with the seed that repeats it.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { parseArgs } from 'node:util';

/** Each model's spec, and the variable that tells it how many histories to try. */
const MODELS = {
  decisions: { spec: 'test/unit/decision/model', variable: 'LARDER_TEST_DECISION_RUNS' },
  prefixes: { spec: 'test/unit/prefix/prefix-index.model', variable: 'LARDER_TEST_PREFIX_RUNS' },
};

const { values, positionals } = parseArgs({
  options: { runs: { type: 'string', default: '20000' } },
  allowPositionals: true,
});
const name = positionals[0] ?? '';
const runs = Number(values.runs);
if (!Object.hasOwn(MODELS, name) || positionals.length !== 1) {
  fail(`Expected one of ${Object.keys(MODELS).join(', ')}, got ${positionals.join(' ') || 'nothing'}.`);
}
if (!Number.isSafeInteger(runs) || runs < 1) {
  fail(`Expected --runs to be a whole number above 0, got ${values.runs}.`);
}
const { spec, variable } = MODELS[/** @type {keyof typeof MODELS} */ (name)];
const jest = ['run', 'jest', '--', '--selectProjects', 'larder', '--', spec];
const env = { ...process.env, [variable]: String(runs) };
const [code] = await once(spawn('npm', jest, { env, stdio: 'inherit' }), 'exit');
process.exitCode = code ?? 1;

/**
 * @param {string} message
 * @returns {never}
 */
function fail(message) {
  console.error(message);
  process.exit(2);
}
