/** How a bulk method is asked: the ids nobody has, in order; it answers with one value for each, `null` for none. */
export type LoadMissing<Id> = (ids: readonly Id[]) => Promise<readonly unknown[]>;

interface Waiting<Id> {
  readonly id: Id;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Turns many single reads into one call of a bulk method. Each id travels the read road by itself, with its own key,
 * fence and flight; those that end at the method meet here, and the method is called once, when every id has either
 * been answered, come here, or begun to wait for somebody else. Ids that wait for others must not be waited for: two
 * bulk calls that each hold what the other wants would never end.
 */
export class BulkLoad<Id> {
  private readonly gathered: Waiting<Id>[] = [];
  private readonly undecided: Set<Id>;
  private readonly decided = new Set<Id>();

  constructor(
    ids: readonly Id[],
    private readonly loadMissing: LoadMissing<Id>,
  ) {
    this.undecided = new Set(ids);
  }

  /** The loader of one id. */
  load(id: Id): Promise<unknown> {
    const value = new Promise<unknown>((resolve, reject) => this.gathered.push({ id, resolve, reject }));
    this.decide(id);
    // Who comes after the call has left (its wait for another was in vain) goes in a call of its own.
    if (this.undecided.size === 0 && this.gathered.length > 0) this.dispatch();
    return value;
  }

  /** The id was answered without the method, or waits for somebody else's load. */
  decide(id: Id): void {
    if (this.decided.has(id)) return;
    this.decided.add(id);
    this.undecided.delete(id);
    if (this.undecided.size === 0 && this.gathered.length > 0) this.dispatch();
  }

  private dispatch(): void {
    const batch = this.gathered.splice(0);
    this.loadMissing(batch.map(({ id }) => id)).then(
      (values) => batch.forEach(({ resolve }, index) => resolve(values[index] ?? null)),
      (error: unknown) => batch.forEach(({ reject }) => reject(error)),
    );
  }
}
