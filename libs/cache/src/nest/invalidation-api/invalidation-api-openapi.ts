import 'reflect-metadata';
import { MAX_KEY_BYTES, MAX_PATTERN_LENGTH, MAX_REASON_LENGTH } from '../admin/admin-request.js';
import { refusal, SWAGGER, text } from '../admin/openapi-parts.js';
import { DEFAULT_LIMIT, MAX_LIMIT, MAX_OFFSET } from './audit-log-reader.js';
import { MAX_LISTED_KEYS, MAX_SAMPLE_KEYS } from './invalidation-commands.js';
import { MAX_CACHE_KEYS, MAX_KEYS, MAX_NAME_LENGTH, MAX_REQUEST_ID_LENGTH } from './invalidation-order.js';

interface RouteFacts {
  readonly operation: { readonly summary: string; readonly operationId: string };
  readonly parameters: readonly object[];
  readonly reply: object;
  readonly refusals: Readonly<Record<number, object>>;
}

/** Describes the routes to Swagger: bodies, parameters, replies and refusals, with examples. */
export function describeInvalidationApi(controller: Function): void {
  Reflect.defineMetadata(SWAGGER.tags, ['cache'], controller);
  for (const [name, { operation, parameters, reply, refusals }] of Object.entries(ROUTES)) {
    const handler = (controller.prototype as Record<string, object>)[name]!;
    Reflect.defineMetadata(SWAGGER.operation, operation, handler);
    Reflect.defineMetadata(SWAGGER.parameters, parameters, handler);
    Reflect.defineMetadata(SWAGGER.responses, { 200: reply, ...refusals }, handler);
  }
}

const count = (description: string, example: number): object => ({ type: 'integer', minimum: 0, description, example });
const list = (items: object, example: readonly string[], bounds: object = {}): object => ({
  type: 'array',
  items,
  example,
  ...bounds,
});
const instant = { type: 'string', format: 'date-time', example: '2025-01-15T10:30:00.000Z' };
const yes = { type: 'boolean', enum: [true] };
const key = { type: 'string', minLength: 1, maxLength: MAX_KEY_BYTES };
const requestId = text('Given, or `inv-<ms>-<number>`', 'inv-1736938200000-123');
const object = (properties: Readonly<Record<string, object>>, optional: readonly string[] = []): object => ({
  type: 'object',
  required: Object.keys(properties).filter((name) => !optional.includes(name)),
  properties,
});
const reply = (description: string, schema: object): object => ({ description, schema });
const body = (properties: Readonly<Record<string, object>>, required: readonly string[]): object => ({
  in: 'body',
  type: String, // a stand-in that Swagger expects and drops
  required: true,
  schema: { type: 'object', additionalProperties: false, required, properties },
});
const query = (name: string, schema: object, description: string): object => ({
  in: 'query',
  name,
  required: false,
  description,
  schema,
});

const ORDER = {
  triggered_by: {
    ...text('For the audit: who', 'admin'),
    minLength: 1,
    maxLength: MAX_NAME_LENGTH,
    default: 'unknown',
  },
  request_id: {
    ...text('Carried out once: a repetition gets the first answer again', 'req-001'),
    minLength: 1,
    maxLength: MAX_REQUEST_ID_LENGTH,
  },
  reason: { ...text('For the audit: why', 'after an import'), maxLength: MAX_REASON_LENGTH },
  dry_run: { type: 'boolean', default: false, description: 'Tells what would be removed, and does nothing' },
};
const LOGGED = {
  was_logged: { type: 'boolean', enum: [false], description: 'Only where the audit could not be written' },
};
const DRY_RUN = {
  success: yes,
  dry_run: yes,
  count: count('Entries of this instance that would be removed', 2),
  sample: list(text(), ['user:123:profile'], { maxItems: MAX_SAMPLE_KEYS }),
  bytes: count('Memory they take', 1024),
  tiers: list(text(), ['memory', 'redis']),
  by_tier: { type: 'object', additionalProperties: { type: 'integer' }, example: { memory: 2, redis: 3 } },
  complete: { type: 'boolean', description: 'false: the figures are the least there is' },
};

const ACCESS = {
  401: refusal('The token is missing or wrong'),
  403: refusal('Closed to this caller, or `canInvalidate` says no'),
};
const RATE = { 429: refusal('Too many requests within a minute; `Retry-After` says when to come back') };
const COMMAND = {
  400: refusal('The body is not as described'),
  ...ACCESS,
  409: refusal('The request id stands for another request'),
  413: refusal('The body is too large'),
  415: refusal('The body is not JSON'),
  ...RATE,
  503: refusal('Not applied, or unknown; repeating it is harmless'),
};

