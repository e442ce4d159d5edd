import { dirname, join } from 'node:path';
import ts from 'typescript';
import { compile, publicNames } from './entry-point.js';
import { larder, nodes, planted, type Repository } from './repository.js';

const ENTRY = 'libs/cache/src/index.ts';
/** What the types of the root entry may lean on, so that it compiles where no optional peer is installed. */
const FOUNDATION = /^(@nestjs\/(common|core)(\/.*)?|rxjs(\/.*)?|reflect-metadata)$/;

/** The declarations that a build would write, by path, without writing them. */
function declarations(program: ts.Program): Map<string, string> {
  const written = new Map<string, string>();
  program.emit(undefined, (path, text) => void written.set(path, text), undefined, true);
  return written;
}

/** Everything that `index.d.ts` leads to and that is neither relative nor of the foundation, as "file: package". */
function foreignTypes(program: ts.Program, tree: Repository): string[] {
  const written = declarations(program);
  const dist = tree.absolute('libs/cache/dist');
  const queue = [join(dist, 'index.d.ts')];
  const foreign: string[] = [];
  for (const path of queue) {
    const text = written.get(path);
    if (text === undefined) {
      foreign.push(`${path.slice(dist.length + 1)} is not emitted`);
      continue;
    }
    for (const specifier of specifiers(path, text)) {
      if (!specifier.startsWith('.')) {
        if (!FOUNDATION.test(specifier)) foreign.push(`${path.slice(dist.length + 1)}: ${specifier}`);
        continue;
      }
      const next = join(dirname(path), specifier.replace(/\.js$/, '.d.ts'));
      if (!queue.includes(next)) queue.push(next);
    }
  }
  return foreign;
}

function specifiers(path: string, text: string): string[] {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const found = source.typeReferenceDirectives.map(({ fileName }) => fileName);
  for (const node of nodes(source)) {
    if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier) {
      found.push((node.moduleSpecifier as ts.StringLiteral).text);
    }
    if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      found.push((node.argument.literal as ts.StringLiteral).text);
    }
  }
  return found;
}

/** Names exported by the root entry whose declaration has no doc comment. */
function undocumented(program: ts.Program, tree: Repository): string[] {
  return publicNames(program, tree, ENTRY)
    .filter(({ documentation }) => documentation === '')
    .map(({ name }) => name);
}

/** Lines of the root entry that export by star: what is public is named. */
function starExports(tree: Repository): string[] {
  return tree
    .syntax(ENTRY)
    .statements.filter((node) => ts.isExportDeclaration(node) && node.exportClause === undefined)
    .map((node) => node.getText());
}

describe('the root entry', () => {
  let program: ts.Program;

  beforeAll(() => {
    program = compile(larder, [ENTRY]);
  });

  it('leads to types of Nest, rxjs and reflect-metadata only', () => {
    expect(foreignTypes(program, larder)).toEqual([]);
  });

  it('documents everything it exports', () => {
    expect(undocumented(program, larder)).toEqual([]);
  });

  it('names what it exports', () => {
    expect(starExports(larder)).toEqual([]);
    expect(publicNames(program, larder, ENTRY).length).toBeGreaterThan(20);
  });
});

describe('the rules of the root entry', () => {
  const inOrder = {
    'package.json': '{ "type": "module" }',
    [ENTRY]: "export { engine } from './core/engine.js';\n",
    'libs/cache/src/core/engine.ts': '/** Reads and fills. */\nexport const engine = 1;\n',
  };
  const judge = (more: Record<string, string>) =>
    planted({ ...inOrder, ...more }, (tree) => {
      const program = compile(tree, [ENTRY]);
      return { foreign: foreignTypes(program, tree), bare: undocumented(program, tree), stars: starExports(tree) };
    });

  it('are content with an entry in order', async () => {
    expect(await judge({})).toEqual({ foreign: [], bare: [], stars: [] });
  });

  it('object to the types of an optional peer, wherever the entry leads to them', async () => {
    const { foreign } = await judge({
      'libs/cache/src/core/engine.ts':
        "import type { Redis } from 'ioredis';\n/** Reads. */\nexport const engine = (client: Redis): Redis => client;\n",
    });
    expect(foreign).toEqual(['core/engine.d.ts: ioredis']);
  });

  it('object to an inferred type that imports', async () => {
    const { foreign } = await judge({
      'node_modules/typeorm/package.json': '{ "name": "typeorm", "types": "./index.d.ts" }',
      'node_modules/typeorm/index.d.ts':
        'export interface Source { a: 1 }\nexport declare function source(): Source;\n',
      'libs/cache/src/core/engine.ts':
        "import { source } from 'typeorm';\n/** Reads. */\nexport const engine = source();\n",
    });
    expect(foreign).toEqual(['core/engine.d.ts: typeorm']);
  });

  it('object to an export without a doc comment', async () => {
    expect((await judge({ 'libs/cache/src/core/engine.ts': 'export const engine = 1;\n' })).bare).toEqual(['engine']);
  });

  it('object to a star', async () => {
    expect((await judge({ [ENTRY]: "export * from './core/engine.js';\n" })).stars).toHaveLength(1);
  });
});
