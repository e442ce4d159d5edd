import { CacheError, describeInput } from '../../core/errors/cache-error.js';

/**
 * How keys, and the patterns and tags that tell of keys, are shown to people and to other systems: in log lines, in the
 * `Cache-Status` header and, if asked for, in the audit. Metrics, health and traces hold none.
 */
export interface KeyPolicyOptions {
  /**
   * `plain`: as they are. `hmac`: their HMAC, so that lines about one key can be found, by who knows the secret. `omit`: not at
   * all. With the latter two the texts of errors, which may quote anything, are left out of the log too: class and code
   * remain. @default 'plain'
   */
  show?: 'plain' | 'hmac' | 'omit';
  /** The key of the HMAC, 16 characters or more; the same on all instances. @default none */
  secret?: string;
  /** Whether the audit holds keys in that form; it needs the secret. @default false */
  audit?: boolean;
}

export const KEY_POLICY_DEFAULTS = Object.freeze({ show: 'plain', audit: false } as const);

export interface ResolvedKeyPolicyOptions {
  readonly show: 'plain' | 'hmac' | 'omit';
  readonly secret: string | null;
  readonly audit: boolean;
}

const SHORTEST_SECRET = 16;

/** @throws CacheError `LARDER_OPTION_INVALID`; never with the secret in its message */
export function resolveKeyPolicyOptions(options: KeyPolicyOptions = {}): ResolvedKeyPolicyOptions {
  const { show = KEY_POLICY_DEFAULTS.show, audit = KEY_POLICY_DEFAULTS.audit, secret = null } = options;
  if (!['plain', 'hmac', 'omit'].includes(show)) {
    throw invalid('show', "'plain', 'hmac' or 'omit'", describeInput(show), "Leave it out for 'plain'.");
  }
  if (typeof audit !== 'boolean') {
    throw invalid('audit', 'true or false', describeInput(audit), 'Leave it out for false.');
  }
  if (secret !== null && (typeof secret !== 'string' || secret.length < SHORTEST_SECRET)) {
    const got = typeof secret === 'string' ? `${secret.length} characters` : typeof secret;
    throw invalid('secret', `text of ${SHORTEST_SECRET} characters or more`, got, 'Is its environment variable set?');
  }
  const keyed = show === 'hmac' || (audit && show !== 'plain');
  if (keyed && secret === null) {
    throw invalid('secret', `a secret for \`show: '${show}'\`${audit ? ' in the audit' : ''}`, 'none', 'Set one.');
  }
  return { show, secret, audit: audit && show !== 'plain' };
}

function invalid(field: string, expected: string, got: string, cure: string): CacheError {
  return new CacheError(
    'LARDER_OPTION_INVALID',
    `Expected \`keyPolicy.${field}\` to be ${expected}, got ${got}. ${cure}`,
  );
}
