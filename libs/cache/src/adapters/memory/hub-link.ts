import type { Clock } from '../../core/clock/clock.port.js';
import type { InvalidationLog } from '../../core/coherence/invalidation-log.port.js';
import { CacheError } from '../../core/errors/cache-error.js';
import type { HubNamespace } from './hub-namespace.js';

/** How long things are on their way between an instance and its hub; the default is no time at all. */
export interface HubNetwork {
  /** Resolves when what is sent has arrived. Called for each request, for each reply and for each message of the log. */
  travel(what: string): Promise<void>;
}

/** What one instance knows of its hub, and what stands between the two. */
export class HubLink {
  /** True: nothing gets through, in neither direction. */
  cut = false;
  /** True: messages of the log arrive, and are not read yet. */
  paused = false;
  /** So many of the next messages get lost. */
  toLose = 0;
  /** The messages on their way arrive in order, one after the other. */
  private wire: Promise<void> = Promise.resolve();

  constructor(
    readonly hub: HubNamespace,
    readonly clock: Clock,
    readonly leaseMs: number,
    /** The logs of the other instances of the namespace. */
    readonly others: () => readonly InvalidationLog[],
    private readonly network: HubNetwork | null,
  ) {}

  /** Sends a command, has it executed in one piece, and brings its answer home. */
  async command<Answer>(what: string, execute: () => Answer): Promise<Answer> {
    await this.network?.travel(`${what} request`);
    if (this.cut) throw unavailable(what);
    const answer = execute();
    await this.network?.travel(`${what} reply`);
    if (this.cut) throw uncertain(what);
    return answer;
  }

  /** Runs `arrive` when a message of the log has come through. */
  delivered(arrive: () => void): void {
    const { network } = this;
    if (network === null) arrive();
    else this.wire = this.wire.then(() => network.travel('message')).then(arrive);
  }

  loses(): boolean {
    if (this.toLose === 0) return false;
    this.toLose -= 1;
    return true;
  }
}

function unavailable(what: string): CacheError {
  const code = what === 'append' ? 'LARDER_LOG_UNAVAILABLE' : 'LARDER_TIER_UNAVAILABLE';
  return new CacheError(
    code,
    `Expected the hub to execute ${what}, got no connection. Connect the instance again and repeat.`,
  );
}

function uncertain(what: string): CacheError {
  const code = what === 'append' ? 'LARDER_LOG_UNCERTAIN' : 'LARDER_TIER_UNAVAILABLE';
  return new CacheError(
    code,
    `Expected the hub to confirm ${what}, got no answer. It may have been executed; repeat it, that is harmless.`,
  );
}
