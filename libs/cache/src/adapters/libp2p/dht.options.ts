import { durationToMs, type Duration } from '../../core/clock/duration.js';
import { CacheError, describeInput } from '../../core/errors/cache-error.js';

/** One for all networks, or one for each: called with the network's id. */
export type PerNetwork<Value> = Value | ((network: string) => Value);

/** Settings of the DHT tier. Durations: seconds as a number, or text with a unit. */
export interface DhtOptions {
  /**
   * The network whose nodes share values. A function is asked at every read and invalidation, and takes it from the context of
   * the request: `currentNetwork`, or a look into your own AsyncLocalStorage. Callers never name a network.
   */
  readonly network: string | (() => string | undefined);
  /** The secret of the network, at least 16 characters. Each network's own key is derived from it and the network's id. */
  readonly psk: PerNetwork<string>;
  /** Multiaddrs of nodes to begin with. None: this node waits to be found. @default [] */
  readonly bootstrap?: PerNetwork<readonly string[]>;
  /** Multiaddrs to listen on; port 0 takes a free one. @default ['/ip4/0.0.0.0/tcp/0'] */
  readonly listen?: PerNetwork<string | readonly string[]>;
  /** Multiaddrs told to other nodes in place of those listened on: behind NAT, in containers. @default [] */
  readonly announce?: PerNetwork<readonly string[]>;
  /** So many nodes hold each value, or all there are. @default 3 */
  readonly replication?: number;
  /** Before every key; a colon is put between the two unless it ends with one. @default 'cache:' */
  readonly prefix?: string;
  /** Bound of what this node holds for the network, bytes (64 MiB). @default 67108864 */
  readonly maxBytes?: number;
  /** A larger value is refused, bytes (1 MiB). @default 1048576 */
  readonly maxValueBytes?: number;
  /** No entry lives longer; deletions and invalidations are remembered as long. @default '1d' */
  readonly maxTtl?: Duration;
  /** So far may a node's clock be off, either way. The same on every node. @default '60s' */
  readonly maxSkew?: Duration;
  /** A read or a write that takes longer fails. @default '1s' */
  readonly requestTimeout?: Duration;
  /** A node that is silent for so long is taken for dead. @default '4s' */
  readonly peerTimeout?: Duration;
  /** Invalidations within it travel as one message; the first of a quiet time at once. @default '50ms' */
  readonly batchWindow?: Duration;
  /** A node that finds nobody for so long serves what it has. @default '2s' */
  readonly aloneAfter?: Duration;
  /** Networks of which a node is kept, where `network` is a function; the least recently used leaves. @default 16 */
  readonly maxNetworks?: number;
}

export interface ResolvedDhtOptions {
  readonly network: () => string | undefined;
  /** The id, where it is the same for all. */
  readonly fixedNetwork: string | null;
  readonly psk: (network: string) => string;
  readonly bootstrap: (network: string) => readonly string[];
  readonly listen: (network: string) => readonly string[];
  readonly announce: (network: string) => readonly string[];
  readonly replication: number;
  readonly prefix: string;
  readonly maxBytes: number;
  readonly maxValueBytes: number;
  readonly maxTtlMs: number;
  readonly maxSkewMs: number;
  readonly requestTimeoutMs: number;
  readonly peerTimeoutMs: number;
  readonly batchWindowMs: number;
  readonly aloneAfterMs: number;
  readonly maxNetworks: number;
}

export const DHT_DEFAULTS = Object.freeze({
  bootstrap: [],
  listen: ['/ip4/0.0.0.0/tcp/0'],
  announce: [],
  replication: 3,
  prefix: 'cache:',
  maxBytes: 67_108_864,
  maxValueBytes: 1_048_576,
  maxTtl: '1d',
  maxSkew: '60s',
  requestTimeout: '1s',
  peerTimeout: '4s',
  batchWindow: '50ms',
  aloneAfter: '2s',
  maxNetworks: 16,
} as const satisfies Omit<DhtOptions, 'network' | 'psk'>);

const SHORTEST_SECRET = 16;
const LONGEST_NETWORK = 200;
const LARGEST_VALUE = 16 * 1024 * 1024;

