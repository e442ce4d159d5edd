import { peerAddressOf, type HttpRequest } from '../http/http-request.js';
import type { AdminPolicy, AdminPrincipal } from './admin.options.js';

/** Who asks: the user that the application's guard has found, else the way access was granted. */
export function principalOf(request: HttpRequest, policy: AdminPolicy): AdminPrincipal {
  const { user } = request;
  const { id, sub } = (user ?? {}) as { id?: unknown; sub?: unknown };
  const name = id ?? sub;
  if (typeof name === 'string' || typeof name === 'number') return { name: `user:${name}`, user };
  return { name: policy.kind === 'token' ? 'token' : peerOf(request), user };
}

export function peerOf(request: HttpRequest): string {
  return `peer:${peerAddressOf(request) ?? 'local'}`;
}
