import {
  Controller,
  Get,
  Header,
  HostParam,
  HttpCode,
  Inject,
  Injectable,
  Next,
  NotFoundException,
  Param,
  Post,
  Query,
  Redirect,
  Req,
  Res,
  Sse,
  StreamableFile,
  UseGuards,
  UseInterceptors,
  VersioningType,
  Version,
  type CallHandler,
  type CanActivate,
  type ExecutionContext,
  type INestApplication,
  type NestInterceptor,
  type Type,
} from '@nestjs/common';
import {
  CachedResponse,
  CacheModule,
  CacheScope,
  CacheService,
  HttpCacheInterceptor,
  InvalidationIntent,
  type CacheModuleOptions,
} from 'nestjs-larder';
import { map, of } from 'rxjs';
import request from 'supertest';
import { HeldClock } from './held-clock.js';
import { PLATFORMS, startHttpApp, WarningLog, type HttpAppOptions } from './http-app.js';

/** Counts the calls of each handler. */
@Injectable()
class Calls {
  readonly of = new Map<string, number>();
  count(name: string): number {
    const calls = (this.of.get(name) ?? 0) + 1;
    this.of.set(name, calls);
    return calls;
  }
}

/** Knows users by a token or by what a proxy found out, as passport does: leaves `request.user`. */
@Injectable()
class UserGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const http = context.switchToHttp().getRequest();
    const token = /^Bearer (.+)$/.exec(http.headers.authorization ?? '')?.[1];
    const user = token ?? http.headers['x-certificate'];
    if (user !== undefined) http.user = { id: user };
    return token !== 'banned';
  }
}

class Wrap implements NestInterceptor {
  intercept(_: ExecutionContext, next: CallHandler) {
    return next.handle().pipe(map((data: unknown) => ({ data })));
  }
}

interface Raw {
  setHeader(name: string, value: string): void;
  statusCode: number;
}

@Controller('items')
@UseGuards(UserGuard)
class ItemController {
  failing = false;
  gate: Promise<void> = Promise.resolve();

  constructor(@Inject(Calls) private readonly calls: Calls) {}

  @Get('plain/:id')
  @Header('X-Fixed', 'yes')
  @CachedResponse({ ttl: 60, entities: (_, { params }) => [['item', (params as { id: string }).id]] })
  plain(@Param('id') id: string, @Query() query: object) {
    return { id, query, call: this.calls.count('plain') };
  }

  @Get('shared')
  @CachedResponse({ ttl: 60, public: true, maxAge: '10s' })
  shared() {
    return { call: this.calls.count('shared') };
  }

  @Get('mine')
  @CachedResponse({ ttl: 60, vary: (http) => [http.user.id] })
  mine(@Req() http: { user: { id: string } }) {
    return { user: http.user.id, call: this.calls.count('mine') };
  }

  @Get('maybe-mine')
  @CachedResponse({ ttl: 60, vary: (http) => [http['account']] })
  maybeMine() {
    return { call: this.calls.count('maybeMine') };
  }

  @Get('by-header')
  @CachedResponse({ ttl: 60, vary: ['Accept-Language', 'Authorization'] })
  byHeader(@Req() http: { headers: Record<string, string> }) {
    return { language: http.headers['accept-language'] ?? null, call: this.calls.count('byHeader') };
  }

  @Get('nothing')
  @CachedResponse(60)
  nothing() {
    this.calls.count('nothing');
  }

  @Get('empty/:kind')
  @CachedResponse(60)
  empty(@Param('kind') kind: string) {
    this.calls.count(`empty ${kind}`);
    return { null: null, zero: 0, false: false, list: [], text: '' }[kind];
  }

  @Get('error')
  @CachedResponse(60)
  error() {
    this.calls.count('error');
    throw new NotFoundException('not yet');
  }

  @Get('stream')
  @CachedResponse(60)
  stream() {
    return new StreamableFile(Buffer.from(`stream ${this.calls.count('stream')}`));
  }

  @Get('observable')
  @CachedResponse(60)
  observable() {
    return of(1, 2, { call: this.calls.count('observable') });
  }

  @Get('slow')
  @CachedResponse(60)
  async slow() {
    await this.gate;
    return { call: this.calls.count('slow') };
  }

  @Get('slow-stream')
  @CachedResponse(60)
  async slowStream() {
    await this.gate;
    return new StreamableFile(Buffer.from(`stream ${this.calls.count('slowStream')}`));
  }

