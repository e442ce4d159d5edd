import { startRedis } from '../../../launcher/services.mjs';
import { Instance } from './instance.js';
import { Wire } from './wire.js';

const LEASE_MS = 1000;

// G9: when a strict invalidation resolves, no live instance can serve the old value.
describe('a strict invalidation', () => {
  let server: Awaited<ReturnType<typeof startRedis>>;
  let wire: Wire;
  let a: Instance;
  let b: Instance;

  beforeAll(async () => {
    server = await startRedis({ fromEnvironment: false });
    wire = await Wire.to(server);
    a = await Instance.open({ namespace: 'shop', tier: { url: server.url, readTimeout: 5, lease: '1s' } });
    b = await Instance.open({ namespace: 'shop', tier: { url: wire.url, readTimeout: 5, lease: '1s' } });
    await a.until('both to be leased', () => a.leased && b.leased);
    await a.invalidate({ tags: ['warm-up'] }, 'cluster'); // the first one of a namespace waits a lease
  });

  afterAll(async () => {
    await a?.close();
    await b?.close();
    await wire?.close();
    await server?.stop();
  });

  it('is applied by every member when it resolves, long before a lease has passed', async () => {
    for (let n = 0; n < 20; n += 1) {
      const { position } = await a.invalidate({ tags: [`t${n}`] }, 'cluster');
      expect(b.applied.some(({ tags }) => tags[0] === `t${n}`)).toBe(true);
      expect(await b.log.waitApplied(position, 0)).toBe(true);
    }
  });

  it('waits for a member that cannot be reached until its lease has ended', async () => {
    expect(b.leased).toBe(true);
    wire.die();
    await a.invalidate({ tags: ['unheard'] }, 'cluster');
    expect(b.applied.some(({ tags }) => tags[0] === 'unheard')).toBe(false);
    expect(b.leased).toBe(false);
    wire.heal();
    await b.until('B to be back', () => b.leased);
    expect(b.applied.some(({ tags }) => tags[0] === 'unheard')).toBe(true);
  });

  it('does not wait for a member that has left', async () => {
    const c = await Instance.open({ namespace: 'shop', tier: { url: server.url, readTimeout: 5, lease: '1s' } });
    await c.until('C to be leased', () => c.leased);
    await c.close();
    const before = a.clock.monotonic();
    await a.invalidate({ tags: ['gone'] }, 'cluster');
    expect(a.clock.monotonic() - before).toBeLessThan(LEASE_MS);
  });

  it('resolves also when the server is lost after it has executed, once no lease can be left', async () => {
    wire.die();
    const strict = a.invalidate({ tags: ['lost'] }, 'cluster');
    await a.until('the server to have executed it', () => a.applied.some(({ tags }) => tags[0] === 'lost'));
    await server.kill();
    await expect(strict).resolves.toMatchObject({ position: expect.any(String) });
    expect(b.leased).toBe(false);
  });
});
