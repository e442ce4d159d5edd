import { MemoryInvalidationLog } from '../../../libs/cache/src/adapters/memory/memory-invalidation-log.js';
import type { ResolvedCodecOptions } from '../../../libs/cache/src/core/codec/codec.options.js';
import type { CacheBackend } from '../../../libs/cache/src/core/coherence/cache-backend.port.js';
import type { InvalidationLog } from '../../../libs/cache/src/core/coherence/invalidation-log.port.js';
import type { ActionDefinition, CachedAction } from '../../../libs/cache/src/core/engine/cached-action.js';
import type { CachedManyAction, ManyDefinition } from '../../../libs/cache/src/core/engine/cached-many.js';
import { CacheEngine } from '../../../libs/cache/src/core/engine/cache-engine.js';
import type { ReadEvent, TroubleEvent } from '../../../libs/cache/src/core/engine/engine.events.js';
import { resolveMemoryOptions, type MemoryOptions } from '../../../libs/cache/src/core/engine/l1.options.js';
import type { ReadPolicy } from '../../../libs/cache/src/core/engine/read-policy.js';
import type { ReadRequest } from '../../../libs/cache/src/core/engine/read-request.js';
import { FollowedLogs } from '../../../libs/cache/src/core/invalidation/followed-logs.js';
import { InvalidationIntent } from '../../../libs/cache/src/core/invalidation/intent.js';
import { InvalidationService } from '../../../libs/cache/src/core/invalidation/invalidation-service.js';
import { LogApplier } from '../../../libs/cache/src/core/invalidation/log-applier.js';
import { scopeTag } from '../../../libs/cache/src/core/invalidation/tags.js';
import { targetMatcher } from '../../../libs/cache/src/core/invalidation/target-matcher.js';
import { fullKey, localKey } from '../../../libs/cache/src/core/keys/local-key.js';
import { PatternCache } from '../../../libs/cache/src/core/keys/pattern-cache.js';
import { ManualClock } from '../../../libs/cache/src/testing/manual-clock.js';

export const POLICY: ReadPolicy = {
  ttlMs: 60_000,
  graceMs: 0,
  jitter: 0,
  softTimeoutMs: 50,
  hardTimeoutMs: 10_000,
  degradedTtlMs: 1000,
  electionWaitMs: 2000,
  isolation: 'freeze',
};

export interface RigParts {
  readonly clock?: ManualClock;
  readonly log?: InvalidationLog;
  readonly backend?: CacheBackend | null;
  readonly memory?: MemoryOptions;
  readonly codec?: ResolvedCodecOptions;
  readonly bypass?: () => boolean;
  /** Write down what is announced. @default true */
  readonly listen?: boolean;
}

/** The core as an application wires it, on a clock that stands still, with its announcements written down. */
export class CacheRig {
  readonly clock: ManualClock;
  readonly log: InvalidationLog;
  readonly engine: CacheEngine;
  readonly applier: LogApplier;
  readonly invalidations: InvalidationService;
  readonly reads: ReadEvent[] = [];
  readonly trouble: TroubleEvent[] = [];
  readonly fenced: string[] = [];
  private requests = 0;

  constructor({ clock = new ManualClock(), log, backend = null, memory, codec, bypass, listen = true }: RigParts = {}) {
    this.clock = clock;
    this.log = log ?? new MemoryInvalidationLog();
    this.engine = new CacheEngine({
      clock,
      log: this.log,
      backend,
      memory: resolveMemoryOptions(memory),
      ...(codec === undefined ? {} : { codec }),
      random: () => 0,
      bypass: bypass ?? null,
    });
    this.applier = new LogApplier(this.engine.local, targetMatcher(new PatternCache()));
    const newId = () => `request-${(this.requests += 1)}`;
    const flush = () => InvalidationIntent.flush();
    const logs = new FollowedLogs({ name: 'rig', log: this.log, applier: this.applier });
    this.invalidations = new InvalidationService(logs, clock, newId, 'rig', flush);
    if (!listen) return;
    this.engine.events.on('read', (event) => this.reads.push(event));
    this.engine.events.on('trouble', (event) => this.trouble.push(event));
    this.engine.events.on('fenced', ({ key }) => this.fenced.push(key));
  }

  static async open(parts: RigParts = {}): Promise<CacheRig> {
    const rig = new CacheRig(parts);
    await rig.engine.open(rig.applier);
    return rig;
  }

  invalidate(...intents: InvalidationIntent[]) {
    return this.invalidations.invalidate(intents);
  }

  read(
    key: string,
    load: () => unknown,
    {
      tags = [],
      policy = {},
      ...rest
    }: { tags?: readonly string[]; policy?: Partial<ReadPolicy> } & RequestExtras = {},
  ): Promise<unknown> {
    return this.engine.read({
      key,
      scope: 'user',
      action: 'get',
      policy: { ...POLICY, ...policy },
      counters: this.engine.counters.of('user', 'get'),
      load,
      tagsOf: () => [scopeTag('user'), ...tags],
      unless: null,
      onInstalled: null,
      ...rest,
    });
  }

  action(given: Partial<Omit<ActionDefinition, 'policy'>> & { policy?: Partial<ReadPolicy> } = {}): CachedAction {
    const { policy, ...rest } = given;
    return this.engine.action({
      scope: 'user',
      name: 'get',
      keyOf: (args) => fullKey('user', localKey('get', args)),
      keyedByArguments: true,
      tagsOf: () => [scopeTag('user')],
      when: null,
      unless: null,
      ...rest,
      policy: { ...POLICY, ...policy },
    });
  }

  many(given: Partial<Omit<ManyDefinition, 'policy'>> & { policy?: Partial<ReadPolicy> } = {}): CachedManyAction {
    const { policy, ...rest } = given;
    return this.engine.manyAction({
      scope: 'user',
      name: 'many',
      keyOf: (id, others) => fullKey('user', localKey('many', [id, ...others])),
      idOf: (item) => (item as { id: unknown }).id,
      tagsOf: () => [scopeTag('user')],
      ...rest,
      policy: { ...POLICY, ...policy },
    });
  }
}

type RequestExtras = Partial<Pick<ReadRequest, 'tagsOf' | 'unless' | 'onInstalled' | 'onWaiting'>>;

/** Calls a cached action as its wrapper does: first by the raw argument, then along the road. */
export function callAction(action: CachedAction, args: readonly unknown[], load: () => unknown): unknown {
  const hit = args.length === 0 ? action.hitWithoutArguments() : args.length === 1 ? action.hit(args[0]) : undefined;
  return hit ?? action.call(args, load);
}
