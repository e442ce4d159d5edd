import { targetsOf, type Invalidation, type PatternTarget } from './invalidation.js';
import { MAX_MESSAGE_BYTES, MAX_MESSAGE_TARGETS } from './log-message.js';

/** Leaves room for the frame of the message and for JSON's escapes of what is not plain text. */
const PIECE_BYTES = MAX_MESSAGE_BYTES / 8;
const PIECE_TARGETS = MAX_MESSAGE_TARGETS / 2;
/** What an invalidation takes beside its texts. */
const FRAME_BYTES = 64;

type Target =
  | { readonly list: 'keys'; readonly value: string }
  | { readonly list: 'tags'; readonly value: string }
  | { readonly list: 'patterns'; readonly value: PatternTarget };

/**
 * Cuts an invalidation of many targets into pieces that fit into a message each. Applying the pieces is applying the
 * whole, because invalidations are independent of each other; the id is the same in all of them.
 */
export function splitInvalidation(invalidation: Invalidation): readonly Invalidation[] {
  if (targetsOf(invalidation) <= PIECE_TARGETS && bytesOf(invalidation) <= PIECE_BYTES) return [invalidation];
  const targets: Target[] = [
    ...invalidation.keys.map((value): Target => ({ list: 'keys', value })),
    ...invalidation.tags.map((value): Target => ({ list: 'tags', value })),
    ...invalidation.patterns.map((value): Target => ({ list: 'patterns', value })),
  ];
  const pieces: Target[][] = [[]];
  let bytes = 0;
  for (const target of targets) {
    const size = sizeOf(target);
    const piece = pieces.at(-1)!;
    if (piece.length > 0 && (piece.length >= PIECE_TARGETS || bytes + size > PIECE_BYTES)) {
      pieces.push([target]);
      bytes = size;
    } else {
      piece.push(target);
      bytes += size;
    }
  }
  if (pieces.length === 1) return [invalidation];
  return pieces.map((piece, index) => ({
    ...invalidation,
    keys: piece.flatMap((target) => (target.list === 'keys' ? [target.value] : [])),
    tags: piece.flatMap((target) => (target.list === 'tags' ? [target.value] : [])),
    patterns: piece.flatMap((target) => (target.list === 'patterns' ? [target.value] : [])),
    flush: invalidation.flush && index === 0,
  }));
}

function sizeOf(target: Target): number {
  if (target.list !== 'patterns') return Buffer.byteLength(target.value) + 4;
  return Buffer.byteLength(target.value.pattern) + Buffer.byteLength(target.value.scope ?? '') + 32;
}

/** About how many bytes an invalidation takes in a message. */
export function bytesOf({ keys, tags, patterns, id, reason, origin }: Invalidation): number {
  let bytes = FRAME_BYTES + textBytes(id) + textBytes(reason) + textBytes(origin);
  for (const key of keys) bytes += textBytes(key);
  for (const tag of tags) bytes += textBytes(tag);
  for (const { pattern, scope } of patterns) bytes += textBytes(pattern) + (scope === null ? 0 : textBytes(scope));
  return bytes;
}

/** A text as it stands in JSON, nearly. */
function textBytes(text: string): number {
  return Buffer.byteLength(text) + 16;
}
