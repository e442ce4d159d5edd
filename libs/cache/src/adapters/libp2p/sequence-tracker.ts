import type { WriterId } from './network-clock.js';

interface Progress {
  /** Everything up to here is known. */
  upTo: number;
  /** Known beyond a gap. */
  readonly beyond: Set<number>;
}

/** How far each node's messages are known, as it travels. */
export type SequenceVector = readonly (readonly [WriterId, number])[];

/** Bounds (I19): nodes remembered, the least recently heard leaves; and messages remembered behind one gap. */
const MAX_ORIGINS = 10_000;
const MAX_BEYOND = 10_000;

/**
 * Which messages of which node have been applied. Nodes number theirs from 1 on, so that whatever the way they take, a
 * missing one shows.
 */
export class SequenceTracker {
  private readonly origins = new Map<WriterId, Progress>();

  constructor(private readonly maxOrigins = MAX_ORIGINS) {}

  /** @returns false: known already */
  receive(origin: WriterId, sequence: number): boolean {
    const progress = this.progressOf(origin);
    if (sequence <= progress.upTo || progress.beyond.has(sequence)) return false;
    progress.beyond.add(sequence);
    close(progress);
    return true;
  }

  has(origin: WriterId, sequence: number): boolean {
    const progress = this.origins.get(origin);
    return progress !== undefined && (sequence <= progress.upTo || progress.beyond.has(sequence));
  }

  /** True when a message is missing of which a later one is known. */
  get gap(): boolean {
    for (const { beyond } of this.origins.values()) if (beyond.size > 0) return true;
    return false;
  }

  vector(): SequenceVector {
    return [...this.origins].map(([origin, { upTo }]) => [origin, upTo] as const);
  }

  /** True when `theirs` tells of messages that are not known here. */
  behind(theirs: SequenceVector): boolean {
    return theirs.some(([origin, upTo]) => upTo > 0 && !this.knowsAll(origin, upTo));
  }

  /** All that `vector` tells of has been learned by other means. */
  adopt(vector: SequenceVector): void {
    for (const [origin, upTo] of vector) {
      const progress = this.progressOf(origin);
      if (upTo <= progress.upTo) continue;
      progress.upTo = upTo;
      for (const sequence of progress.beyond) if (sequence <= upTo) progress.beyond.delete(sequence);
      close(progress);
    }
  }

  /** Gives up on what is missing: nobody knows it any more. */
  closeGaps(): void {
    for (const progress of this.origins.values()) {
      progress.upTo = Math.max(progress.upTo, ...progress.beyond);
      progress.beyond.clear();
    }
  }

  private knowsAll(origin: WriterId, upTo: number): boolean {
    const progress = this.origins.get(origin);
    if (progress === undefined) return false;
    for (let sequence = progress.upTo + 1; sequence <= upTo; sequence += 1) {
      if (!progress.beyond.has(sequence)) return false;
    }
    return true;
  }

  private progressOf(origin: WriterId): Progress {
    const progress = this.origins.get(origin) ?? { upTo: 0, beyond: new Set<number>() };
    this.origins.delete(origin);
    this.origins.set(origin, progress);
    if (this.origins.size > this.maxOrigins) this.origins.delete(this.origins.keys().next().value!);
    return progress;
  }
}

function close(progress: Progress): void {
  while (progress.beyond.delete(progress.upTo + 1)) progress.upTo += 1;
  // A stranger's numbers must not fill memory: the gap stays a gap, whichever message behind it is forgotten.
  if (progress.beyond.size > MAX_BEYOND) progress.beyond.delete(progress.beyond.values().next().value!);
}
