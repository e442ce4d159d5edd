import { randomUUID } from 'node:crypto';
import { Logger } from '@nestjs/common';
import { InMemoryAuditStore } from '../adapters/memory/in-memory-audit-store.js';
import { MemoryTier } from '../adapters/memory/memory.js';
import { SystemClock } from '../core/clock/system-clock.js';
import type { Clock } from '../core/clock/clock.port.js';
import { TimelyAnswers } from '../core/clock/timely-answers.js';
import type { CacheBackend } from '../core/coherence/cache-backend.port.js';
import type { CoherenceEventMap } from '../core/coherence/coherence.events.js';
import type { HistoryAnchor } from '../core/coherence/history-anchor.port.js';
import type { RecordAccelerator } from '../core/coherence/record-accelerator.port.js';
import type { InvalidationLog } from '../core/coherence/invalidation-log.port.js';
import { Emitter } from '../core/events/emitter.js';
import { resolveCodecOptions } from '../core/codec/codec.options.js';
import { CacheEngine } from '../core/engine/cache-engine.js';
import { resolveMemoryOptions } from '../core/engine/l1.options.js';
import { InvalidationIntent } from '../core/invalidation/intent.js';
import { InvalidationJournal } from '../core/invalidation/invalidation-journal.js';
import { InvalidationService } from '../core/invalidation/invalidation-service.js';
import { LogApplier } from '../core/invalidation/log-applier.js';
import { targetMatcher } from '../core/invalidation/target-matcher.js';
import { PatternCache } from '../core/keys/pattern-cache.js';
import { MetricsRecorder } from '../core/metrics/metrics-recorder.js';
import { resolveAuditTimeout, resolveNamespace, type CacheModuleOptions } from './cache.options.js';
import { assertConsistency, chosenBackend } from './chosen-backend.js';
import { anchorOf } from './durability/anchor-of.js';
import { AuditTrail } from './durability/audit-trail.js';
import { DurableRoad } from './durability/durable-road.js';
import { OutboxApplier } from './durability/outbox-applier.js';
import type { MetricsExporter } from '../core/metrics/metrics-snapshot.js';
import { metricsExportersOf, tracingOf } from './metrics-exporters.js';
import { RuntimeSwitches } from './switches/runtime-switches.js';
import { SettingsFollower } from './switches/settings-follower.js';
import { CacheLog } from './logging/cache-log.js';
import { KeyPolicy } from './logging/key-policy.js';
import { resolveKeyPolicyOptions } from './logging/key-policy.options.js';
import { resolveLoggingOptions, type LoggingOptions } from './logging/logging.options.js';
import { logReads } from './logging/read-log.js';
import { TroubleReporter } from './trouble-reporter.js';
import { CacheMethodCompiler } from './interception/method-compiler.js';
import type { RuntimeHolder } from './interception/runtime-binding.js';

/**
 * One application's cache, put together: clock, tiers, engine, removal road, compiler. Everything that belongs to an
 * application hangs here; there is no process-wide state, so two applications in one process do not meet.
 */
export class CacheRuntime {
  readonly logger = new Logger('Larder');
  /** For trouble that may come often: rate-limited, and keys as the key policy says. */
  readonly cacheLog: CacheLog;
  readonly namespace: string;
  readonly instanceId = randomUUID();
  readonly clock: Clock;
  readonly log: InvalidationLog;
  readonly backend: CacheBackend | null;
  /** Where the shared tier can stand before a durable store of small records. */
  readonly records: RecordAccelerator | null;
  readonly engine: CacheEngine;
  readonly invalidations: InvalidationService;
  /** What the shared tier announces: states, resets, fences. */
  readonly coherence = new Emitter<CoherenceEventMap>();
  readonly durable: DurableRoad;
  readonly audit: AuditTrail;
  readonly metrics = new MetricsRecorder();
  readonly exporters: readonly MetricsExporter[];
  readonly keyPolicy: KeyPolicy;
  private readonly logging: Required<LoggingOptions>;
  readonly compiler: CacheMethodCompiler;
  readonly switches: RuntimeSwitches;
  readonly journal: InvalidationJournal;
  /** Names of the tiers a read passes, in order. */
  readonly tiers: readonly string[];
  private readonly anchor: HistoryAnchor | null;
  private readonly applier: LogApplier;

