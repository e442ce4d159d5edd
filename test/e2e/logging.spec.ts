import { Controller, Get, Injectable, Logger, Param, type INestApplication, type LoggerService } from '@nestjs/common';
import {
  Cached,
  CacheModule,
  CacheScope,
  CacheService,
  InMemoryAuditStore,
  type CacheModuleOptions,
  type KeyPolicyOptions,
} from 'nestjs-larder';
import { ManualClock } from 'nestjs-larder/testing';
import request from 'supertest';
import { startHttpApp } from './http-app.js';

const SECRET = 'sixteen characters or more';
const PERSON = 'jane@example.org';

@CacheScope('user')
@Injectable()
class Users {
  fails = false;

  @Cached({ ttl: 60, when: (name: string) => name !== 'nobody' })
  async getUser(name: string): Promise<{ name: string }> {
    return { name };
  }

  @Cached({ ttl: 60, grace: '1h' })
  async lately(name: string): Promise<{ name: string }> {
    if (this.fails) throw Object.assign(new TypeError(`no user called ${name}`), { code: 'ENOUSER' });
    return { name };
  }
}

@Controller('users')
class UsersController {
  constructor(private readonly users: Users) {}

  @Get(':name')
  get(@Param('name') name: string): Promise<{ name: string }> {
    return this.users.getUser(name);
  }
}

/** Remembers every line, with its level. */
class Lines implements LoggerService {
  readonly all: string[] = [];
  readonly log = (message: string) => void this.all.push(`log ${message}`);
  readonly warn = (message: string) => void this.all.push(`warn ${message}`);
  readonly error = (message: string) => void this.all.push(`error ${message}`);
  readonly debug = (message: string) => void this.all.push(`debug ${message}`);
  readonly verbose = (message: string) => void this.all.push(`verbose ${message}`);

  of(level: string): string[] {
    return this.all.filter((line) => line.startsWith(`${level} `)).map((line) => line.slice(level.length + 1));
  }
}

