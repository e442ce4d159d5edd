import { Controller, Get, Injectable } from '@nestjs/common';
import { APP_INTERCEPTOR } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { map, type Observable } from 'rxjs';
import request from 'supertest';

/** Set by jest.config.mjs: what the running project is meant to test. */
declare const TESTED_MAJORS: { readonly nest: number };

const require = createRequire(import.meta.url);

/** If a project ran on another Nest than its name says, all its specs would prove nothing. */
describe('the e2e specs', () => {
  it.each(['common', 'core', 'testing', 'platform-express', 'platform-fastify'])(
    'run on the @nestjs/%s of their project',
    (name) => {
      const manifest = join(dirname(require.resolve(`@nestjs/${name}`)), 'package.json');
      const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };
      expect(version.split('.')[0]).toBe(String(TESTED_MAJORS.nest));
    },
  );

  it.each(['Express', 'Fastify'])(
    'serve a controller with injected services through interceptors on %s',
    async (kind) => {
      const app = await start(kind);
      await request(app.getHttpServer()).get('/greeting').expect(200, { wrapped: 'hello' });
      await app.close();
    },
  );
});

@Injectable()
class Greeter {
  greet() {
    return 'hello';
  }
}

@Controller('greeting')
class GreetingController {
  constructor(private readonly greeter: Greeter) {}

  @Get()
  greeting() {
    return this.greeter.greet();
  }
}

const wrapping = {
  provide: APP_INTERCEPTOR,
  useValue: {
    intercept: (_: unknown, next: { handle(): Observable<unknown> }) =>
      next.handle().pipe(map((wrapped) => ({ wrapped }))),
  },
};

async function start(kind: string) {
  const module = await Test.createTestingModule({
    controllers: [GreetingController],
    providers: [Greeter, wrapping],
  }).compile();
  if (kind === 'Express') return module.createNestApplication().init();
  const app = module.createNestApplication<NestFastifyApplication>(new FastifyAdapter());
  await app.init();
  await app.getHttpAdapter().getInstance().ready();
  return app;
}
