import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startRedis } from '../../../launcher/services.mjs';
import { ByteProxy } from '../../chaos/byte-proxy.mjs';
import { buildLibrary } from '../../chaos/library.mjs';
import type { AppOptions } from './app-main.mjs';
import { AppProcess } from './app-process.js';
import { Source } from './source.mjs';

type Server = Awaited<ReturnType<typeof startRedis>>;
type StartOptions = Omit<Partial<AppOptions>, 'source'> & { readonly nodeArguments?: string[] };

/** What a cluster case happens in: a Redis of its own, application processes, and a source of truth that they share. */
export class TestCluster {
  readonly folder = mkdtempSync(join(tmpdir(), 'larder-cluster-'));
  readonly source = new Source(this.folder);
  private readonly apps: AppProcess[] = [];
  private readonly proxies: ByteProxy[] = [];

  private constructor(readonly redis: Server) {}

  static async open(): Promise<TestCluster> {
    await buildLibrary();
    return new TestCluster(await startRedis({ fromEnvironment: false }));
  }

  async start({ tier = {}, nodeArguments, ...options }: StartOptions = {}): Promise<AppProcess> {
    const app = await AppProcess.start(
      { ...options, source: this.folder, tier: { url: this.redis.url, ...tier } },
      nodeArguments,
    );
    this.apps.push(app);
    return app;
  }

  /** Several applications alike, attached. */
  async startMany(count: number, options: StartOptions = {}): Promise<AppProcess[]> {
    const apps = await Promise.all(Array.from({ length: count }, () => this.start(options)));
    await Promise.all(apps.map((app) => app.live()));
    return apps;
  }

  /** A line to Redis that can be cut. */
  async proxy(): Promise<ByteProxy> {
    const proxy = await ByteProxy.open({ host: '127.0.0.1', port: this.redis.port });
    this.proxies.push(proxy);
    return proxy;
  }

  /** Ends everything. Returns what went wrong unnoticed in any of the processes: rejections nobody handled. */
  async close(): Promise<string[]> {
    const mishaps = await Promise.all(this.apps.map((app) => app.stop()));
    await Promise.all(this.proxies.map((proxy) => proxy.close()));
    await this.redis.stop();
    rmSync(this.folder, { recursive: true, force: true });
    return mishaps.flat();
  }
}
