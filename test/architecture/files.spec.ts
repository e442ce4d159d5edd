import ts from 'typescript';
import { at, larder, nodes, planted, type Repository } from './repository.js';

const CODE = /\.(ts|mts|mjs|cjs|js)$/;
const MAX_LINES = 300;

/** Each rule returns what breaks it, in words that say where; an empty list is a tree in order. */
const RULES = {
  [`no file of libs, apps, launcher or bench is longer than ${MAX_LINES} lines`]: (tree: Repository) =>
    code(tree, ['libs', 'apps', 'launcher', 'bench'])
      .map((path) => ({ path, lines: tree.text(path).trimEnd().split('\n').length }))
      .filter(({ lines }) => lines > MAX_LINES)
      .map(({ path, lines }) => `${path} has ${lines} lines`),

  'no file or folder is a junk drawer': (tree: Repository) =>
    ['libs', 'apps', 'launcher', 'bench', 'test']
      .flatMap((folder) => tree.files(folder))
      .filter((path) => /(^|[/.-])(utils?|helpers?|common|shared|misc)(?=[/.]|$)/.test(path)),

  'file names are kebab-case': (tree: Repository) =>
    code(tree, ['libs', 'apps', 'launcher', 'bench', 'test']).filter(
      (path) => !/^\.?[a-z0-9]+([.-][a-z0-9]+)*$/.test(path.split('/').at(-1)!),
    ),

  'no compiled JavaScript lies beside the sources': (tree: Repository) =>
    tree
      .folders('libs')
      .flatMap((library) => tree.files(`libs/${library}/src`, /\.(js|mjs|cjs|js\.map|d\.ts)$/))
      .filter((path) => !path.endsWith('.d.ts') || tree.has(path.replace(/\.d\.ts$/, '.ts'))),

  'the core reads time and chance from its ports only': (tree: Repository) =>
    tree
      .files('libs/cache/src/core', /\.ts$/)
      .filter((path) => !path.startsWith('libs/cache/src/core/clock/'))
      .flatMap((path) => find(tree, path, readsTimeOrChance)),

  'no spec is skipped, focused or left for later': (tree: Repository) =>
    tree.files('.', /\.spec\.ts$/).flatMap((path) => find(tree, path, isSkippedOrFocused)),

  'no check is switched off in a comment and nothing is left to do': (tree: Repository) =>
    code(tree, ['libs', 'apps', 'launcher', 'bench', 'test'])
      .filter((path) => !path.endsWith('-d.ts'))
      .flatMap((path) =>
        comments(tree, path)
          .filter(({ text }) => SWITCHED_OFF.test(text))
          .map(({ where }) => where),
      ),

  'no error is swallowed without a word': (tree: Repository) =>
    code(tree, ['libs', 'apps', 'launcher', 'bench', 'test']).flatMap((path) => find(tree, path, isSilentCatch)),
} satisfies Record<string, (tree: Repository) => string[]>;

/** For every rule, files it must object to, and beside them files it must not. */
const PLANTED: Record<keyof typeof RULES, { bad: Record<string, string>; good: Record<string, string> }> = {
  [`no file of libs, apps, launcher or bench is longer than ${MAX_LINES} lines`]: {
    bad: { 'libs/cache/src/long.ts': 'let a;\n'.repeat(301), 'bench/long.mjs': 'let a;\n'.repeat(301) },
    good: { 'libs/cache/src/full.ts': 'let a;\n'.repeat(300), 'libs/cache/dist/long.js': 'let a;\n'.repeat(400) },
  },
  'no file or folder is a junk drawer': {
    bad: { 'libs/cache/src/core/utils/a.ts': '', 'apps/demo/src/date.helper.ts': '', 'test/unit/shared/a.ts': '' },
    good: { 'libs/cache/src/core/engine/shared-tier-reader.ts': '' },
  },
  'file names are kebab-case': {
    bad: { 'libs/cache/src/cacheEngine.ts': '', 'test/unit/Key.spec.ts': '' },
    good: { 'libs/cache/src/cache-engine.options.ts': '', 'test/unit/issue-12.spec.ts': '' },
  },
  'no compiled JavaScript lies beside the sources': {
    bad: { 'libs/cache/src/index.js': '', 'libs/cache/src/index.js.map': '' },
    good: {
      'libs/cache/src/index.ts': '',
      'libs/cache/src/core/codec/types-of-a-package-without.d.ts': '',
      'libs/cache/dist/index.js': '',
    },
  },
  'the core reads time and chance from its ports only': {
    bad: {
      'libs/cache/src/core/engine/now.ts': 'export const a = Date.now();',
      'libs/cache/src/core/engine/date.ts': 'export const a = new Date();',
      'libs/cache/src/core/engine/timer.ts': 'setTimeout(() => {}, 1);',
      'libs/cache/src/core/engine/turn.ts': 'setImmediate(() => {});',
      'libs/cache/src/core/engine/global.ts': 'globalThis.setInterval(() => {}, 1);',
      'libs/cache/src/core/engine/chance.ts': 'export const a = Math.random();',
      'libs/cache/src/core/engine/mark.ts': 'export const a = performance.now();',
      'libs/cache/src/core/engine/hr.ts': 'export const a = process.hrtime.bigint();',
    },
    good: {
      'libs/cache/src/core/clock/system-clock.ts': 'export const a = Date.now();',
      'libs/cache/src/core/engine/prose.ts':
        '// not Date.now()\nexport const a = "setTimeout";\nexport const b = new Date(0);',
      'libs/cache/src/adapters/redis/link.ts': 'setTimeout(() => {}, 1);',
    },
  },
  'no spec is skipped, focused or left for later': {
    bad: {
      'test/unit/a.spec.ts': "it.skip('a', () => {});",
      'test/unit/b.spec.ts': "describe.only('b', () => {});",
      'test/unit/c.spec.ts': "it.todo('c');",
      'test/unit/d.spec.ts': "xit('d', () => {});",
      'test/unit/e.spec.ts': "test.skip.each([1])('e', () => {});",
      'test/unit/f.spec.ts': "(process.env.URL ? it : it.skip)('f', () => {});",
    },
    good: { 'test/unit/g.spec.ts': "it('says it.skip', () => { list.skip(1); });" },
  },
  'no check is switched off in a comment and nothing is left to do': {
    bad: {
      'libs/cache/src/a.ts': `// @ts-${'ignore'}\nexport const a = 1;`,
      'libs/cache/src/b.ts': `/* oxlint-${'disable'} no-eval */\nexport const b = 1;`,
      'apps/demo/src/c.ts': `export const c = 1; // TO${'DO'} later`,
    },
    good: {
      'libs/cache/src/d.ts': 'export const a = "@ts-ignore";',
      'test/types/e.ts': '// @ts-expect-error\nlet a: string = 1;',
    },
  },
  'no error is swallowed without a word': {
    bad: { 'libs/cache/src/a.ts': 'try { a(); } catch {}', 'launcher/b.mjs': 'try { a(); } catch (error) { }' },
    good: { 'libs/cache/src/c.ts': 'try { a(); } catch {\n  // already closed: nothing to give back\n}' },
  },
};

