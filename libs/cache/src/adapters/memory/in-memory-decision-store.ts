import type { Clock } from '../../core/clock/clock.port.js';
import { resolveCodecOptions } from '../../core/codec/codec.options.js';
import { decodeEnvelope, encodeEnvelope } from '../../core/codec/envelope.js';
import { SystemClock } from '../../core/clock/system-clock.js';
import type { DecisionEntry } from '../../core/decision/decision-entry.js';
import { removalMatcher, type DecisionRemoval } from '../../core/decision/decision-removal.js';
import {
  DecisionStore,
  type DecisionFence,
  type DecisionLookup,
  type DecisionRemovalStep,
  type DecisionWrite,
  type PastDecision,
  type WrittenDecision,
} from '../../core/decision/decision-store.port.js';

interface Row {
  /** But for what was decided, which stands in bytes, apart from what callers hold. */
  readonly entry: DecisionEntry;
  readonly payload: Uint8Array;
  readonly version: bigint;
  readonly fence: bigint;
}

interface Fence {
  readonly at: bigint;
  readonly removal: DecisionRemoval;
  readonly requestId: string;
}

interface Table {
  readonly rows: Map<string, Row>;
  /** In order; the oldest are summed up in the floor. */
  readonly fences: Fence[];
  readonly past: Map<string, Row[]>;
  /** Marks below it cannot be judged any more. */
  floor: bigint;
  last: bigint;
}

/** As the durable store. */
const CODEC = resolveCodecOptions({ maxPayloadBytes: '8mb' });
const MAX_FENCES = 1_000;
const MAX_PAST = 10_000;
const PAST_PER_KEY = 20;
const MAX_KEYS_SHOWN = 100;

/** How the in-memory decision store behaves. */
export interface InMemoryDecisionStoreOptions {
  /** True where one object serves several applications of a process, as in tests. @default false */
  shared?: boolean;
  /** @default the machine's clock */
  clock?: Clock;
  /** Most entries kept; beyond it the one written first goes. @default 100000 */
  maxEntries?: number;
}

export const IN_MEMORY_DECISION_STORE_DEFAULTS = Object.freeze({ shared: false, maxEntries: 100_000 } as const);

/** The decisions of a single process: the embedded default, and what tests hold the durable stores against. */
export class InMemoryDecisionStore extends DecisionStore {
  override readonly name = 'memory';
  override readonly shared: boolean;
  private readonly clock: Clock;
  private readonly maxEntries: number;
  private readonly tables = new Map<string, Table>();
  private versions = 0n;

  constructor(options: InMemoryDecisionStoreOptions = {}) {
    super();
    this.shared = options.shared ?? IN_MEMORY_DECISION_STORE_DEFAULTS.shared;
    this.maxEntries = options.maxEntries ?? IN_MEMORY_DECISION_STORE_DEFAULTS.maxEntries;
    this.clock = options.clock ?? new SystemClock();
  }

  override open(): Promise<void> {
    return Promise.resolve();
  }

  override async find(namespace: string, veriKey: string): Promise<DecisionLookup> {
    const { rows, last } = this.table(namespace);
    const row = rows.get(veriKey);
    const storeTimeMs = this.clock.wall();
    const mark = { fence: last, version: row?.version ?? 0n, storeTimeMs };
    if (row === undefined) return { kept: null, mark };
    const { version } = row;
    const entry = { ...row.entry, decision: decodeEnvelope(row.payload, CODEC)?.value };
    return { kept: { entry, version, remainingMs: this.lifeOf(entry) }, mark };
  }

  override async write(
    namespace: string,
    writes: readonly DecisionWrite[],
  ): Promise<readonly (WrittenDecision | null)[]> {
    const table = this.table(namespace);
    return writes.map((write) => {
      const payload = payloadOf(write.entry.decision);
      return payload === null || this.refused(table, write) ? null : this.keep(table, write, payload);
    });
  }

  override async fence(namespace: string, removal: DecisionRemoval, requestId: string): Promise<DecisionFence> {
    const table = this.table(namespace);
    table.last += 1n;
    table.fences.push({ at: table.last, removal, requestId });
    if (table.fences.length > MAX_FENCES) table.floor = table.fences.shift()!.at;
    return { removal, fence: table.last };
  }

