import { createHmac } from 'node:crypto';
import type { AuditEntry } from '../../core/audit/audit-record.js';
import type { ResolvedKeyPolicyOptions } from './key-policy.options.js';

/** Hexadecimal digits of an HMAC that are shown: enough that two keys never look the same. */
const SHOWN_DIGITS = 32;
const OMITTED = '(omitted)';

/** Shows keys as the application wants them shown (I24). */
export class KeyPolicy {
  constructor(private readonly options: ResolvedKeyPolicyOptions) {}

  /** A key, a pattern or a tag. `null`: nothing is to be shown. What is empty is shown so. */
  shown(text: string): string | null {
    if (text === '') return text;
    switch (this.options.show) {
      case 'plain':
        return text;
      case 'hmac':
        return this.digest(text);
      case 'omit':
        return null;
    }
  }

  /** A read, by scope and local key: `user/getUser:123`. What has no key is named by its action. */
  read(scope: string, action: string, fullKey: string): string {
    if (fullKey === '') return `${scope}/${action}`;
    switch (this.options.show) {
      case 'plain':
        return fullKey.startsWith(`${scope}:`) ? `${scope}/${fullKey.slice(scope.length + 1)}` : fullKey;
      case 'hmac':
        return `${scope}/${action} ${this.digest(fullKey)}`;
      case 'omit':
        return `${scope}/${action}`;
    }
  }

  /** What is told of an error: its message may quote a key or a value, its class and code do not. */
  errorText(error: unknown): string {
    if (this.options.show === 'plain') return error instanceof Error ? error.message : String(error);
    if (!(error instanceof Error)) return OMITTED;
    const { code } = error as { code?: unknown };
    return typeof code === 'string' && /^[A-Z][A-Z0-9_]*$/.test(code)
      ? `${error.constructor.name} ${code}`
      : error.constructor.name;
  }

  /** An entry as the audit is to hold it. */
  inAudit<Entry extends Omit<AuditEntry, 'namespace'>>(entry: Entry): Entry {
    if (!this.options.audit) return entry;
    const { pattern, keys, requestHash } = entry;
    return {
      ...entry,
      pattern: this.shown(pattern) ?? OMITTED,
      keys: this.options.show === 'omit' ? [] : keys.map((key) => this.digest(key)),
      keyCount: entry.keyCount ?? keys.length,
      ...(requestHash === undefined ? {} : { requestHash: this.requestHash(requestHash) }),
    };
  }

  /** The fingerprint of a request as the audit holds it: unkeyed, it would let anybody try which keys were meant. */
  requestHash(hash: string): string {
    return this.options.audit
      ? createHmac('sha256', this.options.secret!).update(`request:${hash}`).digest('hex')
      : hash;
  }

  private digest(text: string): string {
    const digest = createHmac('sha256', this.options.secret!).update(text).digest('hex');
    return `hmac:${digest.slice(0, SHOWN_DIGITS)}`;
  }
}
