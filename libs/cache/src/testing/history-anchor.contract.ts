import { strict as assert } from 'node:assert';
import type { HistoryAnchor } from '../core/coherence/history-anchor.port.js';

declare const describe: (name: string, body: () => void) => void;
declare const it: (name: string, body: () => Promise<void>) => void;
declare const beforeEach: (body: () => Promise<void>) => void;
declare const afterEach: (body: () => Promise<void>) => void;

/** An anchor with nothing in it, not opened yet, and another view of the same, as another process has it. */
export interface HistoryAnchorSubject {
  readonly anchor: HistoryAnchor;
  readonly elsewhere: HistoryAnchor;
  close(): Promise<void>;
}

const era = (epoch: number, nonce: number): string =>
  epoch.toString(16).padStart(8, '0') + nonce.toString(16).padStart(16, '0');

/** The rules of {@link HistoryAnchor}, for any implementation. Needs `describe`, `it`, `beforeEach`, `afterEach` as globals. */
export function describeHistoryAnchor(name: string, create: () => Promise<HistoryAnchorSubject>): void {
  describe(`HistoryAnchor: ${name}`, () => {
    let subject: HistoryAnchorSubject;
    let anchor: HistoryAnchor;
    let elsewhere: HistoryAnchor;

    beforeEach(async () => {
      subject = await create();
      ({ anchor, elsewhere } = subject);
      await Promise.all([anchor.open(), elsewhere.open()]);
    });
    afterEach(async () => {
      await Promise.all([anchor.close(), elsewhere.close()]);
      await subject.close();
    });

    it('holds nothing at first, and then what was raised, for everybody', async () => {
      assert.equal(await anchor.read('shop'), null);
      assert.equal(await anchor.raise('shop', null, era(1, 7)), true);
      assert.deepEqual(await anchor.read('shop'), { era: era(1, 7), confirmations: 1 });
      assert.deepEqual(await elsewhere.read('shop'), { era: era(1, 7), confirmations: 1 });
    });

    it('lets one era take the place of the one that is expected, and of no other', async () => {
      await anchor.raise('shop', null, era(1, 7));
      assert.equal(await elsewhere.raise('shop', null, era(1, 8)), false);
      assert.equal(await elsewhere.raise('shop', era(1, 8), era(2, 8)), false);
      assert.equal((await anchor.read('shop'))?.era, era(1, 7));
      assert.equal(await elsewhere.raise('shop', era(1, 7), era(2, 8)), true);
      assert.equal((await anchor.read('shop'))?.era, era(2, 8));
    });

    it('counts what confirms an era in its place', async () => {
      await anchor.raise('shop', null, era(1, 7));
      assert.equal(await elsewhere.raise('shop', era(1, 7), era(1, 7)), true);
      assert.deepEqual(await anchor.read('shop'), { era: era(1, 7), confirmations: 2 });
      assert.equal(await anchor.raise('shop', era(1, 8), era(1, 8)), false);
      assert.equal((await anchor.read('shop'))?.confirmations, 2);
    });

    it('keeps namespaces apart', async () => {
      await anchor.raise('shop', null, era(1, 7));
      assert.equal(await anchor.read('Shop'), null);
      assert.equal(await elsewhere.raise('shop2', null, era(1, 9)), true);
      assert.equal((await anchor.read('shop'))?.era, era(1, 7));
    });

    it('has one winner, however many raise it at once', async () => {
      const raisers = Array.from({ length: 8 }, (_, i) => ({
        from: i % 2 === 0 ? anchor : elsewhere,
        next: era(1, i + 1),
      }));
      for (const expected of [null, 'the winner']) {
        const standing = expected && (await anchor.read('shop'))!.era;
        const won = await Promise.all(
          raisers.map(({ from, next }) =>
            from.raise('shop', standing, standing === null ? next : `00000002${next.slice(8)}`),
          ),
        );
        assert.equal(won.filter(Boolean).length, 1);
        const winner = raisers[won.indexOf(true)]!.next;
        assert.equal((await elsewhere.read('shop'))!.era.slice(8), winner.slice(8));
      }
    });
  });
}
