import { RequestMethod, type Type } from '@nestjs/common';
import {
  HTTP_CODE_METADATA,
  METHOD_METADATA,
  REDIRECT_METADATA,
  RENDER_METADATA,
  ROUTE_ARGS_METADATA,
  SSE_METADATA,
} from '@nestjs/common/constants.js';
import { RouteParamtypes } from '@nestjs/common/enums/route-paramtypes.enum.js';

/** Why answers of a handler can never be repeated, with the cure; `null` where they can. */
export function whyUncacheable(controller: Type, property: string, handler: object): string | null {
  const says = (key: string): unknown => Reflect.getMetadata(key, handler);
  const method = says(METHOD_METADATA) as RequestMethod | undefined;
  if (says(SSE_METADATA) === true) return 'sends events as they happen. Cache the service that it asks';
  if (method === undefined) return 'is no route handler. Put @Get() beside it, or use @Cached() on a method';
  if (method !== RequestMethod.GET && method !== RequestMethod.HEAD)
    return `answers ${RequestMethod[method]}. Only answers to GET and HEAD are repeated; cache the service that it asks`;
  if (says(REDIRECT_METADATA) !== undefined || says(RENDER_METADATA) !== undefined)
    return 'redirects or renders. Cache the service that it asks';
  const status = says(HTTP_CODE_METADATA) as number | undefined;
  if (status !== undefined && status !== 200) return `answers with status ${status}. Only answers with 200 are kept`;
  const args = (Reflect.getMetadata(ROUTE_ARGS_METADATA, controller, property) ?? {}) as Record<string, unknown>;
  const taken = Object.keys(args).map((key) => Number(key.split(':')[0]));
  if (taken.includes(RouteParamtypes.RESPONSE) || taken.includes(RouteParamtypes.NEXT))
    return 'takes @Res() or @Next(), so what it does to the response could not be repeated. Return the body; fixed headers go into @Header()';
  return null;
}
