import { Injectable, type CanActivate, type ExecutionContext, type INestApplication } from '@nestjs/common';
import {
  ClientProxyFactory,
  Transport,
  type ClientOptions,
  type ClientProxy,
  type MicroserviceOptions,
} from '@nestjs/microservices';
import { Test } from '@nestjs/testing';
import {
  Cached,
  CacheModule,
  CacheScope,
  InMemoryAuditStore,
  type AdminOptions,
  type CacheModuleOptions,
} from 'nestjs-larder';
import { CacheMessagesModule, type CacheMessagesOptions } from 'nestjs-larder/microservices';
import { firstValueFrom } from 'rxjs';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../../launcher/free-port.mjs';

const TOKEN = 'a token of the tests';
const TRANSPORTS = ['TCP', 'Redis'] as const;

@CacheScope('user')
@Injectable()
class Users {
  loads = 0;

  @Cached('1h')
  async get(id: number): Promise<string> {
    this.loads += 1;
    return `user ${id}`;
  }
}

/** Lets those pass who say the word. */
@Injectable()
class WordGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    return context.switchToRpc().getData<{ token?: string } | null>()?.token === 'please';
  }
}

interface Answer {
  readonly body?: Record<string, unknown>;
  readonly refused?: Record<string, unknown>;
}

