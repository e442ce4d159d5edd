import type { RowReference } from '../../core/outbox/outbox-row.js';

/** The ids that share a fence, and the fence; `null` for rows named by their id alone. */
export type FencedIds = [ids: string[], fence: number | null];

export function byFence(rows: readonly RowReference[]): FencedIds[] {
  const groups = new Map<number | null, string[]>();
  for (const row of rows) {
    const [id, fence] = typeof row === 'string' ? [row, null] : [row.id, row.claimSeq];
    const ids = groups.get(fence);
    if (ids === undefined) groups.set(fence, [id]);
    else ids.push(id);
  }
  return [...groups].map(([fence, ids]) => [ids, fence]);
}
