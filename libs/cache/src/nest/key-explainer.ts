import type { AuditRecord } from '../core/audit/audit-record.js';
import type { TierEntryState } from '../core/coherence/tier-inspection.js';
import type { EntryFacts } from '../core/engine/cache-engine.js';
import type { FenceHit } from '../core/engine/local-fence.js';
import type { MissCause } from '../core/engine/read-journal.js';
import type { InvalidationJournal, NotedInvalidation, PatternHit } from '../core/invalidation/invalidation-journal.js';
import { CacheError, describeInput } from '../core/errors/cache-error.js';
import type { CacheStack } from './backends/cache-stack.js';
import type { CacheRuntime } from './cache-runtime.js';

/** What the shared tier says of a key. */
export interface SharedExplanation {
  readonly tier: string;
  /** `unknown`: it answers, and cannot be asked about its content. */
  readonly state: 'held' | 'absent' | 'away' | 'unknown';
  readonly entry: TierEntryState | null;
}

/** A tag of the key, and when it was last invalidated. */
export interface TagExplanation {
  readonly tag: string;
  /** The position in the log; with a shared tier as that knows it. `null`: not that anybody knew. */
  readonly invalidatedAt: string | null;
  /** As this instance has seen it. */
  readonly by: NotedInvalidation | null;
}

/** What hit the key. */
export interface HitExplanation {
  readonly kind: FenceHit['kind'];
  /** The key, the tag, or the pattern with its scope before it. */
  readonly target: string | null;
  /** `null`: this instance has not seen it, or does not remember. */
  readonly by: NotedInvalidation | null;
}

/** Why the method ran last on this instance. */
export interface MissExplanation {
  readonly cause: MissCause | 'other history';
  /** Unix ms. */
  readonly at: number;
  readonly by: HitExplanation | null;
}

/** Where a key is, what would invalidate it, why it was last missed and who invalidated it; never its value. */
export interface KeyExplanation {
  readonly key: string;
  /** Whose memory it is. */
  readonly instance: string;
  /** The name of the backend that is spoken of: the one that knows most of the key. */
  readonly backend: string;
  /** `null`: not in this process's memory. */
  readonly memory: EntryFacts | null;
  /** `null`: memory is the backend's only tier. */
  readonly shared: SharedExplanation | null;
  /** As of the last fill; empty where none is known. */
  readonly tags: readonly TagExplanation[];
  /** `null`: never missed here, or forgotten. */
  readonly lastMiss: MissExplanation | null;
  /** The last invalidation known to have hit it. */
  readonly lastInvalidation: HitExplanation | null;
  /** The audit row that tells of it, whoever asked. */
  readonly invalidatedBy: AuditRecord | null;
}

/** What one backend knows of the key at first sight. */
interface Sight extends Pick<KeyExplanation, 'memory' | 'shared'> {
  readonly stack: CacheStack;
  readonly weight: number;
}

/** Rows of the audit looked at where this instance has not seen the invalidation itself. */
const ROWS = 20;

/** Tells of something that may have hit the key what is known of it. */
type HitOf = (hit: FenceHit) => HitExplanation;

/** Puts together what memory, the shared tier, the log and the audit know of one key. Fails nobody: what is away is missing. */
export class KeyExplainer {
  constructor(private readonly runtime: CacheRuntime) {}

  /**
   * @param key with its scope
   * @param backend the name of one; without it that of the backends in use that knows most of the key, else the main one
   * @throws CacheError `LARDER_OPTION_INVALID` for a backend that is not in use
   */
  async explain(key: string, backend?: string): Promise<KeyExplanation> {
    const sights = await Promise.all(this.stacksOf(backend).map((stack) => this.look(stack, key)));
    const { stack, memory, shared } = sights.reduce((best, sight) => (sight.weight > best.weight ? sight : best));
    const known = shared?.entry?.tags ?? memory?.tags ?? stack.engine.local.journal.tagsOf(key) ?? [];
    const tags = await this.tagsOf(stack, known);
    const hitOf = hitsIn(stack.journal, key, await stack.journal.ofPatterns(key));
    const lastInvalidation = lastOf(key, tags, hitOf);
    const invalidatedBy = await this.auditRow(key, tags, lastInvalidation?.by?.requestId ?? null);
    const lastMiss = this.lastMiss(stack, key, hitOf);
    const instance = this.runtime.instanceId;
    return { key, instance, backend: stack.name, memory, shared, tags, lastMiss, lastInvalidation, invalidatedBy };
  }

