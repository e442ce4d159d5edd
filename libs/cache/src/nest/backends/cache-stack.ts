import type { CacheBackend } from '../../core/coherence/cache-backend.port.js';
import type { CoherenceEventMap } from '../../core/coherence/coherence.events.js';
import type { InvalidationLog } from '../../core/coherence/invalidation-log.port.js';
import type { PatternTarget } from '../../core/coherence/invalidation.js';
import type { RecordAccelerator } from '../../core/coherence/record-accelerator.port.js';
import type { SharedSettings } from '../../core/coherence/shared-settings.js';
import type { SharedTierContext } from '../../core/coherence/shared-tier.port.js';
import { CacheEngine, type EngineParts } from '../../core/engine/cache-engine.js';
import { Emitter } from '../../core/events/emitter.js';
import type { FollowedLog } from '../../core/invalidation/followed-logs.js';
import { InvalidationJournal } from '../../core/invalidation/invalidation-journal.js';
import { LogApplier } from '../../core/invalidation/log-applier.js';
import { SettingsFollower } from '../switches/settings-follower.js';
import type { NamedTier } from './chosen-backend.js';

/** What the stacks of an application have in common. */
export interface StackParts extends Omit<EngineParts, 'log' | 'backend' | 'tierName'> {
  readonly instanceId: string;
  /** As `bypass`, for backends beside the main one: positions of the main log say nothing of theirs. */
  readonly bypassBeside: (() => boolean) | null;
  readonly compilePattern: (target: PatternTarget) => (fullKey: string) => boolean;
}

/** What is one stack's own. */
export interface StackContext extends Pick<SharedTierContext, 'namespace' | 'anchor' | 'replay'> {
  /** Names the shared tier in hits, logs and metrics. @default the backend's own name */
  readonly tierName?: string;
}

/**
 * A backend in use with all that belongs to it: its log and its shared tier, this process's memory before them, and what
 * applies the one to the other. Nothing is connected before `open`.
 */
export class CacheStack implements FollowedLog {
  readonly name: string;
  readonly log: InvalidationLog;
  readonly backend: CacheBackend | null;
  /** Where settings are kept for all instances. */
  readonly settings: SharedSettings | null;
  /** Where the shared tier can stand before a durable store of small records. */
  readonly records: RecordAccelerator | null;
  readonly engine: CacheEngine;
  readonly applier: LogApplier;
  readonly journal: InvalidationJournal;
  /** What the shared tier announces: states, resets, fences. */
  readonly coherence = new Emitter<CoherenceEventMap>();
  /** Names of the tiers a read passes, in order. */
  readonly tiers: readonly string[];

  constructor({ name, tier }: NamedTier, parts: StackParts, { tierName, ...context }: StackContext) {
    const { instanceId, clock, compilePattern } = parts;
    const { log, backend, settings, records } = tier.create({ ...context, instanceId, clock, events: this.coherence });
    this.name = name;
    this.log = log;
    this.backend = backend;
    this.settings = settings ?? null;
    this.records = records ?? null;
    this.engine = new CacheEngine({ ...parts, log, backend, tierName });
    this.applier = new LogApplier(this.engine.local, compilePattern);
    this.journal = new InvalidationJournal(clock, compilePattern);
    this.tiers = backend === null ? ['memory'] : ['memory', tierName ?? backend.name];
  }

  /** Starts following the log. @param settingsChanged called when the log says so */
  open(settingsChanged: () => void = () => undefined): Promise<void> {
    return this.engine.open(new SettingsFollower([this.applier, this.journal], settingsChanged));
  }

  /** Gives memory and connections back. */
  close(): Promise<void> {
    return this.engine.close();
  }
}