const KEYS_EXAMPLE = ['user:123', 'user:456'];
const MATCHED_EXAMPLE = ['user:123:profile', 'user:123:settings'];

const ROUTES: Readonly<Record<string, RouteFacts>> = {
  invalidateKeys: {
    operation: { summary: 'Invalidates cached entries by their full keys', operationId: 'invalidate_key' },
    parameters: [body({ keys: list(key, KEYS_EXAMPLE, { minItems: 1, maxItems: MAX_KEYS }), ...ORDER }, ['keys'])],
    reply: reply('Applied and recorded; or, with `dry_run`, what would be', {
      oneOf: [
        object(
          {
            success: yes,
            invalidated_count: count('Keys, each counted once', 2),
            keys: list(text(), KEYS_EXAMPLE),
            request_id: requestId,
            published_at: instant,
            ...LOGGED,
          },
          ['was_logged'],
        ),
        object({ ...DRY_RUN, keys: list(text(), KEYS_EXAMPLE) }),
      ],
    }),
    refusals: COMMAND,
  },
  invalidatePattern: {
    operation: { summary: 'Invalidates the cached entries whose full key matches', operationId: 'invalidate_pattern' },
    parameters: [
      body(
        {
          pattern: { ...text('Over full keys', 'user:123:*'), minLength: 1, maxLength: MAX_PATTERN_LENGTH },
          cache_keys: {
            ...list(key, [...MATCHED_EXAMPLE, 'user:456:profile'], { maxItems: MAX_CACHE_KEYS }),
            description: 'The keys to report on; by default those that this instance holds',
          },
          ...ORDER,
        },
        ['pattern'],
      ),
    ],
    reply: reply('Applied and recorded; or, with `dry_run`, what would be', {
      oneOf: [
        object(
          {
            success: yes,
            pattern: text(undefined, 'user:123:*'),
            matched_keys: list(text(), MATCHED_EXAMPLE, { maxItems: MAX_LISTED_KEYS }),
            invalidated_count: count('Matched keys, those included that are not listed', 2),
            request_id: requestId,
            published_at: instant,
            ...LOGGED,
          },
          ['was_logged'],
        ),
        object({ ...DRY_RUN, pattern: text(undefined, 'user:123:*') }),
      ],
    }),
    refusals: COMMAND,
  },
  auditLogs: {
    operation: { summary: 'Shows what was invalidated, newest first', operationId: 'audit_logs' },
    parameters: [
      query('limit', { type: 'integer', minimum: 1, maximum: MAX_LIMIT, default: DEFAULT_LIMIT }, 'Most rows'),
      query('offset', { type: 'integer', maximum: MAX_OFFSET, default: 0 }, 'Rows to skip; a negative number is 0'),
      query('before_id', { type: 'integer', minimum: 1 }, 'Only rows older than this one: for pages of any depth'),
      query('pattern', { type: 'string', maxLength: MAX_PATTERN_LENGTH }, 'Only rows whose pattern contains this text'),
    ],
    reply: reply(
      'A page of the audit log',
      object({
        logs: {
          type: 'array',
          items: object({
            id: { type: 'integer', example: 123 },
            pattern: text(undefined, 'user:123:*'),
            keys: list(text(), MATCHED_EXAMPLE),
            triggered_by: text(undefined, 'cache_manager'),
            timestamp: instant,
            request_id: text(undefined, 'req-001'),
            latency: { type: 'integer', nullable: true, description: 'ms', example: 5 },
          }),
        },
        total_count: count('Rows on all pages', 1250),
        has_more: { type: 'boolean', example: true },
      }),
    ),
    refusals: {
      400: refusal('A parameter is not as described'),
      ...ACCESS,
      ...RATE,
      503: refusal('The audit store does not answer'),
    },
  },
  metrics: {
    operation: { summary: 'Shows what this instance has invalidated since start', operationId: 'invalidate_metrics' },
    parameters: [],
    reply: reply(
      'Figures of this instance',
      object({
        total_invalidations: count('By whatever way', 10),
        key_invalidations: count('By key alone', 6),
        pattern_invalidations: count('By pattern', 4),
        audit_writes: count('Rows written', 10),
        pubsub_publishes: count('Invalidations in the log, which every instance follows', 10),
        errors: count('Failed invalidations, and failures of the audit store', 0),
        pattern_invalidation_ratio: { type: 'number', minimum: 0, maximum: 1, example: 0.4 },
        refusals: count('Refused requests', 0),
        latency_ms: {
          ...object(
            Object.fromEntries(['p50', 'p95', 'p99', 'max'].map((name) => [name, { type: 'number', example: 1.5 }])),
          ),
          nullable: true,
        },
      }),
    ),
    refusals: ACCESS,
  },
};