  /** @throws CacheError `LARDER_OPTION_INVALID` naming the field */
  constructor(
    readonly options: CacheModuleOptions,
    private readonly holder: RuntimeHolder,
  ) {
    this.namespace = resolveNamespace(options.namespace);
    this.clock = options.clock ?? new SystemClock();
    this.keyPolicy = new KeyPolicy(resolveKeyPolicyOptions(options.keyPolicy));
    this.logging = resolveLoggingOptions(options.logging);
    this.cacheLog = new CacheLog(this.logger, this.clock, this.keyPolicy);
    const { cacheLog } = this;
    this.exporters = metricsExportersOf(options.metrics);
    const tracing = tracingOf(this.exporters);
    const compilePattern = targetMatcher(new PatternCache());
    const tier = chosenBackend(options);
    const { namespace, instanceId, clock } = this;
    this.anchor = anchorOf({ ...options, backend: tier });
    const {
      log,
      backend,
      settings = null,
      records = null,
    } = tier.create({
      namespace,
      instanceId,
      clock,
      events: this.coherence,
      ...(this.anchor === null ? {} : { anchor: this.anchor }),
      ...(options.outbox?.shared === true ? { replay: (change) => this.durable.replay(change) } : {}),
    });
    assertConsistency(options, log);
    this.log = log;
    this.backend = backend;
    this.records = records;
    const bounds =
      tier instanceof MemoryTier && options.memory === undefined ? tier.bounds : resolveMemoryOptions(options.memory);
    this.engine = new CacheEngine({
      clock,
      log,
      backend,
      memory: bounds,
      codec: resolveCodecOptions(options.codec),
      random: Math.random,
      bypass: options.outbox?.transactions ? () => this.durable.inTransaction() : null,
      tracing,
    });
    this.applier = new LogApplier(this.engine.local, compilePattern);
    this.journal = new InvalidationJournal(clock, compilePattern);
    const flush = () => InvalidationIntent.flush();
    this.invalidations = new InvalidationService(log, this.applier, clock, randomUUID, instanceId, flush, tracing);
    const outbox = options.outbox ?? null;
    const applier = new OutboxApplier(this.invalidations, log, tracing);
    const { outboxWorker } = options;
    this.durable = new DurableRoad(outbox, this.invalidations, applier, namespace, cacheLog, clock, outboxWorker);
    const auditStore = options.audit ?? new InMemoryAuditStore();
    const answers = new TimelyAnswers(clock, resolveAuditTimeout(options.auditTimeout));
    this.audit = new AuditTrail(auditStore, namespace, cacheLog, this.keyPolicy, answers);
    this.invalidations.recorder = (event) => this.audit.record(event);
    this.switches = new RuntimeSwitches(settings, log, clock, instanceId, this.logger);
    const warn = (message: string) => this.logger.warn(message);
    this.compiler = new CacheMethodCompiler(this.engine, this.durable, this.switches, options, warn);
    this.tiers = backend === null ? ['memory'] : ['memory', backend.name];
    new TroubleReporter(cacheLog, this.keyPolicy).listen(this.engine.events, this.invalidations.events, this.coherence);
    this.metrics.listen({
      engine: this.engine.events,
      invalidations: this.invalidations.events,
      coherence: this.coherence,
      outbox: this.durable.events,
    });
    holder.compiler = this.compiler;
    this.coherence.on('state', ({ to }) => {
      if (to === 'live') void this.switches.reload();
    });
  }

  /** Starts following the log; methods are cached before that too, since memory alone needs no start. */
  async open(): Promise<void> {
    logReads(this.logging, this.engine.events, this.logger, this.keyPolicy);
    await this.audit.store.open();
    await this.anchor?.open();
    await this.engine.open(new SettingsFollower([this.applier, this.journal], () => void this.switches.reload()));
    await this.switches.reload();
    await this.durable.open();
  }

  /** Methods run uncached from now on; memory and connections are given back. */
  async close(): Promise<void> {
    this.holder.release();
    this.switches.close();
    await this.durable.close();
    this.invalidations.close();
    await this.engine.close();
    await this.anchor?.close();
    await this.audit.store.close();
  }
}
