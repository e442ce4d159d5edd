import { createHash } from 'node:crypto';
import { describeInput } from '../errors/cache-error.js';
import { canonicalJson } from './canonical-json.js';
import type { PrefixHash } from './prefix-entry.js';
import { invalidData } from './prefix-errors.js';

/** A piece of a prompt, as JSON: a content block, a tool, a message. Its marker is not part of its content. */
export type PromptBlock = Readonly<Record<string, unknown>>;

/** A prefix of a prompt. */
export interface PrefixCandidate {
  readonly prefixHash: PrefixHash;
  /** The last block of the prefix, counted from 0. */
  readonly block: number;
}

export interface FingerprintOptions {
  /**
   * Blocks after which a prefix may be kept, counted from 0; four at most.
   * @default the blocks that carry `cache_control`, and where none does, the last one
   */
  breakpoints?: readonly number[];
  /** How many prefixes are looked for per breakpoint, that of the breakpoint included. @default 20 */
  lookback?: number;
}

/** The prefixes of a prompt. */
export interface Fingerprint {
  /** What to look up, longest first, each once. */
  readonly candidates: readonly PrefixCandidate[];
  /** What to write after success, longest first. */
  readonly breakpoints: readonly PrefixCandidate[];
}

export const FINGERPRINT_DEFAULTS = Object.freeze({ lookback: 20 } as const);

/** More breakpoints are refused, as by the providers. */
export const MAX_BREAKPOINTS = 4;
const DOMAIN = 'larder-prefix-v1';
/** The directive is no content: it stands on a block, and on blocks within a block's `content`. */
export const MARKER = 'cache_control';

/**
 * The cumulative hashes of a prompt: that of a block covers everything up to and including it, so a longer prompt that
 * begins alike has the same hashes for as long as it does. Markers are left out.
 *
 * @throws CacheError `LARDER_PREFIX_INVALID` for more than four breakpoints, or one that names no block
 */
export function fingerprint(blocks: readonly PromptBlock[], options: FingerprintOptions = {}): Fingerprint {
  const lookback = options.lookback ?? FINGERPRINT_DEFAULTS.lookback;
  if (!Number.isInteger(lookback) || lookback < 1) {
    throw invalidData(`expected a look-back of at least 1, got ${describeInput(lookback)}`);
  }
  if (!Array.isArray(blocks)) throw invalidData(`expected a list of blocks, got ${describeInput(blocks)}`);
  const ends = breakpointsOf(blocks, options.breakpoints);
  const wanted = new Set<number>();
  for (const end of ends) for (let block = end; block > end - lookback && block >= 0; block -= 1) wanted.add(block);
  const hashes = cumulativeHashes(blocks, (ends[0] ?? -1) + 1);
  const candidate = (block: number): PrefixCandidate => ({ prefixHash: hashes[block]!, block });
  return { candidates: [...wanted].sort(descending).map(candidate), breakpoints: ends.map(candidate) };
}

/** True for a block that carries a marker. */
export function isMarked(block: PromptBlock): boolean {
  return block[MARKER] !== undefined && block[MARKER] !== null;
}

function breakpointsOf(blocks: readonly PromptBlock[], given: readonly number[] | undefined): number[] {
  const marked = given ?? blocks.flatMap((block, index) => (isMarked(block) ? [index] : []));
  const ends = [
    ...new Set(marked.length > 0 || given !== undefined ? marked : blocks.length > 0 ? [blocks.length - 1] : []),
  ];
  const stray = ends.find((end) => !Number.isInteger(end) || end < 0 || end >= blocks.length);
  if (stray !== undefined) {
    throw invalidData(`expected breakpoints from 0 to ${blocks.length - 1}, got ${describeInput(stray)}`);
  }
  if (ends.length > MAX_BREAKPOINTS) {
    throw invalidData(`expected at most ${MAX_BREAKPOINTS} breakpoints, got ${ends.length}`);
  }
  return ends.sort(descending);
}

function cumulativeHashes(blocks: readonly PromptBlock[], count: number): PrefixHash[] {
  const hashes: PrefixHash[] = [];
  let before: Uint8Array = createHash('sha256').update(DOMAIN).digest();
  for (const block of blocks.slice(0, count)) {
    before = createHash('sha256')
      .update(before)
      .update(canonicalJson(unmarked(block)))
      .digest();
    hashes.push(before);
  }
  return hashes;
}

/** Only where the directive can stand: a member of this name within a tool's input is content. */
function unmarked(block: unknown): unknown {
  if (typeof block !== 'object' || block === null || Array.isArray(block)) {
    throw invalidData(`expected a block to be an object, got ${describeInput(block)}`);
  }
  const { [MARKER]: _marker, ...content } = block as Record<string, unknown>;
  if (!Array.isArray(content.content)) return content;
  const inner = content.content.map((item: unknown) =>
    typeof item === 'object' && item !== null && !Array.isArray(item) ? unmarked(item) : item,
  );
  return { ...content, content: inner };
}

function descending(a: number, b: number): number {
  return b - a;
}
