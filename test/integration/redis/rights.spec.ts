import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startRedis } from '../../../launcher/services.mjs';
import { withServer } from './admin.js';
import { Instance } from './instance.js';

/** As docs/redis.md names them. */
const RIGHTS = /An ACL for it: `([^`]+)`; `(\+config\|get)`/.exec(
  readFileSync(join(import.meta.dirname, '../../../docs/redis.md'), 'utf8'),
);

// A server that allows what the page names and nothing else (6.7).
describe('a Redis user with few rights', () => {
  let server: Awaited<ReturnType<typeof startRedis>>;

  beforeAll(async () => {
    server = await startRedis({ fromEnvironment: false });
    await withServer(server.url, async (client) => {
      await client.call('ACL', 'SETUSER', 'few', 'on', '>secret', 'resetkeys', '-@all', ...RIGHTS![1]!.split(' '));
      await client.call('ACL', 'SETUSER', 'none', 'on', '>secret', 'resetkeys', '-@all', '+@connection', '+info');
    });
  });
  afterAll(() => server.stop());

  it('can do all that is needed, and without CONFIG health does not suffer', async () => {
    const url = server.url.replace('redis://', 'redis://few:secret@');
    const a = await Instance.open({ namespace: 'shop', tier: { url, lease: '500ms', readTimeout: 5 } });
    await a.until('A to be leased', () => a.leased);
    await a.store('user:k:1', 'value', { tags: ['t'] });
    await a.backend.put('user:k:2', { payload: Buffer.from('put'), tags: [], freshMs: 1000, keepMs: 1000 });
    await a.invalidate({ keys: ['user:k:1'], tags: ['t'] });
    await a.store('user:k:3', 'value');
    await a.invalidate({ patterns: [{ pattern: 'k:3', scope: 'user' }] }, 'cluster');
    await a.until('the sweep', () => a.announcements('swept').length > 0);
    expect(await a.value('user:k:2')).toBe('put');
    expect(a.log.health()).toMatchObject({ state: 'live', lastErrorCode: null });
    expect(a.resets).toEqual(['history']);
    await a.close();
  });

  it('is away for one who may do nothing, and health says why without a secret', async () => {
    const url = server.url.replace('redis://', 'redis://none:secret@');
    const a = await Instance.open({ namespace: 'shop', tier: { url } });
    expect(a.backend.available()).toBe(false);
    expect(a.log.health().lastErrorCode).toBe('NOPERM');
    const wrong = await Instance.open({ namespace: 'shop', tier: { url: url.replace('secret', 'false') } });
    expect(wrong.log.health().lastErrorCode).toMatch(/WRONGPASS|CLOSED/);
    expect(JSON.stringify([a.log.health(), wrong.log.health(), a.announced, wrong.announced])).not.toContain('secret');
    await a.close();
    await wrong.close();
  });
});
