// @ts-check
/**
 * `npm test`: every check this repository has, one after the other, with progress; then one last line,
 * `N passed, N failed`. With arguments (`npm test -- test/unit/keys -t expiry`) only jest runs, and gets them.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { OwnFolder } from '../launcher/own-folder.mjs';
import { killFamily } from '../launcher/process-tree.mjs';
import { startMariadb, startPostgres, startRedis } from '../launcher/services.mjs';
import { countTests } from './jest-result.mjs';

/**
 * Each counts as one passed or failed check. What they run is spelled out in package.json. `tells`: its output is shown
 * also when it passes, because figures are part of the proof.
 */
const CHECKS = [
  { name: 'formatting', script: 'format:check' },
  { name: 'lint', script: 'lint' },
  { name: 'types', script: 'typecheck' },
  { name: 'library build', script: 'build:lib' },
  { name: 'chaos', script: 'test:chaos', tells: true },
  { name: 'soak', script: 'test:soak', tells: true },
  { name: 'mutants', script: 'test:mutants', tells: true },
];

const CHECK_WITHIN_MS = 10 * 60_000;
const JEST_WITHIN_MS = 40 * 60_000;

const root = fileURLToPath(new URL('..', import.meta.url));
const jestArguments = process.argv.slice(2);
const total = { passed: 0, failed: 0 };

if (jestArguments.length === 0) for (const check of CHECKS) add(await runCheck(check));
add(await runJest(jestArguments));

if (total.passed + total.failed === 0) console.log('Expected at least one test, found none.');
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0;
console.log(`${total.passed} passed, ${total.failed} failed`);

/**
 * @param {(typeof CHECKS)[number]} check
 */
async function runCheck({ name, script, tells = false }) {
  const started = Date.now();
  const { code, output } = await run('npm', ['run', '--silent', script], { withinMs: CHECK_WITHIN_MS, quiet: true });
  const seconds = ((Date.now() - started) / 1_000).toFixed(1);
  console.log(`${code === 0 ? 'passed' : 'FAILED'}  ${name} (npm run ${script}, ${seconds} s)`);
  if (code !== 0 || tells) console.log(output.trimEnd());
  return code === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
}

/**
 * Jest, with one PostgreSQL, one MariaDB and one Redis for all specs that need no server of their own.
 * @param {string[]} args
 */
async function runJest(args) {
  const folder = new OwnFolder('test');
  const report = join(folder.path, 'report.json');
  /** @type {{ stop(): Promise<void> }[]} */
  const servers = [];
  try {
    const postgres = await startPostgres();
    servers.push(postgres);
    const mariadb = await startMariadb({ install: true });
    servers.push(mariadb);
    const redis = await startRedis({ install: true });
    servers.push(redis);
    console.log(`PostgreSQL on port ${postgres.port}, from ${postgres.how}`);
    console.log(`MariaDB on port ${mariadb.port}, from ${mariadb.how}`);
    console.log(`Redis on port ${redis.port}, from ${redis.how}`);
    const { code } = await run(
      'npm',
      ['run', '--silent', 'jest', '--', '--ci', '--json', `--outputFile=${report}`, ...args],
      {
        withinMs: JEST_WITHIN_MS,
        env: {
          LARDER_TEST_POSTGRES_URL: postgres.url,
          LARDER_TEST_MARIADB_URL: mariadb.url,
          LARDER_TEST_REDIS_URL: redis.url,
        },
      },
    );
    const result = existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')) : undefined;
    const { passed, failed, complaints } = countTests(result, { code, onlyNamed: args.some(selectsByName) });
    for (const complaint of complaints) console.log(complaint);
    return { passed, failed };
  } catch (error) {
    console.log(error instanceof Error ? error.message : error);
    return { passed: 0, failed: 1 };
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
    folder.remove();
  }
}

/** @param {string} argument of jest */
function selectsByName(argument) {
  return argument === '-t' || argument.startsWith('--testNamePattern');
}

/**
 * @param {string} command
 * @param {string[]} args
 * @param {{ withinMs: number, quiet?: boolean, env?: NodeJS.ProcessEnv }} options quiet: keep the output instead of
 *   showing it
 * @returns {Promise<{ code: number | null, output: string }>}
 */
async function run(command, args, { withinMs, quiet = false, env = {} }) {
  const child = spawn(command, args, {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: quiet ? ['ignore', 'pipe', 'pipe'] : 'inherit',
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (/** @type {string} */ text) => (output += text));
  }
  const timer = setTimeout(() => {
    console.log(`Stopped, since it took longer than ${withinMs / 60_000} minutes: ${command} ${args.join(' ')}`);
    if (child.pid) killFamily(child.pid); // npm does not pass a signal on to what it runs
  }, withinMs);
  const [code] = await once(child, 'close');
  clearTimeout(timer);
  return { code, output };
}

/** @param {{ passed: number, failed: number }} counts */
function add({ passed, failed }) {
  total.passed += passed;
  total.failed += failed;
}
