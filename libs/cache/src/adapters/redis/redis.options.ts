import type { Cluster, ClusterOptions, Redis, RedisOptions } from 'ioredis';
import type { ConnectionOptions } from 'node:tls';
import { durationToMs, type Duration } from '../../core/clock/duration.js';
import { CacheError, describeInput } from '../../core/errors/cache-error.js';

/** Where the servers are: exactly one of `url`, `client`, `cluster`, `sentinel`. */
export interface RedisPlace {
  /** `redis://[user:password@]host[:port][/db]`, or `rediss://` for TLS. */
  readonly url?: string;
  /** A client of yours. It is never used itself: its settings are copied for the connections made here. */
  readonly client?: Redis | Cluster;
  /** Redis Cluster: some of its nodes, as `host:port` or objects. */
  readonly cluster?: {
    readonly nodes: readonly (string | { readonly host: string; readonly port: number })[];
    readonly options?: ClusterOptions;
  };
  /** Sentinel: the sentinels and the name of the master they watch. */
  readonly sentinel?: {
    readonly name: string;
    readonly sentinels: readonly { readonly host: string; readonly port: number }[];
    readonly options?: RedisOptions;
  };
}

/** Settings of the Redis tier. All durations: seconds as a number, or text with a unit. */
export interface RedisTierOptions extends RedisPlace {
  /** TLS settings, for `url` and `sentinel`. @default undefined (a `rediss://` URL verifies with the system's authorities) */
  readonly tls?: ConnectionOptions;
  /** Separates applications on one server; each namespace lies under it. @default 'larder' */
  readonly keyPrefix?: string;
  /** L: no instance serves from memory what was invalidated longer ago than this. The same on every instance. @default '2s' */
  readonly lease?: Duration;
  /** A read or fill that takes longer fails, and its connection is dropped. @default '250ms' */
  readonly readTimeout?: Duration;
  /** An invalidation that takes longer fails. @default '2s' */
  readonly invalidationTimeout?: Duration;
  /** @default '2s' */
  readonly connectTimeout?: Duration;
  /** First wait before connecting again; doubled each time, with full jitter. @default '50ms' */
  readonly retryMin?: Duration;
  /** Longest wait before connecting again. @default '2s' */
  readonly retryMax?: Duration;
  /** So many failures within `breakerWindow` stop reads until a heartbeat has proved the server. @default 5 */
  readonly breakerFailures?: number;
  /** @default '10s' */
  readonly breakerWindow?: Duration;
  /** About how many messages the log keeps. @default 100000 */
  readonly logLength?: number;
  /** So many tags are remembered; beyond, the oldest are forgotten and entries older than those are dropped. @default 200000 */
  readonly maxTags?: number;
  /** So many pattern invalidations are kept apart; beyond, the oldest become a floor. @default 1000 */
  readonly maxPatterns?: number;
  /** Signs the log's messages; newest first, all verify. @default undefined (unsigned) */
  readonly secret?: string | readonly string[];
  /** True: the application does not start without Redis. @default false */
  readonly required?: boolean;
}

export interface ResolvedRedisTierOptions {
  readonly keyPrefix: string;
  readonly leaseMs: number;
  readonly readTimeoutMs: number;
  readonly invalidationTimeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly retryMinMs: number;
  readonly retryMaxMs: number;
  readonly breakerFailures: number;
  readonly breakerWindowMs: number;
  readonly logLength: number;
  readonly maxTags: number;
  readonly maxPatterns: number;
  readonly secrets: readonly string[];
  readonly required: boolean;
}

export const REDIS_TIER_DEFAULTS = Object.freeze({
  keyPrefix: 'larder',
  lease: '2s',
  readTimeout: '250ms',
  invalidationTimeout: '2s',
  connectTimeout: '2s',
  retryMin: '50ms',
  retryMax: '2s',
  breakerFailures: 5,
  breakerWindow: '10s',
  logLength: 100_000,
  maxTags: 200_000,
  maxPatterns: 1000,
  required: false,
} as const satisfies RedisTierOptions);

