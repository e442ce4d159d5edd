// @ts-check
/** Installs a server's package where that is possible without asking anybody: as root on Debian and its children. */
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { findOnPath } from './find-program.mjs';

/** Debian asks this script before a package may start or stop a service. */
const POLICY = '/usr/sbin/policy-rc.d';
const OUR_POLICY = '#!/bin/sh\n# Written by the launcher of nestjs-larder while it installs a package.\nexit 101\n';

/**
 * @param {string[]} packages
 * @returns {string} the command that installs them
 */
export function installCommand(packages) {
  return `apt-get update && apt-get install -y --no-install-recommends ${packages.join(' ')}`;
}

/** @param {NodeJS.ProcessEnv} env */
export function mayInstall(env) {
  return process.getuid?.() === 0 && findOnPath('apt-get', env) !== undefined;
}

/**
 * @param {string} kind of server, for people
 * @param {string[]} packages
 */
export function installPackages(kind, packages) {
  const command = installCommand(packages);
  console.log(`${kind} is missing; as root on Debian: ${command}`);
  withoutStartingServices(() => {
    execFileSync('/bin/sh', ['-c', command], {
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
      stdio: ['ignore', 'inherit', 'inherit'],
    });
  });
}

/**
 * A package may start a server on its usual port; nobody asked for that one.
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
