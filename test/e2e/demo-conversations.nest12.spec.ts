import type { INestApplication } from '@nestjs/common';
import { CacheModule } from 'nestjs-larder';
import { PrefixIndexModule } from 'nestjs-larder/prefix';
import { ManualClock } from 'nestjs-larder/testing';
import request from 'supertest';
import { ConversationModule } from '../../apps/demo/src/conversations/conversation.module.js';
import type { Turn } from '../../apps/demo/src/conversations/conversation.service.js';
import { SCRIPTED_CONVERSATION } from '../../apps/demo/src/conversations/scripted-conversation.js';
import { startHttpApp } from './http-app.js';

const MINUTE_MS = 60_000;
const SOMEBODY_ELSE = '7b1c5f0e-9f1d-4a63-8f0b-2f6f5a3f2c11';

describe('the conversations of the demo, without any server', () => {
  let app: INestApplication;
  let clock: ManualClock;

  beforeEach(async () => {
    clock = new ManualClock();
    app = await startHttpApp('Express', {
      imports: [CacheModule.forRoot({ namespace: 'demo', clock }), PrefixIndexModule.forRoot(), ConversationModule],
    });
  });
  afterEach(() => app.close());

  const scripted = async (query = ''): Promise<Turn[]> =>
    (await request(app.getHttpServer()).get(`/conversations/scripted${query}`).expect(200)).body;
  const send = async (body: object, query = ''): Promise<Turn> =>
    (await request(app.getHttpServer()).post(`/conversations${query}`).send(body).expect(200)).body;

  it('shows a growing conversation that hits the prefix of its turn before', async () => {
    const [first, ...later] = await scripted();
    expect(first).toMatchObject({ prefix: null, cachedBlocks: 0, cachedTokens: 0, cachedShare: 0, tier: null });
    expect(first).toMatchObject({ blocks: 2, expiresAt: null, recorded: 2 });
    let before = first!;
    for (const turn of later) {
      expect(turn).toMatchObject({ blocks: before.blocks + 2, tier: '5m', recorded: 1 });
      expect(turn).toMatchObject({ cachedBlocks: before.blocks, cachedTokens: before.tokens });
      expect(turn.tokens).toBeGreaterThan(before.tokens);
      expect(turn.cachedShare).toBeCloseTo(before.tokens / turn.tokens, 2);
      expect(turn.prefix).toMatch(/^[0-9a-f]{64}$/);
      before = turn;
    }
    expect(later).toHaveLength(3);
  });

  it('counts the same tokens whether a prefix was known or not', async () => {
    const grown = await scripted();
    const afresh = await send(SCRIPTED_CONVERSATION.at(-1)!, `?customer=${SOMEBODY_ELSE}`);
    expect(afresh).toMatchObject({ cachedTokens: 0, tokens: grown.at(-1)!.tokens });
  });

  it('knows nothing of one customer for another', async () => {
    await scripted();
    expect((await scripted(`?customer=${SOMEBODY_ELSE}`))[0]).toMatchObject({ prefix: null, cachedTokens: 0 });
  });

  it('moves the window of a prefix on with every turn that uses it, and forgets one that nobody used', async () => {
    const [asked] = SCRIPTED_CONVERSATION;
    await send(asked!);
    const writtenAt = clock.wall();
    clock.advance(4 * MINUTE_MS);
    const again = await send(asked!);
    expect(again).toMatchObject({ cachedShare: 1, tier: '5m', recorded: 0 });
    expect(Date.parse(String(again.expiresAt))).toBe(writtenAt + 5 * MINUTE_MS);
    clock.advance(4 * MINUTE_MS);
    expect(Date.parse(String((await send(asked!)).expiresAt))).toBe(writtenAt + 9 * MINUTE_MS);
    clock.advance(6 * MINUTE_MS);
    // The question is forgotten; the manual before it is kept for an hour.
    expect(await send(asked!)).toMatchObject({ cachedBlocks: 1, tier: '1h', recorded: 1 });
  });

  it.each([
    ['no messages', { prompt: 'hello' }, '', /invalid cache data: expected a request with messages/],
    [
      'a stray tier',
      { system: [{ type: 'text', text: 'a', cache_control: { ttl: '2h' } }], messages: [] },
      '',
      /5m, 1h or 24h/,
    ],
    ['a customer that is no UUID', { messages: [] }, '?customer=me', /uuid is expected/],
  ])('refuses %s', async (_, body, query, message) => {
    const answer = await request(app.getHttpServer()).post(`/conversations${query}`).send(body).expect(400);
    expect(answer.body.message).toMatch(message);
  });
});
