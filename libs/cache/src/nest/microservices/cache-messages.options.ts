import type { CanActivate, Type } from '@nestjs/common';
import { CacheError, describeInput } from '../../core/errors/cache-error.js';
import { sha256 } from '../admin/token-digest.js';

/** A message that asks for something, before anything is done. */
export interface CacheMessage {
  /** E.g. `cache.user.clear`. */
  readonly pattern: string;
  /** The payload as it came, credentials included. */
  readonly data: unknown;
  /** What Nest's transport tells of the message. */
  readonly context: unknown;
}

/**
 * Who may empty the cache by message: one of guard, token and authorize. Without any, every message is refused: a broker has no
 * peer of this machine, and who may publish there may not be who may empty a cache.
 */
export interface CacheMessagesOptions {
  /** The services whose scopes have patterns, `cache.<scope>.clear`, `.delete` and `.revoke`. @default none */
  services?: readonly Type[];
  /** A guard of the application decides: a class, which may be a provider of any module, or an instance. @default none */
  guard?: Type<CanActivate> | CanActivate;
  /** The field `token` of the payload opens them. Who can read the broker's traffic can read it. @default none */
  token?: string;
  /** Decides by itself; text is who asks, for the audit and the limits per caller. @default none */
  authorize?: (message: CacheMessage) => boolean | string | Promise<boolean | string>;
}

/** Who may, decided. */
export type MessagePolicy =
  | { readonly kind: 'closed' }
  | { readonly kind: 'token'; readonly digest: Buffer }
  | { readonly kind: 'guard'; readonly guard: Type<CanActivate> | CanActivate }
  | { readonly kind: 'authorize'; readonly authorize: NonNullable<CacheMessagesOptions['authorize']> };

/** @throws CacheError `LARDER_OPTION_INVALID` */
export function resolveMessagePolicy({ guard, token, authorize }: CacheMessagesOptions): MessagePolicy {
  const given = [guard, token, authorize].filter((option) => option !== undefined);
  if (given.length > 1) throw invalid('access', 'one of `guard`, `token` and `authorize`', `${given.length} of them`);
  if (guard !== undefined) {
    const { canActivate } = guard as Partial<CanActivate>;
    if (typeof guard === 'function' || typeof canActivate === 'function') return { kind: 'guard', guard };
    throw invalid('guard', 'a guard class or instance', describeInput(guard));
  }
  if (token !== undefined) {
    if (typeof token === 'string' && token.trim() !== '') return { kind: 'token', digest: sha256(token) };
    throw invalid('token', 'non-empty text', typeof token === 'string' ? 'blank text' : typeof token);
  }
  if (authorize !== undefined) {
    if (typeof authorize === 'function') return { kind: 'authorize', authorize };
    throw invalid('authorize', 'a function', describeInput(authorize));
  }
  return { kind: 'closed' };
}

function invalid(field: string, expected: string, got: string): CacheError {
  return new CacheError(
    'LARDER_OPTION_INVALID',
    `Expected \`${field}\` of CacheMessagesModule.forRoot() to be ${expected}, got ${got}. Write e.g. { token: process.env.CACHE_TOKEN }.`,
  );
}
