// @ts-check
/** Finds a Redis or Valkey server on this machine, or, with consent, installs one. */
import { installCommand, installPackages, mayInstall } from './debian-package.mjs';
import { findOnPath, isProgram } from './find-program.mjs';

const PACKAGES = ['redis-server'];

/**
 * @param {object} [options]
 * @param {NodeJS.ProcessEnv} [options.env]
 * @param {boolean} [options.install] consent to install the package redis-server, as root on Debian and its children
 * @returns {string} the path of a server program
 */
export function findRedis({ env = process.env, install = false } = {}) {
  if (env.REDIS_SERVER) {
    if (isProgram(env.REDIS_SERVER)) return env.REDIS_SERVER;
    throw new Error(`Expected REDIS_SERVER to be a program, got \`${env.REDIS_SERVER}\`. Correct or unset it.`);
  }
  const search = () => findOnPath('valkey-server', env) ?? findOnPath('redis-server', env);
  const found = search();
  if (found) return found;
  if (install && mayInstall(env)) installPackages('Redis', PACKAGES);
  const installed = search();
  if (installed) return installed;
  throw new Error(
    'Expected Redis or Valkey to run a throwaway server from, found neither valkey-server nor redis-server ' +
      `(REDIS_SERVER, PATH). Run \`sudo sh -c '${installCommand(PACKAGES)}'\` on Debian or Ubuntu, ` +
      '`brew install valkey` on macOS, or set REDIS_URL to a server that runs.',
  );
}