  @Get('grace')
  @CachedResponse({ ttl: 60, grace: 600, softTimeout: '20ms' })
  async grace() {
    await this.gate;
    if (this.failing) throw new Error('the table is away');
    return { call: this.calls.count('grace') };
  }

  @Get('off')
  @CachedResponse({ enabled: false })
  off() {
    return { call: this.calls.count('off') };
  }

  @Get('twice')
  @UseInterceptors(HttpCacheInterceptor, Wrap)
  @CachedResponse({ ttl: 60, hardTimeout: '35s' })
  twice() {
    return { call: this.calls.count('twice') };
  }
}

/** What the application's own code behind the cache does to the response. */
const tamper = (
  change: (response: Raw & { header?(name: string, value: string): void; code?(status: number): void }) => void,
) =>
  class Tampering implements NestInterceptor {
    intercept(context: ExecutionContext, next: CallHandler) {
      change(context.switchToHttp().getResponse());
      return next.handle();
    }
  };
const setHeader = (name: string, value: string) =>
  tamper((response) =>
    response.header === undefined ? response.setHeader(name, value) : response.header(name, value),
  );

@Controller('tampered')
class TamperedController {
  constructor(@Inject(Calls) private readonly calls: Calls) {}

  @Get('cookie')
  @CachedResponse(60)
  @UseInterceptors(setHeader('Set-Cookie', 'a=b'))
  cookie() {
    return { call: this.calls.count('cookie') };
  }

  @Get('no-store')
  @CachedResponse(60)
  @UseInterceptors(setHeader('Cache-Control', 'private, no-store'))
  noStore() {
    return { call: this.calls.count('noStore') };
  }

  @Get('accepted')
  @CachedResponse(60)
  @UseInterceptors(
    tamper((response) => {
      if (response.code === undefined) response.statusCode = 202;
      else response.code(202);
    }),
  )
  accepted() {
    return { call: this.calls.count('accepted') };
  }

  @Get('fixed-header')
  @Header('Cache-Control', 'public, max-age=5')
  @Header('Vary', 'Origin')
  @CachedResponse(60)
  fixedHeader() {
    return { call: this.calls.count('fixedHeader') };
  }
}

