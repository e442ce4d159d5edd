import type { HttpRequest } from '../http/http-request.js';

/**
 * A message in the form in which the admin actions read what they are asked for, so that both are read by the same rules. The
 * field `token` is a credential and no part of the order.
 */
export function requestOf(pattern: string, payload: unknown): HttpRequest {
  return { method: 'MESSAGE', url: pattern, headers: { 'content-type': 'application/json' }, body: orderIn(payload) };
}

function orderIn(payload: unknown): unknown {
  if (typeof payload !== 'object' || payload === null || Array.isArray(payload) || !('token' in payload))
    return payload;
  const { token: _, ...order } = payload;
  return order;
}
