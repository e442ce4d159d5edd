/** Where an instance stands with its log; see the table below. */
export type LinkState =
  'init' | 'connecting' | 'attesting' | 'syncing' | 'live' | 'suspect' | 'detached' | 'closing' | 'closed';

/** What happens to a link. */
export type LinkEvent =
  /** A connection is being made. */
  | 'dial'
  /** The connections are ready for a first command. */
  | 'ready'
  /** The server proved which history it holds. */
  | 'attested'
  /** A heartbeat was satisfied. */
  | 'satisfied'
  /** No heartbeat was satisfied for two intervals. */
  | 'overdue'
  /** The server holds another history than we believed. */
  | 'disowned'
  /** A connection closed, timed out or turned out useless. */
  | 'lost'
  | 'close'
  | 'closed';

/** What may be done in a state. L1 is always a matter of the lease alone, except that a closing link takes no new entries. */
export interface LinkRights {
  readonly reads: boolean;
  readonly fills: boolean;
  /** `yes`; `queue`: wait for the attestation; `refuse`: fail at once, so that an outbox can take over. */
  readonly invalidations: 'yes' | 'queue' | 'refuse';
}

const NOTHING: LinkRights = { reads: false, fills: false, invalidations: 'refuse' };
const SOON: LinkRights = { reads: false, fills: false, invalidations: 'queue' };
const EVERYTHING: LinkRights = { reads: true, fills: true, invalidations: 'yes' };

/**
 * The link state machine (coherence page, 2.7), as a table:
 *
 *     init → connecting → attesting → syncing → live ⇄ suspect → detached → (connecting)      any → closing → closed
 *
 * Nothing is sent on a connection that has not been attested, which is why `connecting` and `attesting` allow nothing.
 */
const TABLE: Readonly<Record<LinkState, { rights: LinkRights; on: Partial<Record<LinkEvent, LinkState>> }>> = {
  init: { rights: NOTHING, on: { dial: 'connecting', close: 'closing' } },
  connecting: { rights: NOTHING, on: { ready: 'attesting', lost: 'detached', close: 'closing' } },
  attesting: { rights: SOON, on: { attested: 'syncing', lost: 'detached', close: 'closing' } },
  syncing: {
    rights: EVERYTHING,
    on: { satisfied: 'live', overdue: 'suspect', disowned: 'attesting', lost: 'detached', close: 'closing' },
  },
  live: { rights: EVERYTHING, on: { overdue: 'suspect', disowned: 'attesting', lost: 'detached', close: 'closing' } },
  suspect: { rights: EVERYTHING, on: { satisfied: 'live', disowned: 'attesting', lost: 'detached', close: 'closing' } },
  detached: { rights: NOTHING, on: { dial: 'connecting', close: 'closing' } },
  closing: { rights: NOTHING, on: { closed: 'closed' } },
  closed: { rights: NOTHING, on: {} },
};

/** Keeps the state; an event that means nothing in a state leaves it as it is. */
export class LinkStateMachine {
  private current: LinkState = 'init';

  constructor(private readonly onChange: (from: LinkState, to: LinkState) => void) {}

  get state(): LinkState {
    return this.current;
  }

  get rights(): LinkRights {
    return TABLE[this.current].rights;
  }

  on(event: LinkEvent): void {
    const from = this.current;
    const to = TABLE[from].on[event];
    if (to === undefined) return;
    this.current = to;
    this.onChange(from, to);
  }
}
