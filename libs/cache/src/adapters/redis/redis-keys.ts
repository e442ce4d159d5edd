import { createHash } from 'node:crypto';

/** What may not stand in a physical key as it is: it would steer hash slots, globs or terminals. `%` makes it injective. */
const UNSAFE = /[^\x21-\x7e]|[%{}*?[\]\\]/;
const UNSAFE_ALL = /[^\x21-\x7e]|[%{}*?[\]\\]/g;
const ESCAPE = /%(?:u([0-9A-F]{4})|([0-9A-F]{2}))/g;
const LONGEST = 512;
const HASHED = 'h:';
/** A longer key of a record, bytes, is known by its SHA-256, which the record's checksum covers. */
const LONGEST_KEY = 64;

/** The physical form of a logical key: printable ASCII, injective, at most 512 bytes; longer ones by their SHA-256. */
export function physical(text: string): string {
  let safe = UNSAFE.test(text) ? text.replace(UNSAFE_ALL, escapeUnit) : text;
  if (safe.startsWith(HASHED)) safe = `%68${safe.slice(1)}`;
  return safe.length <= LONGEST ? safe : HASHED + createHash('sha256').update(safe).digest('hex');
}

/** The logical key again; `null` where only its hash is known. */
export function logical(safe: string): string | null {
  if (safe.startsWith(HASHED)) return null;
  return safe.includes('%')
    ? safe.replace(ESCAPE, (_, wide?: string, narrow?: string) =>
        String.fromCharCode(Number.parseInt(wide ?? narrow!, 16)),
      )
    : safe;
}

function escapeUnit(unit: string): string {
  const code = unit.charCodeAt(0);
  const hex = code.toString(16).toUpperCase();
  return code < 0x80 ? `%${hex.padStart(2, '0')}` : `%u${hex.padStart(4, '0')}`;
}

/**
 * The Redis keys of one namespace (coherence page, 2.2). Everything that decides validity lives in one hash slot, the
 * control slot `{ns}`. On one server the entries live there too, so that every script is atomic; in a Cluster they are
 * spread, each entry in one slot with its permit.
 */
export class RedisKeys {
  readonly control: string;
  /** What the scripts call the summary: the control record's key with `sum` in place of its last part. */
  readonly summary: string;
  readonly log: string;
  readonly predicates: string;
  readonly members: string;
  readonly upkeepLock: string;
  readonly settings: string;
  private readonly heartbeats: string;
  private readonly entries: string;
  private readonly permits: string;
  private readonly records: string;
  private readonly root: string;

  constructor(
    prefix: string,
    private readonly namespace: string,
    private readonly spread: boolean,
  ) {
    this.root = `${physicalSegment(prefix)}:`;
    this.namespace = physicalSegment(namespace);
    const slot = `${this.root}{${this.namespace}}:`;
    this.control = `${slot}ctl`;
    this.summary = `${slot}sum`;
    this.log = `${slot}log`;
    this.predicates = `${slot}pat`;
    this.members = `${slot}mem`;
    this.upkeepLock = `${slot}upk`;
    this.settings = `${slot}set`;
    this.heartbeats = `${slot}hb:`;
    this.entries = `${slot}e:`;
    this.permits = `${slot}p:`;
    this.records = `${slot}x:`;
  }

  heartbeat(instanceId: string): string {
    return this.heartbeats + physical(instanceId);
  }

  entry(key: string): string {
    const safe = physical(key);
    return this.spread ? `${this.root}{${this.namespace}/${safe}}:e` : this.entries + safe;
  }

  permit(key: string): string {
    const safe = physical(key);
    return this.spread ? `${this.root}{${this.namespace}/${safe}}:p` : this.permits + safe;
  }

  /** What the records of a group begin with: all of one group lie in one slot. */
  recordStart(group: string): string {
    return this.spread ? `${this.root}{${this.namespace}/${group}}:x:` : `${this.records}${group}:`;
  }

  /** A glob for SCAN that matches every entry. What it finds is checked by `keyOf` again. */
  get entryGlob(): string {
    return this.spread ? `${this.root}{${this.namespace}/*}:e` : `${this.entries}*`;
  }

  /** The same for entries whose logical key begins with this; it may find others too. */
  entryGlobOf(prefix: string): string {
    const safe = physical(prefix);
    // A key that begins like a hash is escaped where its prefix may not be, and a long prefix is one itself.
    if (prefix.startsWith(HASHED.charAt(0)) || safe.startsWith(HASHED)) return this.entryGlob;
    return this.spread ? `${this.root}{${this.namespace}/${safe}*}:e` : `${this.entries}${safe}*`;
  }

  /** The logical key of an entry; `undefined` if it is none of ours, `null` if it is ours and only its hash is known. */
  keyOf(redisKey: string): string | null | undefined {
    const start = this.spread ? `${this.root}{${this.namespace}/` : this.entries;
    const end = this.spread ? '}:e' : '';
    if (!redisKey.startsWith(start) || !redisKey.endsWith(end)) return undefined;
    return logical(redisKey.slice(start.length, redisKey.length - end.length));
  }
}

/** The bytes that name a record in its Redis key: those of its own key, of which long ones are known by their SHA-256. */
export function recordName(key: Uint8Array): Uint8Array {
  return key.length <= LONGEST_KEY ? key : createHash('sha256').update(key).digest();
}

/** The Redis key of a record, whose own key may be any bytes: what those of its group begin with, and its name as base64url. */
export function recordKey(start: string, key: Uint8Array): string {
  return start + Buffer.from(recordName(key)).toString('base64url');
}

/** Prefix and namespace may not reach into each other: `:` and `/` are escaped as well. */
function physicalSegment(text: string): string {
  return physical(text).replaceAll(':', '%3A').replaceAll('/', '%2F');
}
