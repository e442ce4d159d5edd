import { CacheError } from '../../core/errors/cache-error.js';
import { assertName, defaultScopeName } from '../../core/keys/names.js';
import { scopeDeclarationOf, type ScopeDeclaration } from '../decorators/cache-scope.decorator.js';
import {
  declarationsOf,
  invalidateOnOf,
  invalidateOnProperties,
  nameOf,
  type InvalidateOnDeclaration,
  type MethodDeclaration,
} from '../decorators/method-declarations.js';

/** One decorated method of one class. */
export interface MethodModel {
  readonly declaration: MethodDeclaration;
  /** The action's name in keys, unique in the class. */
  readonly action: string;
  /** `Class.method`, for messages. */
  readonly where: string;
  readonly events: readonly InvalidateOnDeclaration[];
}

/** What the decorators of a class say, its ancestors' included. */
export interface ClassModel {
  readonly className: string;
  readonly scope: string;
  readonly declaration: ScopeDeclaration | undefined;
  readonly methods: readonly MethodModel[];
}

/**
 * Reads the decorators of a class.
 * @throws CacheError naming class, method and cure where they cannot work together
 */
export function modelOf(prototype: object): ClassModel {
  const type = prototype.constructor;
  const declaration = scopeDeclarationOf(type);
  const scope = declaration?.name ?? defaultScopeName(type.name);
  assertName('scope', scope);
  const taken = new Map<string, object>();
  const methods = declarationsOf(prototype).map((method) => {
    const action = method.kind === 'invalidates' ? String(method.property) : uniqueAction(method, taken);
    const where = nameOf(method.owner, method.property);
    return { declaration: method, action, where, events: invalidateOnOf(method.owner, method.property) };
  });
  assertEventsHaveCachedMethods(prototype, methods);
  return { className: type.name, scope, declaration, methods };
}

/**
 * A method that overrides a cached one and calls `super` runs both declarations in one call; were they one action, the
 * outer load would wait for itself. The inherited one therefore gets the name of its class added.
 */
function uniqueAction(declaration: MethodDeclaration, taken: Map<string, object>): string {
  const { name } = declaration.options as { name?: string };
  if (name === undefined && typeof declaration.property === 'symbol') {
    throw new CacheError(
      'LARDER_OPTION_INVALID',
      `Expected a \`name\` for the symbol method ${nameOf(declaration.owner, declaration.property)}, got none. Write @Cached({ name: 'find_orders' }).`,
    );
  }
  const plain = name ?? String(declaration.property);
  assertName('action', plain);
  const action = taken.has(plain) ? `${plain}.${declaration.owner.constructor.name}` : plain;
  if (taken.has(action) || taken.get(plain) === declaration.owner) {
    throw new CacheError(
      'LARDER_OPTION_INVALID',
      `Expected action names of a class to differ, got \`${plain}\` again at ${nameOf(declaration.owner, declaration.property)}. Give one of them another \`name\`, or cache the method once.`,
    );
  }
  taken.set(action, declaration.owner);
  return action;
}

function assertEventsHaveCachedMethods(prototype: object, methods: readonly MethodModel[]): void {
  for (const { owner, property } of invalidateOnProperties(prototype)) {
    const cached = methods.find(
      ({ declaration }) =>
        declaration.owner === owner && declaration.property === property && declaration.kind !== 'invalidates',
    );
    if (cached !== undefined) continue;
    throw new CacheError(
      'LARDER_OPTION_INVALID',
      `Expected @InvalidateOn() beside @Cached(), got it alone at ${nameOf(owner, property)}. Add @Cached(), or use @Invalidates() on the method that writes.`,
    );
  }
}
