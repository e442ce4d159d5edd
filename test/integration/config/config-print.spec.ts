import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildWhatIsOld } from '../../../launcher/build.mjs';

const ROOT = join(import.meta.dirname, '../../..');
const CLI = join(ROOT, 'libs/cache/dist/nest/config/cli.js');

let folder: string;
beforeAll(async () => {
  await buildWhatIsOld(ROOT, ['cache']);
  folder = mkdtempSync(join(tmpdir(), 'larder-config-'));
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true }));

/** The command of the package, as npx runs it. */
function larder(...args: string[]) {
  const env = { PATH: process.env.PATH, CACHE_TTL: '45', DATABASE_URL: 'postgres://app:hunter2@db/shop' };
  return spawnSync(process.execPath, [CLI, ...args], { env, encoding: 'utf8', cwd: folder });
}

describe('nestjs-larder config print', () => {
  it('prints what counts and who said it', () => {
    writeFileSync(join(folder, 'cache.config.yaml'), 'cache: { backend: redis, grace: 1h }');
    const { status, stdout } = larder('config', 'print');
    expect(status).toBe(0);
    expect(stdout).toMatch(/^cache\.backend +"redis"/m);
    expect(stdout).toMatch(/^cache\.ttl +"45" +\(environment CACHE_TTL\)$/m);
    expect(stdout).toMatch(/^cache\.grace +"1h" +\(.*cache\.config\.yaml\)$/m);
    expect(stdout).not.toContain('hunter2');
  });

  it('says what is wrong with a file, and how it is used', () => {
    writeFileSync(join(folder, 'bad.json'), '{"cache": {"tll": 1}}');
    const bad = larder('config', 'print', 'bad.json');
    expect(bad.status).toBe(1);
    expect(bad.stderr).toContain('did you mean `ttl`');
    const wrong = larder('help');
    expect(wrong.status).toBe(2);
    expect(wrong.stderr).toContain('Usage');
  });
});
