import type { BackendFigures } from '../../core/coherence/backend-figures.js';

/** What a node has counted since its start, and what it holds. None of it holds keys or values. */
export interface DhtCounts {
  /** Nodes of the network that this one is connected with. */
  readonly peers: number;
  /** Values this node holds. */
  readonly copies: number;
  readonly bytes: number;
  /** Keys of which the node remembers that their values are invalid. */
  readonly tombstones: number;
  /** Values that had to leave for room. */
  readonly evicted: number;
  /** Invalidations remembered. */
  readonly predicates: number;
  /** Copies sent to a node that lacked them, after a node came or went. */
  readonly repairs: number;
  /** Copies sent to a node that a read found lacking them. */
  readonly readRepairs: number;
  /** Copies given up after their new owners had them. */
  readonly handedOver: number;
  /** Gaps in what other nodes announced, closed by a snapshot. */
  readonly gaps: number;
  /** Reads that asked a second node because the first was slow. */
  readonly hedges: number;
  /** Frames and messages that could not be read. */
  readonly malformed: number;
  /** Records and messages not written by this network. */
  readonly forged: number;
  /** Records whose clock was too far off. */
  readonly skewed: number;
  /** Announcements that could not be sent; the others find the gap and ask. */
  readonly unsent: number;
}

/** The part of the counts that only grows. */
export type DhtCounter =
  'repairs' | 'readRepairs' | 'handedOver' | 'gaps' | 'hedges' | 'malformed' | 'forged' | 'skewed' | 'unsent';

export class DhtCounters {
  readonly counted: Record<DhtCounter, number> = {
    repairs: 0,
    readRepairs: 0,
    handedOver: 0,
    gaps: 0,
    hedges: 0,
    malformed: 0,
    forged: 0,
    skewed: 0,
    unsent: 0,
  };

  count(what: DhtCounter, by = 1): void {
    this.counted[what] += by;
  }
}

const LEVELS = ['peers', 'copies', 'bytes', 'tombstones', 'predicates'] as const;
const COUNTS = {
  evicted: 'evicted',
  repairs: 'repairs',
  readRepairs: 'read_repairs',
  handedOver: 'handed_over',
  gaps: 'gaps',
  hedges: 'hedges',
  malformed: 'malformed',
  forged: 'forged',
  skewed: 'skewed',
  unsent: 'unsent',
} as const satisfies Partial<Record<keyof DhtCounts, string>>;

/** The counts of all nodes of a process together. What a node that has left had counted stays, so that nothing falls. */
export class DhtTotals {
  private readonly left = Object.fromEntries(Object.keys(COUNTS).map((name) => [name, 0]));

  /** A node leaves. */
  retire(counts: DhtCounts): void {
    for (const name of names(COUNTS)) this.left[name]! += counts[name];
  }

  figures(nodes: readonly DhtCounts[]): BackendFigures {
    const sum = (name: keyof DhtCounts) => nodes.reduce((total, counts) => total + counts[name], 0);
    return {
      levels: { networks: nodes.length, ...Object.fromEntries(LEVELS.map((name) => [name, sum(name)])) },
      counts: Object.fromEntries(names(COUNTS).map((name) => [COUNTS[name], this.left[name]! + sum(name)])),
    };
  }
}

function names<Name extends string>(of: Readonly<Record<Name, unknown>>): Name[] {
  return Object.keys(of) as Name[];
}
