import { inspect } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import { Controller, Get, Injectable, Logger, Param, type INestApplication, type LoggerService } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  Cached,
  CacheHealth,
  CacheMetrics,
  CacheModule,
  CacheScope,
  CacheService,
  InvalidationIntent,
  type KeyPolicyOptions,
} from 'nestjs-larder';
import { opentelemetry } from 'nestjs-larder/opentelemetry';
import { prometheus } from 'nestjs-larder/prometheus';
import { redis } from 'nestjs-larder/redis';
import { Registry } from 'prom-client';
import request from 'supertest';
import { startRedis } from '../../../launcher/services.mjs';
import { Traces } from '../../contract/traces.js';
import { withServer } from '../redis/admin.js';

/** What an application was given to keep to itself. */
const CREDENTIALS = {
  password: 'redis-password-7f3a',
  signature: 'signature-secret-91bd',
  token: 'admin-token-c04e',
  keys: 'key-policy-secret-5d62',
};
const VALUE = 'value-of-a-person-88e1';
const KEY = 'jane@example.org';

@CacheScope('person')
@Injectable()
class People {
  fails = false;

  @Cached({ ttl: '1h', softTimeout: '50ms' })
  async get(name: string): Promise<{ name: string; secret: string }> {
    return { name, secret: VALUE };
  }

  @Cached({ ttl: '20ms', grace: '1h' })
  async shortly(name: string): Promise<string> {
    if (this.fails) throw new Error(`${name} has the secret ${VALUE}`);
    return VALUE;
  }

  @Cached({ ttl: '1h', tags: () => [{} as string] })
  async badlyTagged(name: string): Promise<string> {
    return `${name} ${VALUE}`;
  }

  @Cached('1h')
  async stream(name: string): Promise<object> {
    return { name, secret: VALUE, read: () => VALUE };
  }
}

@Controller('people')
class PeopleController {
  constructor(private readonly people: People) {}

  @Get(':name')
  async get(@Param('name') name: string): Promise<{ length: number }> {
    return { length: (await this.people.get(name)).secret.length };
  }
}

/** Everything that anybody can read of an application. */
class Output implements LoggerService {
  readonly texts: string[] = [];
  readonly take = (...texts: unknown[]): void => {
    this.texts.push(texts.map((text) => (typeof text === 'string' ? text : inspect(text, { depth: 9 }))).join(' '));
  };
  readonly log = this.take;
  readonly warn = this.take;
  readonly error = this.take;
  readonly debug = this.take;
  readonly verbose = this.take;
  readonly fatal = this.take;

  holds(secret: string): string[] {
    return this.texts.filter((text) => text.includes(secret)).map((text) => text.slice(0, 500));
  }
}

