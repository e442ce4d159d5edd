import type { Invalidation } from '../../../libs/cache/src/core/coherence/invalidation.js';
import { instant } from '../../../libs/cache/src/core/coherence/lease.js';
import { LogFollower, type LogFrame } from '../../../libs/cache/src/core/coherence/log-follower.js';
import { logIdAt, positionOf } from '../../../libs/cache/src/core/coherence/position.js';
import { ManualClock } from '../../../libs/cache/src/testing/manual-clock.js';

const L = 1000;
const ERA = '00000001aaaaaaaaaaaaaaaa';
const OTHER_ERA = '00000001bbbbbbbbbbbbbbbb';
const id = logIdAt;

function frame(previous: number, own: number, more: Partial<LogFrame> = {}): LogFrame {
  const content: Invalidation[] = [
    { id: `m${own}`, keys: [], tags: [], patterns: [], flush: false, reason: '', origin: '' },
  ];
  return { era: ERA, previous: id(previous), id: id(own), content, ...more };
}

function follow() {
  const clock = new ManualClock();
  const told: string[] = [];
  const follower = new LogFollower(clock, L, {
    apply: (invalidations) => void told.push(...invalidations.map((one) => `apply ${one.id}`)),
    reset: (cause) => void told.push(`reset ${cause}`),
    satisfied: () => void told.push('satisfied'),
    reattach: (by) => void told.push(`reattach ${by}`),
  });
  const live = (): boolean => follower.leaseLive(clock.monotonic());
  const beat = (lastId: number, era = ERA): void => follower.heartbeat(instant(clock), era, id(lastId));
  return { clock, told, follower, live, beat };
}

function attached(lastId = 10) {
  const all = follow();
  all.follower.attached(ERA, id(lastId));
  all.told.length = 0;
  return all;
}

describe('LogFollower', () => {
  it('does nothing before it is attached', () => {
    const { follower, told, live, beat } = follow();
    follower.message(frame(1, 2));
    beat(1);
    expect(told).toEqual([]);
    expect(live()).toBe(false);
    expect(follower.position).toBe('');
  });

  it('begins with a reset and continues a history that it follows already', () => {
    const { follower, told } = follow();
    follower.attached(ERA, id(10));
    follower.message(frame(10, 11));
    follower.attached(ERA, id(11));
    follower.message(frame(11, 12));
    expect(told).toEqual(['reset history', 'apply m11', 'apply m12']);
    expect(follower.position).toBe(positionOf(ERA, id(12)));
  });

  it('drops everything when it is attached to another history of the same epoch', () => {
    const { follower, told, live, beat } = attached();
    beat(10);
    expect(live()).toBe(true);
    follower.attached(OTHER_ERA, id(10));
    expect(told).toEqual(['satisfied', 'reset history']);
    expect(live()).toBe(false);
  });

  it('takes a missing predecessor for a gap and goes on from there', () => {
    const { follower, told } = attached();
    follower.message(frame(11, 12));
    follower.message(frame(12, 13));
    expect(told).toEqual(['reset gap', 'apply m13']);
  });

  it('applies a message once, however often it comes', () => {
    const { follower, told } = attached();
    follower.message(frame(10, 11));
    follower.message(frame(10, 11));
    follower.message(frame(9, 10));
    expect(told).toEqual(['apply m11']);
  });

  it('does not advance by a message of another history', () => {
    const { follower, told } = attached();
    follower.message(frame(10, 11, { era: OTHER_ERA }));
    expect(told).toEqual(['reattach message']);
    expect(follower.appliedId).toBe(id(10));
  });

  it('asks to be attached when a heartbeat tells of another history, and grants no lease', () => {
    const { told, live, beat } = attached();
    beat(10, OTHER_ERA);
    expect(told).toEqual(['reattach heartbeat']);
    expect(live()).toBe(false);
  });

  it('counts the lease from the sending of the heartbeat, not from its answer', () => {
    const { clock, follower, live } = attached();
    const sentAt = instant(clock);
    clock.advance(400);
    follower.heartbeat(sentAt, ERA, id(10));
    clock.advance(599);
    expect(live()).toBe(true);
    clock.advance(1);
    expect(live()).toBe(false);
  });

  it('grants the lease only when it has applied what the heartbeat speaks of', () => {
    const { follower, told, live, beat } = attached();
    beat(12);
    expect(live()).toBe(false);
    follower.message(frame(10, 11));
    expect(live()).toBe(false);
    follower.message(frame(11, 12));
    expect(live()).toBe(true);
    expect(told).toEqual(['apply m11', 'apply m12', 'satisfied']);
  });

  it('gives a message up that has not come for a lease, and starts anew at the end of the log', () => {
    const { clock, follower, told, live, beat } = attached();
    beat(12);
    clock.advance(L);
    beat(13);
    expect(told).toEqual([]);
    clock.advance(1);
    beat(13);
    expect(told).toEqual(['reset lost-message']);
    expect(follower.appliedId).toBe(id(13));
    expect(live()).toBe(false); // until the next heartbeat
    beat(13);
    expect(live()).toBe(true);
  });

  it('takes what it cannot read for a gap', () => {
    const { follower, told } = attached();
    follower.message(frame(10, 11, { content: 'unreadable' }));
    follower.message(frame(11, 12));
    expect(told).toEqual(['reset gap', 'apply m12']);
  });

  it('resets for a forged message, but not for each of a flood', () => {
    const { clock, follower, told } = attached();
    for (let n = 11; n < 20; n += 1) follower.message(frame(n - 1, n, { content: 'forged' }));
    follower.message(frame(19, 20));
    expect(told).toEqual(['reset forged-message', 'apply m20']);
    clock.advance(10_000);
    follower.message(frame(20, 21, { content: 'forged' }));
    expect(told.at(-1)).toBe('reset forged-message');
  });
});
