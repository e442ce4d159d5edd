import { Injectable } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { CachedDecision, DecisionStatus, InvalidationRequest } from '../../../libs/cache/src/nest/decision/index.js';
import { decisionApp } from './decision-app.js';

@Injectable()
class Gate {
  runs = 0;
  policy = 'p1';

  @CachedDecision<Gate['verdict']>({
    key: (digest, policy) => `gate:${policy}:${digest}`,
    policy: (_digest, policy) => policy,
    signers: 's1',
    epoch: () => 'e7',
    ttl: '1m',
    inputs: (digest) => ({ source: digest }),
  })
  async verdict(digest: string, _policy: string) {
    this.runs += 1;
    if (digest === '') throw new TypeError('no digest');
    return { allowed: digest.length > 3 };
  }
}

describe('@CachedDecision', () => {
  it('decides once for its life, and keeps where the decision comes from', async () => {
    const app = await decisionApp({}, {}, [Gate]);
    try {
      const gate = app.app.get(Gate);
      expect(await gate.verdict('abcd', 'p1')).toEqual({ allowed: true });
      expect(await gate.verdict('abcd', 'p1')).toEqual({ allowed: true });
      expect(await gate.verdict('ab', 'p1')).toEqual({ allowed: false });
      expect(gate.runs).toBe(2);
      expect((await app.decisions.get('gate:p1:abcd')).entry).toEqual({
        veriKey: 'gate:p1:abcd',
        decision: { allowed: true },
        policyHash: 'p1',
        signerSetHash: 's1',
        feedEpoch: 'e7',
        inputDigests: { source: 'abcd' },
        createdAt: new Date(app.clock.wall()),
        expiresAt: new Date(app.clock.wall() + 60_000),
      });
      await app.decisions.invalidateBy(InvalidationRequest.byPolicyHash('p1'));
      await gate.verdict('abcd', 'p1');
      expect(gate.runs).toBe(3);
      app.clock.advance(60_000);
      expect((await app.decisions.get('gate:p1:abcd')).status).toBe(DecisionStatus.Expired);
      await gate.verdict('abcd', 'p1');
      expect(gate.runs).toBe(4);
    } finally {
      await app.close();
    }
  });

  it('passes errors of the method on as they are', async () => {
    const app = await decisionApp({}, {}, [Gate]);
    try {
      await expect(app.app.get(Gate).verdict('', 'p1')).rejects.toThrow(TypeError);
      await expect(app.app.get(Gate).verdict('', 'p1')).rejects.toThrow('no digest');
      expect(app.app.get(Gate).runs).toBe(2);
    } finally {
      await app.close();
    }
  });

  it('runs the method as it is where the application has no decision cache', async () => {
    const module = await Test.createTestingModule({ providers: [Gate] }).compile();
    const gate = module.get(Gate);
    await gate.verdict('abcd', 'p1');
    await gate.verdict('abcd', 'p1');
    expect(gate.runs).toBe(2);
    expect([gate.verdict.name, gate.verdict.length]).toEqual(['verdict', 2]);
  });

  it('refuses what it cannot stand on', () => {
    const decorate = CachedDecision({ key: () => 'k', policy: 'p', ttl: 1 });
    expect(() => decorate(Gate, 'made', { value: async () => 1 })).toThrow('instance method');
    expect(() => CachedDecision({ key: () => 'k', policy: 'p', ttl: 'soon' })).toThrow('@CachedDecision');
  });
});
