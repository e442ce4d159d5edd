import type { CoherenceEvents } from '../../core/coherence/coherence.events.js';
import { SharedTier, type SharedTierContext, type SharedTierParts } from '../../core/coherence/shared-tier.port.js';
import { CacheError } from '../../core/errors/cache-error.js';
import { DhtCacheBackend } from './dht-cache-backend.js';
import type { DhtCounts } from './dht-counters.js';
import { DhtInvalidationLog } from './dht-invalidation-log.js';
import { DhtNetwork } from './dht-network.js';
import { resolveDhtOptions, type DhtOptions, type ResolvedDhtOptions } from './dht.options.js';
import { NetworkInUse } from './network-in-use.js';
import { NetworkPool } from './network-pool.js';

const NOBODY: CoherenceEvents = { emit: () => undefined };

/** A network of the application's own instances as the shared tier; made by `dht()`. */
export class DhtSharedTier extends SharedTier {
  override readonly kind = 'dht';
  private readonly resolved: ResolvedDhtOptions;
  private readonly pools = new Set<NetworkPool>();

  constructor(options: DhtOptions) {
    super();
    this.resolved = resolveDhtOptions(options);
  }

  /** @throws CacheError `LARDER_OPTION_INVALID` for an outbox beside networks taken from the context: its worker has none */
  override create({ namespace, clock, events = NOBODY, replay }: SharedTierContext): SharedTierParts {
    const options = this.resolved;
    if (options.fixedNetwork === null && replay !== undefined) {
      throw new CacheError(
        'LARDER_OPTION_INVALID',
        'Expected no outbox beside a `network` that is taken from the context, got one: its worker belongs to no network. Name one network, or leave the outbox out.',
      );
    }
    const make = (id: string): DhtNetwork => {
      const network: DhtNetwork = new DhtNetwork(
        id,
        namespace,
        options,
        clock,
        log.follower(() => network),
      );
      return network;
    };
    const pool = new NetworkPool(options.maxNetworks, make, (error) => events.emit('trouble', { code: codeOf(error) }));
    this.pools.add(pool);
    const inUse = new NetworkInUse(pool, options.network, clock);
    const log = new DhtInvalidationLog(inUse, options.fixedNetwork, clock, events);
    return { log, backend: new DhtCacheBackend(inUse, options, events) };
  }

  /** Counts and sizes of each network this process has a node of, by its id. Holds no keys or values. */
  counts(): Record<string, DhtCounts> {
    return Object.fromEntries(this.networks().map((network) => [network.network, network.counts()]));
  }

  /** Multiaddrs of this process's nodes, by network: what others name as `bootstrap`. */
  addresses(): Record<string, readonly string[]> {
    return Object.fromEntries(this.networks().map((network) => [network.network, network.addresses]));
  }

  private networks(): DhtNetwork[] {
    return [...this.pools].flatMap((pool) => pool.all());
  }
}

function codeOf(error: unknown): string {
  if (error instanceof CacheError) return error.code;
  const { code, name } = error as { code?: unknown; name?: unknown };
  return typeof code === 'string' ? code : typeof name === 'string' ? name : 'unknown';
}
