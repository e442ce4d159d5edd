import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** Set by jest.config.mjs: what the running project is meant to test. */
declare const TESTED_MAJORS: { readonly typeorm: number };

/** If a project ran on another TypeORM than its name says, all its specs would prove nothing. */
describe('the TypeORM specs', () => {
  it('run on the TypeORM of their project', () => {
    const manifest = join(dirname(createRequire(import.meta.url).resolve('typeorm')), 'package.json');
    const { name, version } = JSON.parse(readFileSync(manifest, 'utf8')) as { name: string; version: string };
    expect([name, version.split('.')[0]]).toEqual(['typeorm', String(TESTED_MAJORS.typeorm)]);
  });
});
