import { CacheError } from '../errors/cache-error.js';

const IDENTIFIER = /^[A-Za-z_$][\w$]*$/;
const MAX_PATH_LENGTH = 200;
const MAX_NAME_LENGTH = 40;

/**
 * Why an argument has no key, on its way out of the encoder. Every container it passes adds itself and the step that led
 * inside, so the path costs nothing until something is wrong. Names properties and types, never values.
 */
export class KeyFault extends Error {
  readonly #steps: string[] = [];
  readonly #containers: object[] = [];

  constructor(
    /** What the place holds, e.g. `a function (onDone)`; `null` where the nesting is too deep. */
    readonly found: string | null,
    readonly limit = 0,
  ) {
    super(found ?? 'too deep');
  }

  /** Adds one step to `error` where it is a fault, and returns it; errors of getters and `toJSON` pass unchanged. */
  static within(error: unknown, container: object, step: string): unknown {
    if (error instanceof KeyFault) {
      error.#steps.unshift(step);
      error.#containers.unshift(container);
    }
    return error;
  }

  /** The error as the caller of the cached method sees it. */
  toCacheError(index: number, call: string): CacheError {
    const argument = `argument ${index} of ${call}`;
    const cure = 'Build the key with a `key` callback from what identifies the call, e.g. `key: (user) => [user.id]`.';
    if (this.found !== null) {
      const expected = `Expected ${argument}${at(this.#steps)} to be data that can stand in a key`;
      return new CacheError('LARDER_KEY_UNSUPPORTED', `${expected}, got ${clip(this.found, MAX_PATH_LENGTH)}. ${cure}`);
    }
    const cycle = this.#cycle();
    if (cycle !== null) {
      const back = cycle.to.length === 0 ? 'the argument itself' : `\`${path(cycle.to)}\``;
      const expected = `Expected ${argument} to be free of cycles`;
      return new CacheError(
        'LARDER_KEY_CIRCULAR',
        `${expected}, but \`${path(cycle.from)}\` refers back to ${back}. ${cure}`,
      );
    }
    const expected = `Expected ${argument} to be nested at most ${this.limit} deep`;
    return new CacheError('LARDER_KEY_UNSUPPORTED', `${expected}, got more${at(this.#steps)}. ${cure}`);
  }

  #cycle(): { from: string[]; to: string[] } | null {
    const seen = new Map<object, number>();
    for (const [depth, container] of this.#containers.entries()) {
      const first = seen.get(container);
      if (first !== undefined) return { from: this.#steps.slice(0, depth), to: this.#steps.slice(0, first) };
      seen.set(container, depth);
    }
    return null;
  }
}

/** The step to a property: `.name`, or `["first name"]` where the name is no identifier. */
export function propertyStep(name: string): string {
  if (IDENTIFIER.test(name)) return `.${name}`;
  return `[${JSON.stringify(clip(name, MAX_NAME_LENGTH))}]`;
}

function path(steps: readonly string[]): string {
  return clip(steps.join(''), MAX_PATH_LENGTH);
}

function clip(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length)}…` : text;
}

function at(steps: readonly string[]): string {
  return steps.length === 0 ? '' : ` at \`${path(steps)}\``;
}
