import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Checker } from '../../chaos/checker.mjs';
import { Truth, now } from '../../chaos/truth.mjs';

const LEASE_MS = 500;

// A checker that finds nothing proves nothing: what it must object to, and what it must not.
describe('the checker of the chaos run', () => {
  let folder: string;
  let truth: Truth;
  let checker: Checker;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'larder-truth-'));
    truth = Truth.create(join(folder, 'truth'), 3);
    checker = new Checker(truth, LEASE_MS);
  });

  afterEach(() => {
    truth.close();
    rmSync(folder, { recursive: true });
  });

  function judged(reading: Partial<Parameters<Checker['check']>[0]>): string[] {
    checker.check({
      cell: 1,
      version: 0,
      startedAt: now(),
      tier: 'memory',
      outcome: '',
      leased: true,
      own: 0,
      ...reading,
    });
    return checker.violations.map(({ guarantee }) => guarantee);
  }

  function acknowledged(agoMs: number, strict = false): void {
    truth.acknowledge(1, { at: now() - agoMs, version: truth.commit(1), strict });
  }

  it('lets pass what is current, and what nobody was promised yet', () => {
    expect(judged({})).toEqual([]);
    truth.commit(1); // committed, not acknowledged
    expect(judged({})).toEqual([]);
    expect(checker.staleWithinBound).toBe(1);
  });

  it('lets memory be old within the lease, and not beyond', () => {
    acknowledged(LEASE_MS - 100);
    expect(judged({})).toEqual([]);
    acknowledged(LEASE_MS + 100);
    expect(judged({ version: 1 })).toEqual(['G2']);
  });

  it.each(['redis', 'source'])('lets %s be old not at all', (tier) => {
    acknowledged(1);
    expect(judged({ tier })).toEqual(['G3']);
  });

  it('lets nobody be behind what it was told itself', () => {
    acknowledged(1);
    expect(judged({ own: 1 })).toEqual(['G5']);
  });

  it('lets a leased process not be behind a strict acknowledgement', () => {
    acknowledged(1, true);
    expect(judged({ leased: false })).toEqual([]);
    expect(judged({})).toEqual(['G9']);
  });

  it('does not hold a read against what was acknowledged after it began', () => {
    const startedAt = now() - 50;
    acknowledged(10);
    expect(judged({ startedAt, tier: 'redis' })).toEqual([]);
  });

  it('says so when it cannot tell any more', () => {
    for (let n = 0; n < 300; n += 1) acknowledged(1);
    judged({ version: 1 });
    expect(checker.undecided).toBeGreaterThan(0);
  });
});