describe.each(PLATFORMS)('@CachedResponse on %s', (platform) => {
  let app: INestApplication;
  let calls: Calls;
  let clock: HeldClock;
  let log: WarningLog;

  async function start(options: CacheModuleOptions = {}, more: HttpAppOptions = {}, controllers: Type[] = []) {
    clock = new HeldClock();
    log = new WarningLog();
    app = await startHttpApp(
      platform,
      {
        imports: [CacheModule.forRoot({ clock, ...options })],
        controllers: [ItemController, TamperedController, ...controllers],
        providers: [Calls, UserGuard],
      },
      { logger: log, ...more },
    );
    calls = app.get(Calls);
  }
  const get = (path: string, headers: Record<string, string> = {}) =>
    request(app.getHttpServer()).get(path).set(headers);
  const callOf = async (path: string, headers: Record<string, string> = {}) =>
    (await get(path, headers).expect(200)).body.call as number;

  afterEach(() => app.close());

  describe('keeps an answer', () => {
    beforeEach(() => start());

    it('by path and query, whatever the order of the query', async () => {
      const first = await get('/items/plain/1?b=2&a=1').expect(200);
      expect(first.body).toEqual({ id: '1', query: { a: '1', b: '2' }, call: 1 });
      const again = await get('/items/plain/1?a=1&b=2').expect(200);
      expect(again.body).toEqual(first.body);
      expect(again.headers['content-type']).toBe(first.headers['content-type']);
      expect(again.headers['x-fixed']).toBe('yes');
      expect(await callOf('/items/plain/2?a=1&b=2')).toBe(2);
      expect(await callOf('/items/plain/1')).toBe(3);
      expect(await callOf('/items/plain/1?a=1&b=2&b=3')).toBe(4);
      expect(await callOf('/items/plain/1?a=1&b=2,3')).toBe(5);
      expect(await callOf('/items/plain/1?a=1%26b%3D2')).toBe(6);
      expect(await callOf('/items/plain/1%3Fa=1&b=2')).toBe(7);
    });

    it('for its ttl', async () => {
      expect(await callOf('/items/plain/1')).toBe(1);
      clock.advance(59_000);
      expect(await callOf('/items/plain/1')).toBe(1);
      clock.advance(2000);
      expect(await callOf('/items/plain/1')).toBe(2);
    });

    it('until it is invalidated', async () => {
      const cache = app.get(CacheService);
      expect(await callOf('/items/plain/1')).toBe(1);
      expect(await callOf('/items/plain/2')).toBe(2);
      await cache.invalidate([InvalidationIntent.entity('item', 1)]);
      expect(await callOf('/items/plain/2')).toBe(2);
      expect(await callOf('/items/plain/1')).toBe(3);
    });

    it('under a key that the admin routes take', async () => {
      await Promise.all([callOf('/items/plain/1'), callOf('/items/plain/2'), callOf('/items/shared')]);
      const post = (action: string, body: object) =>
        request(app.getHttpServer()).post(`/item/cache/${action}`).send(body);
      expect((await post('delete', { key: 'GET.plain:/items/plain/1' })).body.invalidated_count).toBe(1);
      expect((await post('revoke', { pattern: 'GET.plain:*' })).body.invalidated_count).toBe(1);
      expect((await post('clear', {})).body.invalidated_count).toBe(1);
    });

    it.each(['null', 'zero', 'false', 'list', 'text'])('that is empty: %s', async (kind) => {
      const first = await get(`/items/empty/${kind}`).expect(200);
      const again = await get(`/items/empty/${kind}`).expect(200);
      expect(again.text).toBe(first.text);
      expect(again.headers['content-type']).toBe(first.headers['content-type']);
      expect(calls.of.get(`empty ${kind}`)).toBe(1);
    });

    it('that is nothing', async () => {
      await get('/items/nothing').expect(200, '');
      await get('/items/nothing').expect(200, '');
      expect(calls.of.get('nothing')).toBe(1);
    });

    it('of a handler that returns an Observable', async () => {
      expect(await callOf('/items/observable')).toBe(1);
      expect(await callOf('/items/observable')).toBe(1);
    });

    it('for HEAD too', async () => {
      await get('/items/plain/1').expect(200);
      const { headers, body } = await request(app.getHttpServer()).head('/items/plain/1').expect(200);
      expect(headers.etag).toBeDefined();
      expect(body).toEqual({});
      expect(calls.of.get('plain')).toBe(1);
    });

    it('that requests at the same time share', async () => {
      let open!: () => void;
      app.get(ItemController).gate = new Promise((resolve) => (open = resolve));
      const all = [callOf('/items/slow'), callOf('/items/slow'), callOf('/items/slow')];
      setTimeout(() => open(), 50);
      expect(await Promise.all(all)).toEqual([1, 1, 1]);
    });
  });

  describe('does not keep', () => {
    beforeEach(() => start());

    it('errors', async () => {
      await get('/items/error').expect(404);
      const { body, headers } = await get('/items/error').expect(404);
      expect(body.message).toBe('not yet');
      expect(headers['cache-control']).toBeUndefined();
      expect(calls.of.get('error')).toBe(2);
    });

    it('streams, not even for those who waited', async () => {
      const read = async (path: string) => ((await get(path).expect(200)).body as Buffer).toString();
      expect([await read('/items/stream'), await read('/items/stream')]).toEqual(['stream 1', 'stream 2']);
      let open!: () => void;
      app.get(ItemController).gate = new Promise((resolve) => (open = resolve));
      const both = [read('/items/slow-stream'), read('/items/slow-stream')];
      setTimeout(() => open(), 50);
      expect((await Promise.all(both)).sort()).toEqual(['stream 1', 'stream 2']);
      expect(log.warnings).toEqual([]);
    });

    it.each([
      ['cookie', 200],
      ['no-store', 200],
      ['accepted', 202],
    ])('an answer with %s', async (path, status) => {
      expect((await get(`/tampered/${path}`).expect(status)).body.call).toBe(1);
      const { body, headers } = await get(`/tampered/${path}`).expect(status);
      expect(body.call).toBe(2);
      expect(headers['etag'] ?? '').not.toMatch(/^W\/"[\w-]{27}"$/);
    });

    it('what is switched off', async () => {
      expect([await callOf('/items/off'), await callOf('/items/off')]).toEqual([1, 2]);
    });
  });

  describe('answers', () => {
    beforeEach(() => start());

    it('with an ETag, and 304 to who has the answer', async () => {
      const first = await get('/items/plain/1').expect(200);
      const { etag } = first.headers as { etag: string };
      expect(etag).toMatch(/^W\/"[\w-]{27}"$/);
      expect((await get('/items/plain/1').expect(200)).headers.etag).toBe(etag);
      for (const known of [etag, `"other", ${etag}`, etag.slice(2), '*']) {
        const { text, headers } = await get('/items/plain/1', { 'If-None-Match': known }).expect(304);
        expect(text).toBe('');
        expect(headers.etag).toBe(etag);
      }
      await get('/items/plain/1', { 'If-None-Match': '"other"' }).expect(200);
      expect((await get('/items/plain/2').expect(200)).headers.etag).not.toBe(etag);
      expect(calls.of.get('plain')).toBe(2);
    });

    it('304 at once where the handler finds what the asker has', async () => {
      const { etag } = (await get('/items/nothing').expect(200)).headers as { etag: string };
      await app.get(CacheService).clear({ scope: 'item' });
      await get('/items/nothing', { 'If-None-Match': etag }).expect(304);
      expect(calls.of.get('nothing')).toBe(2);
    });

    it('privately, and only after being asked again, unless said otherwise', async () => {
      const { headers: plain } = await get('/items/plain/1').expect(200);
      expect(plain['cache-control']).toBe('private, max-age=0, must-revalidate');
      expect(plain['vary']).toBe('authorization, cookie');
      const { headers: shared } = await get('/items/shared').expect(200);
      expect(shared['cache-control']).toBe('public, max-age=10');
      expect(shared['vary']).toBeUndefined();
      const { headers: varied } = await get('/items/by-header').expect(200);
      expect(varied['vary']).toBe('authorization, cookie, accept-language');
    });

    it('with the headers of the application before its own', async () => {
      const { headers } = await get('/tampered/fixed-header').expect(200);
      expect(headers['cache-control']).toBe('public, max-age=5');
      expect(headers['vary']).toBe('Origin, authorization, cookie');
    });

    it('with an expired answer where the handler fails and grace allows it', async () => {
      expect(await callOf('/items/grace')).toBe(1);
      clock.advance(61_000);
      app.get(ItemController).failing = true;
      expect(await callOf('/items/grace')).toBe(1);
      clock.advance(700_000);
      await get('/items/grace').expect(500);
    });

    it('with an expired answer where the handler is slow, and keeps what it finds for the next', async () => {
      const { etag } = (await get('/items/grace').expect(200)).headers as { etag: string };
      clock.advance(61_000);
      let open!: () => void;
      app.get(ItemController).gate = new Promise((resolve) => (open = resolve));
      await get('/items/grace', { 'If-None-Match': etag }).expect(304);
      open();
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(await callOf('/items/grace')).toBe(2);
      expect(calls.of.get('grace')).toBe(2);
    });
  });

  describe('keeps who asks apart', () => {
    beforeEach(() => start());

    it.each([{ Authorization: 'Bearer ann' }, { Cookie: 'session=1' }])(
      'goes past the cache for %j, and warns once',
      async (headers) => {
        expect(await callOf('/items/plain/1')).toBe(1);
        const asked = await get('/items/plain/1', headers as unknown as Record<string, string>).expect(200);
        expect(asked.body.call).toBe(2);
        expect(await callOf('/items/plain/1', headers as unknown as Record<string, string>)).toBe(3);
        expect(await callOf('/items/plain/1')).toBe(1);
        expect(log.warnings).toHaveLength(1);
        expect(log.warnings[0]).toContain('ItemController.plain');
        expect(log.warnings[0]).toContain('vary: (request) => [request.user.id]');
      },
    );

    it('goes past the cache for a user who was recognised by other means', async () => {
      const known = { 'X-Certificate': 'ann' };
      expect([await callOf('/items/plain/1'), await callOf('/items/plain/1', known)]).toEqual([1, 2]);
      expect([await callOf('/items/by-header'), await callOf('/items/by-header', known)]).toEqual([1, 2]);
      expect((await get('/items/mine', known)).body).toEqual({ user: 'ann', call: 1 });
      expect((await get('/items/mine', known)).body).toEqual({ user: 'ann', call: 1 });
    });

    it('shares a public answer with everybody', async () => {
      expect(await callOf('/items/shared', { Authorization: 'Bearer ann' })).toBe(1);
      expect(await callOf('/items/shared', { Cookie: 'session=1' })).toBe(1);
      expect(await callOf('/items/shared')).toBe(1);
    });

    it('gives each user an answer of his own where `vary` names him', async () => {
      const ann = { Authorization: 'Bearer ann' };
      const bob = { Authorization: 'Bearer bob' };
      expect((await get('/items/mine', ann)).body).toEqual({ user: 'ann', call: 1 });
      expect((await get('/items/mine', bob)).body).toEqual({ user: 'bob', call: 2 });
      expect((await get('/items/mine', ann)).body).toEqual({ user: 'ann', call: 1 });
    });

    it('goes past the cache where `vary` finds nobody, or fails', async () => {
      const ann = { Authorization: 'Bearer ann' };
      expect([await callOf('/items/maybe-mine', ann), await callOf('/items/maybe-mine', ann)]).toEqual([1, 2]);
      expect([await callOf('/items/maybe-mine'), await callOf('/items/maybe-mine')]).toEqual([3, 3]);
      await get('/items/mine').expect(500);
    });

    it('tells headers apart', async () => {
      const asked = (language?: string, user?: string) =>
        callOf('/items/by-header', {
          ...(language === undefined ? {} : { 'Accept-Language': language }),
          ...(user === undefined ? {} : { Authorization: `Bearer ${user}` }),
        });
      expect([
        await asked('de'),
        await asked('fr'),
        await asked(),
        await asked('de', 'ann'),
        await asked('de', 'bob'),
      ]).toEqual([1, 2, 3, 4, 5]);
      expect([
        await asked('de'),
        await asked('fr'),
        await asked(),
        await asked('de', 'ann'),
        await asked('de', 'bob'),
      ]).toEqual([1, 2, 3, 4, 5]);
      expect(await callOf('/items/by-header', { Cookie: 'a=b', Authorization: 'Bearer ann' })).toBe(6);
      expect(await callOf('/items/by-header', { Cookie: 'a=b', Authorization: 'Bearer ann' })).toBe(7);
    });

    it('asks the guards on every request', async () => {
      await get('/items/shared').expect(200);
      await get('/items/shared', { Authorization: 'Bearer banned' }).expect(403);
    });
  });

  it('knows other headers that tell who asks, where the option names them', async () => {
    await start({ http: { identityHeaders: ['X-Api-Key'] } });
    expect(await callOf('/items/plain/1')).toBe(1);
    expect(await callOf('/items/plain/1', { 'X-Api-Key': 'k' })).toBe(2);
    expect(await callOf('/items/plain/1', { Cookie: 'a=b' })).toBe(1);
    expect((await get('/items/plain/1')).headers['vary']).toBe('x-api-key');
  });

  it('stands where the application puts it among other interceptors, once', async () => {
    await start();
    expect((await get('/items/twice')).body).toEqual({ data: { call: 1 } });
    expect((await get('/items/twice')).body).toEqual({ data: { call: 1 } });
  });

  it('lets global interceptors work on every answer', async () => {
    await start({}, { configure: (known) => known.useGlobalInterceptors(new Wrap()) });
    expect((await get('/items/plain/1')).body).toEqual({ data: { id: '1', query: {}, call: 1 } });
    expect((await get('/items/plain/1')).body).toEqual({ data: { id: '1', query: {}, call: 1 } });
  });

  it('takes its options from all levels', async () => {
    await start({ services: { item: { actions: { 'GET.plain': { enabled: false } }, ttl: 5 } } });
    expect([await callOf('/items/plain/1'), await callOf('/items/plain/1')]).toEqual([1, 2]);
    expect(await callOf('/items/shared')).toBe(1);
    clock.advance(6000);
    expect(await callOf('/items/shared')).toBe(1);
  });

  it('keeps the hosts of a controller that is chosen by host apart', async () => {
    @Controller({ path: 'tenant', host: ':tenant.example.com' })
    class TenantController {
      @Get()
      @CachedResponse(60)
      tenant(@HostParam('tenant') tenant: string) {
        return { tenant };
      }
    }
    await start({}, {}, [TenantController]);
    for (const tenant of ['red', 'blue', 'red']) {
      expect((await get('/tenant', { Host: `${tenant}.example.com` })).body).toEqual({ tenant });
    }
  });

  it('keeps versions of a path apart', async () => {
    @Controller('versioned')
    class VersionedController {
      @Get()
      @Version('1')
      @CachedResponse({ name: 'first' })
      one() {
        return { version: 1 };
      }

      @Get()
      @Version('2')
      @CachedResponse({ name: 'second' })
      two() {
        return { version: 2 };
      }
    }
    await start(
      {},
      {
        configure: (known) =>
          known.enableVersioning({ type: VersioningType.HEADER, header: 'X-Version', defaultVersion: ['1'] }),
      },
      [VersionedController],
    );
    for (const version of [1, 2, 1, 2]) {
      expect((await get('/versioned', { 'X-Version': `${version}` })).body).toEqual({ version });
    }
  });

  it('shows in Cache-Status', async () => {
    await start({ cacheStatus: true });
    const statusOf = async (headers = {}) => (await get('/items/plain/1', headers)).headers['cache-status'];
    expect(await statusOf()).toBe('larder; fwd=miss; stored; ttl=60; key="item:GET.plain:/items/plain/1"');
    expect(await statusOf()).toBe('larder; hit; ttl=60; key="item:GET.plain:/items/plain/1"; detail=memory');
    expect(await statusOf({ Cookie: 'a=b' })).toBe('larder; fwd=bypass');
  });
});