describe.each(Object.entries(RULES))('%s', (name, rule) => {
  const plants = PLANTED[name as keyof typeof PLANTED];

  it('holds', () => {
    expect(rule(larder)).toEqual([]);
  });

  it.each(Object.entries(plants.bad))('objects to %s', async (path, text) => {
    const objections = await planted({ [path]: text }, rule);
    expect(objections).toHaveLength(1);
    expect(objections[0]).toContain(path);
  });

  it('lets pass what it does not mean', async () => {
    expect(await planted(plants.good, rule)).toEqual([]);
  });
});

it('there are files to judge', () => {
  expect(larder.files('libs/cache/src/core', /\.ts$/).length).toBeGreaterThan(20);
  expect(larder.files('test', /\.spec\.ts$/).length).toBeGreaterThan(10);
});

const SWITCHED_OFF = /@ts-(ignore|nocheck)|(ox|es)lint-disable|\b(TO|FIX)(DO|ME)\b/;
const CLOCKS = new Set(['setTimeout', 'setInterval', 'setImmediate', 'performance']);
const CLOCK_MEMBERS = new Set(['Date.now', 'Math.random', 'process.hrtime', 'process.uptime']);
const PASSED_OVER = new Set(['skip', 'only', 'todo', 'failing']);
const SUITES = new Set(['describe', 'it', 'test']);
const FOCUSED = new Set(['xit', 'xtest', 'xdescribe', 'fit', 'fdescribe']);

function code(tree: Repository, folders: readonly string[]): string[] {
  return folders.flatMap((folder) => tree.files(folder, CODE));
}

function find(tree: Repository, path: string, matches: (node: ts.Node) => boolean): string[] {
  return [...nodes(tree.syntax(path))]
    .filter(matches)
    .map((node) => `${at(path, node)} ${node.getText().slice(0, 40)}`);
}

function readsTimeOrChance(node: ts.Node): boolean {
  if (ts.isIdentifier(node) && CLOCKS.has(node.text)) return !ts.isImportSpecifier(node.parent);
  if (ts.isNewExpression(node)) return node.expression.getText() === 'Date' && !node.arguments?.length;
  return ts.isPropertyAccessExpression(node) && CLOCK_MEMBERS.has(node.getText());
}

function isSkippedOrFocused(node: ts.Node): boolean {
  if (ts.isIdentifier(node)) return FOCUSED.has(node.text) && ts.isCallExpression(node.parent);
  return (
    ts.isPropertyAccessExpression(node) &&
    PASSED_OVER.has(node.name.text) &&
    ts.isIdentifier(node.expression) &&
    SUITES.has(node.expression.text)
  );
}

function isSilentCatch(node: ts.Node): boolean {
  return ts.isCatchClause(node) && /^\{\s*\}$/.test(node.block.getText());
}

function comments(tree: Repository, path: string): { where: string; text: string }[] {
  const source = tree.syntax(path);
  const text = source.getFullText();
  const found = new Map<number, { where: string; text: string }>();
  for (const node of nodes(source)) {
    if (node.getChildCount() > 0) continue;
    const ranges = [
      ...(ts.getLeadingCommentRanges(text, node.getFullStart()) ?? []),
      ...(ts.getTrailingCommentRanges(text, node.getEnd()) ?? []),
    ];
    for (const { pos, end } of ranges) {
      const line = source.getLineAndCharacterOfPosition(pos).line + 1;
      found.set(pos, { where: `${path}:${line}`, text: text.slice(pos, end) });
    }
  }
  return [...found.values()];
}