describe.each(TRANSPORTS)('messages over %s', (transport) => {
  let app: INestApplication;
  let client: ClientProxy;
  let users: Users;
  let audit: InMemoryAuditStore;

  async function start(access: CacheMessagesOptions, options: CacheModuleOptions = {}): Promise<void> {
    audit = new InMemoryAuditStore();
    const module = await Test.createTestingModule({
      imports: [
        CacheModule.forRoot({ audit, admin: OPEN, ...options }),
        CacheMessagesModule.forRoot({ services: [Users], ...access }),
      ],
      providers: [Users],
    }).compile();
    app = module.createNestApplication({ logger: false });
    const settings = await settingsOf(transport);
    app.connectMicroservice<MicroserviceOptions>(settings, { inheritAppConfig: true });
    await app.init();
    await app.startAllMicroservices();
    client = ClientProxyFactory.create(settings as ClientOptions) as unknown as ClientProxy;
    await client.connect();
    users = app.get(Users);
  }

  afterEach(async () => {
    await client?.close();
    await app?.close();
  });

  async function send(pattern: string, payload: unknown): Promise<Answer> {
    try {
      return { body: await firstValueFrom(client.send<Record<string, unknown>>(pattern, payload)) };
    } catch (refused) {
      return { refused: refused as Record<string, unknown> };
    }
  }

  const emit = (pattern: string, payload: unknown) =>
    firstValueFrom(client.emit(pattern, payload), { defaultValue: undefined });
  const rows = async () => (await audit.list({ namespace: 'app', limit: 100 })).records;

  it('clear, delete and revoke in a scope, each recorded before its answer', async () => {
    await start({ token: TOKEN });
    for (const id of [1, 2, 3]) await users.get(id);
    expect((await send('cache.user.delete', { token: TOKEN, key: 'get:1', reason: 'wrong' })).body).toMatchObject({
      success: true,
      scope: 'user',
      action: 'delete',
      key: 'get:1',
      invalidated_count: 1,
    });
    expect((await rows())[0]).toMatchObject({ pattern: 'user:get:1', triggeredBy: 'token', reason: 'wrong' });
    expect((await send('cache.user.revoke', { token: TOKEN, pattern: 'get:2*' })).body).toMatchObject({
      invalidated_count: 1,
    });
    expect((await send('cache.user.clear', { token: TOKEN })).body).toMatchObject({ invalidated_count: 1 });
    for (const id of [1, 2, 3]) await users.get(id);
    expect(users.loads).toBe(6);
    expect(await rows()).toHaveLength(3);
  });

  it('invalidate by key and by pattern in the whole namespace, once per request id, and dry', async () => {
    await start({ token: TOKEN });
    for (const id of [1, 2]) await users.get(id);
    const order = { token: TOKEN, keys: ['user:get:1'], triggered_by: 'crm', request_id: 'one' };
    const first = await send('cache.invalidate.key', order);
    expect(first.body).toMatchObject({ success: true, invalidated_count: 1, keys: ['user:get:1'], request_id: 'one' });
    expect(await send('cache.invalidate.key', order)).toEqual(first);
    expect((await send('cache.invalidate.key', { ...order, keys: ['other'] })).refused).toMatchObject({
      statusCode: 409,
      code: 'LARDER_REQUEST_CONFLICT',
    });
    const pattern = { token: TOKEN, pattern: 'user:get:*' };
    expect((await send('cache.invalidate.pattern', { ...pattern, dry_run: true })).body).toMatchObject({ count: 1 });
    expect((await send('cache.invalidate.pattern', pattern)).body).toMatchObject({ matched_keys: ['user:get:2'] });
    expect(await rows()).toHaveLength(2);
  });

  it('do the same where no answer is wanted, and survive what they cannot read', async () => {
    await start({ token: TOKEN });
    await users.get(1);
    await emit('cache.user.delete', { token: TOKEN, keys: 7 });
    await emit('cache.user.delete', { key: 'get:1' });
    await emit('cache.user.delete', { token: TOKEN, key: 'get:1' });
    for (const until = Date.now() + 10_000; (await rows()).length < 2 && Date.now() < until;) await sleep(10);
    expect((await rows()).map((row) => row.pattern).sort()).toEqual([
      'refused: MESSAGE cache.user.delete',
      'user:get:1',
    ]);
    await users.get(1);
    expect(users.loads).toBe(2);
  });

  it.each<[string, string, unknown, RegExp]>([
    ['no object', 'cache.user.delete', 'get:1', /LARDER_ADMIN_UNAUTHORIZED/],
    ['a list', 'cache.user.delete', [TOKEN], /LARDER_ADMIN_UNAUTHORIZED/],
    ['a number alone', 'cache.user.delete', 0, /LARDER_ADMIN_UNAUTHORIZED/],
    [
      'no key',
      'cache.user.delete',
      { token: TOKEN },
      /LARDER_REQUEST_INVALID.*Expected `key` to be .*got.*Send e\.g\./,
    ],
    ['a number', 'cache.user.delete', { token: TOKEN, key: 1 }, /Expected `key` .*got `1` \(number\)/],
    ['a field too many', 'cache.user.clear', { token: TOKEN, all: true }, /Expected no field `all`, got one/],
    ['a pattern that is none', 'cache.user.revoke', { token: TOKEN, pattern: '/(/' }, /LARDER_PATTERN_INVALID/],
    ['a key too long', 'cache.user.delete', { token: TOKEN, key: 'k'.repeat(2000) }, /at most 1024 bytes/],
    ['too many keys', 'cache.invalidate.key', { token: TOKEN, keys: Array(1001).fill('k') }, /1 to 1000 keys/],
    [
      'too much',
      'cache.invalidate.pattern',
      { token: TOKEN, pattern: 'a*', cache_keys: Array.from({ length: 9000 }, (_, i) => `key-${i}`) },
      /at most 65536 bytes/,
    ],
  ])('refuse %s, saying what was expected, what came and what to do', async (_, pattern, payload, said) => {
    await start({ token: TOKEN });
    const { refused } = await send(pattern, payload);
    expect(refused).toMatchObject({ success: false, statusCode: expect.any(Number) });
    expect(`${String(refused!.code)} ${String(refused!.message)}`).toMatch(said);
    expect((await send('cache.user.clear', { token: TOKEN })).body).toMatchObject({ success: true });
  });

  it('are closed until something opens them, and say what would', async () => {
    await start({}, { admin: { public: true } });
    await users.get(1);
    for (const payload of [{}, { token: TOKEN }, 0]) {
      expect((await send('cache.user.clear', payload)).refused).toMatchObject({
        statusCode: 403,
        code: 'LARDER_ADMIN_FORBIDDEN',
        message: expect.stringContaining('set `guard`, `token` or `authorize` in CacheMessagesModule.forRoot()'),
      });
    }
    await users.get(1);
    expect(users.loads).toBe(1);
    expect((await rows())[0]).toMatchObject({ pattern: 'refused: MESSAGE cache.user.clear', triggeredBy: 'message' });
  });

  it('open by a guard of the application', async () => {
    await start({ guard: WordGuard });
    expect((await send('cache.user.clear', { token: 'please' })).body).toMatchObject({ success: true });
    expect((await send('cache.user.clear', { token: 'now' })).refused).toMatchObject({ statusCode: 403 });
    expect((await rows()).map((row) => row.pattern)).toEqual(['refused: MESSAGE cache.user.clear', 'tag %scope:user']);
  });

  it('open by a function that names who asks, to whom limits and rights apply as over HTTP', async () => {
    const canInvalidate: AdminOptions['canInvalidate'] = ({ name }, _, command) =>
      name === 'user:root' || command === 'delete';
    const authorize: CacheMessagesOptions['authorize'] = ({ data, pattern }) => {
      const { token } = data as { token?: unknown };
      return pattern.startsWith('cache.user.') && typeof token === 'string' ? token : false;
    };
    await start({ authorize }, { admin: { ...OPEN, canInvalidate, commandsPerMinute: 3 } });
    const ann = (action: string, rest: object = {}) => send(`cache.user.${action}`, { token: 'ann', ...rest });
    expect((await ann('clear')).refused).toMatchObject({ statusCode: 403 });
    expect((await ann('delete', { key: 'get:1' })).body).toMatchObject({ success: true });
    expect((await ann('delete', { key: 'get:2' })).body).toMatchObject({ success: true });
    expect((await ann('delete', { key: 'get:3' })).refused).toMatchObject({
      statusCode: 429,
      code: 'LARDER_RATE_LIMITED',
      retry_after: expect.any(Number),
    });
    expect((await send('cache.user.clear', { token: 'root' })).body).toMatchObject({ success: true });
    expect((await send('cache.invalidate.key', { token: 'root', keys: ['a'] })).refused).toMatchObject({
      statusCode: 403,
    });
    const who = (await rows()).map((row) => row.triggeredBy);
    expect(who).toEqual(expect.arrayContaining(['user:ann', 'user:root', 'message']));
  });

  it('never show the token', async () => {
    await start({ token: TOKEN });
    const said = [await send('cache.user.clear', { token: TOKEN }), await send('cache.user.clear', { token: 'no' })];
    expect(JSON.stringify([said, await rows()])).not.toContain(TOKEN);
  });
});

describe('CacheMessagesModule.forRoot()', () => {
  it.each<[CacheMessagesOptions, string]>([
    [{ token: ' ' }, '`token`'],
    [{ token: TOKEN, authorize: () => true }, '`access`'],
    [{ authorize: 'yes' as never }, '`authorize`'],
    [{ guard: {} as never }, '`guard`'],
  ])('refuses %p', (options, field) => {
    expect(() => CacheMessagesModule.forRoot(options)).toThrow(
      expect.objectContaining({ code: 'LARDER_OPTION_INVALID', message: expect.stringContaining(field) }),
    );
  });
});

/** What HTTP may do does not open the messages. */
const OPEN: AdminOptions = { public: true, commandsPerMinute: Infinity, clearsPerMinute: Infinity };

async function settingsOf(transport: (typeof TRANSPORTS)[number]): Promise<MicroserviceOptions> {
  if (transport === 'TCP') return { transport: Transport.TCP, options: { host: '127.0.0.1', port: await freePort() } };
  const { hostname, port } = new URL(process.env.LARDER_TEST_REDIS_URL!);
  return { transport: Transport.REDIS, options: { host: hostname, port: Number(port) } };
}
