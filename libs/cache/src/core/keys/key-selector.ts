import { CacheError, describeInput } from '../errors/cache-error.js';

/** Picks from the arguments of a call what enters its key. */
export type KeySelector = (args: readonly unknown[]) => readonly unknown[];

export interface KeySelection {
  /** Names of what enters the key: declared parameters where there are `params`, else fields of the one object argument. */
  readonly keys?: readonly string[];
  /** Names of the method's parameters in order; JavaScript does not keep them. */
  readonly params?: readonly string[];
}

/** What is known of the method at boot; the more, the earlier a mistake is found. */
export interface MethodSignature {
  /** Number of declared parameters. */
  readonly arity?: number;
  /** `design:paramtypes` as TypeScript emits it; goes before `arity`, which stops at the first default value. */
  readonly paramTypes?: readonly unknown[];
}

/** Types that cannot be an argument whose fields are named. */
const FIELDLESS: readonly unknown[] = [Number, String, Boolean, BigInt, Symbol, Array, Date, Function];

/**
 * Compiles `keys: ['id']` (REQ-002-17, REQ-002-18) at boot. Without `keys` every argument enters the key.
 *
 * @param where the method as errors name it, e.g. `UserService.getUser`
 * @throws CacheError `LARDER_OPTION_INVALID` where a name is unknown, or where it is undecidable what the names mean.
 *   The selector throws `LARDER_KEY_UNSUPPORTED` where fields are named and the call does not bring exactly one object.
 */
export function compileKeySelector(
  selection: KeySelection,
  where: string,
  signature: MethodSignature = {},
): KeySelector {
  const { keys, params } = selection;
  if (params !== undefined) assertNames('params', params, where);
  if (keys === undefined) return (args) => args;
  assertNames('keys', keys, where);
  return params === undefined ? selectFields(keys, where, signature) : selectParams(keys, params, where);
}

function selectParams(keys: readonly string[], params: readonly string[], where: string): KeySelector {
  const unknown = keys.find((key) => !params.includes(key));
  if (unknown !== undefined) {
    throw new CacheError(
      'LARDER_OPTION_INVALID',
      `Expected \`keys\` of ${where} to name declared parameters (${quoteAll(params)}), got ${describeInput(unknown)}. ` +
        'Correct the name, or add it to `params` at its position.',
    );
  }
  const positions = keys.map((key) => params.indexOf(key));
  return (args) => positions.map((position) => args[position]);
}

function selectFields(keys: readonly string[], where: string, signature: MethodSignature): KeySelector {
  const cure = 'Declare the names of the parameters, e.g. `params: ["id", "locale"]`, or give a `key` callback.';
  const arity = signature.paramTypes?.length ?? signature.arity;
  if (arity !== undefined && arity !== 1) {
    throw new CacheError(
      'LARDER_OPTION_INVALID',
      `Expected ${where} to take one object argument, since \`keys\` (${quoteAll(keys)}) without \`params\` names its ` +
        `fields; got a method of ${arity} parameters. ${cure}`,
    );
  }
  const type = signature.paramTypes?.[0];
  if (FIELDLESS.includes(type)) {
    throw new CacheError(
      'LARDER_OPTION_INVALID',
      `Expected the parameter of ${where} to be an object, since \`keys\` (${quoteAll(keys)}) without \`params\` names ` +
        `its fields; got a parameter of type ${(type as { name: string }).name}. ${cure}`,
    );
  }
  return (args) => {
    const [fields] = args;
    if (args.length !== 1 || typeof fields !== 'object' || fields === null) {
      const got = args.length === 1 ? describeInput(fields) : `${args.length} arguments`;
      throw new CacheError(
        'LARDER_KEY_UNSUPPORTED',
        `Expected ${where} to be called with one object holding ${quoteAll(keys)}, got ${got}. ${cure}`,
      );
    }
    return keys.map((key) => (fields as Record<string, unknown>)[key]);
  };
}

function assertNames(option: 'keys' | 'params', names: readonly unknown[], where: string): void {
  const expected = `Expected \`${option}\` of ${where} to be a list of distinct names`;
  if (!Array.isArray(names) || names.length === 0) {
    const cure =
      'Name what identifies a call; for one entry whatever the arguments, give a `key` callback with a fixed text.';
    throw new CacheError('LARDER_OPTION_INVALID', `${expected}, got ${describeInput(names)}. ${cure}`);
  }
  const wrong = names.findIndex((name, i) => typeof name !== 'string' || name === '' || names.indexOf(name) !== i);
  if (wrong >= 0) {
    const reason = names.indexOf(names[wrong]) === wrong ? 'is no name' : 'stands there twice';
    throw new CacheError(
      'LARDER_OPTION_INVALID',
      `${expected}, got ${describeInput(names[wrong])}, which ${reason}. Correct the list.`,
    );
  }
}

function quoteAll(names: readonly string[]): string {
  return names.map((name) => `\`${name}\``).join(', ');
}
