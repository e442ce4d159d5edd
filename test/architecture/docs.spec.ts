import { dirname, join } from 'node:path';
import { runInThisContext } from 'node:vm';
import { localKey } from '../../libs/cache/src/core/keys/local-key.js';
import { compilePattern } from '../../libs/cache/src/core/keys/key-pattern.js';
import { compile, publicNames } from './entry-point.js';
import { larder, planted, type Repository } from './repository.js';

const RULES = {
  'every page opens with its title and two lines that say it all': (tree: Repository) =>
    tree.files('docs', /\.md$/).filter((path) => !/^# .+\n\n> \*\*TL;DR\*\* .+\n(> .+\n){1,2}\n/.test(tree.text(path))),

  'the index names every page': (tree: Repository) =>
    tree
      .files('docs', /\.md$/)
      .filter((path) => path !== 'docs/README.md' && !tree.text('docs/README.md').includes(`](${path.slice(5)})`)),

  'every link leads somewhere': (tree: Repository) =>
    pages(tree).flatMap((path) =>
      [...prose(tree.text(path)).matchAll(/\]\(([^)\s]+)\)/g)]
        .map(([, target]) => target!)
        .filter((target) => !/^[a-z]+:/.test(target))
        .filter((target) => !leads(tree, path, target))
        .map((target) => `${path}: ${target}`),
    ),

  'every command exists': (tree: Repository) => {
    const { scripts = {} } = tree.json<{ scripts?: Record<string, string> }>('package.json');
    return pages(tree).flatMap((path) =>
      [...tree.text(path).matchAll(/\bnpm (?:run (?:-s )?([\w:-]+)|(start|test)\b)/g)]
        .map(([, run, lifecycle]) => run ?? lifecycle!)
        .filter((script) => !(script in scripts))
        .map((script) => `${path}: npm run ${script}`),
    );
  },

  'every path of the map exists': (tree: Repository) => {
    const map =
      tree
        .text('ARCHITECTURE.md')
        .split(/^## /m)
        .find((section) => section.startsWith('I want to')) ?? '';
    const places = ['', 'libs/cache/src/'];
    return [...map.matchAll(/`([\w./-]+\/[\w./-]*)`/g)]
      .map(([, path]) => path!)
      .filter((path) => !places.some((place) => tree.has(place + path)));
  },

  'every name that a page imports is exported': (tree: Repository) => {
    const imports = pages(tree).flatMap((path) =>
      [...tree.text(path).matchAll(/import (?:type )?\{([^}]+)\} from 'nestjs-larder(?:\/([\w-]+))?'/g)].map(
        ([, names, subpath]) => ({ path, names: names!.split(','), entry: entryOf(tree, subpath) }),
      ),
    );
    const program = compile(tree, [...new Set(imports.map(({ entry }) => entry))]);
    return imports.flatMap(({ path, names, entry }) => {
      const exported = new Set(publicNames(program, tree, entry).map(({ name }) => name));
      return names
        .map(
          (name) =>
            name
              .trim()
              .replace(/^type /, '')
              .split(' as ')[0]!,
        )
        .filter((name) => name !== '' && !exported.has(name))
        .map((name) => `${path}: ${name} is not exported by ${entry}`);
    });
  },
} satisfies Record<string, (tree: Repository) => string[]>;

