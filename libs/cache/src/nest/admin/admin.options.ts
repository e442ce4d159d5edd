import type { CanActivate, Type } from '@nestjs/common';
import { CacheError, describeInput } from '../../core/errors/cache-error.js';
import { sha256 } from './token-digest.js';

/**
 * Who may use the admin routes: one of these. Without any they answer only to a peer on this machine whose request came
 * through no proxy.
 */
export interface AdminOptions {
  /** A guard of the application decides: a class, which may be a provider of any module, or an instance. @default none */
  guard?: Type<CanActivate> | CanActivate;
  /** `Authorization: Bearer <token>` opens them. @default none */
  token?: string;
  /** Open to everybody: for networks that are closed by other means. @default false */
  public?: boolean;
}

export const ADMIN_DEFAULTS: Readonly<Pick<Required<AdminOptions>, 'public'>> = Object.freeze({ public: false });

/** Who may, decided. */
export type AdminPolicy =
  | { readonly kind: 'off' }
  | { readonly kind: 'loopback' }
  | { readonly kind: 'public' }
  | { readonly kind: 'token'; readonly digest: Buffer }
  | { readonly kind: 'guard'; readonly guard: Type<CanActivate> | CanActivate };

/**
 * @param where names the option in messages
 * @throws CacheError `LARDER_OPTION_INVALID`
 */
export function resolveAdminPolicy(options: AdminOptions | false | undefined, where: string): AdminPolicy {
  if (options === undefined) return { kind: 'loopback' };
  if (options === false) return { kind: 'off' };
  if (typeof options !== 'object' || options === null) {
    throw invalid(where, 'an object or `false`', options, 'Write e.g. { guard: AdminGuard }.');
  }
  const { guard, token, public: open = ADMIN_DEFAULTS.public } = options;
  const given = [guard, token, open === false ? undefined : open].filter((option) => option !== undefined);
  if (given.length > 1) {
    throw invalid(where, 'one of `guard`, `token` and `public`', options, 'Let one guard check all you need.');
  }
  if (guard !== undefined) return { kind: 'guard', guard: assertGuard(guard, where) };
  if (token !== undefined) {
    if (typeof token === 'string' && token.trim() !== '') return { kind: 'token', digest: sha256(token) };
    throw invalid(`${where}.token`, 'non-empty text', token, 'Is its environment variable set?');
  }
  if (open === false) return { kind: 'loopback' };
  if (open === true) return { kind: 'public' };
  throw invalid(`${where}.public`, 'true or false', open, 'Leave it out for false.');
}

function assertGuard(guard: unknown, where: string): Type<CanActivate> | CanActivate {
  if (typeof guard === 'function') return guard as Type<CanActivate>;
  if (typeof (guard as Partial<CanActivate> | null)?.canActivate === 'function') return guard as CanActivate;
  throw invalid(`${where}.guard`, 'a guard class or instance', guard, 'A guard has a method `canActivate`.');
}

function invalid(field: string, expected: string, got: unknown, cure: string): CacheError {
  return new CacheError(
    'LARDER_OPTION_INVALID',
    `Expected \`${field}\` to be ${expected}, got ${describeInput(got)}. ${cure}`,
  );
}
