import { Redis } from 'ioredis';

/** A client of the test's own, to look at the server and to do harm to it. */
export async function withServer<T>(url: string, work: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis(url, { lazyConnect: true, retryStrategy: () => null, protocol: 2 });
  client.on('error', () => undefined); // the call that failed tells
  await client.connect();
  try {
    return await work(client);
  } finally {
    client.disconnect();
  }
}

/** Calls of a command since the server started or its statistics were reset. */
export async function callsOf(client: Redis, command: string): Promise<number> {
  const line = new RegExp(`^cmdstat_${command}:calls=(\\d+)`, 'm').exec(await client.info('commandstats'));
  return Number(line?.[1] ?? 0);
}

/** `larder:{shop}:e:…` → `e`: the kinds of keys of which a namespace consists. */
export function kindOf(key: string): string {
  return key.split('}:')[1]?.split(':')[0] ?? key;
}

/** How often a server has answered with an error since it started, e.g. with `MOVED`. */
export async function errorsOf(client: Redis, code: string): Promise<number> {
  const line = new RegExp(`^errorstat_${code}:count=(\\d+)`, 'm').exec(await client.info('errorstats'));
  return Number(line?.[1] ?? 0);
}
