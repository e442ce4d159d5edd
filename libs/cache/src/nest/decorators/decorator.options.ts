import type { Duration } from '../../core/clock/duration.js';
import type { Isolation } from '../../core/engine/isolation.js';
import type { InvalidationIntent } from '../../core/invalidation/intent.js';
import type { AsyncMethod } from './method-declarations.js';

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
}

export interface CachedOptions<M extends AsyncMethod = AsyncMethod> extends CachePolicyOptions {
  /** The action's name in keys; the method's name by default. Needed for symbol methods. */
  name?: string;
  /** Builds the key from the arguments; the default encodes all of them. Result: one part, or a list of parts. */
  key?: (...args: Parameters<M>) => unknown;
  /** Which parameters enter the key: fields of a single object argument, or names declared in `params`. */
  keys?: readonly string[];
  /** The names of the method's parameters, in order, for `keys`. */
  params?: readonly string[];
  /** Tags of a result: what invalidates it. Called with the result and the arguments. */
  tags?: readonly string[] | ((result: Awaited<ReturnType<M>>, ...args: Parameters<M>) => readonly string[]);
  /** Entities a result shows, e.g. `[['user', 42]]`; sugar for entity tags. */
  entities?: (result: Awaited<ReturnType<M>>, ...args: Parameters<M>) => readonly EntityRef[];
  /** Collections a result shows, e.g. `['users']`; sugar for collection tags. */
  collections?: readonly string[] | ((result: Awaited<ReturnType<M>>, ...args: Parameters<M>) => readonly string[]);
  /** False for a call: it goes past the cache. */
  when?: (...args: Parameters<M>) => boolean;
  /** True for a result: it is returned, not kept. */
  unless?: (result: Awaited<ReturnType<M>>, ...args: Parameters<M>) => boolean;
}

/** The element type of a method that returns a list. */
export type ItemOf<M extends AsyncMethod> = Awaited<ReturnType<M>> extends readonly (infer Item)[] ? Item : never;
/** The type of one id of a method whose first parameter is a list of ids. */
export type IdOf<M extends AsyncMethod> = Parameters<M>[0] extends readonly (infer Id)[] ? Id : never;

export interface CachedManyOptions<M extends AsyncMethod = AsyncMethod> extends CachePolicyOptions {
  /** The action's name in keys; the method's name by default. */
  name?: string;
  /** The id of an item of the result. */
  id: (item: ItemOf<M>) => IdOf<M>;
  /** Tags of one item; called with the item (`null` where the method had none for the id) and its id. */
  tags?: (item: ItemOf<M> | null, id: IdOf<M>) => readonly string[];
  /** Entities of one item, as entity tags. */
  entities?: (item: ItemOf<M> | null, id: IdOf<M>) => readonly EntityRef[];
  /** Collections of every item, as collection tags. */
  collections?: readonly string[];
}

type Described<M extends AsyncMethod, T> = T | ((result: Awaited<ReturnType<M>>, ...args: Parameters<M>) => T);

/** What a successful call of a method invalidates. Each field is a value, or is computed from the result and the arguments. */
export interface InvalidatesOptions<M extends AsyncMethod = AsyncMethod> {
  /** Local keys of this class's scope, e.g. `get_user:42`. */
  keys?: Described<M, readonly string[]>;
  tags?: Described<M, readonly string[]>;
  entities?: Described<M, readonly EntityRef[]>;
  collections?: Described<M, readonly string[]>;
  /** Patterns over the local keys of this class's scope, e.g. `search:*`. */
  patterns?: Described<M, readonly string[]>;
  /** Ready-made intents, for other scopes. */
  intents?: Described<M, readonly InvalidationIntent[]>;
  /** Everything of this class's scope. @default false */
  clear?: boolean;
  /** For the audit: why. @default the method's name */
  reason?: string;
}
