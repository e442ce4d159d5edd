import { startRedis } from '../../../launcher/services.mjs';
import { withServer } from './admin.js';
import { Instance } from './instance.js';

type Server = Awaited<ReturnType<typeof startRedis>>;

// What a server has lost must be missed, also where something new has taken its place (I6, G9).
describe('knowledge that a server has lost', () => {
  const servers: Server[] = [];
  const instances: Instance[] = [];

  afterEach(async () => {
    for (const instance of instances.splice(0)) await instance.close();
    for (const server of servers.splice(0)) await server.stop();
  });

  async function open(url: string, lease = '1s'): Promise<Instance> {
    const instance = await Instance.open({ namespace: 'shop', tier: { url, lease, readTimeout: 5 } });
    instances.push(instance);
    await instance.until('it to be leased', () => instance.leased);
    return instance;
  }

  it('of a pattern is not hidden by the next pattern', async () => {
    const server = await startRedis({ fromEnvironment: false });
    servers.push(server);
    const a = await open(server.url);
    const permit = await a.miss('user:get_user:1');
    await a.invalidate({ patterns: [{ pattern: 'get_user:*', scope: 'user' }] });
    await withServer(server.url, (client) => client.del('larder:{shop}:pat'));
    await a.invalidate({ patterns: [{ pattern: 'nothing:*', scope: 'user' }] });
    expect(await a.fill('user:get_user:1', permit, 'old')).toBe(true); // its permit is a key's; the stamp tells
    const late = await open(server.url);
    expect(await late.value('user:get_user:1')).toBeNull();
    expect(await a.value('user:get_user:1')).toBeNull();
  });

  it('of a pattern is missed by the very look that finds the loss', async () => {
    const server = await startRedis({ fromEnvironment: false });
    servers.push(server);
    const a = await open(server.url);
    const permit = await a.miss('user:get_user:1');
    await a.invalidate({ patterns: [{ pattern: 'get_user:*', scope: 'user' }] });
    expect(await a.fill('user:get_user:1', permit, 'old')).toBe(true);
    const late = await open(server.url);
    await withServer(server.url, (client) => client.del('larder:{shop}:pat'));
    expect(await late.value('user:get_user:1')).toBeNull();
  });

  it('of a member is waited for: a lease renewed in the lost tail of a failover still runs', async () => {
    const primary = await startRedis({ fromEnvironment: false });
    const replica = await startRedis({ fromEnvironment: false, replicaOf: { host: primary.host, port: primary.port } });
    servers.push(primary, replica);
    const a = await open(primary.url, '4s');
    await a.until('the newcomer’s wait to be over', async () => {
      const members = await withServer(replica.url, (client) => client.zrange('larder:{shop}:mem', '0', '-1'));
      return members.includes(a.id) && !members.includes('!');
    });
    await withServer(replica.url, (client) => client.replicaof('NO', 'ONE'));
    const b = await open(primary.url, '4s'); // its first heartbeat never reaches the replica
    await primary.kill();
    const c = await open(replica.url, '4s');
    await c.invalidate({ tags: ['t'] }, 'cluster');
    expect(b.leased).toBe(false);
  }, 30_000);
});
