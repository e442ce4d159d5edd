import type { BackendMetrics } from './metrics-snapshot.js';
import type { ShownAction, ShownLatency, ShownSnapshot } from './fold-actions.js';

/** What tells the lines of one metric apart: names of the program and fixed words, never a key. */
export type MetricLabels = Readonly<Record<string, string>>;

/** One line of a counter or a gauge. */
export interface NumberSample {
  readonly labels: MetricLabels;
  readonly value: number;
}

/** The measured times of one set of labels. */
export interface TimeSample {
  readonly labels: MetricLabels;
  readonly times: ShownLatency;
}

interface Described {
  /** Without a prefix, in the form of Prometheus: the unit, where there is one, and `_total` of a counter stand at the end. */
  readonly name: string;
  readonly help: string;
}

/** A metric of numbers, and how they are read off a snapshot; times are seconds. */
export interface NumberDefinition extends Described {
  readonly type: 'counter' | 'gauge';
  readonly read: (snapshot: ShownSnapshot) => readonly NumberSample[];
}

/** A metric of measured times, and how they are read off a snapshot. */
export interface TimeDefinition extends Described {
  readonly type: 'histogram';
  readonly read: (snapshot: ShownSnapshot) => readonly TimeSample[];
}

/** What a metric is, whatever system shows it. */
export type MetricDefinition = NumberDefinition | TimeDefinition;

const LINK_STATES = ['starting', 'live', 'suspect', 'detached', 'closed'] as const;

/** How many reads of an action ended how, and what answered: the label values of `reads_total`. */
const ENDINGS = [
  ['memoryHits', 'memory', 'hit'],
  ['sharedHits', 'shared', 'hit'],
  ['joined', 'source', 'joined'],
  ['misses', 'source', 'miss'],
  ['expired', 'source', 'expired'],
  ['stale', 'memory', 'stale'],
  ['bypassed', 'source', 'bypassed'],
] as const satisfies readonly (readonly [keyof ShownAction, string, string])[];

/** Times of an action; none where nothing was measured. */
const timed = (labels: MetricLabels, times: ShownLatency): TimeSample[] =>
  times.count === 0 ? [] : [{ labels, times }];

const one = (value: number): NumberSample[] => [{ labels: {}, value }];

/** One line for each member; `label` names what the members are told apart by. */
function each(label: string, numbers: Readonly<Partial<Record<string, number>>>): NumberSample[] {
  return Object.entries(numbers).map(([name, value]) => ({ labels: { [label]: name }, value: value ?? 0 }));
}

function eachAction<Sample>(
  { actions }: ShownSnapshot,
  samples: (action: ShownAction, labels: { scope: string; method: string }) => readonly Sample[],
): Sample[] {
  return actions.flatMap((action) => samples(action, { scope: action.scope, method: action.action }));
}

/** The samples of each backend, which is as many as the configuration names. */
function eachBackend(
  { backends }: ShownSnapshot,
  samples: (backend: BackendMetrics) => readonly NumberSample[],
): NumberSample[] {
  return backends.flatMap((backend) =>
    samples(backend).map(({ labels, value }) => ({ labels: { backend: backend.name, ...labels }, value })),
  );
}