  private stacksOf(name: string | undefined): readonly CacheStack[] {
    const all = this.runtime.backends.all();
    if (name === undefined) return all;
    const named = all.filter((stack) => stack.name === name);
    if (named.length > 0) return named;
    if (name === 'memory') return [this.runtime.main]; // memory alone is the main backend's memory
    const names = [...all.map((stack) => stack.name), 'memory'].join(', ');
    throw new CacheError(
      'LARDER_OPTION_INVALID',
      `Expected \`backend\` to be one that is in use (${names}), got ${describeInput(name)}. Leave it out for the one that knows most of the key.`,
    );
  }

  private async look(stack: CacheStack, key: string): Promise<Sight> {
    const memory = stack.engine.inspect(key);
    const shared = await this.ofSharedTier(stack, key);
    const missed = stack.engine.local.journal.missOf(key) !== null;
    const weight = memory !== null ? 3 : shared?.state === 'held' ? 2 : Number(missed);
    return { stack, memory, shared, weight };
  }

  private async ofSharedTier({ backend, tiers }: CacheStack, key: string): Promise<SharedExplanation | null> {
    if (backend === null) return null;
    const { inspection } = backend;
    const tier = tiers.at(-1)!;
    if (!backend.available()) return { tier, state: 'away', entry: null };
    if (inspection === null) return { tier, state: 'unknown', entry: null };
    try {
      const entry = (await inspection.entries([key]))[0] ?? null;
      return { tier, state: entry === null ? 'absent' : 'held', entry };
    } catch {
      return { tier, state: 'away', entry: null };
    }
  }

  private async tagsOf({ backend, journal }: CacheStack, tags: readonly string[]): Promise<readonly TagExplanation[]> {
    let ords: readonly string[] = [];
    try {
      ords = (await backend?.inspection?.tagOrds(tags)) ?? [];
    } catch {
      // Away: what this instance has seen is all there is.
    }
    return tags.map((tag, index) => {
      const by = journal.ofTag(tag);
      return { tag, invalidatedAt: ords[index] || (by?.position ?? null), by };
    });
  }

  private lastMiss({ engine, journal }: CacheStack, key: string, hitOf: HitOf): MissExplanation | null {
    const { clock } = this.runtime;
    const miss = engine.local.journal.missOf(key);
    if (miss === null) return null;
    const at = clock.wall() - (clock.monotonic() - miss.at);
    const drop = journal.lastDrop;
    const lost = miss.by?.kind === 'all' && drop !== null && drop.cause !== 'flush';
    return { cause: lost ? 'other history' : miss.cause, at, by: miss.by && hitOf(miss.by) };
  }

  /** By its request id; else, for an instance that came later, the newest row that names the key or one of its tags. */
  private async auditRow(
    key: string,
    tags: readonly TagExplanation[],
    requestId: string | null,
  ): Promise<AuditRecord | null> {
    const { audit } = this.runtime;
    if (requestId !== null) return audit.find(requestId);
    const invalidated = tags.filter(({ invalidatedAt }) => invalidatedAt !== null).map(({ tag }) => `tag ${tag}`);
    try {
      for (const pattern of [key, ...invalidated]) {
        const { records } = await audit.list({ pattern: pattern.slice(0, 1000), limit: ROWS });
        const row = records.find((record) => record.pattern === pattern || record.keys.includes(pattern));
        if (row !== undefined) return row;
      }
    } catch {
      // The audit is away: nobody can say.
    }
    return null;
  }
}

/** @param pattern the last one that hits the key */
function hitsIn(journal: InvalidationJournal, key: string, pattern: PatternHit | null): HitOf {
  return ({ kind, target }) => {
    switch (kind) {
      case 'key':
        return { kind, target, by: journal.ofKey(key) };
      case 'tag':
        return { kind, target, by: target === null ? null : journal.ofTag(target) };
      case 'pattern':
        return { kind, target: pattern && textOf(pattern.target), by: pattern?.by ?? null };
      case 'all':
      case 'forgotten':
        return { kind, target: null, by: journal.lastDrop?.by ?? null };
    }
  };
}

function lastOf(key: string, tags: readonly TagExplanation[], hitOf: HitOf): HitExplanation | null {
  const hits: FenceHit[] = [
    { kind: 'key', target: key },
    ...tags.map(({ tag }) => ({ kind: 'tag' as const, target: tag })),
    { kind: 'pattern', target: null },
    { kind: 'all', target: null },
  ];
  const seen = hits.map(hitOf).filter(({ by }) => by !== null);
  return seen.reduce<HitExplanation | null>(
    (last, hit) => (last === null || hit.by!.at > last.by!.at ? hit : last),
    null,
  );
}

function textOf({ pattern, scope }: { readonly pattern: string; readonly scope: string | null }): string {
  return scope === null ? pattern : `${scope}:${pattern}`;
}
