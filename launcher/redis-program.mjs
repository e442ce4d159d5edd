// @ts-check
/** Finds a Redis or Valkey server on this machine, or, with consent, installs one. */
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { findOnPath, isProgram } from './find-program.mjs';

const INSTALL_IT = 'apt-get update && apt-get install -y --no-install-recommends redis-server';

/** Debian asks this script before a package may start or stop a service. */
const POLICY = '/usr/sbin/policy-rc.d';
const OUR_POLICY = '#!/bin/sh\n# Written by the launcher of nestjs-larder while it installs redis-server.\nexit 101\n';

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
  if (install && process.getuid?.() === 0 && findOnPath('apt-get', env)) installRedis();
  const installed = search();
  if (installed) return installed;
  throw new Error(
    'Expected Redis or Valkey to run a throwaway server from, found neither valkey-server nor redis-server ' +
      `(REDIS_SERVER, PATH). Run \`sudo sh -c '${INSTALL_IT}'\` on Debian or Ubuntu, \`brew install valkey\` on macOS, ` +
      'or set REDIS_URL to a server that runs.',
  );
}

function installRedis() {
  console.log(`Redis is missing; as root on Debian: ${INSTALL_IT}`);
  withoutStartingServices(() => {
    execFileSync('/bin/sh', ['-c', INSTALL_IT], {
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
      stdio: ['ignore', 'inherit', 'inherit'],
    });
  });
}

/**
 * The package would start a server on port 6379; nobody asked for that one.
 * @param {() => void} work synchronous, so that the policy is restored whatever signal arrives meanwhile
 * @param {string} [policy]
 */
export function withoutStartingServices(work, policy = POLICY) {
  const aside = `${policy}.before-larder`;
  const ignoreMeanwhile = () => {};
  process.on('SIGINT', ignoreMeanwhile).on('SIGTERM', ignoreMeanwhile);
  if (existsSync(policy) && readFileSync(policy, 'utf8') !== OUR_POLICY) renameSync(policy, aside);
  try {
    writeFileSync(policy, OUR_POLICY);
    chmodSync(policy, 0o755);
    work();
  } finally {
    if (existsSync(aside)) renameSync(aside, policy);
    else rmSync(policy);
    process.off('SIGINT', ignoreMeanwhile).off('SIGTERM', ignoreMeanwhile);
  }
}
