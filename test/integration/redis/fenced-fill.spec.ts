import { startRedis } from '../../../launcher/services.mjs';
import { Instance } from './instance.js';

// G1, G3: the load overlaps the write and its invalidation on another instance. Gates, not timers: the permit is taken,
// the invalidation acknowledged, and only then the fill arrives.
describe('a fill in flight on A while B invalidates', () => {
  let server: Awaited<ReturnType<typeof startRedis>>;
  let a: Instance;
  let b: Instance;

  beforeAll(async () => {
    server = await startRedis({ fromEnvironment: false });
    const tier = { url: server.url, readTimeout: 5 };
    a = await Instance.open({ namespace: 'shop', tier });
    b = await Instance.open({ namespace: 'shop', tier });
  }, 30_000);

  afterAll(async () => {
    await a?.close();
    await b?.close();
    await server?.stop();
  });

  const cases = [
    { by: 'key', targets: { keys: ['user:get_user:1'] } },
    { by: 'tag', targets: { tags: ['users'] } },
    { by: 'entity', targets: { tags: ['user:1'] } },
    { by: 'scope clear', targets: { tags: ['%scope:user'] } },
    { by: 'pattern', targets: { patterns: [{ pattern: 'get_user:*', scope: 'user' }] } },
    { by: 'regular expression', targets: { patterns: [{ pattern: '^get_user:\\d+$', scope: 'user' }] } },
    { by: 'flush', targets: { flush: true } },
  ];

  it.each(cases)('is not readable by anybody afterwards, invalidated by $by', async ({ targets }) => {
    const key = 'user:get_user:1';
    await b.invalidate({ keys: [key] });
    const permit = await a.miss(key);
    await b.invalidate(targets);
    await a.fill(key, permit, 'old', { tags: ['%scope:user', 'users', 'user:1'] });
    expect(await a.value(key)).toBeNull();
    expect(await b.value(key)).toBeNull();
  });

  it.each(cases)('and an entry that was there is gone, invalidated by $by', async ({ targets }) => {
    const key = 'user:get_user:1';
    await b.invalidate({ keys: [key] });
    await a.store(key, 'old', { tags: ['%scope:user', 'users', 'user:1'] });
    expect(await b.value(key)).toBe('old');
    await b.invalidate(targets);
    expect(await a.value(key)).toBeNull();
    await b.invalidate({ keys: [key] });
    await a.store(key, 'new', { tags: ['%scope:user', 'users', 'user:1'] });
    expect(await b.value(key)).toBe('new');
  });
});
