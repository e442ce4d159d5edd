import type { CoherenceEventMap } from '../coherence/coherence.events.js';
import type { TroubleEvent } from '../engine/engine.events.js';
import type { Tracing } from '../events/tracing.js';
import type { Unsubscribe } from '../events/emitter.js';
import type { InvalidatedEvent } from '../invalidation/invalidation.events.js';
import type { LatencySummary } from './latency-histogram.js';

/** How long reads of one action took that memory could not answer, by what did. */
export interface ActionLatency {
  readonly scope: string;
  readonly action: string;
  /** Reads answered by the shared tier. */
  readonly shared: LatencySummary;
  /** Reads for which the method ran, its time included. */
  readonly source: LatencySummary;
  /** The method alone. */
  readonly load: LatencySummary;
}

/** What the link to one backend told of itself. */
export interface LinkCounts {
  /** How often local memory was dropped because the log's continuity was lost. */
  readonly resets: Readonly<Record<CoherenceEventMap['reset']['cause'], number>>;
  /** Commands and connections to the shared tier that failed. */
  readonly failures: number;
}

/** What is counted from announcements. Numbers since start, of this instance. */
export interface RecordedMetrics {
  /** Only actions that memory could not answer at least once. */
  readonly actions: readonly ActionLatency[];
  /** Fills refused because something they depend on was invalidated while they ran, by the tier that refused. */
  readonly fencedFills: { readonly memory: number; readonly shared: number };
  /** By backend. */
  readonly links: Readonly<Record<string, LinkCounts>>;
  /** Failures of the cache that no caller saw, by operation; what never failed is absent. */
  readonly troubles: Readonly<Partial<Record<TroubleEvent['operation'], number>>>;
  /** Invalidations carried out by this instance, whoever asked for them. */
  readonly invalidations: {
    readonly applied: number;
    /** Attempts that failed; each is repeated or was reported to its caller. */
    readonly failed: number;
    /** Entries they removed, as far as was known at once. */
    readonly removedEntries: number;
    /** What they were aimed at; one invalidation may have many intents. */
    readonly intents: Readonly<Record<InvalidatedEvent['intents'][number]['kind'], number>>;
    readonly latency: LatencySummary;
  };
  /** What this instance's worker did; all 0 where there is no outbox. */
  readonly outbox: {
    readonly published: number;
    readonly retried: number;
    readonly dead: number;
    /** Rows given back because infrastructure failed. */
    readonly released: number;
    readonly failedDrains: number;
    /** From the creation of the oldest row of a batch until the batch was applied, by this host's wall clock. */
    readonly lag: LatencySummary;
  };
}

/** Reads of one action by how they ended, with their times. */
export interface ActionMetrics extends ActionLatency {
  readonly memoryHits: number;
  readonly sharedHits: number;
  /** Reads answered by a load that somebody else had begun. */
  readonly joined: number;
  readonly misses: number;
  /** Reads that found an expired value, and ran the method. */
  readonly expired: number;
  /** Reads that got an expired value under grace. */
  readonly stale: number;
  readonly bypassed: number;
  /** Loads that returned. */
  readonly loads: number;
  readonly failedLoads: number;
  /** Hits in either tier, as a share of the reads that did not go past the cache; 0 before the first. */
  readonly hitRate: number;
}

/** The numbers of one backend in use: the link to it, and this process's memory before it. */
export interface BackendMetrics extends LinkCounts {
  /** What the configuration calls it. */
  readonly name: string;
  /** What it tells of itself: what is at this moment, and what it has counted since start; empty where it tells nothing. */
  readonly figures: {
    readonly levels: Readonly<Record<string, number>>;
    readonly counts: Readonly<Record<string, number>>;
  };
  readonly memory: {
    readonly entries: number;
    /** Accounted bytes. */
    readonly bytes: number;
    /** Entries that left, by cause. */
    readonly removed: Readonly<Record<'evicted' | 'expired' | 'invalidated' | 'replaced' | 'cleared', number>>;
  };
  readonly log: {
    readonly kind: string;
    readonly state: 'starting' | 'live' | 'suspect' | 'detached' | 'closed';
    /** What is left of the lease, ms, 0 when it is not live; `null` where none is needed. */
    readonly leaseLeftMs: number | null;
    /**
     * Everything invalidated longer ago than this is applied here, ms; the published bound or more when the lease is not
     * live. 0 where the log is this process's memory.
     */
    readonly lagMs: number;
  };
}

/**
 * All numbers of one instance's cache as plain data. Counts are since start. Holds no keys, values or credentials; scopes and
 * actions are names of the program, and at most 1,000 pairs of them are told apart, the rest is one pair named `(other)`.
 */
export interface CacheMetricsSnapshot extends Omit<RecordedMetrics, 'actions' | 'invalidations' | 'outbox' | 'links'> {
  readonly namespace: string;
  /** Unix ms. */
  readonly at: number;
  /** The shared tier's name; `null` where memory is the only tier. With several backends that of the main one. */
  readonly sharedTier: string | null;
  /** All backends in use, the main one first. */
  readonly backends: readonly BackendMetrics[];
  readonly actions: readonly ActionMetrics[];
  /** Of all backends together. */
  readonly memory: BackendMetrics['memory'];
  readonly loadsUnderWay: number;
  /** How often local memory was dropped because the continuity of a log was lost; of all backends together. */
  readonly resets: LinkCounts['resets'];
  /** Commands and connections to shared tiers that failed. */
  readonly linkFailures: number;
  /** `pending`: not applied yet and being repeated. */
  readonly invalidations: RecordedMetrics['invalidations'] & { readonly pending: number };
  /** Of the main backend. */
  readonly log: BackendMetrics['log'];
  /** `null` where there is no outbox. `deadRows`: those that wait for an operator, as far as this process knows. */
  readonly outbox: (RecordedMetrics['outbox'] & { readonly deadRows: number }) | null;
  /** Audit records that could not be written. */
  readonly auditFailures: number;
}

/** A time at the moment at which it was measured, for systems that keep histograms of their own. */
export interface Measurement {
  /** The histogram that it belongs to. */
  readonly metric: 'read_seconds' | 'load_seconds' | 'invalidation_seconds' | 'outbox_lag_seconds';
  /** As that histogram has them. */
  readonly labels: Readonly<Record<string, string>>;
  readonly tookMs: number;
}

/** Calls the listener for every measurement, until the returned function is called. */
export type FollowMeasurements = (listener: (measurement: Measurement) => void) => Unsubscribe;

/** Shows the numbers to a monitoring system; `prometheus()` of `nestjs-larder/prometheus` makes one. */
export interface MetricsExporter {
  /**
   * Called once at start. `read` may be called at any time until `stop`, and does no I/O. What `follow` is given is called for
   * each time that is measured; none is for a hit in memory.
   */
  start(read: () => CacheMetricsSnapshot, follow: FollowMeasurements): void;
  /** Called once when the application closes. */
  stop(): void;
  /** Makes spans, where the system has traces too; asked for once, at boot. @default none */
  readonly tracing?: Tracing | null;
}
