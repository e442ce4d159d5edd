import type { AppendReceipt, AppendWait, InvalidationLog } from '../coherence/invalidation-log.port.js';
import type { Invalidation } from '../coherence/invalidation.js';
import { assertWait } from '../coherence/tier-capabilities.js';
import { CacheError } from '../errors/cache-error.js';
import type { LogApplier } from './log-applier.js';

/** The log of one backend, and what applies it to this process's memory. */
export interface FollowedLog {
  /** The backend's name, for errors. */
  readonly name: string;
  readonly log: InvalidationLog;
  readonly applier: LogApplier;
}

/**
 * The logs of all backends of an application as the removal road sees them: an invalidation goes into each of them, and out
 * of every memory before that. The first is the main one, whose position stands for all.
 */
export class FollowedLogs {
  private readonly logs: FollowedLog[];

  constructor(private readonly main: FollowedLog) {
    this.logs = [main];
  }

  /** Invalidations go into this log too, from now on. */
  add(followed: FollowedLog): void {
    this.logs.push(followed);
  }

  /** @throws CacheError `LARDER_WAIT_UNSUPPORTED` for a wait that one of the logs cannot give */
  assertWait(wait: AppendWait | undefined): void {
    for (const { name, log } of this.logs) {
      try {
        assertWait(log.kind, log.capabilities, wait);
      } catch (error) {
        throw this.named(name, error);
      }
    }
  }

  /** Takes the targets out of every memory, at once; the promise brings the number of entries removed. */
  applyAndCount(invalidation: Invalidation): Promise<number> {
    if (this.logs.length === 1) return this.main.applier.applyAndCount(invalidation);
    return Promise.all(this.logs.map(({ applier }) => applier.applyAndCount(invalidation))).then(sum);
  }

  /** Takes the targets out of every memory. */
  apply(invalidation: Invalidation): void {
    for (const { applier } of this.logs) applier.apply(invalidation);
  }

  /** As `LogApplier.promise`, for every memory. */
  promise(invalidation: Invalidation): () => void {
    const kept = this.logs.map(({ applier }) => applier.promise(invalidation));
    return () => {
      for (const each of kept) each();
    };
  }

  /**
   * Appends to all logs at once. Where one refuses, the others have it all the same: repeating is harmless.
   *
   * @returns the main log's position, and what was removed from all shared tiers
   * @throws the log's error, which names the backend where there are several
   */
  append(invalidation: Invalidation, wait: AppendWait): Promise<AppendReceipt> {
    return this.logs.length === 1 ? this.main.log.append(invalidation, { wait }) : this.appendToAll(invalidation, wait);
  }

  private async appendToAll(invalidation: Invalidation, wait: AppendWait): Promise<AppendReceipt> {
    const appends = await Promise.allSettled(this.logs.map(async ({ log }) => log.append(invalidation, { wait })));
    const failures = appends.flatMap((append, index) =>
      append.status === 'rejected' ? [this.named(this.logs[index]!.name, append.reason)] : [],
    );
    if (failures.length > 0) throw together(failures);
    const receipts = appends.map((append) => (append as PromiseFulfilledResult<AppendReceipt>).value);
    return { position: receipts[0]!.position, removed: sum(receipts.map(({ removed }) => removed)) };
  }

  /** The error with the backend's name in it; as it is where there is only one. */
  private named(backend: string, error: unknown): unknown {
    if (this.logs.length === 1) return error;
    const message = `Backend '${backend}': ${error instanceof Error ? error.message : String(error)}`;
    const code = error instanceof CacheError ? error.code : 'LARDER_INVALIDATION_FAILED';
    return new CacheError(code, message, { cause: error });
  }
}

/** One error of several; its code is the first one's, so that an outage is known as one. */
function together(failures: readonly unknown[]): unknown {
  const [first] = failures;
  if (failures.length === 1 || !(first instanceof CacheError)) return first;
  const message = failures.map((failure) => (failure as Error).message).join(' ');
  return new CacheError(first.code, message, { cause: first.cause });
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}