/** @throws CacheError `LARDER_OPTION_INVALID`, `LARDER_DURATION_INVALID` */
export function resolveDhtOptions(options: DhtOptions): ResolvedDhtOptions {
  const { network } = options;
  const fixedNetwork = typeof network === 'function' ? null : networkId(network);
  const all = { ...DHT_DEFAULTS, ...withoutUndefined(options) };
  const duration = (field: keyof typeof DHT_DEFAULTS, value: Duration, least: number) =>
    between(field, least, Number.MAX_SAFE_INTEGER, durationToMs(value, field));
  const maxValueBytes = between('maxValueBytes', 1, LARGEST_VALUE, all.maxValueBytes);
  const resolved: ResolvedDhtOptions = {
    network: typeof network === 'function' ? () => inContext(network()) : () => network,
    fixedNetwork,
    psk: perNetwork(options.psk, secret),
    bootstrap: perNetwork(all.bootstrap, (value) => addresses('bootstrap', value)),
    listen: perNetwork(all.listen, (value) => addresses('listen', typeof value === 'string' ? [value] : value)),
    announce: perNetwork(all.announce, (value) => addresses('announce', value)),
    replication: between('replication', 1, 20, whole('replication', all.replication)),
    prefix: prefixOf(all.prefix),
    maxBytes: between('maxBytes', maxValueBytes, Number.MAX_SAFE_INTEGER, all.maxBytes),
    maxValueBytes,
    maxTtlMs: duration('maxTtl', all.maxTtl, 1000),
    maxSkewMs: duration('maxSkew', all.maxSkew, 0),
    requestTimeoutMs: duration('requestTimeout', all.requestTimeout, 1),
    peerTimeoutMs: duration('peerTimeout', all.peerTimeout, 100),
    batchWindowMs: duration('batchWindow', all.batchWindow, 0),
    aloneAfterMs: duration('aloneAfter', all.aloneAfter, 0),
    maxNetworks: between('maxNetworks', 1, 10_000, whole('maxNetworks', all.maxNetworks)),
  };
  if (fixedNetwork !== null) {
    for (const check of [resolved.psk, resolved.bootstrap, resolved.listen, resolved.announce]) check(fixedNetwork);
  }
  return Object.freeze(resolved);
}

function perNetwork<Given, Value>(
  given: PerNetwork<Given>,
  check: (value: Given) => Value,
): (network: string) => Value {
  if (typeof given === 'function') return (network) => check((given as (network: string) => Given)(network));
  const value = check(given);
  return () => value;
}

function networkId(value: unknown): string {
  if (typeof value === 'string' && value !== '' && value.length <= LONGEST_NETWORK) return value;
  throw invalid(
    `Expected \`network\` to be text of 1 to ${LONGEST_NETWORK} characters or a function that finds it, got ${describeInput(value)}. Name the network, e.g. 'shop-eu'.`,
  );
}

function inContext(value: string | undefined): string | undefined {
  return value === undefined ? undefined : networkId(value);
}

/** The secret itself is never shown. */
function secret(value: unknown): string {
  if (typeof value === 'string' && value.length >= SHORTEST_SECRET) return value;
  throw invalid(
    `Expected \`psk\` to be a secret of at least ${SHORTEST_SECRET} characters, got ${
      typeof value === 'string' ? `one of ${value.length}` : typeof value
    }. Make one with \`openssl rand -hex 32\`; an unset environment variable is a usual cause.`,
  );
}

function addresses(field: string, value: unknown): readonly string[] {
  if (Array.isArray(value) && value.every((each) => typeof each === 'string' && each.startsWith('/'))) return value;
  const wrong = Array.isArray(value) ? value.find((each) => typeof each !== 'string' || !each.startsWith('/')) : value;
  throw invalid(
    `Expected \`${field}\` to hold multiaddrs, got ${describeInput(wrong)}. Write e.g. '/ip4/10.0.0.7/tcp/4001'.`,
  );
}

function prefixOf(value: unknown): string {
  if (typeof value !== 'string') {
    throw invalid(`Expected \`prefix\` to be text, got ${describeInput(value)}. Leave it out for the default.`);
  }
  return value === '' || value.endsWith(':') ? value : `${value}:`;
}

function whole(field: string, value: number): number {
  if (Number.isInteger(value)) return value;
  throw invalid(
    `Expected \`${field}\` to be a whole number, got ${describeInput(value)}. Leave it out for the default.`,
  );
}

function between(field: string, least: number, most: number, value: unknown): number {
  if (typeof value === 'number' && value >= least && value <= most) return value;
  const range = most === Number.MAX_SAFE_INTEGER ? `at least ${least}` : `from ${least} to ${most}`;
  throw invalid(`Expected \`${field}\` to be ${range}, got ${describeInput(value)}. Leave it out for the default.`);
}

function withoutUndefined(options: DhtOptions): DhtOptions {
  return Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined),
  ) as unknown as DhtOptions;
}

function invalid(message: string): CacheError {
  return new CacheError('LARDER_OPTION_INVALID', message);
}
