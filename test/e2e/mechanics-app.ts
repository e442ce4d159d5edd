import type { INestApplication, LoggerService, ModuleMetadata } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { CacheModule } from 'nestjs-larder';

type Options = NonNullable<Parameters<typeof CacheModule.forRoot>[0]>;

/** Keeps what the application logs. */
export class LogLines implements LoggerService {
  readonly lines: string[] = [];

  log(message: unknown): void {
    this.lines.push(`log ${String(message)}`);
  }
  warn(message: unknown): void {
    this.lines.push(`warn ${String(message)}`);
  }
  error(message: unknown): void {
    this.lines.push(`error ${String(message)}`);
  }

  containing(text: string): string[] {
    return this.lines.filter((line) => line.includes(text));
  }
}

export interface StartedApp {
  readonly app: INestApplication;
  readonly logs: LogLines;
}

/** Starts an application that caches; `options: null` leaves the module out. */
export async function start(metadata: ModuleMetadata, options: Options | null = {}): Promise<StartedApp> {
  const { imports = [], ...rest } = metadata;
  const logs = new LogLines();
  const cache = options === null ? [] : [CacheModule.forRoot(options)];
  const module = await Test.createTestingModule({ imports: [...cache, ...imports], ...rest })
    .setLogger(logs)
    .compile();
  const app = module.createNestApplication({ logger: logs });
  try {
    await app.init();
  } catch (error) {
    await app.close().catch(() => undefined);
    throw error;
  }
  return { app, logs };
}
