import {
  Controller,
  Get,
  Inject,
  Injectable,
  Scope,
  type CanActivate,
  type ExecutionContext,
  type INestApplication,
  type Provider,
} from '@nestjs/common';
import { Cached, CacheModule, CacheScope, type AdminOptions } from 'nestjs-larder';
import { of } from 'rxjs';
import request from 'supertest';
import { PLATFORMS, startHttpApp, WarningLog } from './http-app.js';

@CacheScope('user')
@Injectable()
class UserService {
  @Cached(60)
  async getUser(id: number): Promise<number> {
    return id;
  }
}

@Injectable()
class Passwords {
  readonly password = 'opensesame';
}

@Injectable()
class PasswordGuard implements CanActivate {
  constructor(@Inject(Passwords) private readonly passwords: Passwords) {}

  canActivate(context: ExecutionContext): boolean {
    return context.switchToHttp().getRequest().headers['x-password'] === this.passwords.password;
  }
}

@Injectable({ scope: Scope.REQUEST })
class RequestScopedGuard extends PasswordGuard {
  constructor(@Inject(Passwords) passwords: Passwords) {
    super(passwords);
  }
}

function mayPass(context: ExecutionContext): boolean {
  return context.switchToHttp().getRequest().headers['x-password'] === 'opensesame';
}

/** Depends on nothing, so that it need not be a provider. */
class PlainGuard implements CanActivate {
  canActivate(context: ExecutionContext) {
    return Promise.resolve(mayPass(context));
  }
}

@Controller('greeting')
class GreetingController {
  @Get()
  greet() {
    return 'hello';
  }
}

