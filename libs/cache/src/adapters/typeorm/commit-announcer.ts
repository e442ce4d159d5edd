import type { OutboxHint, OutboxHintListener } from '../../core/outbox/outbox-store.port.js';

interface AnnouncerOptions {
  readonly publishWithinMs: number;
  readonly notifyDebounceMs: number;
}

/**
 * Tells workers that rows were committed. A worker of this process publishes them at once, and the writer waits for that a
 * bounded time only; where there is none, or it fails, the other processes are notified, seldom enough that writers do not
 * queue for the database's notification lock. Nothing here ever fails a committed write: the workers' polling stands behind it.
 */
export class CommitAnnouncer {
  private readonly listeners = new Set<OutboxHintListener>();
  private pendingNotification: NodeJS.Timeout | null = null;

  constructor(
    private readonly options: AnnouncerOptions,
    private readonly notify: () => Promise<unknown>,
  ) {}

  subscribe(listener: OutboxHintListener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Every listener has been called when this returns; resolves when the rows are published here, or after `publishWithinMs`. */
  async committed(hints: readonly OutboxHint[]): Promise<void> {
    if (!(await this.publishHere(hints))) this.notifySoon();
  }

  /** The database says that there may be rows. */
  woken(): void {
    void this.tell({ namespace: null, commitPosition: null, intents: [] });
  }

  close(): void {
    if (this.pendingNotification !== null) clearTimeout(this.pendingNotification);
    this.pendingNotification = null;
    this.listeners.clear();
  }

  private async publishHere(hints: readonly OutboxHint[]): Promise<boolean> {
    if (this.listeners.size === 0) return false;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<false>((resolve) => {
      timer = setTimeout(() => resolve(false), this.options.publishWithinMs);
    });
    const told = Promise.all(hints.map((hint) => this.tell(hint))).then((done) => done.every(Boolean));
    try {
      return await Promise.race([told, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** False when a listener failed. */
  private async tell(hint: OutboxHint): Promise<boolean> {
    const results = await Promise.allSettled([...this.listeners].map(async (listener) => listener(hint)));
    return results.every(({ status }) => status === 'fulfilled');
  }

  private notifySoon(): void {
    this.pendingNotification ??= setTimeout(() => {
      this.pendingNotification = null;
      this.notify().catch(() => undefined); // a lost notification is made good by polling
    }, this.options.notifyDebounceMs);
    this.pendingNotification.unref();
  }
}
