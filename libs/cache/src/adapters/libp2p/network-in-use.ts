import type { Clock } from '../../core/clock/clock.port.js';
import type { DhtNetwork } from './dht-network.js';
import type { NetworkPool } from './network-pool.js';
import { PermitBook } from './permit-book.js';

/** Which network the running code belongs to, and what this instance keeps for it. */
export class NetworkInUse {
  private readonly books = new WeakMap<DhtNetwork, PermitBook>();

  constructor(
    readonly pool: NetworkPool,
    readonly id: () => string | undefined,
    private readonly clock: Clock,
  ) {}

  /** What stands before the keys of a network in memory; no two networks have the same. `null`: outside of any. */
  compartment(): string | null {
    const id = this.id();
    return id === undefined ? null : compartmentOf(id);
  }

  /** `null`: outside of any network, or closed. */
  network(): DhtNetwork | null {
    const id = this.id();
    return id === undefined ? null : this.pool.get(id);
  }

  permits(network: DhtNetwork): PermitBook {
    let book = this.books.get(network);
    if (book === undefined) {
      book = new PermitBook(this.clock);
      this.books.set(network, book);
    }
    return book;
  }
}

/** The bar ends it: it is none of the characters that it is made of. */
export function compartmentOf(network: string): string {
  return `${encodeURIComponent(network)}|`;
}
