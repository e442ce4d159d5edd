import { isDeepStrictEqual } from 'node:util';
import { runInThisContext } from 'node:vm';
import ts from 'typescript';
import { larder, planted, type Repository } from './repository.js';

/** What a default is: a value, or words where no literal can say it ("the method's name"). */
type Default = { readonly value: unknown } | { readonly words: string };

interface Option {
  readonly name: string;
  readonly optional: boolean;
  /** The text of `@default`, if the doc comment has one. */
  readonly documented: string | undefined;
}

/**
 * The rule for `*.options.ts`: every optional member of an exported `XOptions` says its `@default`. Where that is a value,
 * the frozen literal `X_DEFAULTS` of an options file holds the same value under the same name, and holds nothing else.
 */
function objections(tree: Repository): string[] {
  const sources = tree.files('libs/cache/src', /\.options\.ts$/).map((path) => tree.syntax(path));
  const frozen = new Map(sources.flatMap((source) => [...frozenLiterals(source)]));
  return sources.flatMap((source) => {
    const path = source.fileName;
    return optionInterfaces(source).flatMap(({ name, options }) => {
      const constant = `${screaming(name.replace(/Options$/, ''))}_DEFAULTS`;
      return compare(options, constant, frozen.get(constant)).map((text) => `${path}: ${name}${text}`);
    });
  });
}

function compare(
  options: readonly Option[],
  constant: string,
  literal: ReadonlyMap<string, string> | undefined,
): string[] {
  const known = new Set(options.map(({ name }) => name));
  const strangers = [...(literal?.keys() ?? [])].filter((name) => !known.has(name));
  return [
    ...strangers.map((name) => ` has no member \`${name}\`, which ${constant} sets`),
    ...options.flatMap(({ name, optional, documented }) => {
      if (documented === undefined) return optional ? [`.${name} has no @default`] : [];
      const written = read(documented);
      const actual = literal?.has(name) ? read(literal.get(name)!) : undefined;
      if ('words' in written) {
        return actual === undefined
          ? []
          : [`.${name} describes its @default in words, yet ${constant} holds ${literal!.get(name)}`];
      }
      if (actual === undefined) {
        return written.value === undefined
          ? []
          : [`.${name} has @default ${documented}, which no frozen ${constant} holds`];
      }
      if ('words' in actual)
        return [`.${name} is set by ${constant} to ${actual.words}; write a literal, so that it can be compared`];
      return isDeepStrictEqual(written.value, actual.value)
        ? []
        : [`.${name} has @default ${documented}, but ${constant} says ${literal!.get(name)}`];
    }),
  ];
}

function optionInterfaces(source: ts.SourceFile): { name: string; options: Option[] }[] {
  return source.statements
    .filter(ts.isInterfaceDeclaration)
    .filter((declaration) => declaration.name.text.endsWith('Options') && isExported(declaration))
    .filter((declaration) => !declaration.name.text.startsWith('Resolved'))
    .map((declaration) => ({
      name: declaration.name.text,
      options: declaration.members.map((member) => ({
        name: member.name!.getText(),
        optional: member.questionToken !== undefined,
        documented: defaultTag(member),
      })),
    }));
}

/** `const NAME = Object.freeze({ … })` of a file: the source text of each member by its name. */
function frozenLiterals(source: ts.SourceFile): Map<string, Map<string, string>> {
  const declarations = source.statements
    .filter(ts.isVariableStatement)
    .filter(isExported)
    .flatMap(({ declarationList }) => [...declarationList.declarations]);
  const found = new Map<string, Map<string, string>>();
  for (const { name, initializer } of declarations) {
    if (initializer === undefined || !ts.isCallExpression(initializer)) continue;
    const literal = withoutTypes(initializer.arguments[0]);
    if (initializer.expression.getText() !== 'Object.freeze' || !literal || !ts.isObjectLiteralExpression(literal))
      continue;
    const members = literal.properties.filter(ts.isPropertyAssignment);
    found.set(name.getText(), new Map(members.map((member) => [member.name.getText(), member.initializer.getText()])));
  }
  return found;
}

