// @ts-check
/** Builds the library and the demo for `npm start`, each only when its sources are newer than what was built. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** nest-cli project, the file it ends in, and everything it is made from. */
const PROJECTS = [
  { name: 'cache', output: 'libs/cache/dist/index.js', from: ['libs/cache/src'] },
  { name: 'demo', output: 'dist/apps/demo/main.js', from: ['apps/demo/src', 'libs/cache/src'] },
];
const FROM_ALL = [
  'package-lock.json',
  'nest-cli.json',
  'tsconfig.json',
  'libs/cache/tsconfig.lib.json',
  'apps/demo/tsconfig.app.json',
];

/**
 * @param {string} root of the checkout
 * @param {string[]} [only] the projects wanted; default all
 */
export async function buildWhatIsOld(root, only = PROJECTS.map(({ name }) => name)) {
  for (const { name, output, from } of PROJECTS.filter(({ name }) => only.includes(name))) {
    const sources = [...from, ...FROM_ALL].map((path) => join(root, path));
    if (isUpToDate(join(root, output), sources)) continue;
    console.log(`Building ${name} …`);
    const nest = join(root, 'node_modules', '@nestjs', 'cli', 'bin', 'nest.js');
    const build = spawn(process.execPath, [nest, 'build', name], { cwd: root, stdio: 'inherit' });
    const [code] = await once(build, 'exit');
    if (code === 0) continue;
    rmSync(join(root, output), { force: true }); // the compiler writes even what it objects to, and that must not run
    throw new Error(`Expected \`npx nest build ${name}\` to succeed, got exit code ${code}; see above.`);
  }
}

/**
 * @param {string} output
 * @param {string[]} sources files and folders
 */
export function isUpToDate(output, sources) {
  if (!existsSync(output)) return false;
  const builtMs = statSync(output).mtimeMs;
  return sources.filter(existsSync).every((source) => newestMs(source) <= builtMs);
}

/**
 * Folders count too: their time changes when a file in them is removed or renamed.
 * @param {string} path
 * @returns {number}
 */
function newestMs(path) {
  const facts = statSync(path);
  const inside = facts.isDirectory() ? readdirSync(path).map((name) => newestMs(join(path, name))) : [];
  return Math.max(facts.mtimeMs, ...inside);
}
