import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** Set by jest.config.mjs: what the running project is meant to test. */
declare const TESTED_MAJORS: { readonly ioredis: number };

/** If a project ran on another ioredis than its name says, all its specs would prove nothing. */
describe('the Redis specs', () => {
  it('run on the ioredis of their project', () => {
    const main = createRequire(import.meta.url).resolve('ioredis');
    const manifest = join(dirname(main), '..', 'package.json');
    const { name, version } = JSON.parse(readFileSync(manifest, 'utf8')) as { name: string; version: string };
    expect([name, version.split('.')[0]]).toEqual(['ioredis', String(TESTED_MAJORS.ioredis)]);
  });
});
