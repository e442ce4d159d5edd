import type { CacheEngine } from '../../core/engine/cache-engine.js';
import type { BackendsInUse } from '../backends/backends-in-use.js';
import { CacheError } from '../../core/errors/cache-error.js';
import type { InvalidationIntent } from '../../core/invalidation/intent.js';
import { actionTag, collectionTag, scopeTag } from '../../core/invalidation/tags.js';
import { compileKeySelector } from '../../core/keys/key-selector.js';
import { fullKey, localKey } from '../../core/keys/local-key.js';
import { policyLevels } from '../policy-levels.js';
import { resolvePolicy, type CacheModuleOptions, type ResolvedPolicy } from '../cache.options.js';
import type {
  CachedManyOptions,
  CachedOptions,
  CachePolicyOptions,
  EntityRef,
  InvalidatesOptions,
} from '../decorators/decorator.options.js';
import type { DurableRoad } from '../durability/durable-road.js';
import type { MethodDeclaration } from '../decorators/method-declarations.js';
import { modelOf, type ClassModel, type MethodModel } from './class-model.js';
import { customLocalKey } from './custom-key.js';
import { assertNamesTargets, invalidationIntents } from './invalidation-intents.js';
import { checkedTags, entityTags, resultTags, versionTags } from './result-tags.js';
import type { ConfiguredAction, RuntimeSwitches } from '../switches/runtime-switches.js';
import type { CompiledMethod, MethodCompiler } from './runtime-binding.js';

/** Something cached as the application knows it, for the boot line and the admin routes. */
export interface CachedActionFacts {
  readonly scope: string;
  readonly action: string;
  readonly where: string;
  /** The name of its backend. */
  readonly backend: string;
}

/** A cached method, for event rules too. */
export interface CachedMethodFacts extends CachedActionFacts {
  /** The local key of a call; what `@InvalidateOn` and `explain` need. */
  readonly localKeyOf: (args: readonly unknown[]) => string;
  readonly model: MethodModel;
}

interface ActionResolver {
  readonly scope: string;
  readonly action: string;
  readonly resolve: () => ResolvedPolicy;
}

interface CompiledPolicy extends Pick<ResolvedPolicy, 'enabled' | 'policy'> {
  readonly engine: CacheEngine | null;
}

type AnyFunction = (...args: unknown[]) => unknown;

/** Turns declarations into compiled methods: everything that can be decided at boot is decided here. */
export class CacheMethodCompiler implements MethodCompiler {
  private readonly models = new Map<object, ClassModel>();
  /** The prototype of the class that has a scope's action. */
  private readonly owners = new Map<string, object>();
  /** The backends of actions. */
  private readonly backendNames = new Map<string, string>();
  /** How the policies of actions follow from the configuration, where that can be reloaded. */
  private readonly resolvers = new Map<string, ActionResolver>();

  constructor(
    private readonly backends: BackendsInUse,
    private readonly road: DurableRoad,
    private readonly switches: RuntimeSwitches,
    private readonly options: CacheModuleOptions,
    private readonly warn: (message: string) => void,
  ) {}

  modelOf(prototype: object): ClassModel {
    let model = this.models.get(prototype);
    if (model === undefined) {
      model = modelOf(prototype);
      this.models.set(prototype, model);
    }
    return model;
  }

  compile(prototype: object, declaration: MethodDeclaration): CompiledMethod | null {
    const model = this.modelOf(prototype);
    const method = model.methods.find((candidate) => candidate.declaration === declaration);
    if (method === undefined) return null; // a method borrowed from another class
    if (declaration.kind !== 'invalidates') this.claim(prototype, model, method);
    switch (declaration.kind) {
      case 'cached':
        return this.compileCached(model, method, declaration.options as CachedOptions);
      case 'cachedMany':
        return this.compileMany(model, method, declaration.options as unknown as CachedManyOptions);
      case 'invalidates':
        return this.compileInvalidates(model, method, declaration.options as InvalidatesOptions);
    }
  }

