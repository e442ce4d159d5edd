/**
 * Where `@nestjs/swagger` keeps what its decorators say. It is an optional peer that cannot be loaded at the time a class
 * is defined, so its metadata is written here under its own names; where it is absent, nobody reads it.
 */
export const SWAGGER = {
  operation: 'swagger/apiOperation',
  parameters: 'swagger/apiParameters',
  responses: 'swagger/apiResponse',
  tags: 'swagger/apiUseTags',
} as const;

/** A refusal, as `AdminErrorFilter` answers it. */
export function refusal(description: string): object {
  const schema = {
    type: 'object',
    required: ['success', 'statusCode', 'error', 'code', 'message'],
    properties: {
      success: { type: 'boolean', enum: [false] },
      statusCode: { type: 'integer' },
      error: text(),
      code: text('Stable, see the page of errors', 'LARDER_SCOPE_UNKNOWN'),
      message: text(),
      field: text('The field of the body that is wrong'),
      known_scopes: { type: 'array', items: text() },
      retry_after: { type: 'integer', description: 'Seconds to wait' },
    },
  };
  return { description, schema };
}

export function text(description?: string, example?: string): object {
  return {
    type: 'string',
    ...(description === undefined ? {} : { description }),
    ...(example === undefined ? {} : { example }),
  };
}
