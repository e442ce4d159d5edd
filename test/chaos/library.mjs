// @ts-check
/**
 * The built library as its users import it, and the insides that a test needs to watch it or to break it on purpose.
 * LARDER_DIST names another build of it than the one in libs/cache/dist.
 */
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { buildWhatIsOld } from '../../launcher/build.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const DIST = process.env.LARDER_DIST ?? join(ROOT, 'libs', 'cache', 'dist');

/** @type {Promise<void> | undefined} */
let built;

/** For whoever starts processes that use the library; many may be started at once, and one build is enough for them. */
export async function buildLibrary() {
  if (process.env.LARDER_DIST === undefined) await (built ??= buildWhatIsOld(ROOT, ['cache']));
}

/** @returns {Promise<typeof import('nestjs-larder')>} */
export function larder() {
  return inside('index.js');
}

/** @returns {Promise<typeof import('nestjs-larder/redis')>} */
export function larderRedis() {
  return inside('adapters/redis/index.js');
}

/**
 * A module of the library's own.
 * @param {string} path below the build's folder
 * @returns {Promise<any>}
 */
export function inside(path) {
  return import(pathToFileURL(join(DIST, path)).href);
}
