/** Locks of a session by name ($1): whoever holds one loses it with the connection. */
export const TRY_LOCK = `SELECT pg_try_advisory_lock(hashtextextended($1, 0)) AS won`;

export const UNLOCK = `SELECT pg_advisory_unlock(hashtextextended($1, 0))`;
