import { Injectable, type CanActivate, type ExecutionContext, type INestApplication } from '@nestjs/common';
import {
  Cached,
  CacheModule,
  CacheScope,
  InMemoryAuditStore,
  type AdminCommand,
  type AdminOptions,
  type AdminPrincipal,
} from 'nestjs-larder';
import { ManualClock } from 'nestjs-larder/testing';
import request from 'supertest';
import { PLATFORMS, startHttpApp } from './http-app.js';

@CacheScope('user')
@Injectable()
class UserService {
  @Cached(60)
  async get(id: number): Promise<number> {
    return id;
  }
}

@CacheScope('order')
@Injectable()
class OrderService {
  @Cached(60)
  async get(id: number): Promise<number> {
    return id;
  }
}

/** Takes whom the header names for the user; nobody without one. */
const signIn: CanActivate = {
  canActivate(context: ExecutionContext) {
    const sent = context.switchToHttp().getRequest();
    const [id, ...roles] = (sent.headers['x-user'] ?? '').split(' ');
    if (id !== '') sent.user = { id, roles };
    return true;
  },
};

const AGENT = { 'X-Forwarded-For': '203.0.113.9' };

describe.each(PLATFORMS)('behind the guard of the admin routes, on %s,', (platform) => {
  let app: INestApplication;
  let audit: InMemoryAuditStore;
  let clock: ManualClock;

  async function start(admin?: AdminOptions) {
    audit = new InMemoryAuditStore();
    clock = new ManualClock();
    const root = CacheModule.forRoot({ audit, clock, ...(admin === undefined ? {} : { admin }) });
    app = await startHttpApp(
      platform,
      { imports: [root], providers: [UserService, OrderService] },
      { configure: (known) => void known.useGlobalGuards(signIn) },
    );
  }
  const post = (path: string, body: object, user = '') =>
    request(app.getHttpServer()).post(path).set('X-User', user).send(body);
  const keys = (user = '', ...asked: string[]) => post('/invalidate/key', { keys: asked }, user);
  const pattern = (text: string, user = '') => post('/invalidate/pattern', { pattern: text }, user);
  const refusals = async () =>
    (await audit.list({ pattern: 'refused: ' })).records.map(({ pattern: what, triggeredBy, reason }) => [
      what,
      triggeredBy,
      reason,
    ]);

  afterEach(() => app.close());

  describe('commands are counted', () => {
    beforeEach(() => start({ guard: signIn }));

    it('by caller, 30 a minute over all routes', async () => {
      for (let n = 0; n < 10; n += 1) {
        await keys('ann', 'user:get:1').expect(200);
        await pattern('user:get:1*', 'ann').expect(200);
        await post('/user/cache/delete', { key: 'get:1' }, 'ann').expect(200);
      }
      for (const refused of [
        keys('ann', 'user:get:1'),
        pattern('user:get:*', 'ann'),
        post('/user/cache/delete', { key: 'get:1' }, 'ann'),
      ]) {
        const { body, headers } = await refused.expect(429);
        expect(body).toMatchObject({ success: false, statusCode: 429, code: 'LARDER_RATE_LIMITED', retry_after: 60 });
        expect(headers['retry-after']).toBe('60');
      }
      await keys('bob', 'user:get:1').expect(200);
      clock.advance(59_000);
      await keys('ann', 'user:get:1').expect(429);
      clock.advance(1_000);
      await keys('ann', 'user:get:1').expect(200);
    });

    it('and of those, 6 may empty a scope or everything', async () => {
      for (const clear of [pattern('*', 'ann'), pattern('user:*', 'ann'), post('/user/cache/clear', {}, 'ann')]) {
        await clear.expect(200);
      }
      for (let n = 0; n < 3; n += 1) await post('/order/cache/clear', {}, 'ann').expect(200);
      for (const refused of [pattern('*', 'ann'), pattern('order:*', 'ann'), post('/user/cache/clear', {}, 'ann')]) {
        expect((await refused.expect(429)).body.message).toContain('at most 6 clears per minute');
      }
      await pattern('user:get:*', 'ann').expect(200);
    });

    it('and so are looks into the audit, but not at the metrics', async () => {
      const look = (path: string) => request(app.getHttpServer()).get(path).set('X-User', 'ann');
      for (let n = 0; n < 30; n += 1) await look('/audit/logs').expect(200);
      await look('/audit/logs').expect(429);
      for (let n = 0; n < 40; n += 1) await look('/invalidate/metrics').expect(200);
      await keys('ann', 'user:get:1').expect(200);
    });
  });

  it('as often as the options say', async () => {
    await start({ commandsPerMinute: 2, clearsPerMinute: 1 });
    await pattern('*').expect(200);
    await pattern('*').expect(429);
    await keys('', 'user:get:1').expect(429);
  });

  describe('commands are allowed by scope', () => {
    const asked: [string, string | null, AdminCommand][] = [];
    const canInvalidate = async ({ name }: AdminPrincipal, scope: string | null, command: AdminCommand) => {
      asked.push([name, scope, command]);
      return name === 'user:root' || (name === 'user:ann' && scope === 'user' && command !== 'clear');
    };
    beforeEach(async () => {
      asked.length = 0;
      await start({ guard: signIn, canInvalidate });
    });

    it('whatever route they take', async () => {
      await keys('ann', 'user:get:1', 'user:get:2').expect(200);
      await pattern('user:get:*', 'ann').expect(200);
      await pattern('^user:get:[12]$', 'ann').expect(200);
      await post('/user/cache/revoke', { pattern: '*' }, 'ann').expect(200);
      await pattern('*', 'root').expect(200);
      await post('/order/cache/clear', {}, 'root').expect(200);
      expect(asked).toEqual([
        ['user:ann', 'user', 'delete'],
        ['user:ann', 'user', 'revoke'],
        ['user:ann', 'user', 'revoke'],
        ['user:ann', 'user', 'revoke'],
        ['user:root', null, 'clear'],
        ['user:root', 'order', 'clear'],
      ]);
    });

    it('and nothing is done where one of them is not', async () => {
      const users = app.get(UserService);
      await users.get(1);
      for (const refused of [
        keys('ann', 'user:get:1', 'order:get:1'),
        keys('ann', 'user:get:1', 'nothing'),
        keys('bob', 'user:get:1'),
        pattern('user:*', 'ann'),
        pattern('us*', 'ann'),
        pattern('*:1', 'ann'),
        pattern('/user:/', 'ann'),
        pattern('^user:get:1|order:get:1', 'ann'),
        post('/user/cache/clear', {}, 'ann'),
        post('/order/cache/delete', { key: 'get:1' }, 'ann'),
        post('/invalidate/pattern', { pattern: '*', dry_run: true }, 'ann'),
      ]) {
        const { body } = await refused.expect(403);
        expect(body).toMatchObject({ code: 'LARDER_ADMIN_FORBIDDEN' });
        expect(body.message).toContain('canInvalidate');
      }
      const dry = await post('/invalidate/key', { keys: ['user:get:1'], dry_run: true }, 'root').expect(200);
      expect(dry.body.count).toBe(1);
    });
  });

  it('roles may open the routes', async () => {
    await start({ roles: ['cache-admin', 'root'] });
    await keys('ann cook cache-admin', 'user:get:1').set(AGENT).expect(200);
    for (const user of ['ann cook', 'ann', '']) {
      expect((await keys(user, 'user:get:1').expect(403)).body.message).toContain('admin.roles');
    }
  });

  describe('refusals are in the audit', () => {
    it('before they are answered, and those that follow within the minute as one row', async () => {
      await start({ token: 'correct-horse' });
      for (let n = 0; n < 5; n += 1) await keys('', 'user:get:1').expect(401);
      await request(app.getHttpServer()).get('/audit/logs').expect(401);
      const first = [
        ['refused: GET /audit/logs', 'peer:127.0.0.1', 'LARDER_ADMIN_UNAUTHORIZED'],
        ['refused: POST /invalidate/key', 'peer:127.0.0.1', 'LARDER_ADMIN_UNAUTHORIZED'],
      ];
      const shown = (await refusals()).map(([what, who, why]) => [what, who!.replace('::ffff:', ''), why]);
      expect(shown).toEqual(first);
      clock.advance(60_000);
      expect((await refusals())[0]).toEqual([
        'refused: POST /invalidate/key',
        expect.stringMatching(/^peer:/),
        'LARDER_ADMIN_UNAUTHORIZED, 4 more within a minute',
      ]);
      expect(await refusals()).toHaveLength(3);
      await keys('', 'user:get:1').expect(401);
      expect(await refusals()).toHaveLength(4);
    });

    it('at the latest when the application stops', async () => {
      await start();
      for (let n = 0; n < 3; n += 1) await keys('', 'user:get:1').set(AGENT).expect(403);
      expect(await refusals()).toHaveLength(1);
      await app.close();
      expect((await refusals())[0]![2]).toBe('LARDER_ADMIN_FORBIDDEN, 2 more within a minute');
    });

    it.each<[string, AdminOptions | undefined, Record<string, string>, number]>([
      ['another machine', undefined, AGENT, 403],
      ['a page of another site', { public: true }, { 'Sec-Fetch-Site': 'cross-site' }, 403],
      ['a guard', { guard: { canActivate: () => false } }, {}, 403],
      ['a limit', { commandsPerMinute: 1, public: true }, {}, 429],
    ])('that of %s too, and are counted', async (_, admin, headers, status) => {
      await start(admin);
      if (status === 429) await keys('', 'user:get:1').expect(200);
      const { headers: sent } = await keys('', 'user:get:1').set(headers).expect(status);
      expect(sent['cache-control']).toBe('no-store');
      expect(sent['access-control-allow-origin']).toBeUndefined();
      expect((await refusals()).map(([what]) => what)).toEqual(['refused: POST /invalidate/key']);
    });

    it('without end of kinds they share rows', async () => {
      await start();
      for (let n = 0; n < 150; n += 1) {
        await post(`/scope${n}/cache/clear`, {}).set(AGENT).expect(403);
      }
      expect(await refusals()).toHaveLength(50); // of one page
      expect((await audit.list()).totalCount).toBe(101);
      clock.advance(60_000);
      expect((await refusals())[0]).toEqual(['refused: several routes', 'several', expect.stringContaining('49 more')]);
    });
  });
});

describe('the options of the gate', () => {
  it.each<[string, unknown]>([
    ['`admin`', { roles: ['a'], token: 'b' }],
    ['`admin.roles`', { roles: [] }],
    ['`admin.roles`', { roles: 'root' }],
    ['`admin.canInvalidate`', { canInvalidate: true }],
    ['`admin.commandsPerMinute`', { commandsPerMinute: 0 }],
    ['`admin.clearsPerMinute`', { clearsPerMinute: '6' }],
  ])('stop the boot at %s for %j', async (field, admin) => {
    const imports = [CacheModule.forRoot({ admin: admin as AdminOptions })];
    const error = await startHttpApp('Express', { imports }).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'LARDER_OPTION_INVALID', message: expect.stringContaining(field) });
  });
});
