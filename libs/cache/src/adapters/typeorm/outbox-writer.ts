import type { DataSource } from 'typeorm';
import type { CommitPosition } from '../../core/outbox/commit-position.js';
import { InvalidationReceipt } from '../../core/outbox/invalidation-receipt.js';
import type { OutboxBatch } from '../../core/outbox/outbox-intent.js';
import { storableText, toIntentColumns } from './outbox-row-mapping.js';
import { ENQUEUE } from './sql/enqueue.js';

/** Where statements run: a data source, a manager, or the query runner of a transaction. */
export type Database = Pick<DataSource, 'query'>;

/** A batch of a namespace, to be recorded. Until it is sealed it may grow. */
export interface GatheredBatch {
  readonly namespace: string;
  readonly batch: OutboxBatch;
}

const COLUMNS = ['targetHash', 'kind', 'key', 'tag', 'entity', 'collection', 'reason', 'payload'] as const;

/** Records batches, in one statement per namespace (and there is nearly always one namespace). */
export async function writeBatches(
  database: Database,
  gathered: readonly GatheredBatch[],
): Promise<InvalidationReceipt[]> {
  const receipts: InvalidationReceipt[] = [];
  for (const namespace of new Set(gathered.map((each) => each.namespace))) {
    const batches = gathered.filter((each) => each.namespace === namespace).map(({ batch }) => batch);
    receipts.push(await writeRows(database, namespace, batches));
  }
  return receipts;
}

/** Records batches in one statement, under the position of the transaction it runs in unless one is given. */
export async function writeRows(
  database: Database,
  namespace: string,
  batches: readonly OutboxBatch[],
  commitPosition?: CommitPosition,
): Promise<InvalidationReceipt> {
  const intents = batches.flatMap(({ intents: all, reason }) =>
    all.map((intent) => ({ ...toIntentColumns(intent), reason: storableText(reason) })),
  );
  const [written] = await database.query(ENQUEUE, [
    namespace,
    commitPosition?.asStr() ?? null,
    ...COLUMNS.map((column) => intents.map((intent) => intent[column])),
  ]);
  return new InvalidationReceipt(namespace, written.commit_at, {
    rows: Number(written.added),
    createdAtMs: Number(written.created_ms),
  });
}
