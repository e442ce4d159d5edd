/**
 * The time of the database in Unix ms, as it was when the statement began. Counted from UTC, since local time is ambiguous
 * for an hour every autumn.
 */
export const NOW_MS = `(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(3)) DIV 1000)`;
