import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { memory, MemoryTier } from '../../adapters/memory/memory.js';
import type { InvalidationLog } from '../../core/coherence/invalidation-log.port.js';
import type { CacheEngine } from '../../core/engine/cache-engine.js';
import type { ReadPolicy } from '../../core/engine/read-policy.js';
import { CacheError, describeInput } from '../../core/errors/cache-error.js';
import { FollowedLogs } from '../../core/invalidation/followed-logs.js';
import { nearestBackend, type CacheModuleOptions } from '../cache.options.js';
import type { CachePolicyOptions } from '../decorators/decorator.options.js';
import { CacheStack, type StackContext, type StackParts } from './cache-stack.js';
import { assertConsistency, byName, type NamedTier } from './chosen-backend.js';

/** How long a stored value waits until this instance has forgotten the one before, ms. */
const FORGET_MS = 1000;
const NAME = /^[A-Za-z0-9_.-]{1,64}$/;

/**
 * The backends of an application: the main one, and each other one that a method or a service has named. What nobody names
 * is not made. All are known when the application has started: every instance must write its invalidations into the logs of
 * all of them, so none may come into use on one instance alone.
 */
export class BackendsInUse {
  readonly main: CacheStack;
  /** The logs that every invalidation goes into. */
  readonly logs: FollowedLogs;
  private readonly others = new Map<string, CacheStack>();
  private memoryAlone: CacheEngine | null = null;
  private readonly namespace: string;
  private opened = false;

  /**
   * @param began told of each backend that comes into use beside the main one
   * @throws CacheError `LARDER_OPTION_INVALID`
   */
  constructor(
    private readonly options: CacheModuleOptions,
    main: NamedTier,
    private readonly parts: StackParts,
    context: StackContext,
    private readonly began: (stack: CacheStack) => void,
  ) {
    const { backends = {} } = options;
    const { kind } = main.tier;
    // Another backend may be called after this one's technology: two tiers must not have one name.
    const taken = Object.hasOwn(backends, kind) && backends[kind] !== main.tier;
    this.main = new CacheStack(main, parts, taken ? { ...context, tierName: main.name } : context);
    this.namespace = context.namespace;
    assertNoneInDefaults(options);
    assertConsistency(options, this.main.log);
    this.logs = new FollowedLogs(this.main);
  }

  /** The main one first. */
  all(): readonly CacheStack[] {
    return [this.main, ...this.others.values()];
  }

  /** True where there is the main backend alone. */
  get single(): boolean {
    return this.others.size === 0;
  }

  /**
   * What reads and stores in a backend. From now on it is in use.
   *
   * @param name `undefined`: the main one
   * @param where says who names it, for messages
   * @throws CacheError `LARDER_OPTION_INVALID` for a name that no backend has, for a backend that cannot stand beside the main
   *   one, and for one that comes into use only when the application has started
   */
  engineOf(name: string | undefined, where: string): CacheEngine {
    if (name === undefined || name === this.main.name) return this.main.engine;
    const named = this.named(name, where);
    if (named.tier instanceof MemoryTier) return this.pastSharedTier(named.tier, name);
    return (this.others.get(name) ?? this.begin(named, where)).engine;
  }

  /** @throws CacheError `LARDER_OPTION_INVALID` with the names there are */
  assertKnown(name: string | undefined, where: string): void {
    if (name !== undefined && name !== this.main.name) this.named(name, where);
  }

  /** Starts following all logs. @param settingsChanged told when settings for all instances have changed */
  async open(settingsChanged: () => void): Promise<void> {
    this.useThoseOfServices();
    this.opened = true;
    await Promise.all([this.main.open(settingsChanged), ...[...this.others.values()].map((stack) => stack.open())]);
  }

  /**
   * Stores a value outright, as the engine does. Beside a shared tier every other instance has a memory of its own, and what
   * those hold of the key is older: it is dropped first.
   *
   * @returns whether it is stored
   * @throws what the log or the shared tier raise when it is not (G7)
   */
  async set(
    engine: CacheEngine,
    key: string,
    value: unknown,
    tags: readonly string[],
    policy: ReadPolicy,
  ): Promise<boolean> {
    if (engine === this.memoryAlone && !(await this.forget(key))) return false;
    return engine.set(key, value, tags, policy);
  }

  async close(): Promise<void> {
    await Promise.all(this.all().map((stack) => stack.close()));
  }