describe.each(PLATFORMS)('access to the admin routes on %s', (platform) => {
  let app: INestApplication;
  let log: WarningLog;

  async function start(admin?: AdminOptions | false, providers: Provider[] = [], async = false) {
    const options = admin === undefined ? {} : { admin };
    const root = async ? CacheModule.forRootAsync({ useFactory: () => options }) : CacheModule.forRoot(options);
    log = new WarningLog();
    app = await startHttpApp(
      platform,
      { imports: [root], controllers: [GreetingController], providers: [UserService, ...providers] },
      { logger: log },
    );
  }
  const clear = (headers: Record<string, string> = {}) =>
    request(app.getHttpServer()).post('/user/cache/clear').set(headers);

  afterEach(() => app?.close());

  describe('without a configured guard', () => {
    beforeEach(() => start());

    it('is open to this machine', async () => {
      await clear().expect(200);
      await clear({ Host: 'localhost:3000' }).expect(200);
      await clear({ Host: '[::1]:3000' }).expect(200);
    });

    it.each([
      { 'X-Forwarded-For': '127.0.0.1' },
      { 'X-Forwarded-Proto': 'https' },
      { 'X-Real-IP': '127.0.0.1' },
      { Forwarded: 'for=127.0.0.1' },
      { Via: '1.1 proxy' },
      { Host: 'rebound.example' },
      { Host: '127.0.0.1.example' },
    ])('is closed to a request with %j, and says how to open it', async (headers) => {
      const { body, headers: sent } = await clear(headers as unknown as Record<string, string>).expect(403);
      expect(body).toMatchObject({
        success: false,
        statusCode: 403,
        error: 'Forbidden',
        code: 'LARDER_ADMIN_FORBIDDEN',
      });
      expect(body.message).toContain('admin: { guard: AdminGuard }');
      expect(sent['cache-control']).toBe('no-store');
    });

    it('tells a closed route from an unknown scope to nobody', async () => {
      const asked = request(app.getHttpServer()).post('/nobody/cache/clear').set('Via', '1.1 proxy');
      expect((await asked.expect(403)).body.known_scopes).toBeUndefined();
    });

    it('warns once', async () => {
      await clear({ Via: '1.1 proxy' });
      await clear({ Via: '1.1 proxy' });
      await request(app.getHttpServer()).post('/user/cache/delete').set('Via', '1.1 proxy');
      expect(log.warnings.filter((text) => text.includes('admin request'))).toHaveLength(1);
    });
  });

  it.each([undefined, { public: true }, { token: 'a-token' }])(
    'is closed to pages of other sites, whatever opens it: %j',
    async (admin) => {
      await start(admin);
      const { body } = await clear({ 'Sec-Fetch-Site': 'cross-site', Authorization: 'Bearer a-token' }).expect(403);
      expect(body.message).toContain('cross-site');
      await clear({ 'Sec-Fetch-Site': 'same-origin', Authorization: 'Bearer a-token' }).expect(200);
    },
  );

  it('opens to everybody by `public`', async () => {
    await start({ public: true });
    await clear({ 'X-Forwarded-For': '203.0.113.9', Host: 'shop.example' }).expect(200);
  });

  it.each([false, true])('opens to who has the token (options made later: %s)', async (async) => {
    await start({ token: 'correct-horse' }, [], async);
    const { body, headers } = await clear().expect(401);
    expect(body).toMatchObject({ statusCode: 401, code: 'LARDER_ADMIN_UNAUTHORIZED' });
    expect(headers['www-authenticate']).toBe('Bearer');
    for (const wrong of [
      'Bearer correct',
      'Bearer correct-horse-',
      'Basic correct-horse',
      'correct-horse',
      'Bearer ',
    ]) {
      await clear({ Authorization: wrong }).expect(401);
    }
    await clear({ Authorization: 'Bearer correct-horse', 'X-Forwarded-For': '203.0.113.9' }).expect(200);
  });

  it.each<[string, AdminOptions, Provider[]]>([
    ['a provider', { guard: PasswordGuard }, [Passwords, PasswordGuard]],
    ['a request-scoped provider', { guard: RequestScopedGuard }, [Passwords, RequestScopedGuard]],
    ['a class that is no provider', { guard: PlainGuard }, []],
    ['an instance', { guard: new PlainGuard() }, []],
    ['an instance that answers with an Observable', { guard: { canActivate: (context) => of(mayPass(context)) } }, []],
  ])('is decided by a guard that is %s', async (_, admin, providers) => {
    await start(admin, providers);
    await clear().expect(403);
    await clear({ 'X-Password': 'opensesame', 'X-Forwarded-For': '203.0.113.9' }).expect(200);
  });

  it('leaves the routes of the application alone', async () => {
    await start();
    await request(app.getHttpServer()).get('/greeting').set('Via', '1.1 proxy').expect(200, 'hello');
  });

  it('can be closed for good, also by options that are made later', async () => {
    await start(false, [], true);
    await clear().expect(404);
  });
});

describe('access to the admin routes', () => {
  it.each<[string, unknown]>([
    ['`admin`', { token: 'a', public: true }],
    ['`admin.token`', { token: '' }],
    ['`admin.token`', { token: 7 }],
    ['`admin.guard`', { guard: {} }],
    ['`admin.public`', { public: 'yes' }],
    ['`admin`', 'open'],
  ])('stops the boot at %s for %j', async (field, admin) => {
    const imports = [CacheModule.forRoot({ admin: admin as AdminOptions })];
    const error = await startHttpApp('Express', { imports }).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'LARDER_OPTION_INVALID', message: expect.stringContaining(field) });
  });

  it('stops the boot for a guard whose dependencies are missing', async () => {
    const imports = [CacheModule.forRoot({ admin: { guard: PasswordGuard } })];
    await expect(startHttpApp('Express', { imports })).rejects.toThrow(/Passwords/);
  });

  it('stops the boot where one scope is given to two', async () => {
    const imports = [
      CacheModule.forRoot(),
      CacheModule.forFeature([UserService], { admin: { token: 'a' } }),
      CacheModule.forFeature([UserService], { admin: { public: true } }),
    ];
    await expect(startHttpApp('Express', { imports, providers: [UserService] })).rejects.toThrow(/scope user/);
  });
});
