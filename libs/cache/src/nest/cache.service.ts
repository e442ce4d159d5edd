import { Injectable } from '@nestjs/common';
import type { SourceVersion } from '../core/coherence/source-version.js';
import type { InvalidationIntent } from '../core/invalidation/intent.js';
import { InvalidationIntent as Intent } from '../core/invalidation/intent.js';
import type { InvalidateOptions, InvalidationResult } from '../core/invalidation/invalidation-service.js';
import { assertTag, scopeTag } from '../core/invalidation/tags.js';
import { CacheError, describeInput } from '../core/errors/cache-error.js';
import { fullKey } from '../core/keys/local-key.js';
import { assertName } from '../core/keys/names.js';
import type { CacheEngine } from '../core/engine/cache-engine.js';
import { caughtUp } from './catch-up.js';
import { nearestBackend, resolvePolicy } from './cache.options.js';
import { policyLevels } from './policy-levels.js';
import { versionTags } from './interception/result-tags.js';
import { CacheRuntime } from './cache-runtime.js';
import { KeyExplainer, type KeyExplanation } from './key-explainer.js';
import type { CachePolicyOptions } from './decorators/decorator.options.js';

/** How one value is kept; what is not said is taken from the module's defaults. */
export interface EntryOptions<T = any> extends CachePolicyOptions {
  /** @default 'app' */
  scope?: string;
  /** What invalidates the value. @default [] */
  tags?: readonly string[];
  /**
   * The version of the value in its source, such as a row version, or what tells it: the value is not kept over one of a
   * newer version. @default none
   */
  sourceVersion?: SourceVersion | ((value: T) => SourceVersion | undefined);
}

/** How a value is read. */
export interface GetOrSetOptions<T = any> extends EntryOptions<T> {
  /**
   * The position that an invalidation returned, here or on another instance: what is answered reflects it. The read waits
   * for it up to 50 ms, and then goes past the cache. @default none: other instances' invalidations are reflected within L
   */
  after?: string;
}

const DEFAULT_SCOPE = 'app';
/** What reads and writes by hand are called in metrics and switches. */
const ACTION = 'getOrSet';
/** What reads and writes by hand are called in messages. */
const WHERE = 'CacheService';

/**
 * The cache by hand: the same roads that the decorators take. Keys are local to a scope (`'app'` unless said otherwise)
 * and may be any text.
 */
@Injectable()
export class CacheService {
  constructor(private readonly runtime: CacheRuntime) {}

  /**
   * The cached value, or `load`'s result, which is then kept. Everyone who asks at the same time shares one load.
   * Errors of `load` pass unchanged and are not kept.
   */
  async getOrSet<T>(key: string, load: () => Promise<T> | T, options: GetOrSetOptions<T> = {}): Promise<T> {
    const { scope, policy: configured, enabled, engine, tagsOf } = this.resolve(options);
    const { on, policy } = this.runtime.switches.effective(scope, ACTION, configured);
    if (!enabled || !on || !(await this.reflects(options.after, engine))) return load();
    const request = {
      key: keyIn(scope, key),
      scope,
      action: ACTION,
      policy,
      counters: this.runtime.counters.of(scope, ACTION),
      load,
      tagsOf,
      unless: null,
      onInstalled: null,
    };
    return (await engine.read(request)) as T;
  }

  /** What memory holds for a key, or `undefined`; asks no other tier and loads nothing. */
  get<T>(key: string, options: Pick<EntryOptions, 'scope' | 'backend'> = {}): T | undefined {
    const scope = scopeOf(options);
    const full = keyIn(scope, key);
    if (!this.runtime.switches.isOn(scope, ACTION)) return undefined;
    return this.engineOf(scope, options).peek(full)?.value as T | undefined;
  }

  /**
   * Stores a value; the last writer wins, and no load under way can undo it.
   *
   * @returns whether it is stored; not where caching is off, and not over a newer `sourceVersion`
   * @throws what the shared tier or the log raise when it is not known to be stored (G7)
   */
  async set<T>(key: string, value: T, options: EntryOptions<T> = {}): Promise<boolean> {
    const { scope, policy: configured, enabled, engine, tagsOf } = this.resolve(options);
    // Also while reads are switched off: what they find when they are on again must not be older than this.
    const { policy } = this.runtime.switches.effective(scope, ACTION, configured);
    return enabled && this.runtime.backends.set(engine, keyIn(scope, key), value, tagsOf(value), policy);
  }

