import type { INestApplication } from '@nestjs/common';
import fc from 'fast-check';
import { CacheModule, InMemoryOutboxStore } from 'nestjs-larder';
import { Agent, request as send } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PLATFORMS, startHttpApp } from './http-app.js';

const SEED = 20_260_115;
const BODIES = 7_000;
const QUERIES = 3_000;
const OPERATORS = 2_000;
const AT_ONCE = 16;

interface Sent {
  readonly method: 'POST' | 'GET';
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}
interface Answer {
  readonly status: number;
  readonly body: string;
}

const JSON_TYPE = { 'Content-Type': 'application/json' };
const text = fc.string({ unit: 'binary', maxLength: 30 });
const path = fc.constantFrom('/invalidate/key', '/invalidate/pattern');
const notText = fc.oneof(
  fc.integer(),
  fc.boolean(),
  fc.constant(null),
  fc.array(fc.integer()),
  fc.object({ maxDepth: 2 }),
);
const notList = fc.oneof(fc.integer(), fc.boolean(), fc.constant(null), text, fc.object({ maxDepth: 2 }));
const badKey = fc.oneof(notText, fc.constantFrom('', 'k'.repeat(1025), 'é'.repeat(513), '\ud800', 'a\udfff'));
const badPattern = fc.oneof(
  notText,
  fc.constantFrom(
    '',
    'p'.repeat(1001),
    '^(',
    '^[',
    '/(/',
    '^a{1001}',
    '^(?=a)',
    '/(a)\\1/',
    '/+/',
    '//',
    '/\\/',
    '^\\',
  ),
  text.map((rest) => `^(${rest.replaceAll(/[)\\]/g, '')}`),
);
const badRest = fc.oneof(
  notText.map((request_id) => ({ request_id })),
  fc.constantFrom('', 'a b', 'é', 'x'.repeat(129), '\n').map((request_id) => ({ request_id })),
  notText.map((triggered_by) => ({ triggered_by })),
  fc.constantFrom('', 'a\u0000', '\ud800', 'x'.repeat(257)).map((triggered_by) => ({ triggered_by })),
  fc.oneof(text, fc.integer(), fc.constant(null)).map((dry_run) => ({ dry_run })),
  fc.oneof(notText, fc.constant('r'.repeat(257))).map((reason) => ({ reason })),
  fc.tuple(text, fc.jsonValue({ maxDepth: 3 })).map(([name, value]) => ({ [`x${name}`]: value })),
  fc.constantFrom('constructor', 'toString', 'hasOwnProperty').map((name) => ({ [name]: 1 })),
);
const badOrder = fc.oneof(
  fc.record({ keys: fc.oneof(notList, fc.constant([])) }),
  fc.tuple(fc.array(fc.constant('a'), { maxLength: 3 }), badKey).map(([good, bad]) => ({ keys: [...good, bad] })),
  fc.record({ pattern: badPattern }),
  fc
    .oneof(
      notList,
      badKey.map((bad) => [bad]),
    )
    .map((cache_keys) => ({ pattern: '*', cache_keys })),
  badRest.map((rest) => ({ keys: ['a'], pattern: 'a', ...rest })),
);
const brokenJson = fc.oneof(
  text.map((rest) => `{"keys": ["a"], ${rest}`),
  text.map((rest) => `${rest}{`),
  fc.uint8Array({ minLength: 1, maxLength: 60 }).map((bytes) => Buffer.concat([Buffer.from('\ufffe'), bytes])),
  fc.nat({ max: 30_000 }).map((depth) => '['.repeat(depth + 1)),
  fc.nat({ max: 20_000 }).map((depth) => '['.repeat(depth + 1) + ']'.repeat(depth + 1)),
  fc.nat({ max: 10_000 }).map((depth) => `{"keys":${'['.repeat(depth + 1)}${']'.repeat(depth + 1)}}`),
  fc.constantFrom(
    '',
    ' ',
    'null',
    '7',
    'true',
    '"text"',
    '[]',
    '{',
    '{"keys":["a"],"__proto__":{"a":1},"b":1}',
    'NaN',
    '\u0000',
  ),
);