/** `{ … } as const satisfies X` is `{ … }`. */
function withoutTypes(node: ts.Expression | undefined): ts.Expression | undefined {
  return node && (ts.isAsExpression(node) || ts.isSatisfiesExpression(node)) ? withoutTypes(node.expression) : node;
}

function defaultTag(member: ts.TypeElement): string | undefined {
  const tag = ts.getJSDocTags(member).find(({ tagName }) => tagName.text === 'default');
  const text = ts.getTextOfJSDocComment(tag?.comment)?.trim();
  return text === '' ? undefined : text;
}

/** Evaluates a literal, whatever TypeScript is around it; what cannot be evaluated alone is words. */
function read(text: string): Default {
  const { outputText, diagnostics } = ts.transpileModule(`(${text})`, { reportDiagnostics: true });
  if (diagnostics?.length) return { words: text };
  try {
    return { value: runInThisContext(outputText) as unknown };
  } catch {
    return { words: text }; // names something, so it is no literal
  }
}

function isExported(node: ts.InterfaceDeclaration | ts.VariableStatement): boolean {
  return node.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) ?? false;
}

function screaming(name: string): string {
  return name.replace(/(?<=[a-z0-9])(?=[A-Z])/g, '_').toUpperCase();
}

describe('the options', () => {
  it('say their defaults, and the frozen defaults say the same', () => {
    expect(objections(larder)).toEqual([]);
  });

  it('are found', () => {
    const found = larder
      .files('libs/cache/src', /\.options\.ts$/)
      .flatMap((path) => optionInterfaces(larder.syntax(path)));
    expect(found.length).toBeGreaterThan(2);
  });
});

describe('the rule of the options', () => {
  const path = 'libs/cache/src/core/engine/l1.options.ts';
  const inOrder = `
    export interface CacheMemoryOptions {
      /** Most entries. @default 100000 */
      maxEntries?: number;
      /** @default '64mb' */
      maxBytes?: number | string;
      /** Who evicts. @default ['a', 'b'] */
      policies?: string[];
      /** @default the machine's clock */
      clock?: Clock;
      /** @default undefined */
      name?: string;
      id: string;
    }
    export const CACHE_MEMORY_DEFAULTS: Readonly<Required<CacheMemoryOptions>> = Object.freeze({
      maxEntries: 100_000,
      maxBytes: '64mb' as const,
      policies: ['a', 'b'],
    } as const satisfies CacheMemoryOptions);`;

  it('is content with options in order', async () => {
    expect(await planted({ [path]: inOrder }, objections)).toEqual([]);
  });

  it.each([
    [
      'an option without a default',
      '/** Most entries. @default 100000 */',
      '/** Most entries. */',
      '.maxEntries has no @default',
    ],
    [
      'another value',
      '@default 100000',
      '@default 1000',
      '.maxEntries has @default 1000, but CACHE_MEMORY_DEFAULTS says 100_000',
    ],
    [
      'another type',
      "@default '64mb'",
      '@default 64',
      ".maxBytes has @default 64, but CACHE_MEMORY_DEFAULTS says '64mb' as const",
    ],
    ['a value that is not set', "@default the machine's clock", '@default 7', '.clock has @default 7, which no frozen'],
    ['words for a value', '@default 100000', '@default enough for most', '.maxEntries describes its @default in words'],
    ['defaults that can be changed', 'Object.freeze(', 'identity(', 'which no frozen CACHE_MEMORY_DEFAULTS holds'],
    [
      'a default of nothing',
      'maxEntries: 100_000,',
      'maxEntries: 100_000, minEntries: 1,',
      ' has no member `minEntries`',
    ],
    [
      'a default that is computed',
      'maxEntries: 100_000,',
      'maxEntries: MANY,',
      '.maxEntries is set by CACHE_MEMORY_DEFAULTS to MANY',
    ],
  ])('objects to %s', async (_, from, to, objection) => {
    expect(inOrder).toContain(from);
    const found = await planted({ [path]: inOrder.replace(from, to) }, objections);
    expect(found[0]).toContain(`${path}: CacheMemoryOptions${objection.startsWith('which') ? '' : objection}`);
    expect(found[0]).toContain(objection);
  });
});
