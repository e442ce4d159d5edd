// @ts-check
import { Redis } from 'ioredis';

/**
 * Sends commands over a connection of their own, which neither retries nor waits for better times.
 * @template T
 * @param {string} url
 * @param {(redis: Redis) => Promise<T>} use
 * @returns {Promise<T>}
 */
export async function withRedis(url, use) {
  const redis = new Redis(url, {
    lazyConnect: true,
    enableReadyCheck: false,
    maxRetriesPerRequest: 0,
    connectTimeout: 5_000,
    retryStrategy: () => null,
  });
  /** @type {Error | undefined} why the connection failed; the commands' own errors only say that it did */
  let cause;
  redis.on('error', (error) => (cause = error));
  let connected = false;
  try {
    await redis.connect();
    connected = true;
    return await use(redis);
  } catch (error) {
    throw cause ?? error;
  } finally {
    if (connected) redis.disconnect(); // otherwise its timer would wait for a socket that is closed already
  }
}

/**
 * Tries until the attempt holds; one that rejects does not hold yet.
 * @param {string} expectation for the message when it never does
 * @param {() => Promise<boolean>} holds
 * @param {number} [withinMs]
 */
export async function until(expectation, holds, withinMs = 30_000) {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const outcome = await holds().catch((/** @type {unknown} */ error) => error);
    if (outcome === true) return;
    if (Date.now() > deadline) {
      throw new Error(`Expected ${expectation} within ${withinMs} ms; it is not so.`, { cause: outcome });
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
