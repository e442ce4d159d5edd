import { execFileSync } from 'node:child_process';
import { larder, planted, type Repository } from './repository.js';

interface Manifest {
  readonly license?: string;
  readonly exports?: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
}

const LIBRARY = 'libs/cache';
const NEEDED_PEERS = ['@nestjs/common', '@nestjs/core', 'reflect-metadata', 'rxjs'];

/** Each rule returns what breaks it. A subpath, its folder, its page and its proof carry one name in four places. */
const RULES = {
  'every subpath has its source and the build that belongs to it': (tree: Repository) =>
    doors(tree).flatMap(({ subpath, targets }) => {
      const source = targets['larder-source'] ?? '';
      const built = source.replace('./src/', './dist/').replace(/\.ts$/, '');
      return [
        ...(tree.has(`${LIBRARY}/${source}`) ? [] : [`${subpath}: its source ${source} does not exist`]),
        ...(source.endsWith('/index.ts') ? [] : [`${subpath}: its source ${source} is not an index.ts`]),
        ...(targets['default'] === `${built}.js` ? [] : [`${subpath}: default should be ${built}.js`]),
        ...(targets['types'] === `${built}.d.ts` ? [] : [`${subpath}: types should be ${built}.d.ts`]),
      ];
    }),

  'every subpath is named after its folder': (tree: Repository) =>
    doors(tree)
      .filter(({ subpath }) => subpath !== '.')
      .filter(({ subpath, targets }) => {
        const name = subpath.slice(2);
        const folders = [`adapters/${name}`, `nest/${name}`, name];
        return !folders.some((folder) => targets['larder-source'] === `./src/${folder}/index.ts`);
      })
      .map(({ subpath }) => `${subpath} is not a folder of adapters/ or nest/`),

  'every adapter but the default has a subpath, and every index.ts is a door': (tree: Repository) => {
    const open = doors(tree).map(({ targets }) => targets['larder-source']!.slice(2));
    const adapters = tree.folders(`${LIBRARY}/src/adapters`).filter((name) => name !== 'memory');
    const barrels = tree.files(`${LIBRARY}/src`, /(^|\/)index\.ts$/).map((path) => path.slice(LIBRARY.length + 1));
    const expected = [...adapters.map((name) => `src/adapters/${name}/index.ts`), ...barrels];
    return [...new Set(expected)].filter((path) => !open.includes(path)).map((path) => `${path} is not exported`);
  },

  'every subpath and every adapter has a page in docs': (tree: Repository) =>
    [...new Set([...subpaths(tree), ...tree.folders(`${LIBRARY}/src/adapters`)])]
      .filter((name) => !tree.has(`docs/${name}.md`))
      .map((name) => `docs/${name}.md is missing`),

  'every adapter passes contract suites': (tree: Repository) => {
    const specs = tree.files('test/contract', /\.spec\.ts$/);
    return tree
      .folders(`${LIBRARY}/src/adapters`)
      .filter((name) => !specs.some((path) => new RegExp(`[/.-]${name}[.-].*spec\\.ts$`).test(path)))
      .map((name) => `test/contract/*${name}*.spec.ts is missing`);
  },

  'versions are exact, except those of peers': (tree: Repository) =>
    manifests(tree).flatMap((path) => {
      const { dependencies, devDependencies, optionalDependencies } = tree.json<Manifest>(path);
      return Object.entries({ ...dependencies, ...devDependencies, ...optionalDependencies })
        .filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))
        .map(([name, version]) => `${path}: ${name} ${version}`);
    }),

  'a peer is optional unless the root entry needs it': (tree: Repository) => {
    const { peerDependencies = {}, peerDependenciesMeta = {} } = tree.json<Manifest>(`${LIBRARY}/package.json`);
    return Object.keys(peerDependencies)
      .filter((name) => NEEDED_PEERS.includes(name) === (peerDependenciesMeta[name]?.optional === true))
      .map((name) => `${name} should ${NEEDED_PEERS.includes(name) ? 'not ' : ''}be optional`);
  },

  'the lock file names no registry': (tree: Repository) =>
    [...tree.text('package-lock.json').matchAll(/"resolved": "[a-z+]+:\/\/[^"]*"/g)].map(([line]) => line),

  'the license is MIT everywhere': (tree: Repository) => [
    ...(tree.has('LICENSE') && tree.text('LICENSE').startsWith('MIT License')
      ? []
      : ['LICENSE is not the MIT license']),
    ...manifests(tree)
      .filter((path) => tree.json<Manifest>(path).license !== 'MIT')
      .map((path) => `${path} is not MIT`),
  ],
} satisfies Record<string, (tree: Repository) => string[]>;

describe('the packages', () => {
  it.each(Object.entries(RULES))('%s', (_, rule) => {
    expect(rule(larder)).toEqual([]);
  });

  it('are found', () => {
    expect(manifests(larder)).toEqual(
      expect.arrayContaining(['package.json', 'libs/cache/package.json', 'apps/demo/package.json']),
    );
    expect(subpaths(larder)).toEqual(expect.arrayContaining(['redis', 'typeorm', 'testing']));
  });
});

