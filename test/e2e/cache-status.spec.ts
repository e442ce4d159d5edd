import {
  Controller,
  ForbiddenException,
  Get,
  Inject,
  Injectable,
  Param,
  ParseIntPipe,
  Post,
  Req,
  RequestMethod,
  Res,
  UseGuards,
  type CanActivate,
  type INestApplication,
} from '@nestjs/common';
import { Cached, CachedMany, CacheModule, CacheScope, type CacheModuleOptions } from 'nestjs-larder';

import { request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import request from 'supertest';
import { HeldClock } from './held-clock.js';
import { PLATFORMS, startHttpApp } from './http-app.js';

@CacheScope('user')
@Injectable()
class UserService {
  readonly mayFinish: (() => void)[] = [];

  @Cached({ ttl: 60, grace: 600 })
  async getUser(id: number | string): Promise<{ id: number | string }> {
    return { id };
  }

  @Cached(60)
  slow(): Promise<string> {
    return new Promise((resolve) => this.mayFinish.push(() => resolve('slow')));
  }

  @Cached({ ttl: 60, when: () => false })
  async bypassed(): Promise<string> {
    return 'fresh';
  }

  @CachedMany<UserService['byIds']>({ id: (user) => user })
  async byIds(ids: number[]): Promise<number[]> {
    return ids;
  }

  @Cached({ ttl: 60, grace: 600, softTimeout: '1ms' })
  async flaky(): Promise<string> {
    if (this.failing) throw new Error('the table is away');
    return 'fine';
  }
  failing = false;
}

@Injectable()
class PermissionGuard implements CanActivate {
  constructor(@Inject(UserService) private readonly users: UserService) {}

  async canActivate(): Promise<boolean> {
    await this.users.getUser('guard');
    return true;
  }
}

interface Reply {
  send(body: unknown): void;
}

@Controller('users')
class UserController {
  constructor(@Inject(UserService) private readonly users: UserService) {}

  @Get('one/:id')
  one(@Param('id', ParseIntPipe) id: number) {
    return this.users.getUser(id);
  }

  @Get('named/:name')
  named(@Param('name') name: string) {
    return this.users.getUser(name);
  }

  @Get('both')
  async both() {
    return [await this.users.getUser(1), await this.users.bypassed()];
  }

  @Get('many')
  many() {
    return this.users.byIds(Array.from({ length: 40 }, (_, i) => i));
  }

  @Get('none')
  none() {
    return 'nothing is read';
  }

  @Get('slow')
  slow() {
    return this.users.slow();
  }

  @Get('flaky')
  flaky() {
    return this.users.flaky();
  }

  @Get('failing')
  async failing() {
    await this.users.getUser(1);
    throw new ForbiddenException();
  }

  @Get('by-hand')
  async byHand(@Res() reply: Reply) {
    reply.send(await this.users.getUser(1));
  }

  @Get('guarded')
  @UseGuards(PermissionGuard)
  guarded() {
    return 'guarded';
  }

  @Post('body')
  async body(@Req() { body }: { body: { id: number } }) {
    return this.users.getUser(body.id);
  }
}

describe.each(PLATFORMS)('Cache-Status on %s', (platform) => {
  let app: INestApplication;
  let clock: HeldClock;

  async function start(
    options: CacheModuleOptions = { cacheStatus: true },
    configure?: (app: INestApplication) => void,
  ) {
    clock = new HeldClock();
    app = await startHttpApp(
      platform,
      {
        imports: [CacheModule.forRootAsync({ useFactory: () => ({ clock, ...options }) })],
        controllers: [UserController],
        providers: [UserService, PermissionGuard],
      },
      configure === undefined ? {} : { configure },
    );
  }
  const statusOf = async (path: string) => (await request(app.getHttpServer()).get(path)).headers['cache-status'];

  afterEach(() => app.close());

  it('tells miss, hit, stale and miss again', async () => {
    await start();
    expect(await statusOf('/users/one/1')).toBe('larder; fwd=miss; stored; ttl=60; key="user:getUser:1"');
    clock.advance(1000);
    expect(await statusOf('/users/one/1')).toBe('larder; hit; ttl=59; key="user:getUser:1"; detail=memory');
    clock.advance(60_000);
    expect(await statusOf('/users/one/1')).toBe('larder; fwd=stale; stored; ttl=60; key="user:getUser:1"');
    expect(await statusOf('/users/one/2')).toContain('fwd=miss');
  });

  it('lists the reads of one request in order', async () => {
    await start();
    expect(await statusOf('/users/both')).toBe(
      'larder; fwd=miss; stored; ttl=60; key="user:getUser:1", larder; fwd=bypass',
    );
  });

  it('lists no more than 16', async () => {
    await start();
    expect((await statusOf('/users/many'))!.split(', ')).toHaveLength(16);
  });

  it('says when an expired value stood in', async () => {
    await start();
    await statusOf('/users/flaky');
    clock.advance(61_000);
    app.get(UserService).failing = true;
    expect(await statusOf('/users/flaky')).toBe('larder; fwd=stale; key="user:flaky"; detail=grace');
  });

  it('says when a load was shared, and keeps requests apart', async () => {
    await start();
    const users = app.get(UserService);
    const both = Promise.all([statusOf('/users/slow'), statusOf('/users/slow'), statusOf('/users/none')]);
    const finish = setInterval(() => users.mayFinish.splice(0).forEach((settle) => settle()), 50);
    const [first, second, none] = await both;
    clearInterval(finish);
    expect([first, second].sort()).toEqual([
      'larder; fwd=miss; collapsed; key="user:slow"',
      'larder; fwd=miss; stored; ttl=60; key="user:slow"',
    ]);
    expect(none).toBeUndefined();
  });

  it.each([
    ['failing', 403],
    ['by-hand', 200],
    ['guarded', 200],
  ])('covers %s answers', async (path, status) => {
    await start();
    const { headers } = await request(app.getHttpServer()).get(`/users/${path}`).expect(status);
    expect(headers['cache-status']).toMatch(/^larder; fwd=miss; stored/);
  });

  it('reaches the reads behind a body that arrives late', async () => {
    await start();
    await app.listen(0, '127.0.0.1');
    const { port } = app.getHttpServer().address() as AddressInfo;
    const status = await new Promise<unknown>((resolve, reject) => {
      const headers = { 'Content-Type': 'application/json', 'Content-Length': '8' };
      const sent = httpRequest({ port, host: '127.0.0.1', path: '/users/body', method: 'POST', headers }, (answer) => {
        answer.resume().on('end', () => resolve(answer.headers['cache-status']));
      });
      sent.on('error', reject);
      sent.write('{"id"');
      setTimeout(() => sent.end(':7}'), 50);
    });
    expect(status).toBe('larder; fwd=miss; stored; ttl=60; key="user:getUser:7"');
  });

  it.each([
    ['a "quoted" \\ name', '"user:getUser:a \\"quoted\\" \\\\ name"'],
    ['Zoë 🦊', '"user:getUser:Zo%C3%AB %F0%9F%A6%8A"'],
    ['a:b, c; d=e', '"user:getUser:a%3Ab, c; d=e"'],
  ])('quotes the key of %j', async (name, quoted) => {
    await start();
    expect(await statusOf(`/users/named/${encodeURIComponent(name)}`)).toContain(`; key=${quoted}`);
  });

  it('leaves out a key that would burst the header', async () => {
    await start();
    expect(await statusOf(`/users/named/${'n'.repeat(99)}`)).toContain('key=');
    expect(await statusOf(`/users/named/${encodeURIComponent('ü'.repeat(99))}`)).toBe(
      'larder; fwd=miss; stored; ttl=60',
    );
  });

  it('works under a global prefix and on what is excluded from it', async () => {
    await start({ cacheStatus: true }, (known) =>
      known.setGlobalPrefix('api', { exclude: [{ path: 'users/both', method: RequestMethod.GET }] }),
    );
    expect(await statusOf('/api/users/one/1')).toContain('fwd=miss');
    expect(await statusOf('/users/both')).toContain('hit');
  });

  it('is not there unless asked for', async () => {
    await start({});
    expect(await statusOf('/users/one/1')).toBeUndefined();
  });
});
