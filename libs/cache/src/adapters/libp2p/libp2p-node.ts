import type { Connection, PeerId, Stream } from '@libp2p/interface';
import type { GossipSub } from '@libp2p/gossipsub';
import type { KadDHT } from '@libp2p/kad-dht';
import type { Ping } from '@libp2p/ping';
import type { Libp2p } from 'libp2p';
import { createHash } from 'node:crypto';
import type { ResolvedDhtOptions } from './dht.options.js';
import type { Libp2pPackages } from './load-libp2p.js';
import type { NetworkKeys } from './network-keys.js';
import { WIRE_VERSION } from './wire-messages.js';

/** The services of a node. */
export interface NodeServices extends Record<string, unknown> {
  readonly dht: KadDHT;
  readonly pubsub: GossipSub;
  readonly ping: Ping;
}

/** Streams that a peer may open for questions; one is enough, and one more while it comes back. */
const MAX_INBOUND_STREAMS = 4;
const DIAL_TIMEOUT_MS = 5000;
const PRIVATE_NETWORK_TIMEOUT_MS = 5000;
/** So far do we look for ourselves in the table of others, ms. */
const SELF_QUERY_MS = 30_000;
const MAX_CONNECTIONS = 500;

/**
 * A node of one network: TCP behind the network's own key, Noise, Yamux; Kademlia for who is there, gossipsub for what is
 * invalidated, and a protocol of our own for records. All protocol names are the network's, so two networks that meet have
 * nothing to say to each other.
 */
export class Libp2pNode {
  private constructor(
    readonly libp2p: Libp2p<NodeServices>,
    readonly recordProtocol: string,
    private readonly topic: string,
    private readonly packages: Libp2pPackages,
  ) {}

  static async start(
    packages: Libp2pPackages,
    keys: NetworkKeys,
    network: string,
    options: ResolvedDhtOptions,
  ): Promise<Libp2pNode> {
    const { libp2p, gossipsub, identify, kadDht, noise, ping, pnet, tcp, yamux } = packages;
    const base = `/larder/${keys.name}`;
    const created = await libp2p.createLibp2p<NodeServices>({
      addresses: { listen: [...options.listen(network)], announce: [...options.announce(network)] },
      transports: [tcp.tcp()],
      connectionEncrypters: [noise.noise()],
      streamMuxers: [yamux.yamux()],
      connectionProtector: pnet.preSharedKey({ psk: keys.swarmKey, timeout: PRIVATE_NETWORK_TIMEOUT_MS }),
      connectionManager: {
        maxConnections: MAX_CONNECTIONS,
        dialTimeout: DIAL_TIMEOUT_MS,
        inboundConnectionThreshold: MAX_CONNECTIONS,
        reconnectRetries: 0,
      },
      connectionGater: { denyDialMultiaddr: () => false },
      connectionMonitor: { enabled: false }, // members are watched by their silence, see `members.ts`
      services: {
        identify: identify.identify({ protocolPrefix: base.slice(1), runOnConnectionOpen: true }),
        ping: ping.ping({ protocolPrefix: base.slice(1) }),
        dht: kadDht.kadDHT({
          protocol: `${base}/kad/${WIRE_VERSION}`,
          clientMode: false,
          peerInfoMapper: kadDht.passthroughMapper,
          allowQueryWithZeroPeers: true,
          querySelfInterval: SELF_QUERY_MS,
        }),
        pubsub: gossipsub.gossipsub({
          allowPublishToZeroTopicPeers: true,
          emitSelf: false,
          globalSignaturePolicy: 'StrictNoSign', // messages carry the network's seal
          msgIdFn: ({ data }) => createHash('sha256').update(data).digest().subarray(0, 20),
          doPX: false,
          // Who is in has the secret, and many may share an address: nobody is given up for that, or for being slow.
          scoreParams: { IPColocationFactorWeight: 0, behaviourPenaltyWeight: 0 },
        }),
      },
    });
    return new Libp2pNode(created, `${base}/record/${WIRE_VERSION}`, `${base}/invalidations/${WIRE_VERSION}`, packages);
  }

  /** What others dial, with this node's identity. */
  get addresses(): string[] {
    return this.libp2p.getMultiaddrs().map(String);
  }

  serve(handle: (stream: Stream, connection: Connection) => void): Promise<void> {
    return this.libp2p.handle(this.recordProtocol, handle, { maxInboundStreams: MAX_INBOUND_STREAMS });
  }

  openStream(peer: PeerId, timeoutMs: number): Promise<Stream> {
    const signal = AbortSignal.timeout(timeoutMs);
    return this.libp2p.dialProtocol(peer, this.recordProtocol, { signal });
  }

  /** @param judge applies a message; false: it is none of ours, and not passed on */
  follow(judge: (data: Uint8Array) => boolean): void {
    const { Accept, Reject } = this.packages.gossipsub.TopicValidatorResult;
    const { pubsub } = this.libp2p.services;
    pubsub.topicValidators.set(this.topic, (_, { data }) => (judge(data) ? Accept : Reject));
    pubsub.subscribe(this.topic);
  }

  async publish(data: Uint8Array): Promise<void> {
    await this.libp2p.services.pubsub.publish(this.topic, data);
  }

  /** Resolves once connected; rejects where nobody answers. */
  async dial(address: string, timeoutMs: number): Promise<void> {
    await this.libp2p.dial(this.packages.multiaddr.multiaddr(address), { signal: AbortSignal.timeout(timeoutMs) });
  }

  /** Walks towards a place of the key space and tells whom it finds on the way. */
  async lookAround(towards: Uint8Array, timeoutMs: number, found: (addresses: string[]) => void): Promise<void> {
    const signal = AbortSignal.timeout(timeoutMs);
    for await (const event of this.libp2p.services.dht.getClosestPeers(towards, { signal })) {
      if (event.name === 'PEER_RESPONSE') {
        for (const { id, multiaddrs } of event.closer) found(multiaddrs.map((each) => withPeer(String(each), id)));
      }
    }
  }

  async stop(): Promise<void> {
    await this.libp2p.stop();
  }
}

function withPeer(address: string, id: PeerId): string {
  return address.includes('/p2p/') ? address : `${address}/p2p/${id.toString()}`;
}
