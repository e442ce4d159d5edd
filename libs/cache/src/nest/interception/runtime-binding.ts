import { Inject, Injectable, Optional } from '@nestjs/common';
import type { MethodDeclaration } from '../decorators/method-declarations.js';

/** A decorated method, compiled for one class in one application. */
export interface CompiledMethod {
  /** A promise for a hit by one raw argument, else `undefined`. */
  hit(argument: unknown): Promise<unknown> | undefined;
  /** As `hit`, for a call without arguments. */
  hitWithoutArguments(): Promise<unknown> | undefined;
  /** Any call. */
  invoke(instance: object, args: readonly unknown[], original: (...args: unknown[]) => unknown): unknown;
}

/** Compiles declarations; the application's runtime. */
export interface MethodCompiler {
  compile(prototype: object, declaration: MethodDeclaration): CompiledMethod | null;
}

/**
 * The compiled methods of one class in one application, by declaration index. A hole means "not compiled yet or not
 * cached": the call then asks `find`.
 */
export class ClassBinding {
  readonly methods: (CompiledMethod | undefined)[] = [];
  private readonly settled = new Set<number>();

  constructor(
    private readonly holder: RuntimeHolder,
    private readonly prototype: object,
  ) {}

  /** True while the application runs. */
  get active(): boolean {
    return this.holder.compiler !== null;
  }

  /** Compiles on first use; `null` where the method runs uncached (before start, after close, switched off). */
  find(declaration: MethodDeclaration): CompiledMethod | null {
    const known = this.methods[declaration.index];
    if (known !== undefined) return known;
    if (this.holder.compiler === null || this.settled.has(declaration.index)) return null;
    const compiled = this.holder.compiler.compile(this.prototype, declaration);
    this.settled.add(declaration.index);
    if (compiled !== null) this.methods[declaration.index] = compiled;
    return compiled;
  }

  /** Forgets what was compiled; later calls run the method itself. */
  forget(): void {
    this.methods.length = 0;
    this.settled.clear();
  }
}

/**
 * Where decorated instances find their application. It has no dependencies of its own, so Nest can inject it into any
 * class at any time, also into one that the cache itself depends on; the runtime is put in when the module starts.
 */
@Injectable()
export class RuntimeHolder {
  compiler: MethodCompiler | null = null;
  private readonly bindings = new Map<object, ClassBinding>();

  bindingOf(prototype: object): ClassBinding {
    let binding = this.bindings.get(prototype);
    if (binding === undefined) {
      binding = new ClassBinding(this, prototype);
      this.bindings.set(prototype, binding);
    }
    return binding;
  }

  /** The application closes: methods run uncached from now on. */
  release(): void {
    this.compiler = null;
    for (const binding of this.bindings.values()) binding.forget();
  }
}

/** The property under which an instance carries its class's binding. Registered, so that two copies of the package agree. */
export const BINDING = Symbol.for('nestjs-larder:binding');
/** The injection token of the holder. */
export const RUNTIME_HOLDER = Symbol.for('nestjs-larder:runtime-holder');

const frozenInstances = new WeakMap<object, ClassBinding>();

/** An instance that may carry a binding. */
export interface Bindable {
  readonly [BINDING]?: ClassBinding;
}

/**
 * Prepares a class for its binding: Nest sets the injected holder on the instance, the accessor below turns it into the
 * binding of the instance's class and keeps it as a hidden own property, which the hit path reads at the price of a
 * field. A class that is never constructed by Nest simply has no binding and runs uncached.
 */
export function makeBindable(prototype: object): void {
  // A class inherits the injection with the accessor; a second one would put the bare holder over the binding.
  if (BINDING in prototype) return;
  Inject(RUNTIME_HOLDER)(prototype, BINDING);
  Optional()(prototype, BINDING);
  Object.defineProperty(prototype, BINDING, {
    configurable: true,
    get(this: object): ClassBinding | undefined {
      return frozenInstances.get(this);
    },
    set(this: object, holder: RuntimeHolder | undefined) {
      if (holder !== undefined) bind(this, holder);
    },
  });
}

/** Binds an instance to an application; used for instances that a factory made, which get no property injection. */
export function bind(instance: object, holder: RuntimeHolder): void {
  const binding = holder.bindingOf(Object.getPrototypeOf(instance) as object);
  if (Object.isExtensible(instance)) {
    Object.defineProperty(instance, BINDING, { value: binding, configurable: true, writable: true, enumerable: false });
  } else {
    frozenInstances.set(instance, binding);
  }
}

/** True for an instance of an application that is running: one that outlived its application may be given to another. */
export function isBound(instance: object): boolean {
  return (instance as Bindable)[BINDING]?.active === true;
}