describe('@CachedResponse', () => {
  const decorators: [string, MethodDecorator, RegExp][] = [
    ['a POST', Post(), /answers POST/],
    ['a redirect', Redirect('/elsewhere'), /redirects/],
    ['server-sent events', Sse(), /sends events/],
    ['another status', HttpCode(204), /status 204/],
  ];
  it.each(decorators)('stops the boot on %s, naming class and method', async (_, decorator, reason) => {
    @Controller('broken')
    class BrokenController {
      @CachedResponse(60)
      broken() {
        return of('x');
      }
    }
    const descriptor = Object.getOwnPropertyDescriptor(BrokenController.prototype, 'broken')!;
    if (!/POST|events/.test(reason.source)) Get()(BrokenController.prototype, 'broken', descriptor);
    decorator(BrokenController.prototype, 'broken', descriptor);
    const started = startHttpApp('Express', { imports: [CacheModule.forRoot()], controllers: [BrokenController] });
    const error = await started.catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'LARDER_DECORATOR_TARGET', message: expect.stringMatching(reason) });
    expect((error as Error).message).toContain('BrokenController.broken');
  });

  it('stops the boot where the handler writes the response itself', async () => {
    @Controller('a')
    class ByHand {
      @Get()
      @CachedResponse(60)
      broken(@Res() response: unknown) {
        return response;
      }
    }
    @Controller('b')
    class PassingOn {
      @Get()
      @CachedResponse(60)
      broken(@Next() next: unknown) {
        return next;
      }
    }
    for (const controller of [ByHand, PassingOn]) {
      const started = startHttpApp('Express', { imports: [CacheModule.forRoot()], controllers: [controller] });
      await expect(started).rejects.toThrow(/takes @Res\(\) or @Next\(\)/);
    }
  });

  it.each([
    ['`vary`', { vary: 'cookie' }, 'LARDER_OPTION_INVALID'],
    ['`vary`', { vary: ['not a name'] }, 'LARDER_OPTION_INVALID'],
    ['`maxAge`', { maxAge: -1 }, 'LARDER_DURATION_INVALID'],
    ['scope name', { scope: 'a b' }, 'LARDER_KEY_INVALID'],
  ])('stops the boot at %s for %j', async (field, options, code) => {
    @Controller('broken')
    class BrokenController {
      @Get()
      @CachedResponse(options as never)
      broken() {
        return 'x';
      }
    }
    const started = startHttpApp('Express', { imports: [CacheModule.forRoot()], controllers: [BrokenController] });
    await expect(started).rejects.toMatchObject({ code, message: expect.stringContaining(field) });
  });

  it('stops the boot where two routes of a scope have one name', async () => {
    @CacheScope('item')
    @Controller('others')
    class OtherController {
      @Get()
      @CachedResponse(60)
      plain() {
        return 'x';
      }
    }
    const controllers = [ItemController, OtherController];
    const started = startHttpApp('Express', {
      imports: [CacheModule.forRoot()],
      controllers,
      providers: [Calls, UserGuard],
    });
    await expect(started).rejects.toThrow(/ItemController\.plain and OtherController\.plain/);
  });

  it('runs the handler where there is no CacheModule', async () => {
    const app = await startHttpApp('Express', { controllers: [ItemController], providers: [Calls, UserGuard] });
    for (const call of [1, 2]) {
      const { body } = await request(app.getHttpServer()).get('/items/plain/1').expect(200);
      expect(body.call).toBe(call);
    }
    await app.close();
  });
});
