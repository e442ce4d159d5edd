import { Redis } from 'ioredis';
import { startRedis } from '../../../launcher/services.mjs';
import { PatternPredicates } from '../../../libs/cache/src/adapters/redis/pattern-predicates.js';
import { PatternSweeper } from '../../../libs/cache/src/adapters/redis/pattern-sweeper.js';
import { asList, asText, runScript } from '../../../libs/cache/src/adapters/redis/redis-command.js';
import { RedisKeys } from '../../../libs/cache/src/adapters/redis/redis-keys.js';
import type { RedisLink } from '../../../libs/cache/src/adapters/redis/redis-link.js';
import { ATTEST } from '../../../libs/cache/src/adapters/redis/scripts/attest.script.js';
import { INV } from '../../../libs/cache/src/adapters/redis/scripts/inv.script.js';
import { PREDICATES } from '../../../libs/cache/src/adapters/redis/scripts/predicates.script.js';
import { TagPruning } from '../../../libs/cache/src/adapters/redis/tag-pruning.js';
import { SystemClock } from '../../../libs/cache/src/core/clock/system-clock.js';
import { logIdAt, millisecondsOf } from '../../../libs/cache/src/core/coherence/position.js';

// What bounds the control record and the predicates, against a real server whose clock the tests set back in the record.
describe('upkeep of a namespace in Redis', () => {
  const clock = new SystemClock();
  const keys = new RedisKeys('larder', 'shop', false);
  let server: Awaited<ReturnType<typeof startRedis>>;
  let client: Redis;
  let era: string;
  let link: RedisLink;

  beforeAll(async () => {
    server = await startRedis({ fromEnvironment: false });
    client = new Redis(server.url, { protocol: 2 });
  });

  afterAll(async () => {
    client.disconnect();
    await server.stop();
  });

  beforeEach(async () => {
    await client.flushall();
    const args = ['0123456789abcdef', 'floor', '0', 2000, 'bump'];
    const reply = asList(
      await runScript(client, ATTEST, [keys.control, keys.log, keys.predicates, keys.members], args),
    );
    era = asText(reply[1]);
    link = { era, run: (_: number, work: (to: Redis) => unknown) => work(client) } as unknown as RedisLink;
  });

  async function invalidate(tags: readonly string[], patterns: readonly string[] = []): Promise<string> {
    const texts = patterns.map((pattern) => JSON.stringify({ pattern, scope: null }));
    const args = [era, 100, 'm', '', 0, 1_000_000, 1000, tags.length, ...tags, ...texts];
    return asText(asList(await runScript(client, INV, [keys.control, keys.log, keys.predicates], args))[0]);
  }

  const tags = async (): Promise<string[]> =>
    (await client.hkeys(keys.control)).filter((field) => field.startsWith('t:')).sort();

  describe('TagPruning', () => {
    const prune = (maxTags: number): Promise<number> => new TagPruning(link, keys, clock, maxTags, 1000).run();

    it('forgets tags that no entry can be older than, and no others', async () => {
      const last = await invalidate(['young']);
      await client.hset(keys.control, 'k', 1000);
      const longAgo = millisecondsOf(last) - 1000 - 60_000; // the longest life, and that of a permit
      await client.hset(
        keys.control,
        't:old',
        `00000001${logIdAt(longAgo - 1)}`,
        't:just',
        `00000001${logIdAt(longAgo + 1)}`,
      );
      expect(await prune(3)).toBe(1);
      expect(await tags()).toEqual(['t:just', 't:young']);
      expect(await client.hget(keys.control, 'f')).not.toContain(logIdAt(longAgo).slice(0, 12));
    });

    it('does not mistake a tag of the epoch before for an old one', async () => {
      const last = await invalidate(['now']);
      await client.hset(keys.control, 'k', 1000, 't:before', `00000000${last}`);
      await prune(2);
      expect(await tags()).toEqual(['t:before', 't:now']);
    });

    it('above the limit forgets the oldest, and raises the floor to them first', async () => {
      await client.hset(keys.control, 'k', 86_400_000);
      const ids: string[] = [];
      for (let n = 0; n < 100; n += 1) ids.push(await invalidate([`tag ${String(n).padStart(2, '0')}`]));
      const forgotten = await prune(50);
      expect(forgotten).toBe(55);
      const left = await tags();
      expect(left).toHaveLength(100 - forgotten);
      expect(left).toContain('t:tag 99');
      const floor = (await client.hget(keys.control, 'f'))!;
      // Every entry that a forgotten tag would have hit lies below the floor.
      expect(floor.slice(8)).toBe(ids[forgotten - 1]);
    });
  });

  describe('PatternSweeper', () => {
    function sweeper(): { sweeper: PatternSweeper; predicates: PatternPredicates } {
      const fetch = async (): Promise<{ upTo: string; members: string[] }> => {
        const [upTo = '', ...members] = asList(
          await runScript(client, PREDICATES, [keys.control, keys.predicates], [era]),
        ).map(asText);
        return { upTo, members };
      };
      const predicates = new PatternPredicates(
        fetch,
        ({ pattern }) =>
          (key) =>
            key.startsWith(pattern),
        1000,
      );
      const store = { sweep: () => Promise.resolve(0) };
      const events = { emit: () => undefined };
      return {
        predicates,
        sweeper: new PatternSweeper(link, keys, store as never, predicates, clock, 1000, events),
      };
    }

    it('keeps a predicate for as long as a permit from before it may live, whatever has been swept', async () => {
      await invalidate([], ['a', 'b']);
      const { sweeper: one, predicates } = sweeper();
      one.soon();
      await one.stop();
      expect(predicates.size).toBe(2);
      expect(await client.zcard(keys.predicates)).toBe(2);
    });

    it('drops those that are older than any permit, after a pass that began later', async () => {
      const last = await invalidate([], ['young']);
      const old = `00000001${logIdAt(millisecondsOf(last) - 61_000)}${JSON.stringify({ pattern: 'old', scope: null })}`;
      await client.zadd(keys.predicates, '0', old);
      await client.hincrby(keys.control, 'xn', 1);
      const { sweeper: one, predicates } = sweeper();
      await predicates.refresh();
      await one.expire();
      expect(await client.zrange(keys.predicates, '0', '-1')).toEqual([expect.stringContaining('young')]);
      expect(await client.hget(keys.control, 'xn')).toBe('1');
      expect(predicates.size).toBe(1);
    });
  });
});
