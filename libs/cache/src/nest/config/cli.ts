#!/usr/bin/env node
import { CacheError } from '../../core/errors/cache-error.js';
import { loadCacheConfig } from './cache-config.js';
import { describeConfig } from './effective-config.js';

const USAGE = 'Usage: nestjs-larder config print [file]';

const [area, command, file, ...more] = process.argv.slice(2);
if (area !== 'config' || command !== 'print' || more.length > 0) {
  process.stderr.write(`${USAGE}\n`);
  process.exitCode = 2;
} else {
  try {
    process.stdout.write(`${describeConfig(loadCacheConfig(file))}\n`);
  } catch (error) {
    if (!(error instanceof CacheError)) throw error;
    process.stderr.write(`${error.code}: ${error.message}\n`);
    process.exitCode = 1;
  }
}
