import { Redis } from 'ioredis';
import { startRedis } from '../../../launcher/services.mjs';
import { InMemoryHistoryAnchor } from '../../../libs/cache/src/adapters/memory/in-memory-history-anchor.js';
import { AnchoredAttestor } from '../../../libs/cache/src/adapters/redis/anchored-attestor.js';
import { RedisKeys } from '../../../libs/cache/src/adapters/redis/redis-keys.js';
import { ServerAttestor } from '../../../libs/cache/src/adapters/redis/server-attestor.js';
import { AnchorWatch } from '../../../libs/cache/src/core/coherence/anchor-watch.js';
import { ManualClock } from '../../../libs/cache/src/testing/manual-clock.js';

const era = (epoch: number, nonce: number): string =>
  epoch.toString(16).padStart(8, '0') + nonce.toString(16).padStart(16, '0');
const epochIn = (text: string): number => Number.parseInt(text.slice(0, 8), 16);

describe('AnchoredAttestor', () => {
  const keys = new RedisKeys('larder', 'shop', false);
  let server: Awaited<ReturnType<typeof startRedis>>;
  let client: Redis;
  let clock: ManualClock;
  let anchor: InMemoryHistoryAnchor;
  let watch: AnchorWatch;
  let attestor: AnchoredAttestor;

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
    clock = new ManualClock();
    anchor = new InMemoryHistoryAnchor();
    watch = new AnchorWatch(anchor, 'shop', clock, 2000);
    attestor = new AnchoredAttestor(new ServerAttestor(keys, 'hold', clock, 2000, 1000), watch);
  });
  afterEach(() => watch.close());

  const attest = async (known = ''): Promise<string> => (await attestor.attestAll([client], known, '')).attestation.era;
  const anchored = async (): Promise<string | undefined> => (await anchor.read('shop'))?.era;
  const control = (field: string): Promise<string | null> => client.hget(keys.control, field);
  /** What a server of another place, or one that runs again, has on record. */
  const restart = (): Promise<number> => client.hset(keys.control, 'rid', 'of:another');

  it('anchors what it finds, and leaves it at that', async () => {
    const first = await attest();
    expect(await anchored()).toBe(first);
    expect(await attest(first)).toBe(first);
    expect(await anchored()).toBe(first);
  });

  it('does not use a server that was attested before and is behind, and changes nothing in it', async () => {
    const first = await attest();
    await anchor.raise('shop', first, era(7, 7));
    await expect(attest(first)).rejects.toThrow('SUPERSEDED');
    expect(await control('e')).toBe(first);
    expect(await anchored()).toBe(era(7, 7));
  });

  it('nor one that holds another history of the epoch anchored', async () => {
    const first = await attest();
    await anchor.raise('shop', first, era(1, 7));
    await expect(attest(first)).rejects.toThrow('SUPERSEDED');
    expect(await control('e')).toBe(first);
  });

  it('nor one that is behind what this instance knows, though the anchor has not heard of it', async () => {
    await attest();
    await expect(attest(era(7, 7))).rejects.toThrow('SUPERSEDED');
  });

  it.each([
    ['born', () => client.flushall()],
    ['promoted or restarted', restart],
  ])('goes beyond the anchor with a server that was just %s', async (_, change) => {
    const first = await attest();
    await anchor.raise('shop', first, era(7, 7));
    await change();
    const next = await attest(first);
    expect(epochIn(next)).toBe(8);
    expect(await anchored()).toBe(next);
  });

  it('goes beyond an equal history that others were faster to anchor, with a server just promoted', async () => {
    const first = await attest();
    await restart();
    const raise = anchor.raise.bind(anchor);
    let rival: string | null = era(2, 7);
    anchor.raise = async (...args) => {
      if (rival !== null) await raise('shop', first, rival);
      rival = null;
      return raise(...args);
    };
    const next = await attest(first);
    expect(epochIn(next)).toBe(3);
    expect(await anchored()).toBe(next);
  });

  it('replays where this server has seen all histories, and is cold where it has missed one', async () => {
    const first = await attest();
    await restart();
    const second = await attest(first);
    expect(await control('h')).not.toBeNull();
    await client.hdel(keys.control, 'h');
    await anchor.raise('shop', second, era(7, 7));
    await restart();
    await attest(second);
    expect(await control('h')).toBeNull();
    expect(await control('f')).toMatch(/^00000008/);
  });

  it('sees to the repair of a history it began also when the anchor was away at first', async () => {
    const first = await attest();
    await restart();
    const read = anchor.read.bind(anchor);
    anchor.read = () => Promise.reject(new Error('connection refused'));
    await expect(attest(first)).rejects.toThrow('ANCHOR_UNREADABLE');
    anchor.read = read;
    const { attestation, bump } = await attestor.attestAll([client], first, '');
    expect(epochIn(attestation.era)).toBe(2);
    expect(attestation.kind).toBe('same');
    expect(bump?.era).toBe(attestation.era);
    expect((await attestor.attestAll([client], attestation.era, '')).bump).toBeNull();
  });

  it('comes back to a server that was used before, when nobody follows the anchored history any more', async () => {
    const first = await attest();
    await anchor.raise('shop', first, era(7, 7));
    watch.start(() => undefined);
    await clock.advanceAsync(0);
    await clock.advanceAsync(29_000);
    await expect(attest(first)).rejects.toThrow('SUPERSEDED');
    await clock.advanceAsync(2_000);
    await clock.advanceAsync(2_000);
    expect(epochIn(await attest(first))).toBe(8);
  });
});
