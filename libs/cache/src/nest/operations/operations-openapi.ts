import 'reflect-metadata';
import { MAX_REASON_LENGTH } from '../admin/admin-request.js';
import { refusal, SWAGGER, text } from '../admin/openapi-parts.js';
import { MAX_NAME_LENGTH } from './operator-order.js';
import { DEFAULT_PAGE, MAX_IDS, MAX_PAGE } from './outbox-desk.js';

interface RouteFacts {
  readonly operation: { readonly summary: string; readonly operationId: string };
  readonly parameters: readonly object[];
  readonly reply: object;
  readonly refusals: object;
}

/** Describes the routes to Swagger. */
export function describeOperations(controller: Function): void {
  Reflect.defineMetadata(SWAGGER.tags, ['cache'], controller);
  const prototype = controller.prototype as Record<string, object>;
  for (const [name, { operation, parameters, reply: answer, refusals }] of Object.entries(ROUTES)) {
    const handler = prototype[name]!;
    Reflect.defineMetadata(SWAGGER.operation, operation, handler);
    Reflect.defineMetadata(SWAGGER.parameters, parameters, handler);
    Reflect.defineMetadata(SWAGGER.responses, { 200: answer, ...refusals }, handler);
  }
}

const object = (properties: object, optional: readonly string[] = []): object => ({
  type: 'object',
  required: Object.keys(properties).filter((name) => !optional.includes(name)),
  properties,
});
const reply = (description: string, schema: object): object => ({ description, schema });
const nullable = (schema: object): object => ({ ...schema, nullable: true });
const number = (description: string, example: number): object => ({ type: 'number', description, example });
const count = (description: string, example: number): object => ({ type: 'integer', minimum: 0, description, example });
const list = (items: object): object => ({ type: 'array', items });
const instant = { type: 'string', format: 'date-time', example: '2025-01-15T10:30:00.000Z' };
const position = text(undefined, '00000001019467b2d1c0000000009f86d0818884f7c2');
const instance = text('The instance that answers', '5f0c2b9e-6a53-4c0e-9a55-0b8e5b6f1c2d');
const flag = { type: 'boolean' };
/** The type is a stand-in that Swagger expects and drops: what counts is the schema. */
const body = (properties: object, required: readonly string[], needed: boolean): object => ({
  in: 'body',
  type: String,
  required: needed,
  schema: { type: 'object', additionalProperties: false, required, properties },
});
const query = (name: string, schema: object, description: string, required = false): object => ({
  in: 'query',
  name,
  required,
  description,
  schema,
});

const ORDER = {
  triggered_by: { ...text('For the audit: who', 'alice'), minLength: 1, maxLength: MAX_NAME_LENGTH },
  reason: { ...text('For the audit: why', 'wrong names are shown'), minLength: 1, maxLength: MAX_REASON_LENGTH },
};
const DONE = {
  request_id: text('That of the audit row', 'inv-1736938200000-123'),
  at: instant,
  was_logged: { type: 'boolean', enum: [false], description: 'Only where the audit could not be written' },
};
const ACCESS = {
  401: refusal('The token is missing or wrong'),
  403: refusal('Closed to this caller, or `canInvalidate` says no'),
  429: refusal('Too many requests within a minute; `Retry-After` says when to come back'),
};
const OUTBOX = { ...ACCESS, 404: refusal('The application has no outbox'), 503: refusal('The outbox does not answer') };
const COMMAND = {
  400: refusal('The body is not as described'),
  413: refusal('The body is too large'),
  415: refusal('The body is not JSON'),
};
const SWITCH = {
  scope: text(undefined, 'user'),
  action: nullable(text('null: all actions of the scope that nothing else is said of', 'get_user')),
  enabled: nullable({ ...flag, description: 'null: as the scope says, then as configured' }),
  ttl_ms: nullable(number('null: as the scope says, then as configured', 10_000)),
  triggered_by: text(undefined, 'alice'),
  reason: text(undefined, 'wrong names are shown'),
  at: instant,
  request_id: DONE.request_id,
};
const REACH = {
  applies_to: { type: 'string', enum: ['all instances', 'this process'] },
  instance,
};
const ROW_ID = '9f86d081'.repeat(8);
const rowId = { type: 'string', pattern: '^[0-9a-f]{64}$', example: ROW_ID };
const figures = (example: object): object => ({ type: 'object', additionalProperties: true, example });
const requestId = text(undefined, 'req-001');
const tag = text(undefined, 'user:123');
const TIMES_EXAMPLE = { count: 100, p50: 1, p95: 4, p99: 9, max: 20 };
const ms = number('ms', 1000);
const HIT = object({
  kind: text(undefined, 'tag'),
  target: nullable(text(undefined, 'user:123')),
  position: nullable(position),
  request_id: nullable(requestId),
  at: nullable(instant),
});
const TIMES = nullable(
  object({
    count: count('Measured', 100),
    p50: number('ms', 1),
    p95: number('ms', 4),
    p99: number('ms', 9),
    max: number('ms', 20),
  }),
);
const COUNTS = [
  'hits',
  'memory_hits',
  'shared_hits',
  'joined',
  'misses',
  'expired',
  'stale',
  'bypassed',
  'loads',
  'failed_loads',
];
const ACTION = object({
  scope: text(undefined, 'user'),
  action: text(undefined, 'get_user'),
  ...Object.fromEntries(COUNTS.map((name) => [name, count('Since start', 1)])),
  hit_rate: number('Share of the reads that did not go past the cache', 0.9),
  ...Object.fromEntries(['lookup_ms', 'shared_ms', 'source_ms', 'load_ms'].map((name) => [name, TIMES])),
});

