import type { ReadEvent } from '../../core/engine/engine.events.js';

/** Reads listed in one header; a page may make thousands. */
const MAX_READS = 16;
/** Longer keys are left out: proxies refuse headers of a few KiB. */
const MAX_KEY_LENGTH = 200;
const PRINTABLE = /^[\x20-\x7e]*$/;

/** The reads of one request, as the `Cache-Status` header shows them (RFC 9211). */
export class CacheStatusTrace {
  private readonly members: string[] = [];

  add(event: ReadEvent): void {
    if (this.members.length < MAX_READS) this.members.push(memberOf(event));
  }

  /** The value of the header; `null` where nothing was read. Members of a cache before this one stay in front. */
  header(before: unknown): string | null {
    if (this.members.length === 0) return null;
    const known = typeof before === 'string' || Array.isArray(before) ? [before].flat().join(', ') : '';
    return [...(known === '' ? [] : [known]), ...this.members].join(', ');
  }
}

/** `larder; hit; ttl=59; key="user:get_user:1"; detail=memory` */
function memberOf(event: ReadEvent): string {
  return ['larder', ...parametersOf(event), ...keyOf(event.key), ...detailOf(event)].join('; ');
}

function parametersOf({ outcome, tier, ttlMs }: ReadEvent): string[] {
  switch (outcome) {
    case 'hit':
      // Who waited for another's load was served by that load, not by the cache.
      return tier === 'flight' ? ['fwd=miss', 'collapsed'] : ['hit', ttl(ttlMs)];
    case 'miss':
      return ['fwd=miss', ...stored(ttlMs)];
    case 'expired':
    case 'stale':
      return ['fwd=stale', ...stored(ttlMs)];
    case 'bypassed':
      return ['fwd=bypass'];
  }
}

function stored(ttlMs: number): string[] {
  return ttlMs > 0 ? ['stored', ttl(ttlMs)] : [];
}

function ttl(ttlMs: number): string {
  return `ttl=${Math.floor(ttlMs / 1000)}`;
}

function keyOf(key: string): string[] {
  if (key === '' || key.length > MAX_KEY_LENGTH) return [];
  const quoted = quotedString(key);
  return quoted.length > MAX_KEY_LENGTH ? [] : [`key=${quoted}`];
}

function detailOf({ outcome, tier }: ReadEvent): string[] {
  if (outcome === 'stale') return ['detail=grace'];
  return outcome === 'hit' && tier !== 'flight'
    ? [`detail=${/^[A-Za-z*][\w.*-]*$/.test(tier) ? tier : quotedString(tier)}`]
    : [];
}

/** An sf-string (RFC 8941) holds printable ASCII only; the rest is percent-encoded as in a URL. */
function quotedString(text: string): string {
  const ascii = PRINTABLE.test(text) ? text : text.replace(/[^\x20-\x7e]+/g, percentEncoded);
  return `"${ascii.replace(/["\\]/g, '\\$&')}"`;
}

function percentEncoded(text: string): string {
  return Buffer.from(text)
    .toString('hex')
    .replace(/../g, (byte) => `%${byte.toUpperCase()}`);
}
