import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { pathOf, type HttpRequest } from '../http/http-request.js';
import { MAX_BODY_BYTES } from './request-body.js';

/** Injection token: how the paths of the routes end, beside those of the admin routes. */
export const COMMAND_PATHS = Symbol.for('nestjs-larder:command-paths');

/** An error of the platform's body parser, before any route has seen the request. */
interface ParserError {
  message: string;
  readonly status?: number;
  readonly statusCode?: number;
}

const ADMIN_PATH = /\/cache\/(?:clear|delete|revoke)$/;

const SEND_JSON = 'Send one JSON object with `Content-Type: application/json`.';
const MESSAGES: Readonly<Record<number, string>> = {
  400: `Expected a body that is JSON, got one that cannot be read as such. ${SEND_JSON}`,
  413: `Expected a body of at most ${MAX_BODY_BYTES} bytes, got a longer one. Send several requests, or one pattern for many keys.`,
  415: `Expected a body of \`Content-Type: application/json\`, in UTF-8, got another type, charset or encoding. ${SEND_JSON}`,
};

/**
 * A body that the platform cannot parse is refused before it reaches a route; here the refusal learns to say what to send
 * instead, for the routes of the cache alone.
 */
@Injectable()
export class PlatformRefusals implements OnModuleInit {
  constructor(
    @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost,
    @Inject(COMMAND_PATHS) private readonly paths: readonly string[],
  ) {}

  onModuleInit(): void {
    const { httpAdapter } = this.host;
    switch (httpAdapter?.getType()) {
      case 'express':
        // Express knows error handlers by their four parameters.
        httpAdapter.use(
          (error: ParserError, request: HttpRequest, _response: unknown, next: (error: unknown) => void) => {
            this.explain(error, request);
            next(error);
          },
        );
        return;
      case 'fastify':
        httpAdapter
          .getInstance()
          .addHook('onError', async (request: HttpRequest, _reply: unknown, error: ParserError) => {
            this.explain(error, request);
          });
        return;
    }
  }

  private explain(error: ParserError, request: HttpRequest): void {
    const message = MESSAGES[error.statusCode ?? error.status ?? 0];
    if (message === undefined || request.method !== 'POST') return;
    const path = pathOf(request);
    if (ADMIN_PATH.test(path) || this.paths.some((end) => path.endsWith(`/${end}`))) error.message = message;
  }
}
