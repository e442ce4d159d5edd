import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { StreamableFile } from '@nestjs/common';

/** An answer as it is kept. */
export interface CachedAnswer {
  readonly body: unknown;
  readonly etag: string;
}

/** `null` for a body that cannot be repeated: a stream, bytes, or what has no JSON form. */
export function cachedAnswer(body: unknown): CachedAnswer | null {
  if (body instanceof StreamableFile || body instanceof Readable || body instanceof Uint8Array) return null;
  if (typeof (body as { pipe?: unknown } | null | undefined)?.pipe === 'function') return null;
  const text = jsonOf(body);
  return text === null ? null : { body, etag: weakTag(text) };
}

/** Such a body fails when it is sent, with the error that tells why. */
function jsonOf(body: unknown): string | null {
  try {
    return JSON.stringify(body) ?? '';
  } catch {
    return null;
  }
}

/** Weak, since interceptors, compression and the like may change the bytes on the way. */
function weakTag(text: string): string {
  return `W/"${createHash('sha256').update(text).digest('base64url').slice(0, 27)}"`;
}

/** True where `If-None-Match` names the answer: who asks has it already. */
export function isKnown(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  if (ifNoneMatch.trim() === '*') return true;
  return ifNoneMatch.split(',').some((known) => opaque(known) === opaque(etag));
}

function opaque(tag: string): string {
  return tag.trim().replace(/^W\//, '');
}