  /**
   * The policies as the configuration has them now.
   * @throws CacheError as at boot
   */
  configured(): readonly ConfiguredAction[] {
    return [...this.resolvers.values()].map(({ scope, action, resolve }) => {
      const { enabled, policy } = resolve();
      return { scope, action, on: enabled, policy };
    });
  }

  /** What the application may want to know of a cached method. */
  factsOf(model: ClassModel, method: MethodModel): CachedMethodFacts {
    const { scope } = model;
    const { action, where } = method;
    const backend = this.backendNames.get(fullKey(scope, action)) ?? this.backends.main.name;
    return { scope, action, where, backend, model: method, localKeyOf: this.localKeyBuilder(scope, method) };
  }

  /** Entries are named by scope and action alone: two classes with both in common would be served each other's values. */
  private claim(prototype: object, { scope, className }: ClassModel, { action, where }: MethodModel): void {
    const name = fullKey(scope, action);
    const owner = this.owners.get(name) ?? prototype;
    this.owners.set(name, owner);
    if (owner === prototype) return;
    throw new CacheError(
      'LARDER_OPTION_INVALID',
      `Expected scope and action to name the methods of one class, got \`${name}\` for ${where} of ${className} and of another ${owner.constructor.name}. Give one of the classes a scope of its own: @CacheScope('…').`,
    );
  }

  private compileCached(model: ClassModel, method: MethodModel, options: CachedOptions): CompiledMethod | null {
    const { enabled, policy, engine } = this.policyOf(model, method, options);
    if (engine === null) return null;
    const localKeyOf = this.localKeyBuilder(model.scope, method);
    const action = engine.action({
      scope: model.scope,
      name: method.action,
      policy,
      keyOf: (args) => fullKey(model.scope, localKeyOf(args)),
      keyedByArguments: options.key === undefined && this.keysOf(model.scope, method) === undefined,
      tagsOf: resultTags(this.implicitTags(model, method), options),
      when: options.when === undefined ? null : (args) => (options.when as AnyFunction)(...args) === true,
      unless:
        options.unless === undefined ? null : (value, args) => (options.unless as AnyFunction)(value, ...args) === true,
    });
    this.switches.register(model.scope, method.action, policy, action, enabled);
    return {
      hit: (argument) => action.hit(argument),
      hitWithoutArguments: () => action.hitWithoutArguments(),
      invoke: (instance, args, original) => action.call(args, () => original.apply(instance, args as unknown[])),
    };
  }

  private compileMany(model: ClassModel, method: MethodModel, options: CachedManyOptions): CompiledMethod | null {
    const { enabled, policy, engine } = this.policyOf(model, method, options);
    if (engine === null) return null;
    const implicit = this.implicitTags(model, method);
    const collections = (options.collections ?? []).map(collectionTag);
    const action = engine.manyAction({
      scope: model.scope,
      name: method.action,
      policy,
      keyOf: (id, rest) => fullKey(model.scope, localKey(method.action, [id, ...rest])),
      idOf: options.id as (item: unknown) => unknown,
      tagsOf: (item, id) => [
        ...versionTags((options.sourceVersion as AnyFunction | undefined)?.(item, id)),
        ...implicit,
        ...collections,
        ...checkedTags(((options.tags as AnyFunction | undefined)?.(item, id) as readonly string[] | undefined) ?? []),
        ...entityTags(
          ((options.entities as AnyFunction | undefined)?.(item, id) as readonly EntityRef[] | undefined) ?? [],
        ),
      ],
    });
    this.switches.register(model.scope, method.action, policy, action, enabled);
    return {
      hit: () => undefined,
      hitWithoutArguments: () => undefined,
      invoke: (instance, args, original) => {
        const [ids, ...rest] = args;
        if (!Array.isArray(ids)) return original.apply(instance, args as unknown[]);
        return action.call(
          ids,
          rest,
          (missing) => original.call(instance, missing, ...rest) as Promise<readonly unknown[]>,
        );
      },
    };
  }

