import 'reflect-metadata';
import { MAX_KEY_BYTES, MAX_PATTERN_LENGTH, MAX_REASON_LENGTH, type AdminAction } from './admin-request.js';
import { refusal, SWAGGER, text } from './openapi-parts.js';

const SUMMARIES: Readonly<Record<AdminAction, string>> = {
  clear: 'Removes all cached entries of',
  delete: 'Removes one cached entry of',
  revoke: 'Removes the cached entries whose key matches a pattern of',
};

/** Describes the three routes to Swagger: body, replies and refusals. */
export function describeAdminRoutes(controller: Function, scope: string | null): void {
  Reflect.defineMetadata(SWAGGER.tags, ['cache'], controller);
  const prototype = controller.prototype as Record<AdminAction, object>;
  for (const action of ['clear', 'delete', 'revoke'] as const) {
    const handler = prototype[action];
    const summary = `${SUMMARIES[action]} ${scope === null ? 'a scope' : `the scope '${scope}'`}`;
    const operationId = `${scope === null ? '' : `${scope}_`}cache_${action}`;
    Reflect.defineMetadata(SWAGGER.operation, { summary, operationId }, handler);
    Reflect.defineMetadata(SWAGGER.parameters, parameters(action, scope), handler);
    Reflect.defineMetadata(SWAGGER.responses, responses(action), handler);
  }
}

/** The type is a stand-in that Swagger expects and drops: what counts is the schema. */
function parameters(action: AdminAction, scope: string | null): object[] {
  const path = {
    in: 'path',
    name: 'scope',
    required: true,
    description: 'A scope with cached methods',
    schema: text(),
  };
  const body = { in: 'body', type: String, required: action !== 'clear', schema: bodySchema(action) };
  return scope === null ? [path, body] : [body];
}

function bodySchema(action: AdminAction): object {
  const reason = { ...text('For the audit: why', 'after an import'), maxLength: MAX_REASON_LENGTH };
  const base = { type: 'object', additionalProperties: false };
  switch (action) {
    case 'clear':
      return { ...base, properties: { reason } };
    case 'delete': {
      const key = { ...text('The key without its scope', 'get_user:123'), minLength: 1, maxLength: MAX_KEY_BYTES };
      return { ...base, required: ['key'], properties: { key, reason } };
    }
    case 'revoke': {
      const pattern = {
        ...text('Over keys without their scope', 'get_user:*'),
        minLength: 1,
        maxLength: MAX_PATTERN_LENGTH,
      };
      return { ...base, required: ['pattern'], properties: { pattern, reason } };
    }
  }
}

function responses(action: AdminAction): object {
  return {
    200: { description: 'Applied: this instance serves none of the removed values', schema: replySchema(action) },
    400: refusal('The body is not as described'),
    401: refusal('The token is missing or wrong'),
    403: refusal('The routes are closed to this caller'),
    404: refusal('No such scope, or it has no cached methods'),
    413: refusal('The body is too large'),
    415: refusal('The body is not JSON'),
    429: refusal('Too many commands within a minute; `Retry-After` says when to come back'),
    503: refusal('Not applied, or unknown; repeating it is harmless'),
  };
}

function replySchema(action: AdminAction): object {
  const subject =
    action === 'clear'
      ? {}
      : action === 'delete'
        ? { key: text(undefined, 'get_user:123') }
        : { pattern: text(undefined, 'get_user:*') };
  return {
    type: 'object',
    required: ['success', 'scope', 'action', ...Object.keys(subject), 'invalidated_count', 'request_id', 'at'],
    properties: {
      success: { type: 'boolean', enum: [true] },
      scope: text(undefined, 'user'),
      action: { type: 'string', enum: [action] },
      ...subject,
      invalidated_count: { type: 'integer', minimum: 0, example: 1 },
      request_id: text(undefined, '4d1ce3c4-1a5c-4f0e-9a4c-4a1e0f6f0f5e'),
      at: { type: 'string', format: 'date-time', example: '2026-01-15T10:30:00.000Z' },
    },
  };
}
