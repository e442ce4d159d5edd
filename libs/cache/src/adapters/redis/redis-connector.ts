import { Cluster, Redis, type ClusterOptions, type RedisOptions } from 'ioredis';
import type { ResolvedRedisTierOptions, RedisTierOptions } from './redis.options.js';

export type RedisClient = Redis | Cluster;

/** The three connections of an instance. They are separate, so that a large reply never delays a lease. */
export type ConnectionRole = 'values' | 'log' | 'heartbeat';

/**
 * Makes clients that live for one connection only: nothing is queued, nothing is sent again by itself, and a lost client
 * is replaced, never revived. What reconnects by itself reconnects to an unknown server, and would speak to it at once.
 */
export class RedisConnector {
  /** True: keys are spread over slots. */
  readonly clustered: boolean;

  constructor(
    private readonly place: RedisTierOptions,
    private readonly options: ResolvedRedisTierOptions,
  ) {
    this.clustered = place.cluster !== undefined || place.client instanceof Cluster;
  }

  create(role: ConnectionRole): RedisClient {
    const { url, client, cluster, sentinel } = this.place;
    if (client instanceof Cluster) return quietly(client.duplicate([], this.clusterOptions(role, client.options)));
    if (client !== undefined) return client.duplicate(this.redisOptions(role));
    if (cluster !== undefined) {
      return quietly(new Cluster(cluster.nodes.map(nodeOf), this.clusterOptions(role, cluster.options ?? {})));
    }
    if (sentinel !== undefined) {
      return new Redis({
        ...sentinel.options,
        ...this.redisOptions(role),
        name: sentinel.name,
        sentinels: [...sentinel.sentinels],
        sentinelRetryStrategy: () => null,
      });
    }
    return new Redis(url!, this.redisOptions(role));
  }

  private redisOptions(role: ConnectionRole): RedisOptions {
    return {
      ...(this.place.tls === undefined ? {} : { tls: this.place.tls }),
      ...this.nodeOptions(role),
      enableOfflineQueue: false,
      retryStrategy: null,
    };
  }

  private nodeOptions(role: ConnectionRole): NonNullable<ClusterOptions['redisOptions']> {
    return {
      protocol: 2, // RESP3 answers XREAD in another shape, and nothing here needs it
      lazyConnect: true,
      maxRetriesPerRequest: 0,
      enableReadyCheck: true,
      autoResendUnfulfilledCommands: false,
      autoResubscribe: false,
      connectTimeout: this.options.connectTimeoutMs,
      disconnectTimeout: 1, // a client that is dropped is dropped: no timer waits for its socket's farewell
      connectionName: `larder:${role}`,
    };
  }

  private clusterOptions(role: ConnectionRole, given: ClusterOptions): ClusterOptions {
    return {
      ...given,
      redisOptions: { ...given.redisOptions, ...this.nodeOptions(role) },
      lazyConnect: true,
      enableOfflineQueue: false,
      enableReadyCheck: true,
      clusterRetryStrategy: null,
      scaleReads: 'master',
      maxRedirections: 4,
      retryDelayOnFailover: 20,
      retryDelayOnTryAgain: 5,
      retryDelayOnClusterDown: 50,
      slotsRefreshTimeout: this.options.connectTimeoutMs,
    };
  }
}

/**
 * Where a slot is on its way, ioredis sends ASKING before the command and nobody takes its answer: with the connection
 * gone, that would be a rejection without a handler. The command behind it tells all there is to tell.
 */
function quietly(cluster: Cluster): Cluster {
  cluster.on('+node', (node: Redis) => {
    const asking = node.asking.bind(node);
    node.asking = () => {
      const sent = asking();
      sent.catch(() => undefined);
      return sent;
    };
  });
  return cluster;
}

/** Ends a client at once: a half-open connection would otherwise linger until its peer answers the farewell. */
export function destroy(client: RedisClient): void {
  if (client instanceof Cluster) {
    const nodes = client.nodes('all');
    client.disconnect();
    for (const node of nodes) destroy(node);
    return;
  }
  client.disconnect();
  // Set once it has begun to connect; typed as if it always were.
  (client.stream as typeof client.stream | undefined)?.destroy();
}

function nodeOf(node: string | { readonly host: string; readonly port: number }): { host: string; port: number } {
  if (typeof node !== 'string') return { host: node.host, port: node.port };
  const at = node.lastIndexOf(':');
  return at < 0 ? { host: node, port: 6379 } : { host: node.slice(0, at), port: Number(node.slice(at + 1)) };
}

/** The servers that hold the keys: one, or the primaries of a Cluster. */
export function primariesOf(client: RedisClient): readonly Redis[] {
  return client instanceof Cluster ? client.nodes('master') : [client];
}
