import type { CanActivate, Type } from '@nestjs/common';
import { CacheError, describeInput } from '../../core/errors/cache-error.js';
import { sha256 } from './token-digest.js';

/** Who asks, as far as it is known. */
export interface AdminPrincipal {
  /** `user:<id>` for a user that a guard has found, `token`, or `peer:<address>`. */
  readonly name: string;
  /** What a guard or a middleware of the application has left in `request.user`. */
  readonly user: unknown;
}

/** What may be done: to the entries of a scope, to how it is cached (`switch`), to the dead rows of the outbox (`reset`). */
export type AdminCommand = 'clear' | 'delete' | 'revoke' | 'switch' | 'reset';

/**
 * Who may use the admin routes, and the routes of the invalidation API: one of guard, token, roles and public. Without any
 * they answer only to a peer on this machine whose request came through no proxy.
 */
export interface AdminOptions {
  /** A guard of the application decides: a class, which may be a provider of any module, or an instance. @default none */
  guard?: Type<CanActivate> | CanActivate;
  /** `Authorization: Bearer <token>` opens them. @default none */
  token?: string;
  /** `request.user.roles`, which a global guard of the application has set, must hold one of these. @default none */
  roles?: readonly string[];
  /** Open to everybody: for networks that are closed by other means. @default false */
  public?: boolean;
  /**
   * Asked for every scope that a command touches, after access was granted; `scope` is `null` where it may touch any,
   * as the pattern `*` does. @default everybody with access may do everything
   */
  canInvalidate?: (
    principal: AdminPrincipal,
    scope: string | null,
    command: AdminCommand,
  ) => boolean | Promise<boolean>;
  /** Commands per minute and principal on this instance; `Infinity`: no limit. Said for the module alone. @default 30 */
  commandsPerMinute?: number;
  /** Of these, commands that empty a scope or everything. Said for the module alone. @default 6 */
  clearsPerMinute?: number;
}

export const ADMIN_DEFAULTS: Readonly<
  Pick<Required<AdminOptions>, 'public' | 'commandsPerMinute' | 'clearsPerMinute'>
> = Object.freeze({ public: false, commandsPerMinute: 30, clearsPerMinute: 6 });

/** Who may, decided. */
export type AdminPolicy =
  | { readonly kind: 'off' }
  | { readonly kind: 'loopback' }
  | { readonly kind: 'public' }
  | { readonly kind: 'token'; readonly digest: Buffer }
  | { readonly kind: 'roles'; readonly roles: readonly string[] }
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
  assertCommandOptions(options, where);
  const { guard, token, roles, public: open = ADMIN_DEFAULTS.public } = options;
  const given = [guard, token, roles, open === false ? undefined : open].filter((option) => option !== undefined);
  if (given.length > 1) {
    throw invalid(where, 'one of `guard`, `token`, `roles` and `public`', options, 'Let one guard check all you need.');
  }
  if (guard !== undefined) return { kind: 'guard', guard: assertGuard(guard, where) };
  if (token !== undefined) {
    if (typeof token === 'string' && token.trim() !== '') return { kind: 'token', digest: sha256(token) };
    throw invalid(`${where}.token`, 'non-empty text', token, 'Is its environment variable set?');
  }
  if (roles !== undefined) {
    if (areTexts(roles)) return { kind: 'roles', roles };
    throw invalid(`${where}.roles`, 'a list of role names', roles, "Write e.g. ['cache-admin'].");
  }
  if (open === false) return { kind: 'loopback' };
  if (open === true) return { kind: 'public' };
  throw invalid(`${where}.public`, 'true or false', open, 'Leave it out for false.');
}

function areTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.length > 0 && value.every((item) => typeof item === 'string' && item !== '');
}

function assertCommandOptions(options: AdminOptions, where: string): void {
  const { canInvalidate } = options;
  if (canInvalidate !== undefined && typeof canInvalidate !== 'function') {
    throw invalid(`${where}.canInvalidate`, 'a function', canInvalidate, 'It answers true or false.');
  }
  for (const field of ['commandsPerMinute', 'clearsPerMinute'] as const) {
    const { [field]: rate = ADMIN_DEFAULTS[field] } = options;
    if (typeof rate === 'number' && rate >= 1) continue;
    throw invalid(
      `${where}.${field}`,
      'a number from 1',
      rate,
      'Infinity sets no limit, `admin: false` closes the routes.',
    );
  }
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
