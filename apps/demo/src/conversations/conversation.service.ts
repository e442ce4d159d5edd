import { BadRequestException, Injectable } from '@nestjs/common';
import { CacheError } from 'nestjs-larder';
import { PrefixCache, promptOf, type Prompt, type PromptBlock, type PromptRequest } from 'nestjs-larder/prefix';

/** What the index knew of a prompt when it was sent. */
export interface Turn {
  blocks: number;
  tokens: number;
  /** The hash of the longest known prefix; `null`, as the rest of it: none was known. */
  prefix: string | null;
  cachedBlocks: number;
  cachedTokens: number;
  /** Cached tokens of all, 0 to 1. */
  cachedShare: number;
  /** How long the prefix may go unread. */
  tier: string | null;
  /** When it would have ended, had this turn not moved its window on. */
  expiresAt: Date | null;
  /** Prefixes that are known from now on. */
  recorded: number;
}

/** A gateway to a language model, without the model: what stands here is what a gateway adds for its prefix index. */
@Injectable()
export class ConversationService {
  constructor(private readonly prefixes: PrefixCache) {}

  /** @throws BadRequestException for what is no request to a model */
  async send(customer: string, request: PromptRequest): Promise<Turn> {
    const prompt = promptFrom(request);
    const tokensOf = (block: number): number => estimatedTokens(prompt.blocks[block]!);
    const scope = { principalId: customer, virtualModel: 'demo', tokenizerVersion: 'four-letters' };
    const finding = await this.prefixes.find(scope, prompt);
    const { match, block, cachedTokens } = finding;
    let tokens = cachedTokens;
    for (let next = block + 1; next < prompt.blocks.length; next += 1) tokens += tokensOf(next);
    // Here a gateway asks the model. Only what it has answered is recorded: `PrefixCache.around` is this order in one call.
    const recorded = await this.prefixes.record(finding, tokensOf);
    return {
      blocks: prompt.blocks.length,
      tokens,
      prefix: match === null ? null : Buffer.from(match.prefixHash).toString('hex'),
      cachedBlocks: block + 1,
      cachedTokens,
      cachedShare: tokens === 0 ? 0 : Math.round((100 * cachedTokens) / tokens) / 100,
      tier: match?.ttlTier.asStr() ?? null,
      expiresAt: match?.expiresAt ?? null,
      recorded,
    };
  }
}

function promptFrom(request: PromptRequest): Prompt {
  try {
    return promptOf(request);
  } catch (error) {
    throw error instanceof CacheError ? new BadRequestException(error.message) : error;
  }
}

/** Some four letters make a token. Markers are no content, so they have none. */
function estimatedTokens(block: PromptBlock): number {
  const text = JSON.stringify(block, (name, value: unknown) => (name === 'cache_control' ? undefined : value));
  return Math.ceil(text.length / 4);
}