const PLACES = ['url', 'client', 'cluster', 'sentinel'] as const;
const SHORTEST_LEASE_MS = 100;

/** @throws CacheError `LARDER_OPTION_INVALID`, `LARDER_DURATION_INVALID` */
export function resolveRedisTierOptions(options: RedisTierOptions): ResolvedRedisTierOptions {
  const given = PLACES.filter((place) => options[place] !== undefined);
  if (given.length !== 1) {
    throw new CacheError(
      'LARDER_OPTION_INVALID',
      `Expected redis() to be given exactly one of \`url\`, \`client\`, \`cluster\`, \`sentinel\`, got ${
        given.length === 0 ? 'none' : given.join(' and ')
      }. Write e.g. redis({ url: 'redis://127.0.0.1:6379' }); an unset environment variable is a usual cause.`,
    );
  }
  if (options.url !== undefined) assertUrl(options.url);
  const all = { ...REDIS_TIER_DEFAULTS, ...withoutUndefined(options) };
  return Object.freeze({
    keyPrefix: text('keyPrefix', all.keyPrefix),
    leaseMs: atLeast('lease', SHORTEST_LEASE_MS, durationToMs(all.lease, 'lease')),
    readTimeoutMs: atLeast('readTimeout', 1, durationToMs(all.readTimeout, 'readTimeout')),
    invalidationTimeoutMs: atLeast(
      'invalidationTimeout',
      1,
      durationToMs(all.invalidationTimeout, 'invalidationTimeout'),
    ),
    connectTimeoutMs: atLeast('connectTimeout', 1, durationToMs(all.connectTimeout, 'connectTimeout')),
    retryMinMs: atLeast('retryMin', 1, durationToMs(all.retryMin, 'retryMin')),
    retryMaxMs: atLeast('retryMax', 1, durationToMs(all.retryMax, 'retryMax')),
    breakerFailures: atLeast('breakerFailures', 1, all.breakerFailures),
    breakerWindowMs: durationToMs(all.breakerWindow, 'breakerWindow'),
    logLength: atLeast('logLength', 100, all.logLength),
    maxTags: atLeast('maxTags', 1, all.maxTags),
    maxPatterns: atLeast('maxPatterns', 1, all.maxPatterns),
    secrets: (typeof options.secret === 'string' ? [options.secret] : (options.secret ?? [])).map((secret) =>
      text('secret', secret),
    ),
    required: all.required,
  });
}

/** The text itself is never shown: it may hold a password. */
function assertUrl(url: unknown): void {
  if (typeof url === 'string' && (url.startsWith('/') || (/^rediss?:\/\//.test(url) && URL.canParse(url)))) return;
  throw new CacheError(
    'LARDER_OPTION_INVALID',
    `Expected \`url\` to be a redis:// or rediss:// URL, or the path of a socket, got ${
      typeof url === 'string' ? 'other text' : describeInput(url)
    }. Write e.g. 'redis://127.0.0.1:6379'.`,
  );
}

function withoutUndefined(options: RedisTierOptions): RedisTierOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as RedisTierOptions;
}

function text(field: string, value: unknown): string {
  if (typeof value === 'string' && value !== '') return value;
  throw new CacheError(
    'LARDER_OPTION_INVALID',
    `Expected \`${field}\` to be text of at least one character, got ${
      field === 'secret' ? typeof value : describeInput(value)
    }. Leave it out for the default.`,
  );
}

function atLeast(field: string, least: number, value: unknown): number {
  if (typeof value === 'number' && value >= least && Number.isFinite(value)) return value;
  throw new CacheError(
    'LARDER_OPTION_INVALID',
    `Expected \`${field}\` to be at least ${least}, got ${describeInput(value)}. Leave it out for the default.`,
  );
}
