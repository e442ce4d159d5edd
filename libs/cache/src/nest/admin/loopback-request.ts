import { headerOf, peerAddressOf, type HttpRequest } from '../http/http-request.js';

const LOOPBACK_ADDRESS = /^(?:::ffff:)?127(?:\.\d{1,3}){3}$|^::1$/;
const LOOPBACK_HOST = /^(?:(?:.+\.)?localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?$/i;
const FORWARDED = /^(?:forwarded|via|x-real-ip|x-forwarded-.+)$/;

/**
 * True for a request that somebody on this machine made for himself. The peer's address alone does not say so: behind a
 * proxy on this machine every request has a local peer, and a web page whose name was bound to 127.0.0.1 makes the
 * browser a local peer that sends a foreign `Host`.
 */
export function isFromThisMachine(request: HttpRequest): boolean {
  const host = headerOf(request, 'host') ?? headerOf(request, ':authority');
  return (
    LOOPBACK_ADDRESS.test(peerAddressOf(request) ?? '') &&
    (host === undefined || LOOPBACK_HOST.test(host)) &&
    !Object.keys(request.headers).some((name) => FORWARDED.test(name))
  );
}