  /** Removes one entry; `true` if there was one. */
  async delete(key: string, options: Pick<EntryOptions, 'scope'> & InvalidateOptions = {}): Promise<boolean> {
    const { scope, ...rest } = options;
    const { removed } = await this.invalidate([Intent.key(keyIn(scopeOf({ scope }), key))], {
      reason: 'delete',
      ...rest,
    });
    return removed > 0;
  }

  /** Removes all entries of a scope. */
  clear(options: Pick<EntryOptions, 'scope'> & InvalidateOptions = {}): Promise<InvalidationResult> {
    const { scope, ...rest } = options;
    return this.invalidate([Intent.scope(scopeOf({ scope }))], { reason: 'clear', ...rest });
  }

  /** Removes the entries of a scope whose local key matches a pattern. */
  revoke(pattern: string, options: Pick<EntryOptions, 'scope'> & InvalidateOptions = {}): Promise<InvalidationResult> {
    const { scope, ...rest } = options;
    return this.invalidate([Intent.pattern(pattern, scopeOf({ scope }))], { reason: 'revoke', ...rest });
  }

  /**
   * Invalidates by intents, all in one step. When it resolves, this instance never serves the old values (G5).
   * @throws what the log raises when the invalidation was not applied (G7); repeating it is harmless
   */
  async invalidate(
    intents: readonly InvalidationIntent[],
    options: InvalidateOptions = {},
  ): Promise<InvalidationResult> {
    return this.runtime.invalidations.invalidate(intents, options);
  }

  /** Where a key is, what would invalidate it, why it was last missed and who invalidated it; never its value. */
  async explain(key: string, options: Pick<EntryOptions, 'scope' | 'backend'> = {}): Promise<KeyExplanation> {
    return new KeyExplainer(this.runtime).explain(keyIn(scopeOf(options), key), options.backend);
  }

  /** @throws CacheError `LARDER_OPTION_INVALID` for a backend with a log of its own, in which the position means nothing */
  private async reflects(position: string | undefined, { local }: CacheEngine): Promise<boolean> {
    if (position === undefined) return true;
    const { main } = this.runtime;
    if (local === main.engine.local) return caughtUp(main.log, position);
    throw new CacheError(
      'LARDER_OPTION_INVALID',
      `Expected no \`after\` for a backend beside the main one, got one: a position stands in the log of '${main.name}' alone. Leave \`after\` out, or keep the value in '${main.name}'.`,
    );
  }

  private engineOf(scope: string, options: Pick<EntryOptions, 'backend'>): CacheEngine {
    if (this.runtime.backends.single && options.backend === undefined) return this.runtime.main.engine;
    const levels = policyLevels(this.runtime.options, scope, null, { method: options, scope: undefined });
    return this.runtime.backends.engineOf(nearestBackend(levels), WHERE);
  }

  private resolve(options: EntryOptions) {
    const scope = scopeOf(options);
    const given = options.tags ?? [];
    for (const tag of given) assertTag(tag);
    const levels = policyLevels(this.runtime.options, scope, null, { method: options, scope: undefined });
    const { enabled, policy, backend } = resolvePolicy(levels, WHERE);
    const engine = this.runtime.backends.engineOf(backend, WHERE);
    const tags = [scopeTag(scope), ...given];
    const { sourceVersion } = options;
    if (sourceVersion === undefined) return { scope, policy, enabled, engine, tagsOf: () => tags };
    const versionOf = typeof sourceVersion === 'function' ? sourceVersion : () => sourceVersion;
    return { scope, policy, enabled, engine, tagsOf: (value: unknown) => [...versionTags(versionOf(value)), ...tags] };
  }
}

function scopeOf({ scope = DEFAULT_SCOPE }: { scope?: string | undefined }): string {
  assertName('scope', scope);
  return scope;
}

function keyIn(scope: string, key: unknown): string {
  if (typeof key === 'string' && key !== '') return fullKey(scope, key);
  throw new CacheError(
    'LARDER_KEY_INVALID',
    `Expected a key to be text, got ${describeInput(key)}. Join parts with ':', e.g. \`rate:\${currency}\`.`,
  );
}
