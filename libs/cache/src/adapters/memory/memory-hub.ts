import { SystemClock } from '../../core/clock/system-clock.js';
import type { Clock } from '../../core/clock/clock.port.js';
import { SharedTier, type SharedTierContext, type SharedTierParts } from '../../core/coherence/shared-tier.port.js';
import type { SharedSettings } from '../../core/coherence/shared-settings.js';
import { HubInvalidationLog } from './hub-invalidation-log.js';
import { HubLink, type HubNetwork } from './hub-link.js';
import { HubNamespace } from './hub-namespace.js';
import { HubRecordAccelerator } from './hub-record-accelerator.js';
import { MemoryCacheBackend } from './memory-cache-backend.js';

/** Options of a `MemoryHub`. */
export interface MemoryHubOptions {
  /** Judges how long entries and permits live. @default the machine's clock */
  clock?: Clock;
  /** L, ms: how long an instance may serve its memory without having heard of the hub. @default 2000 */
  leaseMs?: number;
  /** Delays what travels between instances and hub. @default nothing is delayed */
  network?: HubNetwork | null;
}

const DEFAULT_LEASE_MS = 2000;

/**
 * A shared tier inside one process: instances of one hub behave as separate processes over one server do, each with its
 * own memory, log position and lease. For several applications in one process, and for tests of what only several
 * instances can get wrong.
 */
export class MemoryHub extends SharedTier {
  override readonly kind = 'memory-hub';
  private readonly namespaces = new Map<string, { readonly hub: HubNamespace; readonly instances: Set<HubInstance> }>();
  private readonly clock: Clock;
  private readonly leaseMs: number;
  private readonly network: HubNetwork | null;

  constructor({ clock = new SystemClock(), leaseMs = DEFAULT_LEASE_MS, network = null }: MemoryHubOptions = {}) {
    super();
    this.clock = clock;
    this.leaseMs = leaseMs;
    this.network = network;
  }

  override create(context: SharedTierContext): SharedTierParts {
    return this.instance(context);
  }

  /** One more instance over this hub. */
  instance({ namespace = 'app', clock = this.clock }: Partial<SharedTierContext> = {}): HubInstance {
    const { hub, instances } = this.namespace(namespace);
    const others = (): HubInvalidationLog[] => [...instances].filter((each) => each !== instance).map(({ log }) => log);
    const link = new HubLink(hub, clock, this.leaseMs, others, this.network);
    const instance: HubInstance = new HubInstance(link, () => instances.delete(instance));
    instances.add(instance);
    return instance;
  }

  /** The server of a namespace loses its past: nothing stored before is valid any more, and every instance notices. */
  changeHistory(namespace = 'app'): void {
    this.namespace(namespace).hub.changeHistory();
  }

  protected newNamespace(clock: Clock): HubNamespace {
    return new HubNamespace(clock);
  }

  private namespace(name: string) {
    let found = this.namespaces.get(name);
    if (found === undefined) {
      found = { hub: this.newNamespace(this.clock), instances: new Set() };
      this.namespaces.set(name, found);
    }
    return found;
  }
}

/** One instance: its log, its backend, and the faults that can be done to its connection. */
export class HubInstance implements SharedTierParts {
  readonly log: HubInvalidationLog;
  readonly backend: MemoryCacheBackend;
  readonly settings: SharedSettings = {
    read: () => this.link.command('read settings', () => this.link.hub.settings),
    write: (changes) => this.link.command('write settings', () => this.link.hub.changeSettings(changes)),
  };
  readonly records: HubRecordAccelerator;

  constructor(
    private readonly link: HubLink,
    onClose: () => void,
  ) {
    this.log = new HubInvalidationLog(link, onClose);
    this.backend = new MemoryCacheBackend(link, this.log);
    this.records = new HubRecordAccelerator(link);
  }

  /** Messages of the log arrive, and are not read until `resume`. */
  pause(): void {
    this.link.paused = true;
  }

  resume(): void {
    this.link.paused = false;
    this.log.drain();
  }

  /** Nothing gets through until `reconnect`; messages sent meanwhile are lost. */
  cutOff(): void {
    this.link.cut = true;
  }

  reconnect(): void {
    this.link.cut = false;
  }

  /** So many of the next messages of the log never arrive here. */
  lose(messages: number): void {
    this.link.toLose += messages;
  }
}
