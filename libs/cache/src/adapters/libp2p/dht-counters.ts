/** What a node has counted since its start, and what it holds. None of it holds keys or values. */
export interface DhtCounts {
  /** Nodes of the network that this one is connected with. */
  readonly peers: number;
  /** Values this node holds. */
  readonly copies: number;
  readonly bytes: number;
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
