import { describeInput } from '../errors/cache-error.js';
import { InvalidationIntent } from '../invalidation/intent.js';
import { PREFIX_TAG } from '../invalidation/tags.js';
import { joinSegments } from '../keys/segment.js';
import { isWellFormed } from '../keys/well-formed.js';
import { invalidData, principalError } from './prefix-errors.js';

/** What keys every entry beside its hash; all three parts do (REQ-001-05). */
export interface IndexScope {
  /** Whose entries: a UUID, of an organisation or a person, so that all of a customer's calls share one scope. */
  readonly principalId: string;
  /** The model as users name it, not what is behind the name. */
  readonly virtualModel: string;
  /** Another tokenizer counts otherwise: its version keys the entries anew. */
  readonly tokenizerVersion: string;
}

/** One part of a scope, or the whole index: what an invalidation may name. */
export type ScopePart =
  { readonly principalId: string } | { readonly virtualModel: string } | { readonly tokenizerVersion: string } | 'all';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const MAX_TEXT_BYTES = 256;

/**
 * The scope as it is stored: a UUID has one form, whatever letters it was written with.
 *
 * @throws CacheError `LARDER_PREFIX_PRINCIPAL`, `LARDER_PREFIX_INVALID`
 */
export function checkedScope(scope: IndexScope): IndexScope {
  if (typeof scope !== 'object' || scope === null) throw invalidData(`expected a scope, got ${describeInput(scope)}`);
  return {
    principalId: checkedPrincipal(scope.principalId),
    virtualModel: checkedText('virtualModel', scope.virtualModel),
    tokenizerVersion: checkedText('tokenizerVersion', scope.tokenizerVersion),
  };
}

/** The tags of every entry of a scope. They are known before anything is read, so a read can fetch their positions beside it. */
export function tagsOfScope({ principalId, virtualModel, tokenizerVersion }: IndexScope): readonly string[] {
  return [tagOf('all'), tagOf({ principalId }), tagOf({ virtualModel }), tagOf({ tokenizerVersion })];
}

/** The intent that takes a part of the index away, for the outbox beside a write or for `invalidate`. */
export function prefixIntent(part: ScopePart): InvalidationIntent {
  return InvalidationIntent.fromJSON({ kind: 'tag', tag: tagOf(checkedPart(part)) });
}

/** The part that a tag names; `null` for a tag of something else. */
export function partOf(tag: string): ScopePart | null {
  if (!tag.startsWith(PREFIX_TAG)) return null;
  const [kind, name] = tag.slice(PREFIX_TAG.length).split(':').map(unescapeSegment);
  if (name === undefined) return kind === 'all' ? 'all' : null;
  switch (kind) {
    case 'principal':
      return { principalId: name };
    case 'model':
      return { virtualModel: name };
    case 'tokenizer':
      return { tokenizerVersion: name };
    default:
      return null;
  }
}

export function tagOf(part: ScopePart): string {
  if (part === 'all') return `${PREFIX_TAG}all`;
  if ('principalId' in part) return PREFIX_TAG + joinSegments(['principal', part.principalId]);
  if ('virtualModel' in part) return PREFIX_TAG + joinSegments(['model', part.virtualModel]);
  return PREFIX_TAG + joinSegments(['tokenizer', part.tokenizerVersion]);
}

function checkedPart(part: ScopePart): ScopePart {
  if (part === 'all') return part;
  if (typeof part === 'object' && part !== null && Object.keys(part).length === 1) {
    if ('principalId' in part) return { principalId: checkedPrincipal(part.principalId) };
    if ('virtualModel' in part) return { virtualModel: checkedText('virtualModel', part.virtualModel) };
    if ('tokenizerVersion' in part) {
      return { tokenizerVersion: checkedText('tokenizerVersion', part.tokenizerVersion) };
    }
  }
  throw invalidData(
    `expected one of { principalId }, { virtualModel }, { tokenizerVersion } or 'all', got ${describeInput(part)}`,
  );
}

function checkedPrincipal(id: unknown): string {
  if (typeof id === 'string' && UUID.test(id)) return id.toLowerCase();
  throw principalError(`expected a UUID, got ${describeInput(id)}`);
}

function checkedText(name: string, text: unknown): string {
  const fits = typeof text === 'string' && text !== '' && Buffer.byteLength(text) <= MAX_TEXT_BYTES;
  if (fits && isWellFormed(text) && !text.includes('\0')) return text;
  throw invalidData(
    `expected ${name} to be well-formed text of 1 to ${MAX_TEXT_BYTES} bytes, got ${describeInput(text)}`,
  );
}

/** What `joinSegments` has escaped. */
function unescapeSegment(segment: string): string {
  return segment.replaceAll('%3A', ':').replaceAll('%25', '%');
}