describe('everything that an application shows while it is busy and its Redis comes and goes', () => {
  let server: Awaited<ReturnType<typeof startRedis>>;
  let app: INestApplication;
  let output: Output;
  let traces: Traces;
  const warned = (warning: Error): void => output.take(warning);

  beforeAll(async () => {
    Traces.keepContexts();
    server = await startRedis({ fromEnvironment: false, install: true });
    await withServer(server.url, (client) => client.call('CONFIG', 'SET', 'requirepass', CREDENTIALS.password));
  });

  afterAll(async () => {
    await server?.stop();
    Traces.dropContexts();
  });

  afterEach(async () => {
    process.off('warning', warned);
    await app?.close();
    await traces?.close();
  });

  async function run(keyPolicy: KeyPolicyOptions): Promise<void> {
    output = new Output();
    traces = new Traces();
    process.on('warning', warned);
    const registry = new Registry();
    const url = `redis://:${CREDENTIALS.password}@127.0.0.1:${server.port}`;
    const module = await Test.createTestingModule({
      imports: [
        CacheModule.forRoot({
          namespace: 'secrets',
          backend: redis({ url, lease: '500ms', retryMax: '100ms', secret: CREDENTIALS.signature }),
          admin: { token: CREDENTIALS.token },
          metrics: [prometheus({ registry }), opentelemetry({ tracer: traces.tracer, metrics: false })],
          logging: { reads: true },
          keyPolicy,
          cacheStatus: true,
        }),
      ],
      controllers: [PeopleController],
      providers: [People],
    })
      .setLogger(output)
      .compile();
    app = module.createNestApplication();
    await app.init();
    Logger.flush();
    const health = () => app.get(CacheHealth).report();
    await eventually('the link to be live', () => health().log.state === 'live');

    const [people, cache] = [app.get(People), app.get(CacheService)];
    const http = request(app.getHttpServer());
    const use = async (): Promise<void> => {
      people.fails = false;
      await people.get(KEY);
      await people.shortly(KEY);
      await people.badlyTagged(KEY);
      await people.stream(KEY);
      await cache.getOrSet(KEY, () => VALUE);
      await sleep(30);
      people.fails = true;
      // Who calls it gets the method's own error where nothing stands in, and is told what it says.
      await people.shortly(KEY).catch((error: unknown) => expect(error).toBeInstanceOf(Error));
      output.take((await http.get(`/people/${KEY}`)).headers);
    };
    const look = async (): Promise<void> => {
      output.take(health(), app.get(CacheMetrics).snapshot(), await registry.metrics(), traces.text());
      const bearer = { Authorization: `Bearer ${CREDENTIALS.token}` };
      for (const [path, body] of [
        ['/person/cache/revoke', { pattern: 'nobody:*' }],
        ['/person/cache/clear', undefined],
        ['/nobody/cache/clear', {}],
      ] as const) {
        for (const headers of [bearer, { Authorization: `Bearer not-${CREDENTIALS.token.slice(4)}` }, {}]) {
          const { status, headers: answered, body: said } = await http.post(path).set(headers).send(body);
          output.take({ status, answered, said });
        }
      }
      output.take((await http.get('/audit/logs').set(bearer)).body);
    };

    await use();
    await look();
    // A server that refuses, then one that has forgotten the password it was given, then none.
    await withServer(url, async (client) => {
      await client.call('CONFIG', 'SET', 'maxmemory', '1', 'maxmemory-policy', 'noeviction');
      await use();
      await cache.invalidate([InvalidationIntent.tag('nobody')]).catch(output.take);
      await client.call('CONFIG', 'SET', 'maxmemory', '0');
      await client.call('CONFIG', 'SET', 'requirepass', 'another-password');
      await client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
      await eventually('the link to be lost', () => health().log.state !== 'live');
      await use();
      await cache.invalidate([InvalidationIntent.tag('nobody')]).catch(output.take);
      await look();
      await client.call('CONFIG', 'SET', 'requirepass', CREDENTIALS.password);
    });
    await eventually('the link to be live again', () => health().log.state === 'live');
    await use();
    await look();
  }

  it.each<KeyPolicyOptions['show']>(['plain', 'hmac'])('holds no credential and no value (keys %s)', async (show) => {
    await run({ show: show!, secret: CREDENTIALS.keys, audit: true });
    for (const secret of [...Object.values(CREDENTIALS), 'another-password']) expect(output.holds(secret)).toEqual([]);
    if (show === 'plain') {
      // What a method's own error says is the application's text: the policy `plain` shows it, the others do not.
      expect(output.holds(VALUE).filter((text) => !text.includes('has the secret'))).toEqual([]);
    } else {
      expect(output.holds(VALUE)).toEqual([]);
      expect(output.holds(KEY)).toEqual([]);
    }
    // The run was what it says it was.
    for (const seen of [
      'Cache miss',
      'Cache hit',
      'Cache stale',
      'larder_reads_total',
      'larder.load',
      'is away',
      'detached',
    ])
      expect(output.texts.some((text) => text.includes(seen))).toBe(true);
    if (show === 'plain') expect(output.holds(KEY).length).toBeGreaterThan(5);
  });
});

async function eventually(what: string, happened: () => boolean): Promise<void> {
  const until = Date.now() + 15_000;
  while (!happened()) {
    if (Date.now() > until) throw new Error(`waited 15 s in vain for ${what}`);
    await sleep(10);
  }
}
