import type { Clock, Timer } from '../clock/clock.port.js';
import type { RecordAccelerator } from '../coherence/record-accelerator.port.js';

interface Owed {
  readonly group: string;
  readonly hash: Uint8Array;
}

const RETRY_MS = 500;
/** Beyond it the oldest are forgotten, and live as long as they would have. */
const MAX_OWED = 10_000;

/**
 * Records that stand in the accelerator and are older than what was written, because it could not be reached when that was
 * written. Until they are removed this instance does not take them for anything.
 */
export class OwedDrops {
  private readonly owed = new Map<string, Owed>();
  private timer: Timer | null = null;
  private settling: Promise<void> | null = null;

  constructor(
    private readonly records: RecordAccelerator,
    private readonly clock: Clock,
    private readonly onTrouble: (error: unknown) => void,
  ) {}

  get size(): number {
    return this.owed.size;
  }

  has(group: string, hash: Uint8Array): boolean {
    return this.owed.size > 0 && this.owed.has(keyOf(group, hash));
  }

  add(group: string, hashes: readonly Uint8Array[]): void {
    for (const hash of hashes) {
      const key = keyOf(group, hash);
      this.owed.delete(key);
      if (this.owed.size >= MAX_OWED) this.owed.delete(this.owed.keys().next().value!);
      this.owed.set(key, { group, hash: Uint8Array.from(hash) });
    }
    this.later();
  }

  /** Removes what can be removed now. Never rejects. */
  async settle(): Promise<void> {
    if (this.owed.size === 0 || !this.records.available()) return;
    this.settling ??= this.dropAll().finally(() => {
      this.settling = null;
    });
    await this.settling;
  }

  private async dropAll(): Promise<void> {
    const groups = new Map<string, [string, Owed][]>();
    for (const item of this.owed) groups.set(item[1].group, [...(groups.get(item[1].group) ?? []), item]);
    try {
      for (const [group, items] of groups) {
        await this.records.drop(
          group,
          items.map(([, { hash }]) => hash),
        );
        // One that was written again meanwhile is owed anew.
        for (const [key, item] of items) if (this.owed.get(key) === item) this.owed.delete(key);
      }
    } catch (error) {
      this.onTrouble(error);
    }
  }

  private later(): void {
    this.timer ??= this.clock.schedule(RETRY_MS, () => {
      this.timer = null;
      void this.settle().then(() => {
        if (this.owed.size > 0) this.later();
      });
    });
  }
}

function keyOf(group: string, hash: Uint8Array): string {
  return `${group} ${Buffer.from(hash).toString('latin1')}`;
}