  /** Drops a key everywhere. `true` once this instance has applied that too, so that it meets nothing stored later. */
  private async forget(key: string): Promise<boolean> {
    const { log } = this.main;
    const nothing = { tags: [], patterns: [], flush: false };
    const origin = this.parts.instanceId;
    const { position } = await log.append({ id: randomUUID(), keys: [key], ...nothing, reason: 'set', origin });
    return log.waitApplied(position, FORGET_MS);
  }

  private named(name: string, where: string): NamedTier {
    return byName(name, this.options.backends ?? {}, `\`backend\` of ${where}`, this.main.name);
  }

  /** A service without methods may be one of `CacheService`: what it names is in use too. */
  private useThoseOfServices(): void {
    const { services = {}, config } = this.options;
    for (const scope of new Set([...Object.keys(services), ...Object.keys(config?.services ?? {})])) {
      const levels = [...(config?.serviceLevels(scope) ?? []), services[scope]];
      this.engineOf(nearestBackend(levels), `services.${scope}`);
    }
  }

  /** Memory follows the main log: with one of its own, what another instance invalidates would never reach it. */
  private pastSharedTier({ bounds }: MemoryTier, name: string): CacheEngine {
    if (this.main.backend === null) return this.main.engine;
    const known = [memory().bounds, this.parts.memory];
    if (!known.some((each) => isDeepStrictEqual(each, bounds))) {
      throw invalid(
        `Expected memory() of \`backends.${name}\` to have the bounds of this process's memory, got others: beside ${this.main.name} there is one memory. Set them as \`memory\` of CacheModule.forRoot, and leave them out there.`,
      );
    }
    return (this.memoryAlone ??= this.main.engine.pastSharedTier());
  }

  private begin(named: NamedTier, where: string): CacheStack {
    const { name } = named;
    if (this.opened) throw this.tooLate(name, where);
    if (!NAME.test(name) || name === 'memory') {
      throw invalid(
        `Expected the name of a backend beside the main one to be 1 to 64 letters, digits, '_', '.' or '-', and not that of memory itself, got ${describeInput(name)} at ${where}. Rename it in \`backends\`.`,
      );
    }
    // No namespace holds a tilde, so what it keeps on a server meets no other application's, nor the main backend's.
    const context = { namespace: `${this.namespace}~${name}`, tierName: name };
    const stack = new CacheStack(named, { ...this.parts, bypass: this.parts.bypassBeside }, context);
    assertConsistency(this.options, stack.log);
    this.assertReach(stack);
    this.assertOnePart(stack);
    this.others.set(name, stack);
    this.logs.add(stack);
    this.began(stack);
    return stack;
  }

  /** One of one process is not reached by what other instances invalidate. */
  private assertReach({ name, log }: CacheStack): void {
    if (isShared(log) || !isShared(this.main.log)) return;
    throw invalid(
      `Expected the log of backend '${name}' to be shared by all instances, as that of the main backend '${this.main.name}' is, got one of this process. Give it a shared log, e.g. custom({ store, log: redis({ url }) }), or use the name memory.`,
    );
  }

  /** Where entries are kept apart by context, a backend that knows nothing of that would show them to all. */
  private assertOnePart({ name, backend }: CacheStack): void {
    const apart = [this.main, { name, backend }].find((stack) => (stack.backend?.compartment ?? null) !== null);
    if (apart === undefined) return;
    throw invalid(
      `Expected one backend where its network is taken from the context, got '${apart.name}' beside another. Name one network for it, or use it alone.`,
    );
  }

  private tooLate(name: string, where: string): CacheError {
    const inUse = this.all().map((stack) => stack.name);
    return invalid(
      `Expected \`backend\` of ${where} to be in use since the start (${inUse.join(', ')}), got ${describeInput(name)}. Name it at boot, so that every instance invalidates there too: CacheModule.forRoot({ services: { app: { backend: '${name}' } } }), with the scope for 'app'.`,
    );
  }
}

function assertNoneInDefaults({ defaults }: CacheModuleOptions): void {
  const { backend } = (defaults ?? {}) as CachePolicyOptions;
  if (backend === undefined) return;
  throw invalid(
    `Expected no \`backend\` in \`defaults\`, got ${describeInput(backend)}. The backend of all that name none is \`backend\` of CacheModule.forRoot.`,
  );
}

/** True for a log that other processes write too. */
function isShared({ leased, capabilities }: InvalidationLog): boolean {
  return leased || capabilities.consistency === 'eventual';
}

function invalid(message: string): CacheError {
  return new CacheError('LARDER_OPTION_INVALID', message);
}