  private compileInvalidates(model: ClassModel, method: MethodModel, options: InvalidatesOptions): CompiledMethod {
    assertNamesTargets(options, method.where);
    const reason = options.reason ?? method.where;
    return {
      hit: () => undefined,
      hitWithoutArguments: () => undefined,
      invoke: async (instance, args, original) => {
        const result = await original.apply(instance, args as unknown[]);
        const intents = this.intentsOf(model.scope, method, options, result, args);
        if (intents.length > 0) await this.road.invalidate(intents, { reason, actor: method.where });
        return result;
      },
    };
  }

  /** The write has happened: a failing callback must not turn it into an error, so the whole scope dies instead (G6, G7). */
  private intentsOf(
    scope: string,
    method: MethodModel,
    options: InvalidatesOptions,
    result: unknown,
    args: readonly unknown[],
  ): readonly InvalidationIntent[] {
    try {
      return invalidationIntents(scope, options, result, args);
    } catch (error) {
      this.warn(
        `@Invalidates() of ${method.where} failed to say what to invalidate; its whole scope \`${scope}\` is cleared. ${String(error)}`,
      );
      return invalidationIntents(scope, { clear: true }, result, args);
    }
  }

  /** How a method is cached, and by what; `engine` is `null` where it never will be, and then its backend is not in use. */
  private policyOf(model: ClassModel, method: MethodModel, options: CachePolicyOptions): CompiledPolicy {
    const { scope, declaration } = model;
    const { action, where } = method;
    const resolve = () => {
      const levels = policyLevels(this.options, scope, action, { method: options, scope: declaration });
      const resolved = resolvePolicy(levels, where);
      this.backends.assertKnown(resolved.backend, where);
      return resolved;
    };
    const { enabled, policy, backend, warnings } = resolve();
    for (const warning of warnings) this.warn(warning);
    if (this.options.config !== undefined) this.resolvers.set(fullKey(scope, action), { scope, action, resolve });
    if (!enabled && !this.reloadable) return { enabled, policy, engine: null };
    this.backendNames.set(fullKey(scope, action), backend ?? this.backends.main.name);
    return { enabled, policy, engine: this.backends.engineOf(backend, where) };
  }

  /** True where a reload of the configuration may switch on what is off. */
  private get reloadable(): boolean {
    return this.options.config?.file != null;
  }

  /** What enters the key by name: the file is nearer than the decorator. */
  private keysOf(scope: string, method: MethodModel): readonly string[] | undefined {
    return this.options.config?.keysOf(scope, method.action) ?? (method.declaration.options as CachedOptions).keys;
  }

  private localKeyBuilder(scope: string, method: MethodModel): (args: readonly unknown[]) => string {
    const options = method.declaration.options as CachedOptions;
    const keysOfFile = this.options.config?.keysOf(scope, method.action);
    if (method.declaration.kind === 'cached' && options.key !== undefined && keysOfFile === undefined)
      return customLocalKey(method, options.key as AnyFunction);
    const { owner, property } = method.declaration;
    const paramTypes = Reflect.getMetadata('design:paramtypes', owner, property) as unknown[] | undefined;
    const keys = this.keysOf(scope, method);
    const selection = keys === undefined ? options : { ...options, keys };
    const select = compileKeySelector(selection, method.where, paramTypes === undefined ? {} : { paramTypes });
    return (args) => localKey(method.action, select(args));
  }

  private implicitTags(model: ClassModel, method: MethodModel): readonly string[] {
    const emptiedByEvent = method.events.some(({ select }) => select === null);
    return emptiedByEvent ? [scopeTag(model.scope), actionTag(model.scope, method.action)] : [scopeTag(model.scope)];
  }
}
