import { STATUS_CODES } from 'node:http';
import { Catch, Inject, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { AdminError } from './admin-error.js';

/** Answers a refused admin request in JSON that says what to change. Other errors are the application's. */
@Catch(AdminError)
export class AdminErrorFilter implements ExceptionFilter<AdminError> {
  constructor(@Inject(HttpAdapterHost) private readonly host: HttpAdapterHost) {}

  catch(error: AdminError, host: ArgumentsHost): void {
    const { httpAdapter } = this.host;
    const response: unknown = host.switchToHttp().getResponse();
    if (error.status === 401) httpAdapter.setHeader(response, 'WWW-Authenticate', 'Bearer');
    const { code, message, status, details } = error;
    if (details.retry_after !== undefined) httpAdapter.setHeader(response, 'Retry-After', String(details.retry_after));
    const body = { success: false, statusCode: status, error: STATUS_CODES[status], code, message, ...details };
    httpAdapter.reply(response, body, status);
  }
}
