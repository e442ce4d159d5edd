import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isUpToDate } from '../../../launcher/build.mjs';

describe('a build is up to date', () => {
  let folder: string;
  const at = (path: string, seconds: number) => utimesSync(join(folder, path), seconds, seconds);
  const check = () => isUpToDate(join(folder, 'main.js'), [join(folder, 'src'), join(folder, 'missing.json')]);

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'larder-spec-'));
    mkdirSync(join(folder, 'src/deep'), { recursive: true });
    for (const path of ['src/deep/a.ts', 'main.js']) writeFileSync(join(folder, path), '');
    for (const path of ['src/deep/a.ts', 'src/deep', 'src']) at(path, 1_000);
    at('main.js', 2_000);
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('when it is newer than every source', () => expect(check()).toBe(true));

  it('not when it is missing', () => {
    rmSync(join(folder, 'main.js'));
    expect(check()).toBe(false);
  });

  it('not when a source is newer', () => {
    at('src/deep/a.ts', 3_000);
    expect(check()).toBe(false);
  });

  it('not when a source was removed', () => {
    rmSync(join(folder, 'src/deep/a.ts'));
    expect(check()).toBe(false);
  });
});