describe('the package rules', () => {
  const door = (folder: string) => ({
    'larder-source': `./src/${folder}/index.ts`,
    types: `./dist/${folder}/index.d.ts`,
    default: `./dist/${folder}/index.js`,
  });
  const library = (more: object, exports: object = { './redis': door('adapters/redis') }) => ({
    'libs/cache/package.json': JSON.stringify({ license: 'MIT', exports, ...more }),
  });
  const inOrder = {
    ...library({
      peerDependencies: { rxjs: '^7.0.0', ioredis: '^5.0.0' },
      peerDependenciesMeta: { ioredis: { optional: true } },
    }),
    'libs/cache/src/adapters/redis/index.ts': '',
    'libs/cache/src/adapters/memory/memory.backend.ts': '',
    'docs/redis.md': '',
    'docs/memory.md': '',
    'test/contract/redis.spec.ts': '',
    'test/contract/memory-log.spec.ts': '',
    LICENSE: 'MIT License',
    'package.json': JSON.stringify({ license: 'MIT', devDependencies: { jest: '30.5.2' } }),
    'package-lock.json': '{ "resolved": "libs/cache" }',
  };
  const without = (path: keyof typeof inOrder) =>
    Object.fromEntries(Object.entries(inOrder).filter(([other]) => other !== path));

  it.each(Object.entries(RULES))('"%s" is content with a tree in order', async (_, rule) => {
    expect(await planted(inOrder, rule)).toEqual([]);
  });

  it.each<[keyof typeof RULES, string, Record<string, string>]>([
    [
      'every subpath has its source and the build that belongs to it',
      './redis',
      without('libs/cache/src/adapters/redis/index.ts'),
    ],
    [
      'every subpath has its source and the build that belongs to it',
      'types should be ./dist/adapters/redis/index.d.ts',
      { ...inOrder, ...library({}, { './redis': { ...door('adapters/redis'), types: './dist/index.d.ts' } }) },
    ],
    [
      'every subpath is named after its folder',
      './valkey',
      { ...inOrder, ...library({}, { './valkey': door('adapters/redis') }) },
    ],
    [
      'every adapter but the default has a subpath, and every index.ts is a door',
      'src/adapters/nats/index.ts',
      { ...inOrder, 'libs/cache/src/adapters/nats/nats.backend.ts': '' },
    ],
    [
      'every adapter but the default has a subpath, and every index.ts is a door',
      'src/core/index.ts',
      { ...inOrder, 'libs/cache/src/core/index.ts': '' },
    ],
    ['every subpath and every adapter has a page in docs', 'docs/redis.md', without('docs/redis.md')],
    ['every adapter passes contract suites', 'test/contract/*memory*', without('test/contract/memory-log.spec.ts')],
    ['every adapter passes contract suites', 'test/contract/*redis*', without('test/contract/redis.spec.ts')],
    [
      'versions are exact, except those of peers',
      'jest ^30.0.0',
      { ...inOrder, 'package.json': JSON.stringify({ license: 'MIT', devDependencies: { jest: '^30.0.0' } }) },
    ],
    [
      'a peer is optional unless the root entry needs it',
      'pg',
      { ...inOrder, ...library({ peerDependencies: { pg: '^8.0.0' } }) },
    ],
    [
      'the lock file names no registry',
      'registry.example',
      { ...inOrder, 'package-lock.json': '{ "resolved": "https://registry.example/jest.tgz" }' },
    ],
    ['the license is MIT everywhere', 'LICENSE', without('LICENSE')],
    ['the license is MIT everywhere', 'apps/demo', { ...inOrder, 'apps/demo/package.json': '{}' }],
  ])('"%s" objects to %s', async (name, culprit, files) => {
    expect(await planted(files, RULES[name])).toEqual([expect.stringContaining(culprit)]);
  });
});

describe('the texts', () => {
  // Folders of the machine somebody worked on. A path that is only an example is written relative to the repository.
  const MACHINE_PATH = /(?<![\w.~*}\])-])\/(home|root|Users|work|workspace|mnt|tmp)\/[\w.-]+/;

  it('name no path of a machine', () => {
    const texts = larder
      .files('.', /\.(md|ts|mts|mjs|json|ya?ml|http|html)$/)
      .filter((path) => path !== 'package-lock.json');
    expect(texts.length).toBeGreaterThan(30);
    expect(texts.filter((path) => MACHINE_PATH.test(larder.text(path)))).toEqual([]);
  });

  it('of the history name none either', () => {
    const history = larder.has('.git')
      ? execFileSync('git', ['log', '--format=%B'], { cwd: larder.root, encoding: 'utf8' })
      : '';
    expect(history.split('\n').filter((line) => MACHINE_PATH.test(line))).toEqual([]);
  });

  it('would be caught', () => {
    const folder = ['', 'home', 'ann', 'larder'].join('/');
    expect(MACHINE_PATH.test(`see ${folder}`)).toBe(true);
    expect(MACHINE_PATH.test('see `apps/home/ann` and https://example.org/home/ann')).toBe(false);
  });
});

function doors(tree: Repository): { subpath: string; targets: Readonly<Record<string, string>> }[] {
  return Object.entries(tree.json<Manifest>(`${LIBRARY}/package.json`).exports ?? {}).flatMap(([subpath, targets]) =>
    typeof targets === 'string' ? [] : [{ subpath, targets }],
  );
}

function subpaths(tree: Repository): string[] {
  return doors(tree)
    .map(({ subpath }) => subpath.slice(2))
    .filter((name) => name !== '');
}

function manifests(tree: Repository): string[] {
  return tree.files('.', /(^|\/)package\.json$/);
}
