import { jest } from '@jest/globals';
import {
  AuditStore,
  CacheHealth,
  CacheService,
  InMemoryAuditStore,
  InvalidationIntent,
} from '../../../libs/cache/src/index.js';
import {
  DecisionStatus,
  InvalidationRequest,
  InvalidationType,
  type DecisionEntry,
} from '../../../libs/cache/src/nest/decision/index.js';
import { decisionApp, entryOf, HOUR_MS, type DecisionApp } from './decision-app.js';

class BrokenAudit extends InMemoryAuditStore {
  override append(): never {
    throw new Error('the audit is full');
  }
}

describe('the decision cache in memory', () => {
  let app: DecisionApp;
  let audit: InMemoryAuditStore;
  beforeEach(async () => {
    audit = new InMemoryAuditStore();
    app = await decisionApp({}, { audit });
  });
  afterEach(() => app.close());

  const entry = (veriKey: string, changes: Partial<DecisionEntry> = {}): DecisionEntry =>
    entryOf(veriKey, new Date(app.clock.wall()), changes);
  const statusOf = async (veriKey: string): Promise<DecisionStatus> => (await app.decisions.get(veriKey)).status;
  const rows = async () => (await audit.list()).records;

  it('finds what was set, from every tier it names', async () => {
    expect(await app.decisions.get('k')).toMatchObject({ status: DecisionStatus.CacheMiss, entry: null, source: null });
    expect(await app.decisions.set(entry('k'))).toBe(true);
    const found = await app.decisions.get('k');
    expect(found).toMatchObject({ status: DecisionStatus.CacheHit, source: 'memory', wasCached: true });
    expect(found.entry).toEqual(entry('k'));
  });

  it('is passed by when told to, though something is there', async () => {
    await app.decisions.set(entry('k'));
    expect(await app.decisions.get('k', true)).toMatchObject({
      status: DecisionStatus.Bypassed,
      entry: null,
      source: null,
      elapsedMs: 0,
    });
  });

  it('shows what has expired with its entry, until it is pruned', async () => {
    await app.decisions.set(entry('k'));
    app.clock.advance(HOUR_MS - 1);
    expect(await statusOf('k')).toBe(DecisionStatus.CacheHit);
    app.clock.advance(1);
    const found = await app.decisions.get('k');
    expect(found).toMatchObject({ status: DecisionStatus.Expired, source: 'expired', wasCached: false });
    expect(found.entry!.veriKey).toBe('k');
    await app.decisions.set(entry('live'));
    expect(await app.decisions.pruneExpired()).toBe(1);
    expect(await app.decisions.pruneExpired()).toBe(0);
    expect([await statusOf('k'), await statusOf('live')]).toEqual([DecisionStatus.CacheMiss, DecisionStatus.CacheHit]);
    expect(await rows()).toMatchObject([{ reason: 'expired', keyCount: 1, keys: ['decision:k'] }]);
  });

  it('keeps an entry that has expired before it was set, to be seen', async () => {
    await app.decisions.set(entry('k'));
    await app.decisions.set(entry('k', { expiresAt: new Date(app.clock.wall() - 1) }));
    expect(await statusOf('k')).toBe(DecisionStatus.Expired);
  });

  it('calls the factory on a miss and on an expired entry, and never on a hit', async () => {
    const factory = jest.fn(() => entry('k'));
    await app.decisions.getOrCompute('k', factory);
    await app.decisions.getOrCompute('k', factory);
    expect(factory).toHaveBeenCalledTimes(1);
    app.clock.advance(HOUR_MS);
    const anew = await app.decisions.getOrCompute('k', factory);
    expect(factory).toHaveBeenCalledTimes(2);
    expect(anew.createdAt).toEqual(new Date(app.clock.wall()));
    expect(await statusOf('k')).toBe(DecisionStatus.CacheHit);
  });

  it('decides anew when told to, and the next lookup sees that', async () => {
    await app.decisions.set(entry('k', { decision: 'old' }));
    const made = await app.decisions.getOrCompute('k', () => entry('k', { decision: 'new' }), true);
    expect(made.decision).toBe('new');
    expect((await app.decisions.get('k')).entry!.decision).toBe('new');
  });

  it('passes an error of the factory on as it is, keeps nothing, and tries again', async () => {
    const error = new Error('no evidence');
    const failing = () => Promise.reject(error);
    await expect(app.decisions.getOrCompute('k', failing)).rejects.toBe(error);
    await expect(app.decisions.getOrCompute('k', failing, true)).rejects.toBe(error);
    expect(await statusOf('k')).toBe(DecisionStatus.CacheMiss);
    await app.decisions.getOrCompute('k', () => entry('k'));
    expect(await statusOf('k')).toBe(DecisionStatus.CacheHit);
  });

  it('shares one factory among all who ask at once, and a lookup does not wait for it', async () => {
    let letGo!: (made: DecisionEntry) => void;
    const factory = jest.fn(() => new Promise<DecisionEntry>((resolve) => (letGo = resolve)));
    const asked = Array.from({ length: 50 }, () => app.decisions.getOrCompute('k', factory));
    while (factory.mock.calls.length === 0) await Promise.resolve();
    expect(await statusOf('k')).toBe(DecisionStatus.CacheMiss);
    letGo(entry('k'));
    for (const made of await Promise.all(asked)) expect(made).toEqual(entry('k'));
    expect(factory).toHaveBeenCalledTimes(1);
  });

  it('decides where somebody looked in vain at the same time', async () => {
    const [found, made] = await Promise.all([
      app.decisions.get('k'),
      app.decisions.getOrCompute('k', () => entry('k')),
    ]);
    expect(found.status).toBe(DecisionStatus.CacheMiss);
    expect(made).toEqual(entry('k'));
  });

  it('refuses an entry of another key and one that is none', async () => {
    const code = { code: 'LARDER_DECISION_INVALID' };
    await expect(app.decisions.getOrCompute('k', () => entry('l'))).rejects.toMatchObject(code);
    await expect(app.decisions.set({ ...entry('k'), expiresAt: new Date(Number.NaN) })).rejects.toMatchObject(code);
    await expect(app.decisions.set({ ...entry('k'), policyHash: 7 as never })).rejects.toMatchObject(code);
    await expect(app.decisions.get('')).rejects.toMatchObject(code);
    await expect(app.decisions.get('a\0b')).rejects.toMatchObject(code);
  });

  it('says false for what it cannot keep, and keeps what was there', async () => {
    expect(await app.decisions.set(entry('k', { decision: 'kept' }))).toBe(true);
    expect(await app.decisions.set(entry('k', { decision: () => 1 }))).toBe(false);
    expect(await app.decisions.set(entry('k', { decision: 'x'.repeat(9_000_000) }))).toBe(false);
    expect((await app.decisions.get('k')).entry!.decision).toBe('kept');
  });

  it('keeps callers from changing what is kept', async () => {
    const given = entry('k', { decision: { list: [1] } });
    await app.decisions.set(given);
    (given.decision as { list: number[] }).list.push(2);
    const first = await app.decisions.get<{ list: number[] }>('k');
    first.entry!.decision.list.push(3); // a copy of the caller's own
    expect((await app.decisions.get('k')).entry!.decision).toEqual({ list: [1] });
  });

  it('invalidates one decision, once, and records why', async () => {
    await app.decisions.set(entry('k'));
    expect(await app.decisions.invalidate('k', 'withdrawn')).toBe(true);
    expect(await app.decisions.invalidate('k')).toBe(false);
    expect(await statusOf('k')).toBe(DecisionStatus.CacheMiss);
    expect(await rows()).toMatchObject([
      { pattern: 'decision:k', reason: '', keyCount: 0 },
      { pattern: 'decision:k', reason: 'withdrawn', keyCount: 1 },
    ]);
  });

  it('invalidates what was decided a moment ago', async () => {
    await app.decisions.getOrCompute('k', () => entry('k'));
    expect(await app.decisions.invalidate('k')).toBe(true);
  });

  const criteria: [InvalidationRequest, string[], string][] = [
    [InvalidationRequest.byPolicyHash('p2'), ['b'], 'decision:policyHash = p2'],
    [InvalidationRequest.bySignerSetHash('s2'), ['b', 'c'], 'decision:signerSetHash = s2'],
    [InvalidationRequest.byFeedEpochOlderThan('e10'), ['a', 'b'], 'decision:feedEpoch < e10'],
    [InvalidationRequest.byPattern('a*'), ['a'], 'decision:a*'],
  ];
  it.each(criteria)('carries out %j', async (request, hit, pattern) => {
    const all = [
      entry('a', { feedEpoch: 'e9' }),
      entry('b', { feedEpoch: 'e9', policyHash: 'p2', signerSetHash: 's2' }),
      entry('c', { feedEpoch: 'e10', policyHash: 'p20', signerSetHash: 's2' }),
    ];
    for (const each of all) await app.decisions.set(each);
    const given = { ...request, actor: 'ann' };
    const result = await app.decisions.invalidateBy(given);
    expect(result).toEqual({
      entriesAffected: hit.length,
      request: given,
      timestamp: new Date(app.clock.wall()),
      wasLogged: true,
    });
    for (const { veriKey } of all) {
      const expected = hit.includes(veriKey) ? DecisionStatus.CacheMiss : DecisionStatus.CacheHit;
      expect([veriKey, await statusOf(veriKey)]).toEqual([veriKey, expected]);
    }
    expect(await app.decisions.invalidateBy(given)).toMatchObject({ entriesAffected: 0 });
    const [, row] = await rows();
    expect(row).toMatchObject({ pattern, reason: request.reason, triggeredBy: 'ann', keyCount: hit.length });
    expect(row!.keys.toSorted()).toEqual(hit.map((key) => `decision:${key}`));
  });

  it('removes by Expired what has expired, whatever the value says', async () => {
    await app.decisions.set(entry('old', { expiresAt: new Date(app.clock.wall() + 1) }));
    await app.decisions.set(entry('live'));
    app.clock.advance(1);
    const request = { type: InvalidationType.Expired, value: 'live', reason: 'tidy' };
    expect(await app.decisions.invalidateBy(request)).toMatchObject({ entriesAffected: 1, wasLogged: true });
    expect(await app.decisions.invalidateBy(request)).toMatchObject({ entriesAffected: 0 });
    expect(await statusOf('live')).toBe(DecisionStatus.CacheHit);
  });

  it('does not keep what a slow factory decides across an invalidation of any kind', async () => {
    const requests = [...criteria.map(([request]) => request), InvalidationRequest.byPattern('/s/')];
    const removals = [
      () => app.decisions.invalidate('a:slow'),
      ...requests.map((request) => () => app.decisions.invalidateBy(request)),
    ];
    for (const anew of [false, true]) {
      for (const remove of removals) {
        let letGo!: () => void;
        let begun!: () => void;
        const started = new Promise<void>((resolve) => (begun = resolve));
        const gate = new Promise<void>((resolve) => (letGo = resolve));
        const slow = app.decisions.getOrCompute(
          'a:slow',
          async () => {
            begun();
            await gate;
            return entry('a:slow', { policyHash: 'p2', signerSetHash: 's2', feedEpoch: 'e9' });
          },
          anew,
        );
        await started;
        await remove();
        letGo();
        expect((await slow).veriKey).toBe('a:slow'); // its caller has it
        expect(await statusOf('a:slow')).toBe(DecisionStatus.CacheMiss);
      }
    }
  });

  it('is reached by everybody else who invalidates', async () => {
    const cache = app.app.get(CacheService);
    const ways: (() => Promise<unknown>)[] = [
      () => cache.invalidate([InvalidationIntent.flush()]),
      () => cache.clear({ scope: 'decision' }),
      () => cache.revoke('k*', { scope: 'decision' }),
      () => cache.delete('k', { scope: 'decision' }),
      () => cache.invalidate([InvalidationIntent.pattern('decision:*')]),
    ];
    for (const way of ways) {
      await app.decisions.set(entry('k'));
      await way();
      expect([way.toString(), await statusOf('k')]).toEqual([way.toString(), DecisionStatus.CacheMiss]);
    }
    await app.decisions.set(entry('k'));
    await cache.clear({ scope: 'other' });
    await cache.invalidate([InvalidationIntent.pattern('other:*'), InvalidationIntent.tag('k')]);
    expect(await statusOf('k')).toBe(DecisionStatus.CacheHit);
  });

  it('ends the wait of who gives up, with the reason, and goes on for the others', async () => {
    const reason = new Error('gave up');
    const aborted = AbortSignal.abort(reason);
    const { decisions } = app;
    await expect(decisions.get('k', false, aborted)).rejects.toBe(reason);
    await expect(decisions.set(entry('k'), aborted)).rejects.toBe(reason);
    await expect(decisions.getOrCompute('k', () => entry('k'), false, aborted)).rejects.toBe(reason);
    await expect(decisions.invalidate('k', null, aborted)).rejects.toBe(reason);
    await expect(decisions.invalidateBy(InvalidationRequest.byPattern('*'), aborted)).rejects.toBe(reason);
    await expect(decisions.getMetrics(aborted)).rejects.toBe(reason);
    await expect(decisions.pruneExpired(aborted)).rejects.toBe(reason);
    expect(await statusOf('k')).toBe(DecisionStatus.CacheMiss);

    let letGo!: () => void;
    const gate = new Promise<void>((resolve) => (letGo = resolve));
    const factory = async () => {
      await gate;
      return entry('k');
    };
    const impatient = new AbortController();
    const first = decisions.getOrCompute('k', factory, false, impatient.signal);
    const second = decisions.getOrCompute('k', factory);
    impatient.abort(reason);
    await expect(first).rejects.toBe(reason);
    letGo();
    expect(await second).toEqual(entry('k'));
    expect(await statusOf('k')).toBe(DecisionStatus.CacheHit);
  });

  it('counts', async () => {
    const none = await app.decisions.getMetrics();
    expect(none).toMatchObject({ totalRequests: 0, hitRate: 0, currentEntryCount: 0, p99LatencyMs: 0 });
    await app.decisions.set(entry('k'));
    await app.decisions.get('k');
    await app.decisions.get('none');
    await app.decisions.get('k', true);
    await app.decisions.getOrCompute('k', () => entry('k'));
    await app.decisions.getOrCompute('l', () => entry('l'));
    app.clock.advance(HOUR_MS);
    await app.decisions.get('k');
    expect(await app.decisions.getMetrics()).toEqual({
      totalRequests: 6,
      totalHits: 2,
      totalMisses: 3,
      hitRate: 2 / 6,
      avgLatencyMs: 0,
      p99LatencyMs: 0,
      currentEntryCount: 2,
      totalInvalidations: 0,
      valkeyCacheHealthy: true,
      postgresRepositoryHealthy: true,
      collectedAt: new Date(app.clock.wall()),
    });
    await app.decisions.invalidateBy(InvalidationRequest.byPattern('*'));
    expect(await app.decisions.getMetrics()).toMatchObject({ totalInvalidations: 2, currentEntryCount: 0 });
  });

  it('tells why a key is answered as it is', async () => {
    const inputDigests = { sbom: 'sha256:1' };
    await app.decisions.set(entry('k', { policyHash: 'p1' }));
    await app.decisions.invalidateBy({ ...InvalidationRequest.byPolicyHash('p1'), actor: 'ann' });
    app.clock.advance(1);
    await app.decisions.set(entry('k', { policyHash: 'p2' }));
    app.clock.advance(1);
    await app.decisions.set(entry('k', { policyHash: 'p3', inputDigests }));
    const provenance = await app.decisions.provenance('k');
    expect(provenance).toMatchObject({
      veriKey: 'k',
      status: DecisionStatus.CacheHit,
      source: 'memory',
      entry: { policyHash: 'p3', inputDigests },
      predecessors: [
        { policyHash: 'p2', invalidation: null },
        {
          policyHash: 'p1',
          invalidation: { pattern: 'decision:policyHash = p1', actor: 'ann', reason: 'policy-update' },
        },
      ],
    });
    expect(provenance.predecessors).toHaveLength(2);
  });

  it('stands without its audit, and says so', async () => {
    const unlogged = await decisionApp({}, { audit: new BrokenAudit() as AuditStore });
    try {
      await unlogged.decisions.set(entryOf('k', new Date(unlogged.clock.wall())));
      const result = await unlogged.decisions.invalidateBy(InvalidationRequest.byPolicyHash('p1'));
      expect(result).toMatchObject({ entriesAffected: 1, wasLogged: false });
      expect((await unlogged.decisions.get('k')).status).toBe(DecisionStatus.CacheMiss);
      expect(unlogged.app.get(CacheHealth).report().auditFailures).toBe(1);
    } finally {
      await unlogged.close();
    }
  });
});
