import { setTimeout as sleep } from 'node:timers/promises';
import type { INestApplication, ModuleMetadata } from '@nestjs/common';
import request from 'supertest';
import { startHttpApp, type Platform } from '../../e2e/http-app.js';

/** An application that listens on loopback, as its clients see it. */
export class Instance {
  private constructor(readonly app: INestApplication) {}

  static async open(platform: Platform, metadata: ModuleMetadata): Promise<Instance> {
    const app = await startHttpApp(platform, metadata);
    await app.listen(0, '127.0.0.1');
    return new Instance(app);
  }

  post(path: string, body: object): request.Test {
    return request(this.app.getHttpServer()).post(path).send(body);
  }

  get(path: string): request.Test {
    return request(this.app.getHttpServer()).get(path);
  }
}

/** Waits for what comes by itself. */
export async function eventually(what: string, happened: () => boolean | Promise<boolean>): Promise<void> {
  const until = Date.now() + 20_000;
  while (!(await happened())) {
    if (Date.now() > until) throw new Error(`expected ${what} within 20 s`);
    await sleep(10);
  }
}
