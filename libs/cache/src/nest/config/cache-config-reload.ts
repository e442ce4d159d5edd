import { randomUUID } from 'node:crypto';
import { Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { CacheError } from '../../core/errors/cache-error.js';
import { CacheRuntime } from '../cache-runtime.js';

/** Who asked for a reload, for the audit. */
export interface ReloadOptions {
  /** @default 'unknown' */
  actor?: string;
  /** @default 'configuration reloaded' */
  reason?: string;
}

/** Puts a changed configuration file into effect while the application runs: `enabled`, `ttl` and the other policies. */
@Injectable()
export class CacheConfigReload implements OnModuleInit, OnApplicationShutdown {
  private readonly onSignal = (): void => {
    this.reload({ actor: 'SIGHUP' }).catch((error: unknown) => {
      this.runtime.logger.error(`The configuration was not reloaded; what held goes on holding. ${String(error)}`);
    });
  };

  constructor(private readonly runtime: CacheRuntime) {}

  onModuleInit(): void {
    if (this.runtime.options.reloadOnSighup === true) process.on('SIGHUP', this.onSignal);
  }

  onApplicationShutdown(): void {
    process.off('SIGHUP', this.onSignal);
  }

  /**
   * Reads the file again. A file that cannot work changes nothing. What is stored keeps its life; backend and keys stay as
   * they were at boot.
   *
   * @throws CacheError `LARDER_OPTION_INVALID` naming file and place in it, or that there is no file
   */
  async reload({ actor = 'unknown', reason = 'configuration reloaded' }: ReloadOptions = {}): Promise<void> {
    const { options, compiler, switches, clock, audit, logger } = this.runtime;
    const { config } = options;
    if (config === undefined || config.file === null)
      throw new CacheError(
        'LARDER_OPTION_INVALID',
        'Expected a configuration file to reload, got none. Give one: CacheModule.forRoot({ config: loadCacheConfig(path) }).',
      );
    const startedAt = clock.monotonic();
    config.reload(() => switches.reconfigure(compiler.configured())); // nothing is changed where it throws
    logger.log(`The configuration ${config.file} was reloaded (${actor})`);
    await audit.append({
      pattern: 'cache/config/reload',
      keys: [],
      triggeredBy: actor,
      reason,
      timestampMs: clock.wall(),
      requestId: randomUUID(),
      latencyMs: Math.round(clock.monotonic() - startedAt),
    });
  }
}
