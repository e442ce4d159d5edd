import { HistoryAnchor, type AnchoredHistory } from '../../core/coherence/history-anchor.port.js';
import type { Era } from '../../core/coherence/position.js';

/** An anchor for instances of one process. For tests: it guards against a split brain only as far as it reaches itself. */
export class InMemoryHistoryAnchor extends HistoryAnchor {
  private readonly histories = new Map<string, AnchoredHistory>();

  override async open(): Promise<void> {}

  override async read(namespace: string): Promise<AnchoredHistory | null> {
    return this.histories.get(namespace) ?? null;
  }

  override async raise(namespace: string, expected: Era | null, next: Era): Promise<boolean> {
    const standing = this.histories.get(namespace);
    if ((standing?.era ?? null) !== expected) return false;
    this.histories.set(namespace, { era: next, confirmations: (standing?.confirmations ?? 0) + 1 });
    return true;
  }

  override async close(): Promise<void> {}
}
