import type { CommitPosition } from '../../core/outbox/commit-position.js';
import { InvalidationReceipt } from '../../core/outbox/invalidation-receipt.js';
import type { OutboxBatch } from '../../core/outbox/outbox-intent.js';
import type { Database, OutboxDialect } from './outbox-dialect.js';
import { storableText, toIntentColumns } from './outbox-row-mapping.js';

/** A batch of a namespace, to be recorded. Until it is sealed it may grow. */
export interface GatheredBatch {
  readonly namespace: string;
  readonly batch: OutboxBatch;
}

/** Where batches are recorded. */
export interface WriteTarget {
  readonly dialect: OutboxDialect;
  readonly database: Database;
  /** One object for one transaction. @default one of its own */
  readonly transaction?: object;
}

/** Records batches, in one statement per namespace (and there is nearly always one namespace). */
export async function writeBatches(
  target: WriteTarget,
  gathered: readonly GatheredBatch[],
): Promise<InvalidationReceipt[]> {
  const receipts: InvalidationReceipt[] = [];
  for (const namespace of new Set(gathered.map((each) => each.namespace))) {
    const batches = gathered.filter((each) => each.namespace === namespace).map(({ batch }) => batch);
    receipts.push(await writeRows(target, namespace, batches));
  }
  return receipts;
}

/** Records batches in one statement, under the position of the transaction it runs in unless one is given. */
export async function writeRows(
  { dialect, database, transaction = {} }: WriteTarget,
  namespace: string,
  batches: readonly OutboxBatch[],
  commitPosition?: CommitPosition,
): Promise<InvalidationReceipt> {
  const intents = batches.flatMap(({ intents: all, reason }) =>
    all.map((intent) => ({ ...toIntentColumns(intent), reason: storableText(reason) })),
  );
  const written = await dialect.enqueue(database, {
    namespace,
    intents,
    position: commitPosition?.asStr() ?? null,
    transaction,
  });
  return new InvalidationReceipt(namespace, written.position, written);
}
