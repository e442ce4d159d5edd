import ts from 'typescript';
import type { Repository } from './repository.js';

const OPTIONS: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2023,
  lib: ['lib.es2023.d.ts'],
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  customConditions: ['larder-source'],
  strict: true,
  strictPropertyInitialization: false,
  experimentalDecorators: true,
  emitDecoratorMetadata: true,
  esModuleInterop: true,
  skipLibCheck: true,
  types: ['node'],
  declaration: true,
  emitDeclarationOnly: true,
};

/** The library as the compiler sees it from these entries. */
export function compile(tree: Repository, entries: readonly string[]): ts.Program {
  const options = { ...OPTIONS, rootDir: tree.absolute('libs/cache/src'), outDir: tree.absolute('libs/cache/dist') };
  const present = entries.filter((entry) => tree.has(entry));
  return ts.createProgram(
    present.map((entry) => tree.absolute(entry)),
    options,
  );
}

export interface PublicName {
  readonly name: string;
  /** The doc comment of its declaration; empty if there is none. */
  readonly documentation: string;
}

/** What an entry exports. */
export function publicNames(program: ts.Program, tree: Repository, entry: string): PublicName[] {
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(tree.absolute(entry));
  const module = source && checker.getSymbolAtLocation(source);
  if (module === undefined) return [];
  return checker.getExportsOfModule(module).map((symbol) => {
    const original = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
    return {
      name: symbol.name,
      documentation: ts.displayPartsToString(original.getDocumentationComment(checker)).trim(),
    };
  });
}
