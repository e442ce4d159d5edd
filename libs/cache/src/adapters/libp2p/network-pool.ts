import type { BackendFigures } from '../../core/coherence/backend-figures.js';
import { DhtTotals } from './dht-counters.js';
import type { DhtNetwork } from './dht-network.js';

interface Pooled {
  readonly network: DhtNetwork;
  readonly started: Promise<void>;
  failed: boolean;
  running: boolean;
}

/** The nodes of this process, one per network; where there are too many, the least recently used leaves. */
export class NetworkPool {
  private readonly networks = new Map<string, Pooled>();
  private readonly totals = new DhtTotals();
  private closed = false;

  constructor(
    private readonly maxNetworks: number,
    private readonly create: (network: string) => DhtNetwork,
    private readonly onTrouble: (error: unknown) => void,
  ) {}

  get size(): number {
    return this.networks.size;
  }

  all(): DhtNetwork[] {
    return [...this.networks.values()].map(({ network }) => network);
  }

  /** Numbers of all networks together; those that have left count where numbers only rise. */
  figures(): BackendFigures {
    return this.totals.figures(this.all().map((network) => network.counts()));
  }

  /** The node of a network as it stands now; one that is not there yet begins to start. */
  get(id: string): DhtNetwork | null {
    return this.closed ? null : this.pooled(id).network;
  }

  /** The node if it has started; `null`: not yet. */
  running(id: string): DhtNetwork | null {
    const pooled = this.networks.get(id);
    return pooled?.running === true ? pooled.network : null;
  }

  /** The node, started. Rejects where it cannot start; the next one who asks tries again. */
  async started(id: string): Promise<DhtNetwork> {
    const { network, started } = this.pooled(id);
    await started;
    return network;
  }

  async close(): Promise<void> {
    this.closed = true;
    const networks = this.all();
    const starts = [...this.networks.values()].map(({ started }) => started);
    for (const network of networks) this.totals.retire(network.counts());
    this.networks.clear();
    await Promise.allSettled(starts);
    await Promise.all(networks.map((network) => network.stop()));
  }

  private pooled(id: string): Pooled {
    const known = this.networks.get(id);
    if (known !== undefined && !known.failed) {
      if (this.networks.size > 1) {
        this.networks.delete(id);
        this.networks.set(id, known);
      }
      return known;
    }
    if (known !== undefined) this.totals.retire(known.network.counts());
    const network = this.create(id);
    const pooled: Pooled = { network, started: network.start(), failed: false, running: false };
    pooled.started.then(
      () => {
        pooled.running = true;
      },
      (error: unknown) => {
        pooled.failed = true;
        this.onTrouble(error);
      },
    );
    this.networks.set(id, pooled);
    for (const [oldest, { network: least }] of this.networks) {
      if (this.networks.size <= this.maxNetworks) break;
      this.networks.delete(oldest);
      this.totals.retire(least.counts());
      least.stop().catch((error: unknown) => this.onTrouble(error));
    }
    return pooled;
  }
}
