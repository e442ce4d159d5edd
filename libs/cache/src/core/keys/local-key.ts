import { hash } from 'node:crypto';
import { encodeArgument, encodeNumber } from './argument-encoder.js';
import { KeyFault } from './key-fault.js';
import { escapeSegment } from './segment.js';

/** Argument text up to this many UTF-8 bytes stands in the key as it is; longer text is replaced by its hash. */
export const MAX_ARGUMENT_BYTES = 512;
/** A code unit takes at most three bytes of UTF-8, so text of this length needs no counting. */
const SURELY_SHORT = Math.floor(MAX_ARGUMENT_BYTES / 3);

/**
 * The local key of a call: `get_user:123`, `search:{"page"%3A2}:en`, `list` for a call without arguments (REQ-002-15).
 * Lists of arguments that differ, in a value or only in a type, never share a key; equal lists give the same key in every
 * process and release. `action` must be a name accepted by `assertName`.
 *
 * Classes are told apart by name. Private and non-enumerable fields are not seen: give such a class a `toJSON`, or the
 * method a `key` callback.
 *
 * @throws CacheError `LARDER_KEY_UNSUPPORTED` or `LARDER_KEY_CIRCULAR`, naming the argument and the place inside it
 */
export function localKey(action: string, args: readonly unknown[]): string {
  return args.length === 0 ? action : `${action}:${encodeArguments(args, action)}`;
}

/** The key within the namespace: `user:get_user:123`. */
export function fullKey(scope: string, localKey: string): string {
  return `${escapeSegment(scope)}:${localKey}`;
}

/**
 * The part of a local key behind the action: the escaped arguments joined by `:`, or `h:` and the SHA-256 of that text
 * where it is longer than 512 bytes. The part of an empty list is empty, and so is that of `['']`; {@link localKey} tells
 * them apart.
 *
 * @param action names the call in errors
 * @throws CacheError `LARDER_KEY_UNSUPPORTED` or `LARDER_KEY_CIRCULAR`
 */
export function encodeArguments(args: readonly unknown[], action?: string): string {
  if (args.length === 1 && typeof args[0] === 'number') return encodeNumber(args[0]);
  let text = '';
  let i = 0;
  try {
    for (; i < args.length; i++) text += i === 0 ? encodeArgument(args[i]) : `:${encodeArgument(args[i])}`;
  } catch (error) {
    throw error instanceof KeyFault
      ? error.toCacheError(i, action === undefined ? 'the call' : `\`${action}\``)
      : error;
  }
  return isLong(text) ? `h:${hash('sha256', text)}` : text;
}

function isLong(text: string): boolean {
  if (text.length <= SURELY_SHORT) return false;
  return text.length > MAX_ARGUMENT_BYTES || Buffer.byteLength(text, 'utf8') > MAX_ARGUMENT_BYTES;
}
