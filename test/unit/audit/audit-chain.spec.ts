import fc from 'fast-check';
import { InMemoryAuditStore } from '../../../libs/cache/src/adapters/memory/in-memory-audit-store.js';
import { auditHash, verifyChain } from '../../../libs/cache/src/core/audit/audit-chain.js';
import type { AuditEntry, AuditRecord } from '../../../libs/cache/src/core/audit/audit-record.js';

const text = fc.string({ unit: 'grapheme', maxLength: 12 });
const entry: fc.Arbitrary<AuditEntry> = fc.record({
  namespace: fc.constantFrom('a', 'b'),
  pattern: text,
  keys: fc.array(text, { maxLength: 3 }),
  triggeredBy: text,
  reason: text,
  timestampMs: fc.nat(),
  requestId: fc.string({ maxLength: 3 }),
  latencyMs: fc.option(fc.nat()),
  keyCount: fc.option(fc.nat()),
  requestHash: text,
});

async function chainOf(entries: readonly AuditEntry[]): Promise<AuditRecord[]> {
  const store = new InMemoryAuditStore();
  for (const each of entries) await store.append(each);
  return [...(await store.list({ limit: 1000 })).records].reverse();
}

async function* feed(records: readonly AuditRecord[]): AsyncGenerator<AuditRecord> {
  yield* records;
}

/** Every way of changing one field of a row. */
const TAMPERINGS: ((record: AuditRecord) => Partial<AuditRecord>)[] = [
  ({ id }) => ({ id: id + 1_000 }),
  ({ namespace }) => ({ namespace: `${namespace}x` }),
  ({ pattern }) => ({ pattern: `${pattern}x` }),
  ({ keys }) => ({ keys: [...keys, ''] }),
  ({ triggeredBy }) => ({ triggeredBy: `${triggeredBy}x` }),
  ({ reason }) => ({ reason: `${reason}x` }),
  ({ timestampMs }) => ({ timestampMs: timestampMs + 1 }),
  ({ requestId }) => ({ requestId: `${requestId}x` }),
  ({ latencyMs }) => ({ latencyMs: latencyMs === null ? 0 : null }),
  ({ keyCount }) => ({ keyCount: keyCount === null ? 0 : null }),
  ({ requestHash }) => ({ requestHash: `${requestHash}x` }),
  ({ hash }) => ({ hash: (hash[0] === '0' ? '1' : '0') + hash.slice(1) }),
  ({ previousHash }) => ({ previousHash: `0${previousHash}` }),
];

describe('the audit chain', () => {
  it('I23: verifies after any accepted sequence', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(entry, { maxLength: 20 }), async (entries) => {
        const records = await chainOf(entries);
        const result = await verifyChain(feed(records));
        expect(result).toMatchObject({ intact: true, rows: records.length });
      }),
      { numRuns: 200 },
    );
  });

  it('I23: names the first row that was changed, whatever was changed', async () => {
    const chain = fc.uniqueArray(entry, { minLength: 1, maxLength: 8, selector: ({ requestId }) => requestId });
    await fc.assert(
      fc.asyncProperty(chain, fc.nat(), fc.constantFrom(...TAMPERINGS), async (entries, at, tamper) => {
        const records = await chainOf(entries);
        const victim = records[at % records.length]!;
        const changed = { ...victim, ...tamper(victim) };
        const result = await verifyChain(feed(records.map((record) => (record === victim ? changed : record))));
        expect(result).toMatchObject({ intact: false, brokenId: changed.id });
      }),
      { numRuns: 500 },
    );
  });

  it('notices a row that is missing, at the row after it', async () => {
    const records = await chainOf(['a', 'b', 'c'].map((requestId) => ({ ...sample, requestId })));
    const without = records.filter((_, i) => i !== 1);
    expect(await verifyChain(feed(without))).toMatchObject({ intact: false, brokenId: records[2]!.id });
    expect(await verifyChain(feed(records.slice(1)))).toMatchObject({ intact: false, brokenId: records[1]!.id });
  });

  it('notices rows missing at the end or written anew only by a head that was noted', async () => {
    const records = await chainOf(['a', 'b'].map((requestId) => ({ ...sample, requestId })));
    const head = { id: records[1]!.id, hash: records[1]!.hash };
    expect(await verifyChain(feed(records), { head })).toMatchObject({ intact: true });
    expect(await verifyChain(feed(records.slice(0, 1)))).toMatchObject({ intact: true });
    expect(await verifyChain(feed(records.slice(0, 1)), { head })).toMatchObject({ intact: false, brokenId: head.id });
    const rewritten = { ...records[1]!, reason: 'another' };
    const forged = [records[0]!, { ...rewritten, hash: auditHash(rewritten) }];
    expect(await verifyChain(feed(forged))).toMatchObject({ intact: true });
    expect(await verifyChain(feed(forged), { head })).toMatchObject({ intact: false, brokenId: head.id });
  });

  it('may begin after a row that was dropped', async () => {
    const records = await chainOf(['a', 'b', 'c'].map((requestId) => ({ ...sample, requestId })));
    const after = { id: records[0]!.id, hash: records[0]!.hash };
    expect(await verifyChain(feed(records.slice(1)), { after })).toMatchObject({ intact: true, rows: 2 });
  });

  it('stays whole while the store in memory forgets its oldest rows', async () => {
    const store = new InMemoryAuditStore(3);
    for (let i = 0; i < 10; i += 1) await store.append({ ...sample, requestId: `r${i}` });
    expect(await store.verify()).toMatchObject({ intact: true, rows: 3, head: { id: 10 } });
    expect((await store.list()).records.map(({ id }) => id)).toEqual([10, 9, 8]);
  });
});

const sample: AuditEntry = {
  pattern: 'user:*',
  keys: ['user:1'],
  triggeredBy: 'admin',
  timestampMs: 1_736_938_200_000,
  requestId: '',
  latencyMs: 3,
};
