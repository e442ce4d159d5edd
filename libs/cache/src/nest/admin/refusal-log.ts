import { randomUUID } from 'node:crypto';
import { Inject, Injectable, type BeforeApplicationShutdown } from '@nestjs/common';
import type { Timer } from '../../core/clock/clock.port.js';
import { CacheRuntime } from '../cache-runtime.js';

const SUMMARY_MS = 60_000;
/** Kinds told apart at a time; who asks under ever new addresses shares the last one. */
const MAX_KINDS = 100;

interface Kind {
  readonly route: string;
  readonly who: string;
  readonly code: string;
  /** Refusals after the first, not recorded yet. */
  further: number;
}

/**
 * Writes refused requests into the audit. The first of a kind stands there before it is answered; how many more of the
 * kind came within the minute is written when that is over: an open door to an append-only table would be one more way to
 * fill a disk.
 */
@Injectable()
export class RefusalLog implements BeforeApplicationShutdown {
  private kinds = new Map<string, Kind>();
  private summary: Timer | null = null;
  private refused = 0;

  constructor(@Inject(CacheRuntime) private readonly runtime: CacheRuntime) {}

  /** Refusals since start. */
  get count(): number {
    return this.refused;
  }

  /** Resolves when the refusal is recorded, or counted for the summary. Never rejects. */
  async note(route: string, who: string, code: string): Promise<void> {
    this.refused += 1;
    const crowded = this.kinds.size >= MAX_KINDS;
    const name = JSON.stringify([route, who, code]);
    const known = this.kinds.get(name) ?? (crowded ? this.kinds.get(EVERYBODY_ELSE.name) : undefined);
    if (known !== undefined) {
      known.further += 1;
      return;
    }
    const kind = crowded ? { ...EVERYBODY_ELSE.kind } : { route, who, code, further: 0 };
    this.kinds.set(crowded ? EVERYBODY_ELSE.name : name, kind);
    this.summary ??= this.runtime.clock.schedule(SUMMARY_MS, () => void this.summarise());
    await this.write(kind, code);
  }

  /** What is still to be summed up is written while the database is there. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.summarise();
  }

  private async summarise(): Promise<void> {
    this.summary?.cancel();
    this.summary = null;
    const over = this.kinds;
    this.kinds = new Map();
    for (const kind of over.values()) {
      if (kind.further > 0) await this.write(kind, `${kind.code}, ${kind.further} more within a minute`);
    }
  }

  private async write({ route, who }: Kind, reason: string): Promise<void> {
    await this.runtime.audit.append({
      pattern: `refused: ${route}`,
      keys: [],
      triggeredBy: who,
      reason,
      timestampMs: this.runtime.clock.wall(),
      requestId: `refused-${randomUUID()}`,
      latencyMs: null,
    });
  }
}

const EVERYBODY_ELSE = {
  name: 'everybody else',
  kind: { route: 'several routes', who: 'several', code: 'LARDER_ADMIN_FORBIDDEN', further: 0 },
} as const;