const ROUTES: Readonly<Record<string, RouteFacts>> = {
  outboxStatus: {
    operation: { summary: 'Shows the backlog of the outbox', operationId: 'outbox_status' },
    parameters: [],
    reply: reply(
      'The backlog of the namespace, whichever instance wrote it',
      object({
        pending: count('Rows not applied yet', 0),
        oldest_pending_age_ms: count('0 where there is none', 0),
        dead_letters: count('Rows that were given up', 1),
        failed_attempts: count('Over all rows', 12),
        last_published_at: nullable(instant),
      }),
    ),
    refusals: OUTBOX,
  },
  deadLetters: {
    operation: {
      summary: 'Shows the rows of the outbox that were given up, oldest first',
      operationId: 'dead_letters',
    },
    parameters: [
      query('limit', { type: 'integer', minimum: 1, maximum: MAX_PAGE, default: DEFAULT_PAGE }, 'Most rows'),
      query('after', text(undefined, `1736938200000-${ROW_ID}`), 'The `next` of the page before'),
    ],
    reply: reply(
      'A page of dead rows',
      object({
        dead_letters: list(
          object({
            id: rowId,
            intent: figures({ kind: 'tag', tag: 'user:1' }),
            reason: text(undefined, 'rename'),
            attempts: count('Failed ones', 10),
            last_error: nullable(text(undefined, 'The tag is too long')),
            created_at: instant,
          }),
        ),
        next: nullable(text('null: this was the last page', `1736938200000-${ROW_ID}`)),
      }),
    ),
    refusals: { 400: refusal('A parameter is not as described'), ...OUTBOX },
  },
  resetDeadLetters: {
    operation: { summary: 'Has dead rows tried again', operationId: 'reset_dead_letters' },
    parameters: [body({ ids: { ...list(rowId), minItems: 1, maxItems: MAX_IDS }, ...ORDER }, [], false)],
    reply: reply(
      'They are pending again; whether they succeed this time the status will tell',
      object(
        {
          success: { ...flag, enum: [true] },
          reset_count: count('Rows that are pending now', 1),
          not_dead: { ...list(rowId), description: 'Of the ids, those that are no dead rows' },
          ...DONE,
        },
        ['was_logged'],
      ),
    ),
    refusals: { ...COMMAND, ...OUTBOX },
  },
  metrics: {
    operation: { summary: 'Shows the numbers of the cache of this instance', operationId: 'cache_metrics' },
    parameters: [],
    reply: reply(
      'Counts since start; no keys, no values',
      object({
        instance,
        namespace: text(undefined, 'shop'),
        at: instant,
        shared_tier: nullable(text(undefined, 'redis')),
        backends: list(figures({ name: 'redis', memory: {}, log: {}, resets: {}, link_failures: 0, figures: {} })),
        hits: count('In either tier', 90),
        misses: count('The method ran', 10),
        bypassed: count('Past the cache', 0),
        hit_rate: number('Hits among reads', 0.9),
        actions: list(ACTION),
        memory: object({
          entries: count('Held', 10),
          bytes: count('Accounted', 9000),
          removed: figures({ evicted: 0, expired: 3 }),
        }),
        loads_under_way: count('Now', 0),
        invalidations: figures({ applied: 12, failed: 0, pending: 0, removed_entries: 9, latency_ms: TIMES_EXAMPLE }),
        fenced_fills: figures({ memory: 0, shared: 1 }),
        resets: figures({ history: 1 }),
        troubles: figures({ read: 0 }),
        link_failures: count('Of the shared tier', 0),
        log: figures({ kind: 'redis', state: 'live', lag_ms: 120, lease_left_ms: 1880 }),
        outbox: nullable(figures({ published: 12, retried: 0, dead: 0, dead_rows: 0, lag_ms: TIMES_EXAMPLE })),
        audit_failures: count('Since start', 0),
      }),
    ),
    refusals: ACCESS,
  },
  explain: {
    operation: { summary: 'Explains where a key is, and why it is not', operationId: 'cache_explain' },
    parameters: [
      query('key', text(undefined, 'user:get_user:123'), 'The key with its scope', true),
      query('backend', text(undefined, 'redis'), 'Without it: the one that knows most of the key'),
    ],
    reply: reply(
      'What memory of this instance, the shared tier, the log and the audit know; never a value',
      object({
        key: text(undefined, 'user:get_user:123'),
        instance,
        backend: text('Of which the rest tells', 'redis'),
        memory: nullable(
          object({ servable: flag, age_ms: ms, fresh_ms: ms, keep_ms: ms, bytes: count('Accounted', 900) }),
        ),
        shared: nullable(
          object({
            tier: text(undefined, 'redis'),
            state: text(undefined, 'held'),
            entry: nullable(figures({ valid: true, fault: null, fresh_ms: 58_790, keep_ms: 58_790, bytes: 240 })),
          }),
        ),
        tags: list(object({ tag, invalidated_at: nullable(position), request_id: nullable(requestId) })),
        last_miss: nullable(object({ cause: text(undefined, 'invalidated'), at: instant, by: nullable(HIT) })),
        last_invalidation: nullable(HIT),
        invalidated_by: nullable(
          figures({
            id: 123,
            pattern: 'tag user:123',
            triggered_by: 'alice',
            reason: 'renamed',
            request_id: 'req-001',
          }),
        ),
      }),
    ),
    refusals: { 400: refusal('The key is not as described'), ...ACCESS },
  },
  switches: {
    operation: { summary: 'Shows what is switched at run time', operationId: 'cache_switches' },
    parameters: [],
    reply: reply('As this instance knows it', object({ switches: list(object(SWITCH)), ...REACH })),
    refusals: ACCESS,
  },
  switch: {
    operation: { summary: 'Switches a scope or an action off or on, or changes its TTL', operationId: 'cache_switch' },
    parameters: [
      body(
        {
          scope: text(undefined, 'user'),
          action: text('Left out: all actions of the scope', 'get_user'),
          enabled: nullable(flag),
          ttl: { oneOf: [{ type: 'number' }, { type: 'string' }], nullable: true, example: '10s' },
          ...ORDER,
        },
        ['scope', 'reason'],
        true,
      ),
    ],
    reply: reply(
      'In effect here, and on the others as soon as they hear of it',
      object({ success: { ...flag, enum: [true] }, ...SWITCH, ...REACH, was_logged: DONE.was_logged }, ['was_logged']),
    ),
    refusals: {
      ...COMMAND,
      ...ACCESS,
      404: refusal('No such scope or action'),
      503: refusal('It is unknown whether all instances have it; repeating it is harmless'),
    },
  },
};
