import { Injectable, Module, VersioningType, type INestApplication, type ModuleMetadata } from '@nestjs/common';
import { Cached, CacheModule, CacheScope, memory, type CacheModuleOptions } from 'nestjs-larder';
import request from 'supertest';
import { PLATFORMS, startHttpApp, type HttpAppOptions } from './http-app.js';

@CacheScope('user')
@Injectable()
class UserService {
  calls = 0;

  @Cached(60)
  async getUser(id: number): Promise<string> {
    this.calls += 1;
    return `user ${id}`;
  }

  @Cached(60)
  async getUserProfile(id: number): Promise<string> {
    return `profile ${id}`;
  }
}

@Injectable()
class OrderItemService {
  @Cached(60)
  async find(id: number): Promise<number> {
    return id;
  }
}

@Injectable()
class PlainService {
  async find(id: number): Promise<number> {
    return id;
  }
}

@Injectable()
class SwitchedOffService {
  @Cached({ enabled: false })
  async find(id: number): Promise<number> {
    return id;
  }
}

const SERVICES = [UserService, OrderItemService, PlainService, SwitchedOffService];

describe.each(PLATFORMS)('the admin routes on %s', (platform) => {
  let app: INestApplication;
  let users: UserService;

  async function start(
    options: CacheModuleOptions = {},
    more: HttpAppOptions = {},
    features: ModuleMetadata['imports'] = [],
  ) {
    const imports = [CacheModule.forRoot(options), ...features];
    app = await startHttpApp(platform, { imports, providers: SERVICES }, more);
    users = app.get(UserService);
  }
  const post = (path: string, body?: object | string) => {
    const sent = request(app.getHttpServer()).post(path);
    return body === undefined ? sent : sent.set('Content-Type', 'application/json').send(body);
  };
  const fill = () => Promise.all([users.getUser(1), users.getUser(2), users.getUserProfile(1)]);

  afterEach(() => app.close());

  describe('exist without user code', () => {
    beforeEach(() => start());

    it('clear a scope', async () => {
      await fill();
      await app.get(OrderItemService).find(1);
      const { body, headers } = await post('/user/cache/clear').expect(200);
      expect(body).toEqual({
        success: true,
        scope: 'user',
        action: 'clear',
        invalidated_count: 3,
        request_id: expect.any(String),
        at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      });
      expect(headers['cache-control']).toBe('no-store');
      expect((await post('/user/cache/clear', {}).expect(200)).body.invalidated_count).toBe(0);
      expect((await post('/order_item/cache/clear').expect(200)).body.invalidated_count).toBe(1);
    });

    it('delete one entry', async () => {
      await fill();
      const { body } = await post('/user/cache/delete', { key: 'getUser:1' }).expect(200);
      expect(body).toMatchObject({
        success: true,
        scope: 'user',
        action: 'delete',
        key: 'getUser:1',
        invalidated_count: 1,
      });
      expect((await post('/user/cache/delete', { key: 'getUser:1' }).expect(200)).body.invalidated_count).toBe(0);
      await Promise.all([users.getUser(1), users.getUser(2)]);
      expect(users.calls).toBe(3);
    });

    it('revoke by pattern', async () => {
      await fill();
      const { body } = await post('/user/cache/revoke', { pattern: 'getUser:*', reason: 'import' }).expect(200);
      expect(body).toMatchObject({ success: true, action: 'revoke', pattern: 'getUser:*', invalidated_count: 2 });
      expect((await post('/user/cache/revoke', { pattern: '*' }).expect(200)).body.invalidated_count).toBe(1);
    });

    it.each(['nobody', 'plain', 'switched_off'])(
      'answer 404 for the scope %s and name the known ones',
      async (scope) => {
        const { body } = await post(`/${scope}/cache/clear`).expect(404);
        expect(body).toMatchObject({
          success: false,
          code: 'LARDER_SCOPE_UNKNOWN',
          known_scopes: ['order_item', 'user'],
          message: expect.stringContaining('order_item, user'),
        });
      },
    );

    it('answer to POST only', async () => {
      await request(app.getHttpServer()).get('/user/cache/clear').expect(404);
    });

    it.each([
      ['delete', undefined, 'key', 'undefined'],
      ['delete', {}, 'key', 'undefined'],
      ['delete', { key: '' }, 'key', '""'],
      ['delete', { key: 7 }, 'key', '7'],
      ['delete', { key: null }, 'key', 'null'],
      ['delete', { key: ['a'] }, 'key', 'an array'],
      ['delete', { key: 'k'.repeat(1025) }, 'key', '1025 characters'],
      ['delete', { key: 'é'.repeat(513) }, 'key', '513 characters'],
      ['delete', { key: 'getUser:1', keys: [] }, 'keys', 'no field `keys`'],
      ['revoke', {}, 'pattern', 'undefined'],
      ['revoke', { pattern: '' }, 'pattern', '""'],
      ['revoke', { pattern: false }, 'pattern', 'false'],
      ['revoke', { pattern: '/(/' }, 'pattern', '/(/'],
      ['revoke', { pattern: 'p'.repeat(1001) }, 'pattern', '1001 characters'],
      ['clear', { key: 'getUser:1' }, 'key', 'no field `key`'],
      ['clear', { reason: 'r'.repeat(257) }, 'reason', '257 characters'],
    ])('answer 400 to %s with %j', async (action, sent, field, got) => {
      await fill();
      const { body } = await post(`/user/cache/${action}`, sent).expect(400);
      expect(body).toMatchObject({ success: false, statusCode: 400, error: 'Bad Request', field });
      expect(body.code).toMatch(/^LARDER_(REQUEST|PATTERN)_/);
      expect(body.message).toMatch(/^Expected .+\. [A-Z].+\.$/s);
      expect(body.message).toContain(got);
      await users.getUser(1);
      expect(users.calls).toBe(2);
    });

    it.each(['[]', '"text"', '7'])('answer 400 to the body %s', async (text) => {
      const { body } = await post('/user/cache/delete', text).expect(400);
      expect(body.message).toEqual(expect.any(String));
    });

    it('answer 400 to what is not JSON', async () => {
      const { body } = await post('/user/cache/delete', '{"key": ').expect(400);
      expect(body).toMatchObject({ statusCode: 400, message: expect.stringContaining('JSON') });
    });

    it.each(['text/plain', 'application/x-www-form-urlencoded'])(
      'answer 415 to %s, as a form would send it',
      async (type) => {
        await fill();
        const sent = request(app.getHttpServer()).post('/user/cache/clear').set('Content-Type', type);
        const { body } = await sent.send('key=getUser:1').expect(415);
        expect(body).toMatchObject({ code: 'LARDER_REQUEST_INVALID', message: expect.stringContaining(type) });
      },
    );
  });

  it.each([
    ['the global prefix', (known: INestApplication) => known.setGlobalPrefix('api'), '/api/user'],
    [
      'versions in the path',
      (known: INestApplication) => known.enableVersioning({ type: VersioningType.URI, defaultVersion: '1' }),
      '/v1/user',
    ],
  ])('respect %s', async (_, configure, base) => {
    await start({}, { configure });
    await fill();
    expect((await post(`${base}/cache/clear`).expect(200)).body.invalidated_count).toBe(3);
    await post('/user/cache/clear').expect(404);
  });

  it('stand behind the guards of the application', async () => {
    const deny = { canActivate: () => false };
    await start({}, { configure: (known) => known.useGlobalGuards(deny) });
    await post('/user/cache/clear').expect(403);
  });

  it('are not there with `admin: false`', async () => {
    await start({ admin: false });
    await post('/user/cache/clear').expect(404);
  });

  it('do not say success when the invalidation did not reach the log', async () => {
    const tier = memory();
    const create = tier.create.bind(tier);
    tier.create = () => {
      const parts = create();
      parts.log.append = () => Promise.reject(new Error('the log is away'));
      return parts;
    };
    await start({ backend: tier });
    await fill();
    const { body } = await post('/user/cache/delete', { key: 'getUser:1' }).expect(503);
    expect(body).toMatchObject({
      success: false,
      code: 'LARDER_INVALIDATION_FAILED',
      message: expect.stringContaining('Repeat'),
    });
    await users.getUser(1);
    expect(users.calls).toBe(3);
  });

  describe('of a feature', () => {
    it('are there once, though named twice and by two services, and leave the others alone', async () => {
      @CacheScope('user')
      @Injectable()
      class UserQueries {
        @Cached(60)
        async count(): Promise<number> {
          return 2;
        }
      }
      @Module({ imports: [CacheModule.forFeature([UserService, PlainService]), CacheModule.forFeature([UserQueries])] })
      class FeatureModule {}
      await start({}, {}, [CacheModule.forFeature([UserService]), FeatureModule]);
      await fill();
      await app.get(OrderItemService).find(1);
      expect((await post('/user/cache/clear').expect(200)).body.invalidated_count).toBe(3);
      expect((await post('/order_item/cache/clear').expect(200)).body.invalidated_count).toBe(1);
      await post('/plain/cache/clear').expect(404);
      await post('/none/cache/clear').expect(404);
    });

    it('may have an access of their own, under either path', async () => {
      const admin = { token: 'of-users' };
      await start({ admin: { token: 'of-all' } }, {}, [CacheModule.forFeature([UserService], { admin })]);
      const asked = (path: string, token: string) => post(path).set('Authorization', `Bearer ${token}`);
      await asked('/user/cache/clear', 'of-users').expect(200);
      await asked('/user/cache/clear', 'of-all').expect(401);
      await asked('/order_item/cache/clear', 'of-users').expect(401);
      await asked('/order_item/cache/clear', 'of-all').expect(200);
    });
  });
});
