/** The database transaction the current asynchronous call runs in. */
export interface TransactionState {
  /** Isolation level as asked for, e.g. `REPEATABLE READ`; `null`: the database's default. */
  readonly isolation: string | null;
}

/**
 * Tells whether the caller is inside a database transaction. A value loaded there must not be cached: it may be older than
 * the cache's stamp (snapshot isolation) or be rolled back (read of one's own writes); and an invalidation made there
 * belongs to the commit.
 */
export abstract class TransactionContext {
  /** The open transaction of the current call, or `null`. */
  abstract current(): TransactionState | null;
}
