/**
 * What Express and Fastify requests have in common, which is all that Larder reads of a request. Further fields
 * (`user`, `session`, …) are what the application's middleware and guards put there.
 */
export interface HttpRequest {
  readonly method: string;
  readonly url: string;
  readonly originalUrl?: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly query?: unknown;
  readonly params?: unknown;
  readonly body?: unknown;
  readonly [field: string]: any;
}

/** What Express and Fastify responses have in common. */
export interface HttpResponse {
  readonly statusCode: number;
  getHeaders(): Readonly<Record<string, unknown>>;
}

/** A header's value; several of one name are joined as HTTP joins them. `undefined`: not sent. */
export function headerOf(request: HttpRequest, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}

/** The path as the client sent it, without the query. */
export function pathOf(request: HttpRequest): string {
  const url = request.originalUrl ?? request.url;
  const end = url.indexOf('?');
  return end < 0 ? url : url.slice(0, end);
}

/** The address of the other end of the connection, whatever proxies say; `undefined` for a local socket. */
export function peerAddressOf(request: HttpRequest): string | undefined {
  const { socket } = (request.raw ?? request) as { socket?: { remoteAddress?: string } };
  return socket?.remoteAddress;
}

/** True when the request announces a body. */
export function hasBody(request: HttpRequest): boolean {
  const length = headerOf(request, 'content-length');
  return headerOf(request, 'transfer-encoding') !== undefined || (length !== undefined && length !== '0');
}