const badReason = fc.oneof(notText, fc.constantFrom('', 'a\u0000', 'r'.repeat(257)));
const badTtl = fc.oneof(
  fc.boolean(),
  fc.constantFrom(0, -1, 1e300, '', '1y', '-1s', '0ms', '9'.repeat(33)),
  fc.object({ maxDepth: 2 }),
);
const switchOrder = fc.oneof(
  fc.record({ scope: fc.oneof(notText, fc.constantFrom('', 's'.repeat(129))), reason: fc.constant('x') }),
  fc.record({ scope: fc.constant('user'), reason: badReason }),
  fc.record({ scope: text, reason: fc.constant('x'), enabled: fc.oneof(text, fc.integer()) }),
  fc.record({ scope: fc.constant('user'), reason: fc.constant('x'), ttl: badTtl }),
  fc.record({ scope: text, reason: fc.constant('x') }), // no such scope
  badRest.map((rest) => ({ scope: 'user', reason: 'x', request_id: 1, ...rest })),
);
const resetOrder = fc.oneof(
  fc.record({ ids: fc.oneof(notList, fc.constant([])) }),
  fc
    .array(fc.oneof(text, fc.constantFrom('F'.repeat(64), '0'.repeat(63))), { minLength: 1, maxLength: 3 })
    .map((ids) => ({ ids })),
  fc.record({ reason: badReason }),
);
/** What stands for "no body" is an order to reset all. */
const ORDERS_ALL = ['', 'null'];
const badOrderOfOperators: fc.Arbitrary<Sent> = fc
  .oneof(
    fc.tuple(
      fc.constant('/cache/switches'),
      switchOrder.map((order) => JSON.stringify(order)),
    ),
    fc.tuple(
      fc.constant('/outbox/dead-letters/reset'),
      resetOrder.map((order) => JSON.stringify(order)),
    ),
    fc.tuple(
      fc.constantFrom('/cache/switches', '/outbox/dead-letters/reset'),
      brokenJson.filter((body) => !ORDERS_ALL.includes(body.toString().trim())),
    ),
  )
  .map(([to, body]) => ({ method: 'POST' as const, path: to, headers: JSON_TYPE, body }));

const badBody: fc.Arbitrary<Sent> = fc.oneof(
  fc
    .tuple(path, badOrder)
    .map(([to, order]) => ({ method: 'POST' as const, path: to, headers: JSON_TYPE, body: JSON.stringify(order) })),
  fc.tuple(path, brokenJson).map(([to, body]) => ({ method: 'POST' as const, path: to, headers: JSON_TYPE, body })),
  fc
    .tuple(
      path,
      fc.constantFrom<Record<string, string>>(
        { 'Content-Type': 'text/plain' },
        { 'Content-Type': 'application/x-www-form-urlencoded' },
        { 'Content-Type': 'multipart/form-data; boundary=x' },
        { 'Content-Type': 'application/jsonp' },
        { 'Content-Type': 'application/json; charset=utf-7', 'Content-Encoding': 'gzip' },
        { ...JSON_TYPE, 'Content-Encoding': 'gzip' },
        { ...JSON_TYPE, 'Content-Encoding': 'br' },
        { ...JSON_TYPE, 'Content-Encoding': 'what' },
        { 'Content-Type': '' },
        { 'Content-Type': ';;;' },
      ),
    )
    .map(([to, headers]) => ({
      method: 'POST' as const,
      path: to,
      headers,
      body: '{"keys": ["a"], "pattern": "a", "x": 1}',
    })),
  fc.tuple(path, fc.nat({ max: 60_000 })).map(([to, more]) => ({
    method: 'POST' as const,
    path: to,
    headers: JSON_TYPE,
    body: `{"pattern": "${'p'.repeat(65_536 + more)}"}`,
  })),
  fc.tuple(path, fc.constantFrom('cross-site')).map(([to, site]) => ({
    method: 'POST' as const,
    path: to,
    headers: { ...JSON_TYPE, 'Sec-Fetch-Site': site },
    body: '{}',
  })),
);
const word = text.filter((given) => !/^-?\d{1,15}$/.test(given));
const badQuery: fc.Arbitrary<Sent> = fc
  .oneof(
    fc.tuple(fc.constantFrom('limit', 'offset', 'before_id'), word).map(([name, value]) => [name, value]),
    fc.constantFrom(
      ['limit', '0'],
      ['limit', '1001'],
      ['limit', '-1'],
      ['offset', '100001'],
      ['before_id', '0'],
      ['before_id', '9'.repeat(16)],
    ),
    fc.constant(['pattern', 'p'.repeat(1001)]),
    fc.tuple(text, text).map(([name, value]) => [`x${name}`, value]),
  )
  .chain(([name, value]) => {
    const pair = `${encodeURIComponent(wellFormed(name!))}=${encodeURIComponent(wellFormed(value!))}`;
    return fc.constantFrom(`?${pair}`, `?${pair}&${pair}`, `?limit=5&${pair}`, `?${pair}&pattern=a`);
  })
  .map((query) => ({ method: 'GET' as const, path: `/audit/logs${query}` }));

