// @ts-check
/** Finds MariaDB's programs on this machine, or, with consent, installs them. */
import { delimiter } from 'node:path';
import { installCommand, installPackages, mayInstall } from './debian-package.mjs';
import { findOnPath } from './find-program.mjs';

/** The server without its service, and what `mariadb-install-db` calls. */
const PACKAGES = ['mariadb-server-core', 'mariadb-client-core'];

/**
 * @typedef {object} MariadbPrograms
 * @property {string} server the path of `mariadbd`
 * @property {string} installDb the path of `mariadb-install-db`
 */

/**
 * @param {object} [options]
 * @param {NodeJS.ProcessEnv} [options.env]
 * @param {boolean} [options.install] consent to install the packages, as root on Debian and its children
 * @param {string} [options.adminFolder] where Debian keeps the server, off the PATH of ordinary users; another serves tests
 * @returns {MariadbPrograms}
 */
export function findMariadb({ env = process.env, install = false, adminFolder = '/usr/sbin' } = {}) {
  const PATH = env.MARIADB_BIN ?? [env.PATH, adminFolder].join(delimiter);
  const search = () => {
    const server = findOnPath('mariadbd', { PATH });
    const installDb = findOnPath('mariadb-install-db', { PATH });
    return server && installDb ? { server, installDb } : undefined;
  };
  const found = search();
  if (found) return found;
  if (env.MARIADB_BIN) {
    throw new Error(
      'Expected MARIADB_BIN to be a folder with mariadbd and mariadb-install-db, ' +
        `got \`${env.MARIADB_BIN}\`. Correct or unset it.`,
    );
  }
  if (install && mayInstall(env)) installPackages('MariaDB', PACKAGES);
  const installed = search();
  if (installed) return installed;
  throw new Error(
    'Expected MariaDB to run a throwaway server from, found neither mariadbd nor mariadb-install-db ' +
      `(MARIADB_BIN, PATH, /usr/sbin). Run \`sudo sh -c '${installCommand(PACKAGES)}'\` on Debian or Ubuntu, ` +
      '`brew install mariadb` on macOS, or set MARIADB_URL to a server that runs.',
  );
}
