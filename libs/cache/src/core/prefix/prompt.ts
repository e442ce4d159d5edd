import { describeInput } from '../errors/cache-error.js';
import {
  fingerprint,
  isMarked,
  MARKER,
  type Fingerprint,
  type FingerprintOptions,
  type PromptBlock,
} from './fingerprint.js';
import { invalidData } from './prefix-errors.js';
import { TtlTier } from './ttl-tier.js';

/**
 * A request to a model, as the APIs of Anthropic and of OpenAI have it, without their SDKs. Only what makes up the prompt is
 * read; model and tokenizer are the scope's.
 */
export interface PromptRequest {
  readonly tools?: readonly PromptBlock[] | null;
  /** Anthropic: the system prompt, as text or as blocks. OpenAI has it among the messages. */
  readonly system?: string | readonly PromptBlock[] | null;
  readonly messages: readonly PromptMessage[];
}

export interface PromptMessage {
  readonly role: string;
  readonly content?: string | readonly PromptBlock[] | null;
  /** Names, calls of tools, and whatever else belongs to it. */
  readonly [beside: string]: unknown;
}

/** A prompt, block by block, with its prefixes. */
export interface Prompt extends Fingerprint {
  readonly blocks: readonly PromptBlock[];
  /** The tier that the marker of a block asks for; `null` where it has none. */
  tierOf(block: number): TtlTier | null;
}

/**
 * The prompt of a request: tools, then the system prompt, then each block of each message. A text and one block of that text
 * are the same. A conversation that grows keeps the prefixes it had.
 *
 * @throws CacheError `LARDER_PREFIX_INVALID`
 */
export function promptOf(request: PromptRequest, options: FingerprintOptions = {}): Prompt {
  if (typeof request !== 'object' || request === null || !Array.isArray(request.messages)) {
    throw invalidData(`expected a request with messages, got ${describeInput(request)}`);
  }
  const parts = [
    ...blocksOf(request.tools).map((block) => part(block, (tool) => ({ tool }))),
    ...blocksOf(request.system).map((block) => part(block, (system) => ({ system }))),
    ...request.messages.flatMap(partsOf),
  ];
  const blocks = parts.map(({ block }) => block);
  const markers = parts.map(({ marker }) => marker);
  const tierOf = (index: number): TtlTier | null => tierOfMarker(markers[index]);
  markers.forEach((_, index) => tierOf(index)); // a tier that is not known fails now, not after the response
  return { blocks, ...fingerprint(blocks, options), tierOf };
}

interface Part {
  readonly block: PromptBlock;
  readonly marker: unknown;
}

/** The marker stands on the part, where `fingerprint` finds it and leaves it out. */
function part(block: PromptBlock, frame: (bare: PromptBlock) => PromptBlock): Part {
  const { [MARKER]: marker, ...bare } = block;
  return isMarked(block)
    ? { block: { ...frame(bare), [MARKER]: marker }, marker }
    : { block: frame(bare), marker: null };
}

/** What a message says beside its content (a name, calls of tools, …) goes with its first block; its marker with its last. */
function partsOf(message: PromptMessage): Part[] {
  if (typeof message !== 'object' || message === null || typeof message.role !== 'string') {
    throw invalidData(`expected a message with a role, got ${describeInput(message)}`);
  }
  const { content, [MARKER]: marker = null, ...beside } = message;
  const blocks = blocksOf(content);
  if (blocks.length === 0) return [part({ [MARKER]: marker }, () => ({ message: beside, content: [] }))];
  return blocks.map((block, index) => {
    const marked = index === blocks.length - 1 && !isMarked(block) ? { ...block, [MARKER]: marker } : block;
    const first = index === 0 ? { message: beside } : { role: message.role };
    return part(marked, (bare) => ({ ...first, content: [bare] }));
  });
}

function blocksOf(content: string | readonly PromptBlock[] | null | undefined): readonly PromptBlock[] {
  if (content === null || content === undefined) return [];
  if (typeof content === 'string') return [{ type: 'text', text: content }];
  if (!Array.isArray(content)) throw invalidData(`expected content as text or blocks, got ${describeInput(content)}`);
  const stray = content.find((block) => typeof block !== 'object' || block === null);
  if (stray !== undefined) throw invalidData(`expected content blocks to be objects, got ${describeInput(stray)}`);
  return content;
}

function tierOfMarker(marker: unknown): TtlTier | null {
  if (typeof marker !== 'object' || marker === null) return null;
  const { ttl } = marker as { ttl?: unknown };
  if (ttl === undefined || ttl === null) return null;
  const tier = typeof ttl === 'string' ? TtlTier.parse(ttl) : null;
  if (tier === null)
    throw invalidData(`expected the ttl of cache_control to be 5m, 1h or 24h, got ${describeInput(ttl)}`);
  return tier;
}