/** All metrics; docs/metrics.md tells the meaning of each, and a test compares the two. Names are without the prefix. */
export const METRIC_DEFINITIONS: readonly MetricDefinition[] = [
  {
    name: 'reads_total',
    help: 'Reads by how they ended and by what answered.',
    type: 'counter',
    read: (snapshot) =>
      eachAction(snapshot, (action, labels) =>
        ENDINGS.map(([field, tier, outcome]) => ({ labels: { ...labels, tier, outcome }, value: action[field] })),
      ),
  },
  {
    name: 'loads_total',
    help: 'Runs of methods, by whether they returned or threw.',
    type: 'counter',
    read: (snapshot) =>
      eachAction(snapshot, ({ loads, failedLoads }, labels) => [
        { labels: { ...labels, outcome: 'returned' }, value: loads },
        { labels: { ...labels, outcome: 'failed' }, value: failedLoads },
      ]),
  },
  {
    name: 'read_seconds',
    help: 'Time of reads that memory could not answer, by what answered; hits in memory are not timed.',
    type: 'histogram',
    read: (snapshot) =>
      eachAction(snapshot, ({ shared, source }, labels) => [
        ...timed({ ...labels, tier: 'shared' }, shared),
        ...timed({ ...labels, tier: 'source' }, source),
      ]),
  },
  {
    name: 'load_seconds',
    help: 'Time that methods took, failed ones included.',
    type: 'histogram',
    read: (snapshot) => eachAction(snapshot, ({ load }, labels) => timed(labels, load)),
  },
  {
    name: 'loads_under_way',
    help: 'Loads in the air.',
    type: 'gauge',
    read: ({ loadsUnderWay }) => one(loadsUnderWay),
  },
  {
    name: 'memory_entries',
    help: 'Entries held in memory.',
    type: 'gauge',
    read: (snapshot) => eachBackend(snapshot, ({ memory }) => one(memory.entries)),
  },
  {
    name: 'memory_bytes',
    help: 'Accounted bytes of the entries held in memory.',
    type: 'gauge',
    read: (snapshot) => eachBackend(snapshot, ({ memory }) => one(memory.bytes)),
  },
  {
    name: 'memory_removals_total',
    help: 'Entries that left memory, by cause.',
    type: 'counter',
    read: (snapshot) => eachBackend(snapshot, ({ memory }) => each('cause', memory.removed)),
  },
  {
    name: 'invalidations_total',
    help: 'Invalidations carried out by this instance.',
    type: 'counter',
    read: ({ invalidations }) => one(invalidations.applied),
  },
  {
    name: 'invalidation_intents_total',
    help: 'What they were aimed at.',
    type: 'counter',
    read: ({ invalidations }) => each('kind', invalidations.intents),
  },
  {
    name: 'invalidation_removed_entries_total',
    help: 'Entries they removed, as far as was known at once.',
    type: 'counter',
    read: ({ invalidations }) => one(invalidations.removedEntries),
  },
  {
    name: 'invalidation_failures_total',
    help: 'Attempts to invalidate that failed; each is repeated or was reported to its caller.',
    type: 'counter',
    read: ({ invalidations }) => one(invalidations.failed),
  },
  {
    name: 'invalidations_pending',
    help: 'Invalidations that could not be applied yet and are being repeated.',
    type: 'gauge',
    read: ({ invalidations }) => one(invalidations.pending),
  },
  {
    name: 'invalidation_seconds',
    help: 'Time from the call until the invalidation was applied.',
    type: 'histogram',
    read: ({ invalidations }) => [{ labels: {}, times: invalidations.latency }],
  },
  {
    name: 'fenced_fills_total',
    help: 'Fills refused because something they depend on was invalidated while they ran.',
    type: 'counter',
    read: ({ fencedFills }) => each('tier', fencedFills),
  },
  {
    name: 'memory_resets_total',
    help: 'Times local memory was dropped because the continuity of the log was lost.',
    type: 'counter',
    read: (snapshot) => eachBackend(snapshot, ({ resets }) => each('cause', resets)),
  },
  {
    name: 'troubles_total',
    help: 'Failures of the cache that no caller saw, by operation.',
    type: 'counter',
    read: ({ troubles }) => each('operation', troubles),
  },
  {
    name: 'link_failures_total',
    help: 'Commands and connections to the shared tier that failed.',
    type: 'counter',
    read: (snapshot) => eachBackend(snapshot, ({ failures }) => one(failures)),
  },
  {
    name: 'backend_level',
    help: 'What a backend tells of itself at this moment, by figure.',
    type: 'gauge',
    read: (snapshot) => eachBackend(snapshot, ({ figures }) => each('figure', figures.levels)),
  },
  {
    name: 'backend_events_total',
    help: 'What a backend has counted of itself, by event.',
    type: 'counter',
    read: (snapshot) => eachBackend(snapshot, ({ figures }) => each('event', figures.counts)),
  },
  {
    name: 'link_state',
    help: '1 for the state in which the link to the log is, 0 for the others.',
    type: 'gauge',
    read: (snapshot) =>
      eachBackend(snapshot, ({ log }) =>
        LINK_STATES.map((state) => ({ labels: { state }, value: state === log.state ? 1 : 0 })),
      ),
  },
  {
    name: 'log_lag_seconds',
    help: 'Everything invalidated longer ago than this is applied here.',
    type: 'gauge',
    read: (snapshot) => eachBackend(snapshot, ({ log }) => one(log.lagMs / 1000)),
  },
  {
    name: 'lease_left_seconds',
    help: 'What is left of the right to serve memory; absent where none is needed.',
    type: 'gauge',
    read: (snapshot) =>
      eachBackend(snapshot, ({ log }) => (log.leaseLeftMs === null ? [] : one(log.leaseLeftMs / 1000))),
  },
  {
    name: 'outbox_rows_total',
    help: "Rows that this instance's worker handled, by what became of them.",
    type: 'counter',
    read: ({ outbox }) => {
      if (outbox === null) return [];
      const { published, retried, dead, released } = outbox;
      return each('outcome', { published, retried, dead, released });
    },
  },
  {
    name: 'outbox_failed_drains_total',
    help: 'Times the outbox could not be drained.',
    type: 'counter',
    read: ({ outbox }) => (outbox === null ? [] : one(outbox.failedDrains)),
  },
  {
    name: 'outbox_dead_rows',
    help: 'Dead rows of the namespace that wait for an operator.',
    type: 'gauge',
    read: ({ outbox }) => (outbox === null ? [] : one(outbox.deadRows)),
  },
  {
    name: 'outbox_lag_seconds',
    help: 'Time from the creation of the oldest row of a batch until the batch was applied.',
    type: 'histogram',
    read: ({ outbox }) => (outbox === null ? [] : [{ labels: {}, times: outbox.lag }]),
  },
  {
    name: 'audit_failures_total',
    help: 'Audit records that could not be written.',
    type: 'counter',
    read: ({ auditFailures }) => one(auditFailures),
  },
];
