import type { Clock } from '../clock/clock.port.js';
import type { Fingerprint, PrefixCandidate } from './fingerprint.js';
import type { IndexScope } from './index-scope.js';
import {
  resolvePrefixCacheOptions,
  type PrefixCacheOptions,
  type ResolvedPrefixCacheOptions,
} from './prefix-cache.options.js';
import type { PrefixMatch } from './prefix-entry.js';
import type { PrefixIndex } from './prefix-index.js';
import type { PrefixTicket } from './prefix-ticket.js';
import { promptOf, type Prompt, type PromptRequest } from './prompt.js';
import type { TtlTier } from './ttl-tier.js';

/** The longest known prefix of a prompt. Hand it to `record` after success. */
export interface PrefixFinding {
  /** `null`: none is known, or it could not be told. */
  readonly match: PrefixMatch | null;
  /** The last block of the known prefix, counted from 0; -1 where none is known. */
  readonly block: number;
  /** Tokens of the known prefix; 0 where none is known. */
  readonly cachedTokens: number;
  readonly scope: IndexScope;
  readonly prompt: Fingerprint;
  /** `null`: the index could not be asked, so nothing is recorded either. */
  readonly ticket: PrefixTicket | null;
}

/** Tells how many tokens a block has. It is asked for blocks beyond the known prefix only. */
export type TokenCounter = (block: number) => number | Promise<number>;

export interface RecordOptions {
  /** The tier of breakpoints that name none. @default the cache's */
  readonly tier?: TtlTier;
}

/** What a cache has done since start. */
export interface PrefixCacheCounters {
  hits: number;
  misses: number;
  /** Tokens that hits made it needless to count or pay for in full. */
  cachedTokens: number;
  slides: number;
  writes: number;
  /** Writes that an invalidation since the lookup has made void. */
  refused: number;
  /** Failures that were taken as "no cache". */
  failedFinds: number;
  failedSlides: number;
  failedWrites: number;
}

/**
 * A prefix index as a service uses it: whatever goes wrong is "no cache" (REQ-001-23), every hit slides its window
 * (REQ-001-04), and writes are recorded after success only (REQ-001-16). No method rejects because the index is in trouble.
 *
 * Of a hit only the *longest* prefix slides: it is the one that was used, and providers keep what it covers for as long.
 */
export class PrefixCache {
  readonly counters: PrefixCacheCounters = {
    hits: 0,
    misses: 0,
    cachedTokens: 0,
    slides: 0,
    writes: 0,
    refused: 0,
    failedFinds: 0,
    failedSlides: 0,
    failedWrites: 0,
  };
  private readonly options: ResolvedPrefixCacheOptions;
  private readonly underWay = new Set<Promise<unknown>>();
  private readonly reportedAt = new Map<string, number>();

  /** @throws CacheError `LARDER_OPTION_INVALID`, `LARDER_DURATION_INVALID` */
  constructor(
    private readonly index: PrefixIndex,
    private readonly clock: Clock,
    options: PrefixCacheOptions,
    /** Told what a swallowed error has led to, and the error; at most once in `reportEveryMs` for each consequence. */
    private readonly onTrouble: (consequence: string, error: unknown) => void,
  ) {
    this.options = resolvePrefixCacheOptions(options);
  }

  /**
   * The longest live prefix of a prompt, and how many tokens it has. Slides its window.
   *
   * @param prompt of `fingerprint` or `promptOf`, or a request to a model
   * @throws CacheError `LARDER_PREFIX_INVALID` for a request that is none; never for the index's trouble
   */
  async find(scope: IndexScope, prompt: Fingerprint | PromptRequest): Promise<PrefixFinding> {
    const { counters } = this;
    const print = 'messages' in prompt ? promptOf(prompt) : prompt;
    const nothing = { match: null, block: -1, cachedTokens: 0, scope, prompt: print };
    const hashes = print.candidates.map(({ prefixHash }) => prefixHash);
    try {
      const { match, leftMs, ticket } = await this.inTime(
        this.options.findTimeoutMs,
        this.index.longest(scope, hashes),
      );
      if (match === null) {
        counters.misses += 1;
        return { ...nothing, ticket };
      }
      counters.hits += 1;
      counters.cachedTokens += match.cumulativeTokenCount;
      this.slide(scope, match, leftMs);
      const block = print.candidates.find(({ prefixHash }) => equal(prefixHash, match.prefixHash))!.block;
      return { ...nothing, match, block, cachedTokens: match.cumulativeTokenCount, ticket };
    } catch (error) {
      counters.failedFinds += 1;
      this.report('A prefix could not be looked up and counts as unknown', error);
      return { ...nothing, ticket: null };
    }
  }

