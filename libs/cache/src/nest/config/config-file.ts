import { existsSync, readFileSync } from 'node:fs';
import { extname, resolve } from 'node:path';
import { parse } from 'yaml';
import { CacheError, describeInput } from '../../core/errors/cache-error.js';
import { checkConfig, type ConfigFile } from './config-schema.js';

const USUAL = ['cache.config.json', 'cache.config.yaml', 'cache.config.yml'];
const PARSERS: Readonly<Record<string, (text: string) => unknown>> = {
  '.json': JSON.parse,
  '.yaml': parseYaml,
  '.yml': parseYaml,
};

/** The file that counts: the one given, that of `CACHE_CONFIG`, or a usual one of the working directory; `null`: none. */
export function findConfigFile(given: string | undefined, env: NodeJS.ProcessEnv): string | null {
  const named = given ?? env['CACHE_CONFIG'];
  if (named !== undefined && named !== '') return resolve(named);
  return USUAL.map((name) => resolve(name)).find((path) => existsSync(path)) ?? null;
}

/** @throws CacheError `LARDER_OPTION_INVALID` naming the file, the place in it, what was expected and what came */
export function readConfigFile(path: string): ConfigFile {
  const parser = PARSERS[extname(path).toLowerCase()];
  if (parser === undefined)
    throw invalid(path, 'a name that ends in .json, .yaml or .yml', describeInput(extname(path)), 'Rename it.');
  return checkConfig(parsed(path, parser), path);
}

function parsed(path: string, parser: (text: string) => unknown): unknown {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw invalid(path, 'a readable file', (error as NodeJS.ErrnoException).code ?? String(error), 'Check the path.');
  }
  try {
    return parser(text);
  } catch (error) {
    const [line = ''] = String((error as Error).message).split('\n');
    throw invalid(path, `${extname(path) === '.json' ? 'JSON' : 'YAML'}`, `text that is none: ${line}`, 'Correct it.');
  }
}

/** Aliases are refused: a few of them can stand for more than memory holds. */
function parseYaml(text: string): unknown {
  return parse(text, { maxAliasCount: 0 }) as unknown;
}

function invalid(path: string, expected: string, got: string, cure: string): CacheError {
  return new CacheError(
    'LARDER_OPTION_INVALID',
    `Expected the configuration ${path} to be ${expected}, got ${got}. ${cure}`,
  );
}
