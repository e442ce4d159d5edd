import { strict as assert } from 'node:assert';
import type { InvalidationLog } from '../core/coherence/invalidation-log.port.js';
import type { RecordAccelerator, RecordReading, StandingRecord } from '../core/coherence/record-accelerator.port.js';
import { eventually, invalidationOf, type TierSubject } from './tier-subject.js';

declare const describe: (name: string, body: () => void) => void;
declare const it: (name: string, body: () => Promise<void>) => void;
declare const beforeEach: (body: () => Promise<void>) => void;
declare const afterEach: (body: () => Promise<void>) => void;

const GROUP = 'group';
const TAGS = ['%prefix:all', '%prefix:model:m'];
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const payloadOf = ({ bytes: all, start, end }: StandingRecord): Uint8Array => all.subarray(start, end);
const NOBODY = { apply: () => undefined, reset: () => undefined };

/** The rules of {@link RecordAccelerator}, for any implementation. Needs `describe`, `it`, `beforeEach`, `afterEach` as globals. */
export function describeRecordAccelerator(name: string, create: () => Promise<TierSubject>): void {
  describe(`RecordAccelerator: ${name}`, () => {
    let subject: TierSubject;
    let log: InvalidationLog;
    let records: RecordAccelerator;

    beforeEach(async () => {
      subject = await create();
      const parts = subject.instance();
      log = parts.log;
      records = parts.records!;
      await log.open(NOBODY);
      await eventually(subject, 'the records to be there', () => records.available());
    });
    afterEach(async () => {
      await log.close();
      await subject.close();
    });

    const read = async (keys: readonly string[], group = GROUP, tags = TAGS): Promise<(string | null)[]> => {
      const { records: found } = await records.read(group, keys.map(bytes), tags);
      return found.map((record) => (record === null ? null : new TextDecoder().decode(payloadOf(record))));
    };
    const position = (group = GROUP): Promise<RecordReading> => records.read(group, [], TAGS);
    const store = async (key: string, text: string, order = 1, reading?: RecordReading, lifeMs = 60_000) =>
      records.store(GROUP, reading ?? (await position()), [{ key: bytes(key), payload: bytes(text), order, lifeMs }]);

    it('gives back what was stored, in the order asked, and nothing for the rest', async () => {
      await store('a', 'one');
      await store('b', 'two');
      assert.deepEqual(await read(['b', 'x', 'a']), ['two', null, 'one']);
      const { records: found, rejected } = await records.read(GROUP, [bytes('a')], TAGS);
      assert.equal(rejected, 0);
      assert.ok(found[0]!.leftMs > 50_000 && found[0]!.leftMs <= 60_000);
    });

    it('goes no further than the first that stands, where no more is asked for', async () => {
      await store('b', 'two');
      await store('c', 'three');
      const { records: found } = await records.read(GROUP, ['a', 'b', 'c'].map(bytes), TAGS, 'first');
      assert.equal(found.length, 3);
      assert.equal(new TextDecoder().decode(payloadOf(found[1]!)), 'two');
      assert.deepEqual([found[0], found[2]], [null, null]);
    });

    it('takes any bytes as keys and as payloads', async () => {
      const keys = [Uint8Array.of(0), Uint8Array.of(0xff, 0), new Uint8Array(500).fill(7), new Uint8Array(501).fill(7)];
      const reading = await position();
      await records.store(
        GROUP,
        reading,
        keys.map((key, index) => ({ key, payload: Uint8Array.of(index, 0xff, 0), order: 1, lifeMs: 60_000 })),
      );
      const { records: found } = await records.read(GROUP, keys, TAGS);
      assert.deepEqual(
        found.map((record) => [...payloadOf(record!)]),
        keys.map((_, index) => [index, 0xff, 0]),
      );
    });

    it('keeps groups apart', async () => {
      await store('a', 'one');
      assert.deepEqual(await read(['a'], 'another'), [null]);
    });

    it('serves nothing after the end of its life', async () => {
      await store('a', 'one', 1, undefined, 300);
      await store('b', 'never', 1, undefined, 0);
      await subject.elapse(400);
      assert.deepEqual(await read(['a', 'b']), [null, null]);
    });

    it('serves nothing of which a tag was invalidated since its stamp, and what is stamped later', async () => {
      for (const [round, tag] of TAGS.entries()) {
        await store('a', 'old', 3 * round);
        const before = await position();
        await log.append(invalidationOf({ tags: [tag] }));
        assert.deepEqual(await read(['a']), [null]);
        await store('a', 'read before', 3 * round + 1, before);
        assert.deepEqual(await read(['a']), [null], 'read from the source before the invalidation');
        await store('a', 'new', 3 * round + 2);
        assert.deepEqual(await read(['a']), ['new']);
      }
      await log.append(invalidationOf({ tags: ['another'] }));
      assert.deepEqual(await read(['a']), ['new']);
      await log.append(invalidationOf({ flush: true }));
      assert.deepEqual(await read(['a']), [null]);
    });

    it('does not let an older write take the place of a newer one, nor an earlier reading that of a later', async () => {
      const early = await position();
      await store('a', 'newer', 5);
      await store('a', 'older', 4, early);
      assert.deepEqual(await read(['a']), ['newer']);
      await store('a', 'newer, shorter', 5, undefined, 30_000);
      assert.deepEqual(await read(['a']), ['newer']);
      await store('a', 'newer, longer', 5, undefined, 90_000);
      assert.deepEqual(await read(['a']), ['newer, longer']);
      await log.append(invalidationOf({ tags: ['another'] }));
      await store('a', 'newer, read later', 5, undefined, 30_000);
      assert.deepEqual(await read(['a']), ['newer, read later']);
      await store('a', 'newest', 6, undefined, 20_000);
      assert.deepEqual(await read(['a']), ['newest']);
    });

    it('drops what it is told to', async () => {
      await store('a', 'one');
      await store('b', 'two');
      await records.drop(GROUP, [bytes('a'), bytes('x')]);
      assert.deepEqual(await read(['a', 'b']), [null, 'two']);
    });

    it('serves nothing from before its past was lost', async () => {
      if (subject.loseHistory === undefined) return;
      await store('a', 'one');
      await subject.loseHistory();
      await eventually(subject, 'another history', async () => {
        const found = await read(['a']).catch(() => ['none yet']);
        assert.notDeepEqual(found, ['one']);
        return found[0] === null;
      });
      await store('a', 'two');
      assert.deepEqual(await read(['a']), ['two']);
    });
  });
}
