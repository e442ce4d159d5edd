import { Cluster } from 'ioredis';
import { startRedis, startRedisCluster, startSentinel } from '../../../launcher/services.mjs';
import { until } from '../../../launcher/redis-connection.mjs';
import { onRedis } from './clients.js';

const own = { fromEnvironment: false };

it('a replica follows its master', async () => {
  const master = await startRedis(own);
  const replica = await startRedis({ ...own, replicaOf: master });
  await onRedis(master, 'SET', 'key', 'value');
  await until('the replica to follow', async () => (await onRedis(replica, 'GET', 'key')) === 'value');
  await expect(onRedis(replica, 'SET', 'key', 'other')).rejects.toThrow('READONLY');
  await Promise.all([master.stop(), replica.stop()]);
});

it('a sentinel promotes the replica of a master that died', async () => {
  const master = await startRedis(own);
  const replica = await startRedis({ ...own, replicaOf: master });
  const sentinel = await startSentinel({ master, downAfterMs: 200 });
  await until('the sentinel to know the replica', async () => {
    const replicas = (await onRedis(sentinel, 'SENTINEL', 'REPLICAS', 'larder')) as unknown[];
    return replicas.length === 1;
  });
  await master.kill();
  await until('the replica to be promoted', async () => {
    const address = await onRedis(sentinel, 'SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'larder');
    return (address as string[])[1] === String(replica.port);
  });
  await Promise.all([sentinel.stop(), replica.stop(), master.stop()]);
});

it('a cluster serves every slot at once, and survives the death of a master', async () => {
  const cluster = await startRedisCluster({ nodeTimeoutMs: 500 });
  expect(cluster.nodes.map(({ follows }) => follows)).toEqual([undefined, undefined, undefined, 0, 1, 2]);
  const keys = Array.from({ length: 50 }, (_, i) => `key:${i}`);
  const set = await throughCluster(cluster.urls, (client) => Promise.all(keys.map((key) => client.set(key, key))));
  expect(set).toEqual(keys.map(() => 'OK'));

  await cluster.nodes[0]!.server.kill();
  const heir = cluster.nodes[3]!.server;
  await until('the replica to take over', async () => {
    return String(await onRedis(heir, 'INFO', 'replication')).includes('role:master');
  });
  await until('the cluster to be whole again', async () => {
    return String(await onRedis(heir, 'CLUSTER', 'INFO')).includes('cluster_state:ok');
  });
  const got = await throughCluster([heir.url], (client) => Promise.all(keys.map((key) => client.get(key))));
  expect(got).toEqual(keys);
  await cluster.stop();
});

async function throughCluster<T>(urls: string[], use: (client: Cluster) => Promise<T>): Promise<T> {
  const client = new Cluster(urls);
  try {
    return await use(client);
  } finally {
    await client.quit();
  }
}
