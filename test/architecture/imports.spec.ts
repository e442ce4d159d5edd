import { symlinkSync } from 'node:fs';
import config, { MAY_IMPORT } from '../../.dependency-cruiser.mjs';
import { PLANTS, SKELETON } from './planted-imports.js';
import { cruise, larder, planted, type Cruise } from './repository.js';

describe('the imports of this repository', () => {
  let seen: Cruise;

  beforeAll(() => {
    seen = cruise(larder);
  });

  it('break no rule', () => {
    expect(seen.violations).toEqual([]);
  });

  it('are all looked at: every source file of the library is among the modules', () => {
    const sources = larder.files('libs/cache/src', /\.ts$/);
    expect(sources.length).toBeGreaterThan(40);
    expect(sources.filter((path) => !seen.modules.includes(path))).toEqual([]);
  });

  it('are governed in every folder: the import table names each', () => {
    const folders = [
      ...larder.folders('libs/cache/src').filter((name) => name !== 'core'),
      ...larder.folders('libs/cache/src/core').map((name) => `core/${name}`),
    ];
    expect(folders.filter((folder) => !(folder in MAY_IMPORT))).toEqual([]);
  });

  it('are explained: ARCHITECTURE.md shows the table that is enforced', () => {
    expect(tableOf(larder.text('ARCHITECTURE.md'))).toEqual(MAY_IMPORT);
  });
});

describe('the import rules', () => {
  it('are content with a tree in order', async () => {
    const { violations, modules } = await cruisePlanted(SKELETON);
    expect(violations).toEqual([]);
    expect(modules.length).toBeGreaterThan(30);
  });

  it('each object to the file planted against it', async () => {
    const files = { ...SKELETON, ...Object.fromEntries(PLANTS.map(({ path, text }) => [path, text])) };
    const { violations } = await cruisePlanted(files);
    const missed = PLANTS.filter(
      (plant) =>
        !violations.some(({ rule, from, to }) => rule === plant.rule && (from === plant.path || to === plant.path)),
    );
    expect(missed).toEqual([]);
  });

  it('each have a planted file', () => {
    const names = config.forbidden.map(({ name }) => name);
    expect(new Set(PLANTS.map(({ rule }) => rule))).toEqual(new Set(names));
  });
});

/** Cruises planted files, with the library linked into node_modules as npm does for a workspace. */
function cruisePlanted(files: Readonly<Record<string, string>>): Promise<Cruise> {
  return planted(files, (tree) => {
    symlinkSync('../libs/cache', tree.absolute('node_modules/nestjs-larder'));
    return cruise(tree);
  });
}

/** Reads the rows "| `folder` | what it may import |" below the heading about imports. */
function tableOf(page: string): Record<string, string[]> {
  const section = page.split(/^## /m).find((text) => /^Who may import whom/i.test(text)) ?? '';
  const rows = section.split('\n').filter((line) => line.startsWith('| `'));
  return Object.fromEntries(
    rows.map((row) => {
      const [, folder, others] = row.split('|');
      const names = (cell: string) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name!);
      return [names(folder!)[0]!, names(others!)];
    }),
  );
}