  /**
   * Records the breakpoints beyond the known prefix. Call it when the response has succeeded. What was invalidated since the
   * lookup is not recorded.
   *
   * @param count tells the tokens of a block; those of the known prefix are not counted again
   * @returns how many were recorded; failures are counted, logged and no error
   */
  async record(finding: PrefixFinding, count: TokenCounter, options: RecordOptions = {}): Promise<number> {
    const { ticket } = finding;
    if (ticket === null) return 0;
    const writing = this.inTime(this.options.recordTimeoutMs, this.writeAll(finding, ticket, count, options));
    return this.tracked(
      writing.catch((error: unknown) => {
        this.counters.failedWrites += 1;
        this.report('A prefix could not be recorded', error);
        return 0;
      }),
    );
  }

  /**
   * Finds, lets `work` answer, and records if it did. Errors of `work` pass unchanged and nothing is recorded then; recording
   * delays nobody.
   */
  async around<Answer>(
    scope: IndexScope,
    prompt: Fingerprint | PromptRequest,
    count: TokenCounter,
    work: (finding: PrefixFinding) => Promise<Answer>,
    options: RecordOptions = {},
  ): Promise<Answer> {
    const finding = await this.find(scope, prompt);
    const answer = await work(finding);
    void this.record(finding, count, options);
    return answer;
  }

  /** Resolves when all that was begun is done: slides and records. */
  async settled(): Promise<void> {
    while (this.underWay.size > 0) await Promise.all(this.underWay);
  }

  private async writeAll(
    finding: PrefixFinding,
    ticket: PrefixTicket,
    count: TokenCounter,
    { tier = this.options.tier }: RecordOptions,
  ): Promise<number> {
    const { scope, prompt, block: known } = finding;
    let tokens = finding.cachedTokens;
    let block = known;
    let recorded = 0;
    for (const { prefixHash, block: end } of [...prompt.breakpoints].sort(byBlock)) {
      if (end <= known) continue;
      while (block < end) tokens += await count((block += 1));
      const ttlTier = (prompt as Partial<Prompt>).tierOf?.(end) ?? tier;
      if (await this.index.write({ scope, prefixHash, cumulativeTokenCount: tokens, ttlTier }, ticket)) recorded += 1;
      else this.counters.refused += 1;
    }
    this.counters.writes += recorded;
    return recorded;
  }

  private slide(scope: IndexScope, { prefixHash }: PrefixMatch, leftMs: number): void {
    this.counters.slides += 1;
    const sliding = this.index.slide(scope, prefixHash, leftMs).catch((error: unknown) => {
      this.counters.failedSlides += 1;
      this.report('The window of a prefix could not be moved on', error);
    });
    void this.tracked(sliding);
  }

  private tracked<T>(work: Promise<T>): Promise<T> {
    this.underWay.add(work);
    void work.finally(() => this.underWay.delete(work));
    return work;
  }

  private inTime<T>(limitMs: number, work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = this.clock.schedule(limitMs, () => reject(new Error(`no answer within ${limitMs} ms`)));
      work.then(resolve, reject).finally(() => timer.cancel());
    });
  }

  private report(consequence: string, error: unknown): void {
    const now = this.clock.monotonic();
    const last = this.reportedAt.get(consequence) ?? Number.NEGATIVE_INFINITY;
    if (now - last < this.options.reportEveryMs) return;
    this.reportedAt.set(consequence, now);
    this.onTrouble(consequence, error);
  }
}

function byBlock(a: PrefixCandidate, b: PrefixCandidate): number {
  return a.block - b.block;
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
