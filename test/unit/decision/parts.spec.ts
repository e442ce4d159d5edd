import { createHash } from 'node:crypto';
import { LatencyWindow } from '../../../libs/cache/src/core/decision/latency-window.js';
import {
  DecisionResult,
  DecisionStatus,
  digestSetHash,
  InvalidationRequest,
  InvalidationType,
  veriKey,
  type VeriKeyInputs,
} from '../../../libs/cache/src/nest/decision/index.js';
import { entryOf } from './decision-app.js';

describe('a result', () => {
  const entry = entryOf('k', new Date(0));

  it('is made by the factories of the seed', () => {
    expect(DecisionResult.hit(entry, 'redis', 1.5)).toMatchObject({
      status: DecisionStatus.CacheHit,
      entry,
      source: 'redis',
      elapsedMs: 1.5,
      wasCached: true,
    });
    expect(DecisionResult.miss(2)).toMatchObject({
      status: DecisionStatus.CacheMiss,
      entry: null,
      source: null,
      elapsedMs: 2,
      wasCached: false,
    });
    expect(DecisionResult.bypassed()).toMatchObject({
      status: DecisionStatus.Bypassed,
      entry: null,
      source: null,
      elapsedMs: 0,
      wasCached: false,
    });
    expect(DecisionResult.expired(entry, 3)).toMatchObject({
      status: DecisionStatus.Expired,
      entry,
      source: 'expired',
      elapsedMs: 3,
      wasCached: false,
    });
  });

  it('counts its states from 0 in the order of the seed', () => {
    expect([0, 1, 2, 3].map((n) => DecisionStatus[n])).toEqual(['CacheHit', 'CacheMiss', 'Bypassed', 'Expired']);
    expect([0, 1, 2, 3, 4].map((n) => InvalidationType[n])).toEqual([
      'PolicyHash',
      'SignerSetHash',
      'FeedEpochOlderThan',
      'Pattern',
      'Expired',
    ]);
  });
});

describe('a request to invalidate', () => {
  it.each([
    [InvalidationRequest.byPolicyHash, InvalidationType.PolicyHash, 'policy-update'],
    [InvalidationRequest.bySignerSetHash, InvalidationType.SignerSetHash, 'signer-revocation'],
    [InvalidationRequest.byFeedEpochOlderThan, InvalidationType.FeedEpochOlderThan, 'feed-update'],
    [InvalidationRequest.byPattern, InvalidationType.Pattern, 'pattern-invalidation'],
  ])('has a reason of its own, unless one is given', (make, type, reason) => {
    expect(make('v')).toEqual({ type, value: 'v', reason });
    expect(make('v', null)).toEqual({ type, value: 'v', reason });
    expect(make('v', 'because')).toEqual({ type, value: 'v', reason: 'because' });
    expect(make('v', '')).toEqual({ type, value: 'v', reason: '' });
  });
});

describe('the latency of lookups', () => {
  const windowOf = (samples: readonly number[]): LatencyWindow => {
    const window = new LatencyWindow();
    for (const sample of samples) window.observe(sample);
    return window;
  };
  const many = (count: number, slow: number): number[] =>
    Array.from({ length: count }, (_, n) => (n < slow ? 1_000 : 1));

  it('has a 99th percentile that somebody has waited', () => {
    const p99 = windowOf(Array.from({ length: 100 }, (_, n) => 100 - n)).percentile(0.99);
    expect(p99).toBeGreaterThanOrEqual(99);
    expect(p99).toBeLessThanOrEqual(99.01);
    expect(windowOf(many(100, 4)).percentile(0.99)).toBe(1_000);
    expect(windowOf(many(200, 1)).percentile(0.99)).toBe(1);
    expect(windowOf([7]).percentile(0.99)).toBe(7);
    expect(windowOf([]).percentile(0.99)).toBe(0);
  });

  it('forgets what is long past, and averages over the rest', () => {
    const window = new LatencyWindow(3);
    for (const sample of [1_000, 1, 2, 3]) window.observe(sample);
    expect([window.average(), window.percentile(0.99)]).toEqual([2, 3]);
  });
});

describe('a VeriKey', () => {
  const inputs: VeriKeyInputs = {
    source: 'sha256:AA',
    sbom: 'bb',
    vex: ['sha256:02', '01'],
    policy: 'cc',
    signers: ['03'],
    at: new Date('2026-01-01T10:59:59.999Z'),
  };
  const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

  it('is made by the recipe of its documentation', () => {
    const text = `v1|aa|bb|${sha256('01|02')}|cc|${sha256('03')}|2026-01-01T10:00:00.000Z`;
    expect(veriKey(inputs)).toBe(`sha256:${sha256(text)}`);
    const none = `v1|aa|bb|empty-vex-set|cc|empty-signer-set|2026-01-01T10:00:00.000Z`;
    expect(veriKey({ ...inputs, vex: [], signers: [] })).toBe(`sha256:${sha256(none)}`);
    expect(digestSetHash(['sha256:03'])).toBe(sha256('03'));
    expect(digestSetHash([])).toBe('empty-set');
  });

  it('is the same for the same inputs, however they are written', () => {
    const same = {
      ...inputs,
      source: 'aa',
      vex: new Set(['01', 'SHA256:02', '01']),
      at: new Date('2026-01-01T10:00:00Z'),
    };
    expect(veriKey(same)).toBe(veriKey(inputs));
  });

  it('differs for any other input', () => {
    const others: VeriKeyInputs[] = [
      { ...inputs, source: 'ab' },
      { ...inputs, sbom: 'aa', source: 'bb' },
      { ...inputs, vex: ['01'] },
      { ...inputs, vex: [] },
      { ...inputs, policy: 'cd' },
      { ...inputs, signers: [] },
      { ...inputs, at: new Date('2026-01-01T11:00:00Z') },
      { ...inputs, windowMs: 1_000 },
    ];
    expect(new Set([inputs, ...others].map(veriKey)).size).toBe(others.length + 1);
  });

  it.each([
    ['source', { ...inputs, source: 'a|b' }],
    ['policy', { ...inputs, policy: '' }],
    ['signers', { ...inputs, signers: [undefined as never] }],
    ['at', { ...inputs, at: new Date(Number.NaN) }],
    ['windowMs', { ...inputs, windowMs: 0 }],
  ])('names the input that cannot be one: %s', (field, bad) => {
    expect(() => veriKey(bad)).toThrow(`\`${field}\``);
  });
});
