import { CacheError } from '../../core/errors/cache-error.js';

/** The table, or the column of it, that a trigger was asked for does not exist. `quoting`: how names are quoted here. */
export function noSuchTable(table: string, column: string | null, quoting: string): CacheError {
  const missing = column === null ? `no table \`${table}\`` : `no column \`${column}\` in \`${table}\``;
  return new CacheError(
    'LARDER_OPTION_INVALID',
    `Expected a table and the column that identifies its rows, got ${missing}. Quote names as SQL does, e.g. ${quoting}.`,
  );
}