  override async remove(namespace: string, { removal, fence }: DecisionFence): Promise<DecisionRemovalStep> {
    const { rows } = this.table(namespace);
    const hits = removalMatcher(removal);
    const named = removal.kind === 'key' ? rows.get(removal.veriKey) : undefined;
    const looked = removal.kind === 'key' ? (named === undefined ? [] : [named]) : [...rows.values()];
    const gone = looked.filter((row) => row.fence < fence && hits(row.entry)).map(({ entry }) => entry.veriKey);
    for (const veriKey of gone) rows.delete(veriKey);
    return { removed: gone.length, keys: gone.slice(0, MAX_KEYS_SHOWN), next: null };
  }

  override async prune(namespace: string, limit: number): Promise<readonly string[]> {
    const { rows } = this.table(namespace);
    const gone: string[] = [];
    for (const { entry } of rows.values()) {
      if (gone.length >= limit) break;
      if (this.lifeOf(entry) <= 0) gone.push(entry.veriKey);
    }
    for (const veriKey of gone) rows.delete(veriKey);
    return gone;
  }

  /** Its memory of the past is bounded as it is. */
  override forget(): Promise<number> {
    return Promise.resolve(0);
  }

  override async past(namespace: string, veriKey: string, limit: number): Promise<readonly PastDecision[]> {
    const { past, fences } = this.table(namespace);
    const rows = past.get(veriKey) ?? [];
    return rows.slice(0, limit).map(({ entry, version, fence }, i) => {
      const successor = rows[i - 1];
      const hit = fences.find(
        ({ at, removal }) =>
          at > fence && (successor === undefined || at <= successor.fence) && removalMatcher(removal)(entry),
      );
      const { policyHash, signerSetHash, feedEpoch, createdAt, expiresAt } = entry;
      const facets = { veriKey, policyHash, signerSetHash, feedEpoch };
      return { ...facets, version, createdAt, expiresAt, removedBy: hit?.requestId ?? null };
    });
  }

  override async count(namespace: string): Promise<number> {
    return this.table(namespace).rows.size;
  }

  override probe(): Promise<void> {
    return Promise.resolve();
  }

  override close(): Promise<void> {
    return Promise.resolve();
  }

  private refused({ rows, fences, floor }: Table, { entry, mark }: DecisionWrite): boolean {
    if (mark === null) return false;
    const standing = rows.get(entry.veriKey);
    if (standing !== undefined && standing.version !== mark.version) return true;
    if (mark.fence < floor) return true;
    return fences.some(({ at, removal }) => at > mark.fence && removalMatcher(removal)(entry));
  }

  private keep(table: Table, { entry, mark }: DecisionWrite, payload: Uint8Array): WrittenDecision {
    const { rows, past, last } = table;
    const { veriKey } = entry;
    this.versions += 1n;
    const bare = { ...entry, decision: undefined };
    const row = { entry: bare, payload, version: this.versions, fence: mark?.fence ?? last };
    rows.delete(veriKey); // last in is the youngest
    rows.set(veriKey, row);
    if (rows.size > this.maxEntries) rows.delete(rows.keys().next().value!);
    past.set(veriKey, [row, ...(past.get(veriKey) ?? [])].slice(0, PAST_PER_KEY));
    if (past.size > MAX_PAST) past.delete(past.keys().next().value!);
    return { version: row.version, remainingMs: this.lifeOf(entry) };
  }

  private lifeOf({ expiresAt }: DecisionEntry): number {
    return expiresAt.getTime() - this.clock.wall();
  }

  private table(namespace: string): Table {
    let table = this.tables.get(namespace);
    if (table === undefined) {
      table = { rows: new Map(), fences: [], past: new Map(), floor: 0n, last: 0n };
      this.tables.set(namespace, table);
    }
    return table;
  }
}

/** `null` for what cannot be kept, such as a function. */
function payloadOf(decision: unknown): Uint8Array | null {
  try {
    return encodeEnvelope({ value: decision, freshMs: 0, graceMs: 0, createdAt: 0 }, CODEC);
  } catch {
    return null;
  }
}