describe('the log of an application', () => {
  let app: INestApplication;
  let lines: Lines;
  let clock: ManualClock;

  async function start(options: CacheModuleOptions = {}): Promise<Users> {
    clock = new ManualClock();
    lines = new Lines();
    const metadata = {
      imports: [CacheModule.forRoot({ admin: { public: true }, ...options, clock })],
      controllers: [UsersController],
      providers: [Users],
    };
    app = await startHttpApp('Express', metadata, { logger: lines });
    return app.get(Users);
  }

  afterEach(() => app.close());

  it('names each read where that is asked for', async () => {
    const users = await start({ logging: { reads: true } });
    await users.getUser('ann');
    await users.getUser('ann');
    await users.getUser('nobody');
    await users.lately('bob');
    clock.advance(60_000);
    await users.lately('bob');
    clock.advance(60_000);
    users.fails = true;
    await users.lately('bob');
    expect(lines.of('debug')).toEqual([
      'Cache miss: user/getUser:ann',
      'Cache hit: user/getUser:ann',
      'Cache bypassed: user/getUser',
      'Cache miss: user/lately:bob',
      'Cache expired: user/lately:bob',
      'Cache stale: user/lately:bob',
    ]);
  });

  it('says nothing of reads where it is not, or where debug lines would not be written', async () => {
    const read = async (users: Users) => {
      await users.getUser('ann');
      await users.getUser('ann');
    };
    await read(await start());
    expect(lines.of('debug')).toEqual([]);
    await app.close();
    Logger.overrideLogger(['log', 'warn', 'error']);
    try {
      await read(await start({ logging: { reads: true } }));
      expect(lines.of('debug')).toEqual([]);
    } finally {
      Logger.overrideLogger(['log', 'warn', 'error', 'debug', 'verbose', 'fatal']);
    }
  });

  it.each<[KeyPolicyOptions, RegExp]>([
    [{ show: 'hmac', secret: SECRET }, /^Cache (?:miss|hit): user\/getUser hmac:[0-9a-f]{32}$/],
    [{ show: 'omit' }, /^Cache (?:miss|hit): user\/getUser$/],
  ])('shows keys as %p says, and what errors say not at all', async (keyPolicy, line) => {
    const users = await start({ logging: { reads: true }, keyPolicy, cacheStatus: true });
    await users.getUser(PERSON);
    await users.getUser(PERSON);
    const debug = lines.of('debug');
    expect(debug).toEqual([expect.stringMatching(line), expect.stringMatching(line)]);
    // Both lines tell of the same key.
    expect(debug[1]!.replace('hit', 'miss')).toBe(debug[0]);
    const answer = await request(app.getHttpServer()).get(`/users/${PERSON}`);
    expect(answer.headers['cache-status']).toMatch(/^larder; hit/);
    expect(answer.headers['cache-status']).not.toContain('jane');

    await users.lately(PERSON);
    clock.advance(60_000);
    users.fails = true;
    await users.lately(PERSON);
    await clock.advanceAsync(0);
    expect(lines.of('warn').filter((text) => text.includes('failed to renew'))).toEqual([
      expect.stringMatching(/\(user\.lately; reported once\)\. TypeError ENOUSER$/),
    ]);
    expect(lines.all.join('\n')).not.toContain('jane');
  });

  it('is not flooded by trouble: one line at once, and one a minute that says how many came between', async () => {
    class FullAudit extends InMemoryAuditStore {
      override append(): never {
        throw new Error('disk full');
      }
    }
    await start({ audit: new FullAudit() });
    const cache = app.get(CacheService);
    for (let times = 0; times < 500; times += 1) await cache.delete('key');
    expect(lines.of('error')).toEqual([expect.stringMatching(/what it tells of stands\. disk full$/)]);
    clock.advance(60_000);
    await cache.delete('key');
    expect(lines.of('error')).toHaveLength(2);
    expect(lines.of('error')[1]).toMatch(/disk full \(and 499 more of this kind before it\)$/);
  });

  describe.each<[KeyPolicyOptions, RegExp]>([
    [{ show: 'hmac', secret: SECRET, audit: true }, /^hmac:[0-9a-f]{32}$/],
    [{ show: 'omit', secret: SECRET, audit: true }, /^\(omitted\)$/],
  ])('and the audit, under %p,', (keyPolicy, shown) => {
    const post = (path: string, body: object) => request(app.getHttpServer()).post(path).send(body);

    it('hold no key and no pattern, and still tell a repetition from a conflict', async () => {
      const users = await start({ keyPolicy });
      await users.getUser(PERSON);
      const key = `user:getUser:${PERSON}`;
      const order = { keys: [key], triggered_by: 'crm', request_id: 'one' };
      const first = await post('/invalidate/key', order);
      expect(first.body).toMatchObject({ success: true, keys: [key], invalidated_count: 1 });
      expect((await post('/invalidate/key', order)).body).toEqual(first.body);
      expect((await post('/invalidate/key', { ...order, keys: ['user:other'] })).status).toBe(409);

      const pattern = { pattern: `*${PERSON}*`, request_id: 'two' };
      const matched = await post('/invalidate/pattern', pattern);
      expect(matched.body).toMatchObject({ pattern: pattern.pattern, request_id: 'two' });
      expect((await post('/invalidate/pattern', pattern)).body).toMatchObject({
        pattern: pattern.pattern,
        invalidated_count: matched.body.invalidated_count,
      });
      await post('/user/cache/delete', { key: `getUser:${PERSON}` });

      const { body } = await request(app.getHttpServer()).get('/audit/logs');
      expect(body.total_count).toBe(3);
      expect(JSON.stringify(body)).not.toContain('jane');
      for (const row of body.logs) expect(row.pattern).toMatch(shown);
    });
  });

  it.each<[CacheModuleOptions, string]>([
    [{ logging: { reads: 'yes' as never } }, '`logging.reads`'],
    [{ keyPolicy: { show: 'hash' as never } }, '`keyPolicy.show`'],
    [{ keyPolicy: { show: 'hmac' } }, '`keyPolicy.secret`'],
    [{ keyPolicy: { show: 'hmac', secret: 'short' } }, '`keyPolicy.secret`'],
    [{ keyPolicy: { show: 'omit', audit: true } }, '`keyPolicy.secret`'],
    [{ keyPolicy: { audit: 1 as never } }, '`keyPolicy.audit`'],
  ])('cannot be set up by %p', async (options, field) => {
    await start();
    const wrong = startHttpApp('Express', { imports: [CacheModule.forRoot(options)] });
    const error: Error & { code?: string } = await wrong.then(
      () => new Error('it started'),
      (reason) => reason,
    );
    expect(error).toMatchObject({ code: 'LARDER_OPTION_INVALID', message: expect.stringContaining(field) });
    expect(error.message).not.toContain('short');
  });
});
