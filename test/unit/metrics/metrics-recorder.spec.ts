import type { CoherenceEventMap } from '../../../libs/cache/src/core/coherence/coherence.events.js';
import { EngineEvents } from '../../../libs/cache/src/core/engine/engine.events.js';
import { Emitter } from '../../../libs/cache/src/core/events/emitter.js';
import { InvalidationEvents } from '../../../libs/cache/src/core/invalidation/invalidation.events.js';
import { MetricsRecorder } from '../../../libs/cache/src/core/metrics/metrics-recorder.js';
import type { OutboxRow } from '../../../libs/cache/src/core/outbox/outbox-row.js';
import type { OutboxEvents } from '../../../libs/cache/src/core/outbox/outbox.events.js';

function setUp() {
  const recorder = new MetricsRecorder();
  const engine = new EngineEvents();
  const invalidations = new InvalidationEvents();
  const coherence = new Emitter<CoherenceEventMap>();
  const outbox = new Emitter<OutboxEvents>();
  recorder.listen({ engine, invalidations, outbox });
  recorder.listenToLink('redis', coherence);
  return { recorder, engine, invalidations, coherence, outbox };
}

describe('MetricsRecorder', () => {
  it('listens to nothing that a hit in memory announces', () => {
    expect(setUp().engine.has('read')).toBe(false);
  });

  it('counts resets by cause, fences by tier, troubles by operation, and failures of the link', () => {
    const { recorder, engine, coherence } = setUp();
    coherence.emit('reset', { cause: 'gap' });
    coherence.emit('reset', { cause: 'gap' });
    coherence.emit('reset', { cause: 'history' });
    coherence.emit('trouble', { code: 'ECONNREFUSED' });
    engine.emit('fenced', { key: 'user:get:1', tier: 'redis' });
    engine.emit('trouble', { operation: 'fill', scope: 'user', action: 'get', error: new Error('x') });
    expect(recorder.recorded()).toMatchObject({
      links: {
        redis: { resets: { gap: 2, history: 1, 'lost-message': 0, 'forged-message': 0 }, failures: 1 },
      },
      fencedFills: { memory: 0, shared: 1 },
      troubles: { fill: 1 },
    });
  });

  it('counts what becomes of outbox rows, and the lag of what was published', () => {
    const { recorder, outbox } = setUp();
    const row = {} as OutboxRow;
    outbox.emit('published', { rows: [row, row], lagMs: 40 });
    outbox.emit('retried', { row, error: 'x' });
    outbox.emit('dead', { row, error: 'x' });
    outbox.emit('released', { rows: [row, row, row], error: 'x' });
    outbox.emit('failed', { namespace: 'app', error: 'x', pauseMs: 1 });
    expect(recorder.recorded().outbox).toMatchObject({
      published: 2,
      retried: 1,
      dead: 1,
      released: 3,
      failedDrains: 1,
      lag: { count: 1, sumMs: 40 },
    });
  });

  it('counts invalidations that failed apart from those carried out', () => {
    const { recorder, invalidations } = setUp();
    invalidations.emit('failed', { requestId: 'r', intents: [], error: 'x', pending: 1 });
    expect(recorder.recorded().invalidations).toMatchObject({ applied: 0, failed: 1 });
  });
});