const badQueryOfOperators: fc.Arbitrary<Sent> = fc.oneof(
  fc
    .oneof(
      fc.tuple(fc.constant('limit'), word),
      fc.constantFrom(['limit', '0'], ['limit', '1001'], ['after', '1-x'], ['after', '9'.repeat(16)], ['offset', '1']),
      fc.tuple(fc.constant('after'), text),
    )
    .map(([name, value]) => `/outbox/dead-letters?${name}=${encodeURIComponent(wellFormed(value!))}`)
    .map((to) => ({ method: 'GET' as const, path: to })),
  fc
    .oneof(
      fc.constantFrom('', 'key=', `key=${'k'.repeat(1025)}`, 'key=a&key=b', 'key=a&x=1'),
      fc.tuple(text, text).map((pair) => `x${pair.map((part) => encodeURIComponent(wellFormed(part))).join('=')}`),
    )
    .map((query) => ({ method: 'GET' as const, path: `/cache/explain?${query}` })),
);

/** As `String.prototype.toWellFormed`, which Node 20 has and the compiled language level has not. */
function wellFormed(given: string): string {
  return Buffer.from(given).toString();
}

describe.each(PLATFORMS)('all routes under hostile requests on %s', (platform) => {
  const rejections: unknown[] = [];
  const note = (error: unknown): void => void rejections.push(error);
  let app: INestApplication;
  let agent: Agent;
  let port: number;

  beforeAll(async () => {
    process.on('unhandledRejection', note);
    agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE + 1 });
    app = await startHttpApp(platform, {
      imports: [
        CacheModule.forRoot({
          outbox: new InMemoryOutboxStore(),
          admin: { public: true, commandsPerMinute: Infinity, clearsPerMinute: Infinity },
        }),
      ],
    });
    await app.listen(0, '127.0.0.1');
    ({ port } = app.getHttpServer().address() as AddressInfo);
  });
  afterAll(async () => {
    agent.destroy();
    await app.close();
    process.off('unhandledRejection', note);
  });

  function ask({ method, path: to, headers = {}, body = '' }: Sent): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const length = method === 'GET' ? {} : { 'Content-Length': Buffer.byteLength(body) };
      const sent = send(
        { port, host: '127.0.0.1', method, path: to, agent, headers: { ...headers, ...length } },
        (response) => {
          let answer = '';
          response.setEncoding('utf8').on('data', (part: string) => (answer += part));
          response.on('end', () => resolve({ status: response.statusCode!, body: answer })).on('error', reject);
        },
      );
      sent.on('error', reject).end(body);
    });
  }

  async function assertRefused(malformed: readonly Sent[]): Promise<void> {
    const queue = malformed.values();
    const worker = async (): Promise<void> => {
      for (const sent of queue) {
        const answer = await ask(sent);
        const problem = problemOf(answer);
        if (problem !== null)
          throw new Error(
            `${problem}: ${JSON.stringify({ ...sent, body: sent.body?.toString().slice(0, 500), answer })}`,
          );
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    expect(rejections).toEqual([]);
  }

  it(`refuses ${BODIES} bodies and headers, and says what to send instead`, async () => {
    await assertRefused(fc.sample(badBody, { seed: SEED, numRuns: BODIES }));
  }, 120_000);

  it(`refuses ${QUERIES} page parameters, and says what to ask instead`, async () => {
    await assertRefused(fc.sample(badQuery, { seed: SEED, numRuns: QUERIES }));
  }, 120_000);

  it(`refuses ${OPERATORS} orders and questions of operators, and says what to send instead`, async () => {
    const malformed = fc.oneof(badOrderOfOperators, badQueryOfOperators);
    await assertRefused(fc.sample(malformed, { seed: SEED, numRuns: OPERATORS }));
  }, 120_000);

  it('answers others while a pattern that V8 would choke on is matched', async () => {
    const cache_keys = Array.from({ length: 60 }, (_, n) => `${'a'.repeat(1000)}${n}!`);
    const patterns = ['^(a+)+$', '^(a|aa)+$', '/(a*)*b/', '^(a?){300}a{300}[0-9]$', `*${'a*'.repeat(400)}b`];
    const attack = async (pattern: string): Promise<void> => {
      const body = JSON.stringify({ pattern, cache_keys });
      for (let n = 0; n < 20; n += 1) {
        const answer = await ask({ method: 'POST', path: '/invalidate/pattern', headers: JSON_TYPE, body });
        expect([answer.status, JSON.parse(answer.body).invalidated_count]).toEqual([200, 0]);
      }
    };
    const answered = await answeredMeanwhile('/invalidate/metrics', async () => {
      await Promise.all(patterns.map(attack));
    });
    expect(answered).toBeGreaterThan(5);
  }, 60_000);

  it('answers others while a key is explained that such patterns may have hit', async () => {
    const long = Array.from({ length: 100 }, (_, n) => `^(a?){300}a{300}[0-9]{${n + 1}}$`);
    for (const pattern of ['^(a+)+$', '^(a|aa)+$', '/^(a*)*b/', ...long]) {
      const body = JSON.stringify({ pattern });
      expect((await ask({ method: 'POST', path: '/invalidate/pattern', headers: JSON_TYPE, body })).status).toBe(200);
    }
    const asked = 3;
    const answered = await answeredMeanwhile('/cache/metrics', async () => {
      for (let n = 0; n < asked; n += 1) {
        const { status, body } = await ask({ method: 'GET', path: `/cache/explain?key=${'a'.repeat(1000)}!${n}` });
        expect([status, JSON.parse(body).last_invalidation]).toEqual([200, null]);
      }
    });
    expect(answered).toBeGreaterThan(3 * asked); // without slices one or two for each
  }, 60_000);

  /** How often another route answers until the work is done. */
  async function answeredMeanwhile(other: string, work: () => Promise<void>): Promise<number> {
    let over = false;
    let answered = 0;
    const working = work().finally(() => (over = true));
    while (!over) {
      expect((await ask({ method: 'GET', path: other })).status).toBe(200);
      if (!over) answered += 1;
    }
    await working;
    return answered;
  }
});

function problemOf({ status, body }: Answer): string | null {
  if (status < 400 || status > 499) return `status ${status}`;
  const { message, statusCode } = JSON.parse(body) as { message?: unknown; statusCode?: unknown };
  if (statusCode !== status || typeof message !== 'string') return 'no message';
  if (!/^Expected .+, got .+\. \S.+\.$/su.test(message)) return 'no expected, got, cure';
  return null;
}
