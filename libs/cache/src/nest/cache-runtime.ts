import { randomUUID } from 'node:crypto';
import { Logger } from '@nestjs/common';
import { InMemoryAuditStore } from '../adapters/memory/in-memory-audit-store.js';
import { MemoryTier } from '../adapters/memory/memory.js';
import { SystemClock } from '../core/clock/system-clock.js';
import type { Clock } from '../core/clock/clock.port.js';
import { TimelyAnswers } from '../core/clock/timely-answers.js';
import type { HistoryAnchor } from '../core/coherence/history-anchor.port.js';
import type { HistoryChange, ReplayOutcome } from '../core/coherence/shared-tier.port.js';
import { resolveCodecOptions } from '../core/codec/codec.options.js';
import { EngineEvents } from '../core/engine/engine.events.js';
import { resolveMemoryOptions } from '../core/engine/l1.options.js';
import { ReadCounterRegistry } from '../core/engine/read-counters.js';
import { InvalidationIntent } from '../core/invalidation/intent.js';
import { InvalidationService } from '../core/invalidation/invalidation-service.js';
import { targetMatcher } from '../core/invalidation/target-matcher.js';
import { PatternCache } from '../core/keys/pattern-cache.js';
import { MetricsRecorder } from '../core/metrics/metrics-recorder.js';
import { BackendsInUse } from './backends/backends-in-use.js';
import type { CacheStack } from './backends/cache-stack.js';
import { chosenBackend } from './backends/chosen-backend.js';
import { resolveAuditTimeout, resolveNamespace, type CacheModuleOptions } from './cache.options.js';
import { anchorOf } from './durability/anchor-of.js';
import { AuditTrail } from './durability/audit-trail.js';
import { DurableRoad } from './durability/durable-road.js';
import { OutboxApplier } from './durability/outbox-applier.js';
import type { MetricsExporter } from '../core/metrics/metrics-snapshot.js';
import { RequestPositions } from './http/request-positions.js';
import { metricsExportersOf, tracingOf } from './metrics-exporters.js';
import { RuntimeSwitches } from './switches/runtime-switches.js';
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
  readonly backends: BackendsInUse;
  /** What all engines announce, and count. */
  readonly events = new EngineEvents();
  readonly counters = new ReadCounterRegistry();
  readonly invalidations: InvalidationService;
  readonly durable: DurableRoad;
  readonly audit: AuditTrail;
  readonly metrics = new MetricsRecorder();
  readonly exporters: readonly MetricsExporter[];
  readonly keyPolicy: KeyPolicy;
  /** `null`: no request tells or is told positions. */
  readonly positions: RequestPositions | null;
  private readonly logging: Required<LoggingOptions>;
  readonly compiler: CacheMethodCompiler;
  readonly switches: RuntimeSwitches;
  private readonly trouble: TroubleReporter;
  private readonly anchor: HistoryAnchor | null;

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
    const { namespace, instanceId, clock, events, counters } = this;
    const main = chosenBackend(options);
    const { tier } = main;
    this.anchor = anchorOf({ ...options, backend: tier });
    this.positions = options.cachePosition === true ? new RequestPositions() : null;
    this.trouble = new TroubleReporter(cacheLog, this.keyPolicy);
    const parts = {
      instanceId,
      clock,
      events,
      counters,
      tracing,
      memory:
        tier instanceof MemoryTier && options.memory === undefined ? tier.bounds : resolveMemoryOptions(options.memory),
      codec: resolveCodecOptions(options.codec),
      random: Math.random,
      bypass: this.bypass((positions) => positions.behind()),
      bypassBeside: this.bypass((positions) => positions.placed()),
      compilePattern: targetMatcher(new PatternCache()),
    };
    const context = {
      namespace,
      ...(this.anchor === null ? {} : { anchor: this.anchor }),
      ...(options.outbox?.shared === true
        ? { replay: (change: HistoryChange): Promise<ReplayOutcome> => this.durable.replay(change) }
        : {}),
    };
    this.backends = new BackendsInUse(options, main, parts, context, (stack) => this.listenTo(stack));
    const { log, settings } = this.main;
    const flush = () => InvalidationIntent.flush();
    this.invalidations = new InvalidationService(this.backends.logs, clock, randomUUID, instanceId, flush, tracing);
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
    this.compiler = new CacheMethodCompiler(this.backends, this.durable, this.switches, options, warn);
    this.trouble.listen(events, this.invalidations.events);
    this.metrics.listen({ engine: events, invalidations: this.invalidations.events, outbox: this.durable.events });
    this.listenTo(this.main);
    holder.compiler = this.compiler;
    this.main.coherence.on('state', ({ to }) => {
      if (to === 'live') void this.switches.reload();
    });
  }

  /** The backend that is used where nothing names another; log positions, switches, decisions and prefixes are its own. */
  get main(): CacheStack {
    return this.backends.main;
  }

  /** Starts following the logs; methods are cached before that too, since memory alone needs no start. */
  async open(): Promise<void> {
    logReads(this.logging, this.events, this.logger, this.keyPolicy);
    await this.audit.store.open();
    await this.anchor?.open();
    await this.backends.open(() => void this.switches.reload());
    await this.switches.reload();
    await this.durable.open();
  }

  /** Methods run uncached from now on; memory and connections are given back. */
  async close(): Promise<void> {
    this.holder.release();
    this.switches.close();
    await this.durable.close();
    this.invalidations.close();
    await this.backends.close();
    await this.anchor?.close();
    await this.audit.store.close();
  }

  /** True for a call that the cache must not answer; `null`, and no question on the way of a hit, where there are none. */
  private bypass(mustNot: (positions: RequestPositions) => boolean): (() => boolean) | null {
    const { positions, options } = this;
    const inTransaction = options.outbox?.transactions ? () => this.durable.inTransaction() : null;
    if (positions === null) return inTransaction;
    return () => mustNot(positions) || inTransaction?.() === true;
  }

  private listenTo(stack: CacheStack): void {
    this.trouble.listenToLink(stack.coherence, stack === this.main ? null : stack.name);
    this.metrics.listenToLink(stack.name, stack.coherence);
  }
}
