import { compilePattern, type KeyPattern } from './key-pattern.js';

/** Keeps the most recently used compiled patterns (REQ-003-05). Bounded; a pattern in use elsewhere outlives its place here. */
export class PatternCache {
  readonly #patterns = new Map<string, KeyPattern>();

  /** @param maxPatterns how many are kept */
  constructor(private readonly maxPatterns = 256) {}

  get size(): number {
    return this.#patterns.size;
  }

  /**
   * The compiled pattern of a text.
   *
   * @throws CacheError as `compilePattern`; failures are not kept
   */
  get(text: string): KeyPattern {
    let pattern = this.#patterns.get(text);
    if (pattern === undefined) {
      pattern = compilePattern(text);
      if (this.#patterns.size >= this.maxPatterns) this.#dropOldest();
    } else {
      this.#patterns.delete(text);
    }
    this.#patterns.set(text, pattern); // a Map keeps insertion order: last in is the most recently used
    return pattern;
  }

  #dropOldest(): void {
    for (const oldest of this.#patterns.keys()) {
      this.#patterns.delete(oldest);
      return;
    }
  }
}
