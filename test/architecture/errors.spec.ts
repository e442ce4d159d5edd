import { CACHE_ERROR_CODES } from '../../libs/cache/src/core/errors/error-codes.js';
import { larder, planted, type Repository } from './repository.js';

const CATALOGUE = 'libs/cache/src/core/errors/error-codes.ts';
const PAGE = 'docs/errors.md';

interface Section {
  readonly code: string;
  /** No longer raised; kept so that the code is never given another meaning. */
  readonly retired: boolean;
  readonly text: string;
}

/** The sections of the page: "### `CODE`" or "### `CODE` (retired)". */
function sections(tree: Repository): Section[] {
  return tree
    .text(PAGE)
    .split(/^### /m)
    .slice(1)
    .map((section) => {
      const [, code, retired] = /^`([A-Z_]+)`( \(retired\))?$/m.exec(section.split('\n')[0]!) ?? [];
      const text = section.slice(section.indexOf('\n')).split(/^#{1,3} /m)[0]!;
      return {
        code: code ?? `not a code: ${section.split('\n')[0]}`,
        retired: retired !== undefined,
        text: text.trim(),
      };
    });
}

const RULES = {
  'every code has a section': (tree: Repository, codes: readonly string[]) => {
    const documented = sections(tree).filter(({ retired }) => !retired);
    return codes.filter((code) => !documented.some((section) => section.code === code));
  },
  'every section has a code': (tree: Repository, codes: readonly string[]) =>
    sections(tree)
      .filter(({ code, retired }) => codes.includes(code) === retired)
      .map(({ code }) => code),
  'every section says something': (tree: Repository) =>
    sections(tree)
      .filter(({ text }) => text.split(/\s+/).length < 8)
      .map(({ code }) => code),
  'no section stands twice, and all stand in order': (tree: Repository) => {
    const found = sections(tree)
      .filter(({ retired }) => !retired)
      .map(({ code }) => code);
    return found.filter((code, index) => index > 0 && code <= found[index - 1]!);
  },
  'every code is raised somewhere': (tree: Repository, codes: readonly string[]) => {
    const sources = tree.files('libs/cache/src', /\.ts$/).filter((path) => path !== CATALOGUE);
    const text = sources.map((path) => tree.text(path)).join('\n');
    return codes.filter((code) => !text.includes(`'${code}'`));
  },
};

describe('the error catalogue', () => {
  it.each(Object.entries(RULES))('%s', (_, rule) => {
    expect(rule(larder, CACHE_ERROR_CODES)).toEqual([]);
  });

  it('is sorted, without repetition, and every code says whose it is', () => {
    expect([...CACHE_ERROR_CODES]).toEqual([...new Set(CACHE_ERROR_CODES)].sort());
    expect(CACHE_ERROR_CODES.filter((code) => !/^LARDER(_[A-Z0-9]+)+$/.test(code))).toEqual([]);
  });
});

describe('the rules of the catalogue', () => {
  const section = (code: string, mark = '') =>
    `### \`${code}\`${mark}\n\nExpected one thing, got another; so do it in this way.\n\n`;
  const inOrder = {
    [PAGE]: `# Errors\n\n${section('LARDER_A')}${section('LARDER_B')}## Retired\n\n${section('LARDER_Z', ' (retired)')}`,
    'libs/cache/src/core/keys/a.ts': "throw new CacheError('LARDER_A', '');\nthrow new CacheError('LARDER_B', '');",
  };
  const codes = ['LARDER_A', 'LARDER_B'];

  it.each(Object.entries(RULES))('"%s" is content with a catalogue in order', async (_, rule) => {
    expect(await planted(inOrder, (tree) => rule(tree, codes))).toEqual([]);
  });

  it.each<[keyof typeof RULES, string, string, string[]]>([
    ['every code has a section', 'LARDER_C', inOrder[PAGE], [...codes, 'LARDER_C']],
    ['every code has a section', 'LARDER_Z', inOrder[PAGE], [...codes, 'LARDER_Z']],
    ['every section has a code', 'LARDER_C', inOrder[PAGE] + section('LARDER_C'), codes],
    ['every section has a code', 'not a code: Errors of keys', `${inOrder[PAGE]}### Errors of keys\n`, codes],
    ['every section says something', 'LARDER_C', `${inOrder[PAGE]}### \`LARDER_C\`\n\nAn error.\n`, codes],
    ['no section stands twice, and all stand in order', 'LARDER_A', inOrder[PAGE] + section('LARDER_A'), codes],
    ['every code is raised somewhere', 'LARDER_C', inOrder[PAGE], [...codes, 'LARDER_C']],
  ])('"%s" objects to %s', async (name, culprit, page, known) => {
    expect(await planted({ ...inOrder, [PAGE]: page }, (tree) => RULES[name](tree, known))).toEqual([culprit]);
  });
});
