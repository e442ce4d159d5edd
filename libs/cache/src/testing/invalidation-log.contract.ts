import { strict as assert } from 'node:assert';
import { CacheError } from '../core/errors/cache-error.js';
import type { InvalidationLog } from '../core/coherence/invalidation-log.port.js';
import { RecordingListener, eventually, invalidationOf, type TierInstance, type TierSubject } from './tier-subject.js';

declare const describe: (name: string, body: () => void) => void;
declare const it: (name: string, body: () => Promise<void>) => void;
declare const beforeEach: (body: () => Promise<void>) => void;
declare const afterEach: (body: () => Promise<void>) => void;

/** Beyond every position of every log. */
const NEVER = 'f'.repeat(44);
const STATES = ['starting', 'live', 'suspect', 'detached', 'closed'];

/**
 * The rules of {@link InvalidationLog}, for any implementation, as strict as its capabilities are. Needs `describe`, `it`,
 * `beforeEach`, `afterEach` as globals.
 */
export function describeInvalidationLog(name: string, create: () => Promise<TierSubject>): void {
  describe(`InvalidationLog: ${name}`, () => {
    let subject: TierSubject;
    let instance: TierInstance;
    let log: InvalidationLog;
    let listener: RecordingListener;
    const opened: TierInstance[] = [];

    const open = async (more: TierInstance): Promise<RecordingListener> => {
      const follower = new RecordingListener();
      opened.push(more);
      await more.log.open(follower);
      await eventually(subject, 'the log to be live', () => more.log.health().state === 'live');
      return follower;
    };

    beforeEach(async () => {
      subject = await create();
      instance = subject.instance();
      log = instance.log;
      listener = await open(instance);
    });
    afterEach(async () => {
      for (const each of opened.splice(0)) await each.log.close();
      await subject.close();
    });

    describe('append', () => {
      it('is applied by this instance when it resolves, word for word', async () => {
        const invalidation = invalidationOf({
          keys: ['user:get:1'],
          tags: ['user:1', '%scope:user'],
          patterns: [
            { pattern: 'get:*', scope: 'user' },
            { pattern: '*', scope: null },
          ],
          reason: 'a reason with "quotes",\nlines and ünïcödé 🧊',
        });
        await log.append(invalidation);
        assert.deepEqual(listener.applied[0], invalidation);
      });

      it('carries a flush', async () => {
        await log.append(invalidationOf({ flush: true }));
        assert.equal(listener.applied[0]?.flush, true);
      });

      it('carries any well-formed text as key and tag', async () => {
        const texts = ['a:b%25', '\n\t\u0000', '🧊', '__proto__', '{x}', '*?[a]', '\'"\\', 'x'.repeat(900)];
        const invalidation = invalidationOf({ keys: texts, tags: texts.filter((text) => text.length < 500) });
        await log.append(invalidation);
        assert.deepEqual(listener.applied[0], invalidation);
      });

      it('gives positions whose text order is the order of the log', async () => {
        const positions: string[] = [];
        for (let i = 0; i < 20; i += 1) positions.push((await log.append(invalidationOf({ keys: ['k'] }))).position);
        assert.deepEqual(positions, [...new Set(positions)].sort());
      });

      it('tells where it stands to who applies it, as its receipt does', async () => {
        const { position } = await log.append(invalidationOf({ keys: ['k'] }));
        assert.equal(listener.positions[0], position);
      });

      it('may be repeated', async () => {
        const invalidation = invalidationOf({ keys: ['k'] });
        const first = await log.append(invalidation);
        const second = await log.append(invalidation);
        assert.ok(second.position >= first.position);
        assert.deepEqual(listener.ids, [invalidation.id]);
      });

      it('takes many at once', async () => {
        const many = Array.from({ length: 300 }, (_, i) => invalidationOf({ keys: [`k${i}`], tags: [`t${i}`] }));
        await Promise.all(many.map((each) => log.append(each)));
        assert.deepEqual(listener.ids.slice().sort(), many.map(({ id }) => id).sort());
      });

      it('takes more targets than fit into one message', async () => {
        const keys = Array.from({ length: 3000 }, (_, i) => `user:get:${i}`);
        const invalidation = invalidationOf({ keys });
        await log.append(invalidation);
        assert.deepEqual(listener.targetsOf(invalidation.id), keys.map((key) => `key ${key}`).sort());
      });

      it('refuses a wait of the whole cluster before it does anything, where it cannot tell', async () => {
        if (log.capabilities.clusterWait) return;
        await assert.rejects(
          log.append(invalidationOf({ keys: ['k'] }), { wait: 'cluster' }),
          (error) => error instanceof CacheError && error.code === 'LARDER_WAIT_UNSUPPORTED',
        );
        assert.deepEqual(listener.applied, []);
      });

      it('resolves for a wait of the whole cluster too, where it can tell', async () => {
        if (!log.capabilities.clusterWait) return;
        if (subject.shared) await open(subject.instance());
        const receipts = log.append(invalidationOf({ keys: ['k'] }), { wait: 'cluster' });
        let settled = false;
        const finished = receipts.finally(() => {
          settled = true;
        });
        await eventually(subject, 'the cluster to have applied it', () => settled);
        assert.notEqual((await finished).position, '');
      });
    });

    describe('waitApplied', () => {
      it('is true for what this instance appended', async () => {
        const { position } = await log.append(invalidationOf({ keys: ['k'] }));
        assert.equal(await inTime(log.waitApplied(position, 5000)), true);
      });

      it('is false after its time for what did not happen', async () => {
        assert.equal(await inTime(log.waitApplied(NEVER, 50)), false);
      });
    });

    it('serves memory only by a lease where several instances share the log', async () => {
      assert.equal(log.leaseMs > 0, log.leased);
      const { leaseMs } = log.health();
      assert.equal(leaseMs === null, !log.leased);
      if (leaseMs !== null) assert.ok(leaseMs > 0 && leaseMs <= log.leaseMs);
    });

    it('shows its state as data', async () => {
      await log.append(invalidationOf({ keys: ['k'] }));
      const health = log.health();
      assert.equal(health.kind, log.kind);
      assert.ok(STATES.includes(health.state));
      assert.notEqual(health.position, '');
      assert.equal(health.lastErrorCode, null);
      assert.ok(Array.isArray(health.warnings));
      assert.deepEqual(JSON.parse(JSON.stringify(health)), health);
    });

    describe('close', () => {
      it('refuses what is appended afterwards, and says so', async () => {
        await log.close();
        await assert.rejects(log.append(invalidationOf({ keys: ['k'] })), isClosed);
        assert.equal(log.health().state, 'closed');
        assert.deepEqual(listener.applied, []);
      });

      it('may be called twice', async () => {
        await log.close();
        await log.close();
      });
    });

    describe('followed by a second instance', () => {
      it('tells both of everything, in the order of the log', async () => {
        if (!subject.shared) return;
        const other = subject.instance();
        const second = await open(other);
        const order: string[] = [];
        for (let i = 0; i < 20; i += 1) {
          const invalidation = invalidationOf({ keys: [`k${i}`], patterns: [{ pattern: `p${i}*`, scope: 'user' }] });
          order.push(invalidation.id);
          await (i % 2 === 0 ? log : other.log).append(invalidation);
        }
        await eventually(
          subject,
          'both to have applied everything',
          () => second.ids.length + listener.ids.length === 40,
        );
        for (const [i, id] of order.entries())
          assert.deepEqual(second.targetsOf(id), [`key k${i}`, `pattern p${i}* user`]);
        // Its own come at once, those of the other by the log; each of the two is in order.
        for (const parity of [0, 1]) {
          const expected = order.filter((_, i) => i % 2 === parity);
          for (const ids of [listener.ids, second.ids])
            assert.deepEqual(
              ids.filter((id) => expected.includes(id)),
              expected,
            );
        }
      });

      it('tells by waitApplied when the other has caught up', async () => {
        if (!subject.shared) return;
        const other = subject.instance();
        const second = await open(other);
        const invalidation = invalidationOf({ keys: ['k'] });
        const { position } = await log.append(invalidation);
        let applied: boolean | null = null;
        void other.log.waitApplied(position, 5000).then((answer) => {
          applied = answer;
        });
        await eventually(subject, 'the position to be applied', () => applied !== null);
        assert.equal(applied, true);
        assert.deepEqual(second.ids, [invalidation.id]);
      });

      it('tells a newcomer nothing of the past, unless it is eventual, and it is live all the same', async () => {
        if (!subject.shared) return;
        await log.append(invalidationOf({ keys: ['before'] }));
        const newcomer = await open(subject.instance());
        const after = invalidationOf({ keys: ['after'] });
        await log.append(after);
        await eventually(subject, 'the newcomer to hear of it', () => newcomer.ids.includes(after.id));
        if (log.capabilities.consistency === 'coherent') assert.deepEqual(newcomer.ids, [after.id]);
      });

      it('goes on when the other closes', async () => {
        if (!subject.shared) return;
        const other = subject.instance();
        await open(other);
        await other.log.close();
        const invalidation = invalidationOf({ keys: ['k'] });
        await log.append(invalidation);
        assert.deepEqual(listener.ids, [invalidation.id]);
      });
    });

    it('tells everybody to drop everything when its past is lost, and goes on', async () => {
      if (subject.loseHistory === undefined) return;
      await log.append(invalidationOf({ keys: ['k'] }));
      const { lineage } = log.health();
      const resets = listener.resets.length;
      await subject.loseHistory();
      await eventually(subject, 'a reset', () => listener.resets.length > resets);
      await eventually(subject, 'the log to be live again', () => log.health().state === 'live');
      assert.notEqual(log.health().lineage, lineage);
      const invalidation = invalidationOf({ keys: ['k'] });
      await log.append(invalidation);
      assert.ok(listener.ids.includes(invalidation.id));
    });

    /** Lets time pass while something waits for it. */
    async function inTime<T>(waiting: Promise<T>): Promise<T> {
      let settled = false;
      const finished = waiting.finally(() => {
        settled = true;
      });
      await eventually(subject, 'an answer', () => settled);
      return finished;
    }
  });
}

function isClosed(error: unknown): boolean {
  return error instanceof CacheError && error.code === 'LARDER_CLOSED';
}
