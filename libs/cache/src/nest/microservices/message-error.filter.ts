import { STATUS_CODES } from 'node:http';
import { Catch, type RpcExceptionFilter } from '@nestjs/common';
import { RpcException } from '@nestjs/microservices';
import { throwError, type Observable } from 'rxjs';
import { AdminError } from '../admin/admin-error.js';

/** Answers a refused message as the routes answer a refused request. Other errors are the application's. */
@Catch(AdminError)
export class MessageErrorFilter implements RpcExceptionFilter<AdminError> {
  catch({ code, message, status, details }: AdminError): Observable<never> {
    const body = { success: false, statusCode: status, error: STATUS_CODES[status], code, message, ...details };
    return throwError(() => new RpcException(body).getError());
  }
}
