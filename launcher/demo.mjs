// @ts-check
/** `npm start`: builds what is old, provides PostgreSQL, runs the demo, and leaves nothing behind. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildWhatIsOld } from './build.mjs';
import { startPostgres } from './postgres.mjs';
import { guardProcess } from './watchdog.mjs';

const SHUTDOWN_WITHIN_MS = 10_000;
const PARENT_CHECK_MS = 500;
const parent = process.ppid;
const root = fileURLToPath(new URL('..', import.meta.url));

try {
  await buildWhatIsOld(root);
  const postgres = await startPostgres();
  // Another one's URL may hold a password; of our own it is what psql needs to try the demo.
  const place = postgres.pid === undefined ? `on port ${postgres.port}` : `at ${postgres.url}`;
  console.log(`PostgreSQL ${place}, from ${postgres.how}`);
  try {
    process.exitCode = await run(join(root, 'dist', 'apps', 'demo', 'main.js'), { DATABASE_URL: postgres.url });
  } finally {
    await postgres.stop();
  }
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

/**
 * @param {string} main
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<number>} the exit code, as a shell counts it
 */
async function run(main, env) {
  const app = spawn(process.execPath, [main], { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } });
  const release = app.pid ? guardProcess(app.pid, 'SIGTERM') : () => {};
  /** @type {NodeJS.Timeout | undefined} */
  let patience;
  /** @param {NodeJS.Signals} signal */
  const forward = (signal) => {
    app.kill(signal);
    patience ??= setTimeout(() => app.kill('SIGKILL'), SHUTDOWN_WITHIN_MS);
  };
  process.on('SIGINT', forward).on('SIGTERM', forward);
  // `npm` that is told to end may leave its script running: without npm nobody is there to end it.
  const orphaned = setInterval(() => process.ppid !== parent && forward('SIGTERM'), PARENT_CHECK_MS);
  const [code, signal] = await once(app, 'exit');
  release();
  clearTimeout(patience);
  clearInterval(orphaned);
  process.off('SIGINT', forward).off('SIGTERM', forward);
  return code ?? 128 + constants.signals[/** @type {NodeJS.Signals} */ (signal)];
}
