import { CacheError, describeInput } from '../errors/cache-error.js';

const NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;

/**
 * Checks the name of a scope or an action: 1 to 128 letters, digits, `_`, `-` and `.`, not starting with `-` or `.`.
 * Names of this form need no escaping in keys, routes and metric labels.
 *
 * @throws CacheError `LARDER_KEY_INVALID`
 */
export function assertName(role: 'scope' | 'action', name: unknown): asserts name is string {
  if (typeof name === 'string' && NAME.test(name)) return;
  const cure = role === 'scope' ? "`@CacheScope('orders')`" : "`@Cached({ name: 'find_orders' })`";
  throw new CacheError(
    'LARDER_KEY_INVALID',
    `Expected the ${role} name to be 1 to 128 letters, digits, \`_\`, \`-\` or \`.\`, starting with a letter, digit or \`_\`; ` +
      `got ${describeInput(name)}. Give it an explicit name, e.g. ${cure}.`,
  );
}

/** `OrderItem` → `order_item`, `HTTPServer` → `http_server`, `UserV2` → `user_v2`. Text already in snake_case stays. */
export function snakeCase(name: string): string {
  return name
    .replace(/([A-Z]+)([A-Z][a-z])/g, '$1_$2')
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toLowerCase();
}

/**
 * The scope of a class that names none: the class name less `Service`, in snake_case (`UserService` → `user`).
 *
 * @throws CacheError `LARDER_KEY_INVALID` where the class name cannot be a scope, e.g. for an anonymous class
 */
export function defaultScopeName(className: string): string {
  const scope = snakeCase(className.replace(/(?<=.)Service$/, ''));
  assertName('scope', scope);
  return scope;
}
