import type { INestApplication, LoggerService, ModuleMetadata } from '@nestjs/common';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';

export const PLATFORMS = ['Express', 'Fastify'] as const;
export type Platform = (typeof PLATFORMS)[number];

export interface HttpAppOptions {
  /** Global prefix, versioning, global guards: what has to be said before the routes are made. */
  configure?: (app: INestApplication) => void;
  logger?: LoggerService;
}

/** An application that listens nowhere yet: supertest gives each request a port on 127.0.0.1. */
export async function startHttpApp(
  platform: Platform,
  metadata: ModuleMetadata,
  { configure, logger }: HttpAppOptions = {},
): Promise<INestApplication> {
  const module = await Test.createTestingModule(metadata)
    .setLogger(logger ?? SILENT)
    .compile();
  const app =
    platform === 'Express' ? module.createNestApplication() : module.createNestApplication(new FastifyAdapter());
  configure?.(app);
  await app.init();
  if (platform === 'Fastify') await (app as NestFastifyApplication).getHttpAdapter().getInstance().ready();
  return app;
}

const SILENT: LoggerService = { log() {}, warn() {}, error() {} };

/** Remembers what the application warns of. */
export class WarningLog implements LoggerService {
  readonly warnings: string[] = [];
  log(): void {}
  error(): void {}
  warn(message: string): void {
    this.warnings.push(message);
  }
}
