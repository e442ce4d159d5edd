// @ts-check
/**
 * The library with one idea of its protocol switched off, and other changes a test makes to the built code in its own
 * process. The library has no switch for any of this.
 */
import { createHash } from 'node:crypto';
import { inside } from './library.mjs';

/**
 * Changes a script before it is first sent. What is to be replaced must be there: a mutant that changes nothing would
 * prove nothing.
 * @param {string} file
 * @param {string} name
 * @param {(string | RegExp)[][]} changes [what is there, what stands there instead]
 */
async function rewriteScript(file, name, changes) {
  const script = (await inside(`adapters/redis/scripts/${file}.script.js`))[name];
  for (const [from, to] of changes) {
    const before = script.lua;
    script.lua = before.replace(from, /** @type {string} */ (to));
    if (script.lua === before) throw new Error(`Expected ${name} to contain ${from}, so that it can be replaced.`);
  }
  script.sha = createHash('sha1').update(script.lua).digest('hex');
}

/**
 * @param {string} path
 * @param {string} name
 * @param {string} method
 * @param {(...args: any[]) => unknown} replacement
 */
async function replaceMethod(path, name, method, replacement) {
  const { prototype } = (await inside(path))[name];
  if (typeof prototype[method] !== 'function') throw new Error(`Expected ${name} to have a method ${method}.`);
  prototype[method] = replacement;
}

/** @type {Readonly<Record<string, () => Promise<void>>>} */
export const MUTANTS = {
  /** A fill needs no permit. */
  permit: () => rewriteScript('setf', 'SETF', [[/redis\.call\('GET', KEYS\[i \+ 1\]\) == ARGV\[at \+ 1\]/, 'true']]),
  /** A hit is valid whatever was invalidated after its stamp. */
  stamp: () => rewriteScript('getp', 'GETP', [[/if last and last > ord then return false end/, '']]),
  /** A plain read is judged by tags that nobody has kept up to date. */
  resident: () => replaceMethod('adapters/redis/resident-tags.js', 'ResidentTags', 'follow', () => undefined),
  /** A plain read is judged by the tags known here, however much of the log is still on its way. */
  unseen: () => replaceMethod('adapters/redis/plain-reads.js', 'PlainReads', 'followedUpTo', () => true),
  /** A message is applied whether or not its predecessor was. */
  chain: () => replaceMethod('core/coherence/log-follower.js', 'LogFollower', 'continuesChain', () => true),
  /** Memory is served without proof that it is current. */
  lease: () => replaceMethod('core/coherence/log-follower.js', 'LogFollower', 'leaseLive', () => true),
  /** What was loaded is installed in memory whatever was invalidated meanwhile. */
  fence: () => replaceMethod('core/engine/local-fence.js', 'LocalFence', 'untouched', () => true),
  /** Any server is taken for the one whose log was followed before. */
  attest: async () => {
    await rewriteScript('attest', 'ATTEST', [[/if r\[4\] ~= rid or behind or unseen then/, 'if false then']]);
    await rewriteScript('hb', 'HB', [[/if rid ~= r\[4\] or not master then/, 'if not master then']]);
  },
  /** In a Cluster: any shard's answer is taken, also that of a replica promoted without its last writes. */
  shard: () => replaceMethod('adapters/redis/redis-link.js', 'RedisLink', 'recognise', () => undefined),
  /** In a Cluster: the log is raised first, and entries are dropped after it. */
  order: () =>
    replaceMethod(
      'adapters/redis/cluster-store.js',
      'ClusterStore',
      'execute',
      /** @this {any} */
      async function (message, targets) {
        const position = await this.raise(message, targets);
        const removed = await Promise.all(targets.keys.map((/** @type {string} */ key) => this.drop(key)));
        return { position, removed };
      },
    ),
};

/**
 * Lets the servers' clocks be set by a key, so that they can step without touching the machine's: every script that asks
 * for the time gets it with the seconds in `chaos:skew` added. Not those that keep the list of members: strict
 * invalidation (G9) rests on the rate of the server's clock, and a step of it is outside that promise.
 */
export async function skewServerClocks() {
  const skewed =
    "(function() local t = redis.call('TIME'); t[1] = t[1] + (redis.call('GET', 'chaos:skew') or 0); return t end)()";
  const files = { attest: ['ATTEST'], getp: ['GETP'], inv: ['INV'], put: ['PUT'], setf: ['SETF'] };
  let changed = 0;
  for (const [file, names] of Object.entries(files)) {
    const module = await inside(`adapters/redis/scripts/${file}.script.js`);
    for (const name of names) {
      if (!/(redis\.)?call\('TIME'\)/.test(module[name].lua)) continue;
      await rewriteScript(file, name, [[/(?:redis\.)?call\('TIME'\)/g, skewed]]);
      changed += 1;
    }
  }
  if (changed === 0) throw new Error('Expected some script to ask the server for the time.');
}

/** Lets every read be tried without a script first: under so many faults hits are too rare for a forecast to expect them. */
export async function readPlainly() {
  const { HitForecast } = await inside('adapters/redis/hit-forecast.js');
  Object.defineProperty(HitForecast.prototype, 'likely', { get: () => true });
}

/**
 * Lets a changed history be repaired by replay instead of a floor, as with an outbox that has nothing to add: all that
 * brings lost invalidations back is what the instances remember of their own.
 */
export async function replayHistories() {
  const { RedisSharedTier } = await inside('adapters/redis/redis-shared-tier.js');
  const { create } = RedisSharedTier.prototype;
  RedisSharedTier.prototype.create = function (/** @type {object} */ context) {
    return create.call(this, { ...context, replay: () => Promise.resolve('replayed') });
  };
}
