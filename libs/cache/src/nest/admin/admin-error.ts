import { CacheError } from '../../core/errors/cache-error.js';
import type { CacheErrorCode } from '../../core/errors/error-codes.js';

/** What a refusal says besides its message. */
export interface RefusalDetails {
  /** The field of the body that is wrong. */
  readonly field?: string;
  /** Where the scope is unknown: the known ones. */
  readonly known_scopes?: readonly string[];
  /** Where too much was asked: seconds to wait. */
  readonly retry_after?: number;
}

/** A request to the admin routes that is refused; `AdminErrorFilter` answers it. */
export class AdminError extends CacheError {
  constructor(
    code: CacheErrorCode,
    message: string,
    readonly status: number,
    readonly details: RefusalDetails = {},
    options?: { cause?: unknown },
  ) {
    super(code, message, options);
  }
}
