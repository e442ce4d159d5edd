import { LinkStateMachine, type LinkEvent, type LinkState } from '../../../libs/cache/src/core/coherence/link-state.js';

function after(...events: LinkEvent[]): LinkStateMachine {
  const machine = new LinkStateMachine(() => undefined);
  for (const event of events) machine.on(event);
  return machine;
}

const TO: Record<Exclude<LinkState, 'init'>, LinkEvent[]> = {
  connecting: ['dial'],
  attesting: ['dial', 'ready'],
  syncing: ['dial', 'ready', 'attested'],
  live: ['dial', 'ready', 'attested', 'satisfied'],
  suspect: ['dial', 'ready', 'attested', 'satisfied', 'overdue'],
  detached: ['dial', 'lost'],
  closing: ['dial', 'close'],
  closed: ['dial', 'close', 'closed'],
};
const states = Object.entries(TO) as [LinkState, LinkEvent[]][];

describe('LinkStateMachine', () => {
  it.each(states)('reaches %s', (state, events) => {
    expect(after(...events).state).toBe(state);
  });

  it.each(['init', 'connecting', 'attesting', 'detached', 'closing', 'closed'] as const)(
    'allows nothing on a connection that is not attested: %s',
    (state) => {
      const machine = state === 'init' ? after() : after(...TO[state]);
      expect(machine.rights).toMatchObject({ reads: false, fills: false });
      expect(machine.rights.invalidations).toBe(state === 'attesting' ? 'queue' : 'refuse');
    },
  );

  it.each(['syncing', 'live', 'suspect'] as const)('allows everything when it is attested: %s', (state) => {
    expect(after(...TO[state]).rights).toEqual({ reads: true, fills: true, invalidations: 'yes' });
  });

  it.each(['syncing', 'live', 'suspect'] as const)('attests again from %s when the server disowns us', (state) => {
    expect(after(...TO[state], 'disowned').state).toBe('attesting');
  });

  it.each(states.filter(([state]) => !['closing', 'closed', 'detached'].includes(state)))(
    'is detached from %s when the connection is lost, and connects again',
    (_, events) => {
      expect(after(...events, 'lost').state).toBe('detached');
      expect(after(...events, 'lost', 'dial').state).toBe('connecting');
    },
  );

  it('is live again from suspect only by a satisfied heartbeat', () => {
    expect(after(...TO.suspect, 'attested', 'ready').state).toBe('suspect');
    expect(after(...TO.suspect, 'satisfied').state).toBe('live');
  });

  it('never leaves closed', () => {
    const machine = after(...TO.closed);
    for (const event of ['dial', 'ready', 'attested', 'satisfied', 'lost', 'close'] as const) machine.on(event);
    expect(machine.state).toBe('closed');
  });

  it('tells of each change once', () => {
    const changes: string[] = [];
    const machine = new LinkStateMachine((from, to) => void changes.push(`${from} → ${to}`));
    for (const event of ['dial', 'dial', 'satisfied', 'ready'] as const) machine.on(event);
    expect(changes).toEqual(['init → connecting', 'connecting → attesting']);
  });
});