describe('the documents', () => {
  it.each(Object.entries(RULES))('%s', (_, rule) => {
    expect(rule(larder)).toEqual([]);
  });

  it('are there', () => {
    expect(pages(larder)).toEqual(
      expect.arrayContaining(['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'SECURITY.md']),
    );
  });
});

describe('docs/keys.md', () => {
  const keys = rows(larder.text('docs/keys.md'), '| arguments ');
  const patterns = rows(larder.text('docs/keys.md'), '| pattern ');

  it.each(keys)('the key of %s is %s', (args, key) => {
    expect(localKey('find', runInThisContext(args!) as unknown[])).toBe(key);
  });

  it.each(patterns.map(([pattern, hit, ...misses]) => ({ pattern, hit, misses })))(
    '$pattern matches $hit and not $misses',
    ({ pattern, hit, misses }) => {
      const matcher = compilePattern(pattern!);
      expect(matcher.test(hit!)).toBe(true);
      expect(misses.filter((key) => matcher.test(key))).toEqual([]);
    },
  );

  it('has examples', () => {
    expect(Math.min(keys.length, patterns.length)).toBeGreaterThan(5);
  });
});

describe('the rules of the documents', () => {
  const inOrder = {
    'package.json': '{ "scripts": { "test": "jest", "lint": "oxlint" } }',
    'ARCHITECTURE.md': '# Map\n\n## I want to …\n\n| see keys | `core/keys/key.ts`, `docs/` |\n',
    'docs/README.md': '# Index\n\n> **TL;DR** One.\n> Two.\n\n[keys](keys.md)\n',
    'docs/keys.md':
      "# Keys\n\n> **TL;DR** One.\n> Two.\n\n## The key of a call\n\n[up](#the-key-of-a-call), `npm test`, `npm run lint`\n\n```ts\nimport { key } from 'nestjs-larder';\n```\n",
    'libs/cache/package.json': '{ "exports": { ".": { "larder-source": "./src/index.ts" } } }',
    'libs/cache/src/index.ts': 'export const key = 1;\n',
    'libs/cache/src/core/keys/key.ts': '',
  };

  it.each(Object.entries(RULES))('"%s" is content with pages in order', async (_, rule) => {
    expect(await planted(inOrder, rule)).toEqual([]);
  });

  it.each<[keyof typeof RULES, string, string, string, string]>([
    [
      'every page opens with its title and two lines that say it all',
      'docs/keys.md',
      '> **TL;DR** One.',
      'One.',
      'docs/keys.md',
    ],
    ['the index names every page', 'docs/README.md', '[keys](keys.md)', 'keys', 'docs/keys.md'],
    ['every link leads somewhere', 'docs/README.md', '(keys.md)', '(key.md)', 'docs/README.md: key.md'],
    ['every link leads somewhere', 'docs/README.md', '(keys.md)', '(keys.md#calls)', 'docs/README.md: keys.md#calls'],
    ['every link leads somewhere', 'docs/keys.md', '(#the-key-of-a-call)', '(#nothing)', 'docs/keys.md: #nothing'],
    ['every command exists', 'docs/keys.md', 'npm run lint', 'npm run tidy', 'docs/keys.md: npm run tidy'],
    ['every command exists', 'package.json', '"test": "jest", ', '', 'docs/keys.md: npm run test'],
    ['every path of the map exists', 'ARCHITECTURE.md', 'core/keys/key.ts', 'core/keys/none.ts', 'core/keys/none.ts'],
    [
      'every name that a page imports is exported',
      'docs/keys.md',
      '{ key }',
      '{ keys }',
      'docs/keys.md: keys is not exported by libs/cache/src/index.ts',
    ],
  ])('"%s" objects to %s with %s replaced by %s', async (name, path, from, to, culprit) => {
    const text = inOrder[path as keyof typeof inOrder];
    expect(text).toContain(from);
    expect(await planted({ ...inOrder, [path]: text.replace(from, to) }, RULES[name])).toEqual([culprit]);
  });
});

function pages(tree: Repository): string[] {
  return tree.files('.', /\.md$/);
}

/** A page without its code, whose brackets are not links. */
function prose(page: string): string {
  return page.replace(/^```[\s\S]*?^```/gm, '').replace(/`[^`\n]*`/g, '');
}

function leads(tree: Repository, from: string, target: string): boolean {
  const [path, anchor] = target.split('#');
  const page = path === '' ? from : join(dirname(from), path!);
  if (!tree.has(page)) return false;
  return anchor === undefined || headings(tree.text(page)).includes(anchor);
}

/** The anchors that a page's headings get from the usual renderers. */
function headings(page: string): string[] {
  return [...page.replace(/^```[\s\S]*?^```/gm, '').matchAll(/^#+ (.+)$/gm)].map(([, title]) =>
    title!
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/\s/g, '-'),
  );
}

function entryOf(tree: Repository, subpath: string | undefined): string {
  const { exports } = tree.json<{ exports: Record<string, { 'larder-source'?: string }> }>('libs/cache/package.json');
  const door = exports[subpath === undefined ? '.' : `./${subpath}`]?.['larder-source'];
  return door === undefined ? `nestjs-larder/${subpath}` : join('libs/cache', door);
}

/** The code spans of each row of the table that begins with this cell. */
function rows(page: string, firstCell: string): string[][] {
  const lines = page.slice(page.indexOf(firstCell)).split('\n').slice(2);
  const end = lines.findIndex((line) => !line.startsWith('|'));
  return lines.slice(0, end).map((line) => [...line.matchAll(/`([^`]+)`/g)].map(([, code]) => code!));
}
