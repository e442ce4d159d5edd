import { CacheError } from '../../core/errors/cache-error.js';

/** The packages that a node is made of; all of them optional peers of the library. */
export const LIBP2P_PACKAGES = [
  'libp2p',
  '@libp2p/gossipsub',
  '@libp2p/identify',
  '@libp2p/kad-dht',
  '@libp2p/noise',
  '@libp2p/ping',
  '@libp2p/pnet',
  '@libp2p/tcp',
  '@libp2p/yamux',
  '@multiformats/multiaddr',
] as const;

const NOT_FOUND: ReadonlySet<unknown> = new Set(['ERR_MODULE_NOT_FOUND', 'MODULE_NOT_FOUND']);

/** Those packages, once loaded. */
export type Libp2pPackages = Awaited<ReturnType<typeof importAll>>;

/**
 * Loads libp2p when a node is wanted, and not before: without it, everything else works.
 *
 * @throws CacheError `LARDER_PACKAGE_MISSING` saying what to install
 */
export async function loadLibp2p(): Promise<Libp2pPackages> {
  supplyWithResolvers();
  try {
    return await importAll();
  } catch (error) {
    const { code, message = '' } = error as { code?: unknown; message?: string };
    if (!NOT_FOUND.has(code)) throw error;
    const [reason] = message.split('\n');
    throw new CacheError(
      'LARDER_PACKAGE_MISSING',
      `Expected the packages of libp2p beside nestjs-larder for dht(), got: ${reason}. Install them: npm install ${LIBP2P_PACKAGES.join(' ')}`,
      { cause: error },
    );
  }
}

/** One after the other: they share most of what they load. */
async function importAll() {
  const libp2p = await import('libp2p');
  const gossipsub = await import('@libp2p/gossipsub');
  const identify = await import('@libp2p/identify');
  const kadDht = await import('@libp2p/kad-dht');
  const noise = await import('@libp2p/noise');
  const ping = await import('@libp2p/ping');
  const pnet = await import('@libp2p/pnet');
  const tcp = await import('@libp2p/tcp');
  const yamux = await import('@libp2p/yamux');
  const multiaddr = await import('@multiformats/multiaddr');
  return { libp2p, gossipsub, identify, kadDht, noise, ping, pnet, tcp, yamux, multiaddr };
}

/** libp2p 3 calls `Promise.withResolvers`, which Node has from 22 on. */
function supplyWithResolvers(): void {
  if ('withResolvers' in Promise) return;
  Object.defineProperty(Promise, 'withResolvers', {
    configurable: true,
    writable: true,
    value: function withResolvers<T>(this: PromiseConstructor) {
      let resolve!: (value: T | PromiseLike<T>) => void;
      let reject!: (reason?: unknown) => void;
      const promise = new this<T>((yes, no) => {
        resolve = yes;
        reject = no;
      });
      return { promise, resolve, reject };
    },
  });
}
