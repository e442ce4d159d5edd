import type { Duration } from '../../core/clock/duration.js';
import type { SourceVersion } from '../../core/coherence/source-version.js';
import type { Isolation } from '../../core/engine/isolation.js';
import type { InvalidationIntent } from '../../core/invalidation/intent.js';
import type { AsyncMethod } from './async-method.js';

/** Entity name and id, e.g. `['user', 42]`. */
export type EntityRef = readonly [entity: string, id: string | number | bigint];

/** What can be said of any cached method. Unset fields are taken from the service, then from the module's defaults. */
export interface CachePolicyOptions {
  /** False: the method runs uncached. The nearest level that says anything wins (REQ-002-08). @default true */
  enabled?: boolean;
  /** How long a value is fresh: seconds, or text with a unit. @default 60 */
  ttl?: Duration;
  /** How long past that it may stand in for a slow or failing method; never for an invalidated value. @default 0 */
  grace?: Duration;
  /** Up to this share (0 to 1) is taken off the ttl at random. @default 0 */
  jitter?: number;
  /** How long the shared tier may delay a call, and how long a slow method is waited for under grace. @default '50ms' */
  softTimeout?: Duration;
  /** After this a load no longer counts for others. @default '10s' */
  hardTimeout?: Duration;
  /** How long values loaded while the shared tier is away are served from memory. @default '1s' */
  degradedTtl?: Duration;
  /** How long to wait for another instance that is loading the same key. @default '2s' */
  electionWait?: Duration;
  /** How callers are kept from changing cached values. @default 'freeze' */
  isolation?: Isolation;
  /**
   * The backend by its name in `backends` of the module. `memory`: this process's memory alone, which follows the main
   * backend's invalidations. Decided at boot; a switch at run time does not change it. @default the main one, `backend` of the module
   */
  backend?: string;
}

/** The last word where no level says anything. */
export const CACHE_POLICY_DEFAULTS: Readonly<Required<Omit<CachePolicyOptions, 'backend'>>> = Object.freeze({
  enabled: true,
  ttl: 60,
  grace: 0,
  jitter: 0,
  softTimeout: '50ms',
  hardTimeout: '10s',
  degradedTtl: '1s',
  electionWait: '2s',
  isolation: 'freeze',
});

/** Options of `@Cached`; name the method's type for typed callbacks. */
export interface CachedOptions<M extends AsyncMethod = AsyncMethod> extends CachePolicyOptions {
  /** The action's name in keys. Needed for symbol methods. @default the method's name */
  name?: string;
  /** Builds the local key: text is the key as it stands, a list is encoded like arguments. @default all arguments, encoded */
  key?: (...args: Parameters<M>) => unknown;
  /** Which parameters enter the key: fields of a single object argument, or names declared in `params`. @default all of them */
  keys?: readonly string[];
  /** The names of the method's parameters, in order, for `keys`. @default none */
  params?: readonly string[];
  /** Tags of a result: what invalidates it. Called with the result and the arguments. @default none */
  tags?: readonly string[] | ((result: Awaited<ReturnType<M>>, ...args: Parameters<M>) => readonly string[]);
  /** Entities a result shows, e.g. `[['user', 42]]`; sugar for entity tags. @default none */
  entities?: (result: Awaited<ReturnType<M>>, ...args: Parameters<M>) => readonly EntityRef[];
  /** Collections a result shows, e.g. `['users']`; sugar for collection tags. @default none */
  collections?: readonly string[] | ((result: Awaited<ReturnType<M>>, ...args: Parameters<M>) => readonly string[]);
  /**
   * The version of a result in its source, such as a row version: a result is not kept over one of a newer version, which
   * an older reading (a lagging replica) could otherwise replace. @default none
   */
  sourceVersion?: (result: Awaited<ReturnType<M>>, ...args: Parameters<M>) => SourceVersion | undefined;
  /** False for a call: it goes past the cache. @default every call is cached */
  when?: (...args: Parameters<M>) => boolean;
  /** True for a result: it is returned, not kept. @default every result is kept */
  unless?: (result: Awaited<ReturnType<M>>, ...args: Parameters<M>) => boolean;
}

/** The element type of a method that returns a list. */
export type ItemOf<M extends AsyncMethod> = Awaited<ReturnType<M>> extends readonly (infer Item)[] ? Item : never;
/** The type of one id of a method whose first parameter is a list of ids. */
export type IdOf<M extends AsyncMethod> = Parameters<M>[0] extends readonly (infer Id)[] ? Id : never;

/** Options of `@CachedMany`. */
export interface CachedManyOptions<M extends AsyncMethod = AsyncMethod> extends CachePolicyOptions {
  /** The action's name in keys. @default the method's name */
  name?: string;
  /** The id of an item of the result. */
  id: (item: ItemOf<M>) => IdOf<M>;
  /** Tags of one item; called with the item (`null` where the method had none for the id) and its id. @default none */
  tags?: (item: ItemOf<M> | null, id: IdOf<M>) => readonly string[];
  /** Entities of one item, as entity tags. @default none */
  entities?: (item: ItemOf<M> | null, id: IdOf<M>) => readonly EntityRef[];
  /** Collections of every item, as collection tags. @default none */
  collections?: readonly string[];
  /** The version of an item in its source; see `@Cached`. @default none */
  sourceVersion?: (item: ItemOf<M> | null, id: IdOf<M>) => SourceVersion | undefined;
}

type Described<M extends AsyncMethod, T> = T | ((result: Awaited<ReturnType<M>>, ...args: Parameters<M>) => T);

/** What a successful call of a method invalidates. Each field is a value, or is computed from the result and the arguments. */
export interface InvalidatesOptions<M extends AsyncMethod = AsyncMethod> {
  /** Local keys of this class's scope, e.g. `get_user:42`. @default none */
  keys?: Described<M, readonly string[]>;
  /** @default none */
  tags?: Described<M, readonly string[]>;
  /** @default none */
  entities?: Described<M, readonly EntityRef[]>;
  /** @default none */
  collections?: Described<M, readonly string[]>;
  /** Patterns over the local keys of this class's scope, e.g. `search:*`. @default none */
  patterns?: Described<M, readonly string[]>;
  /** Ready-made intents, for other scopes. @default none */
  intents?: Described<M, readonly InvalidationIntent[]>;
  /** Everything of this class's scope. @default not everything */
  clear?: boolean;
  /** For the audit: why. @default the method's name */
  reason?: string;
}
