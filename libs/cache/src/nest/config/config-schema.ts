import { z } from 'zod';
import { durationToMs } from '../../core/clock/duration.js';
import { CacheError, describeInput } from '../../core/errors/cache-error.js';
import type { CachePolicyOptions } from '../decorators/decorator.options.js';

const flag = z.boolean({ error: 'true or false' });
const duration = z.custom<number | string>(isDuration, {
  error: "a duration: seconds, or text with a unit such as '5m'",
});
const ttl = z.custom<number | string>((value) => isDuration(value) && durationToMs(value as number) > 0, {
  error: "a duration longer than 0: seconds, or text with a unit such as '5m'",
});
const name = z.string({ error: 'the name of a backend' }).min(1, { error: 'the name of a backend' });
const POLICY = {
  enabled: flag.optional(),
  ttl: ttl.optional(),
  grace: duration.optional(),
  jitter: z
    .number({ error: 'a share from 0 to 1' })
    .min(0, 'a share from 0 to 1')
    .max(1, 'a share from 0 to 1')
    .optional(),
  softTimeout: duration.optional(),
  hardTimeout: duration.optional(),
  degradedTtl: duration.optional(),
  electionWait: duration.optional(),
  isolation: z.enum(['freeze', 'clone', 'share'], { error: "'freeze', 'clone' or 'share'" }).optional(),
  backend: name.optional(),
};
const POSITIVE = 'a whole number from 1';
const MAPPING = 'a mapping of names';

const actionLevel = z.strictObject(
  { ...POLICY, keys: z.array(z.string('a list of field names'), 'a list of field names').optional() },
  { error: MAPPING },
);
const serviceLevel = z.strictObject(POLICY, { error: MAPPING });
const globalLevel = z.strictObject(
  {
    ...POLICY,
    replication: z.int(POSITIVE).min(1, POSITIVE).optional(),
    prefix: z.string({ error: 'text' }).optional(),
    consistency: z
      .strictObject(
        {
          strategy: z.enum(['eventual', 'coherent'], { error: "'eventual' or 'coherent'" }).optional(),
          conflict_resolution: z.enum(['last_write_wins'], { error: "'last_write_wins'" }).optional(),
        },
        { error: MAPPING },
      )
      .optional(),
  },
  { error: MAPPING },
);
const action = z.strictObject({ cache: actionLevel.optional() }, { error: MAPPING });
const service = z.strictObject(
  { cache: serviceLevel.optional(), actions: z.record(z.string(), action, { error: MAPPING }).optional() },
  { error: MAPPING },
);
const file = z.strictObject(
  { cache: globalLevel.optional(), services: z.record(z.string(), service, { error: MAPPING }).optional() },
  { error: MAPPING },
);

/** The action level of a file. */
export interface ActionConfig extends CachePolicyOptions {
  keys?: readonly string[];
}

/** The global level of a file. */
export interface GlobalConfig extends CachePolicyOptions {
  replication?: number;
  prefix?: string;
  consistency?: { strategy?: 'eventual' | 'coherent'; conflict_resolution?: 'last_write_wins' };
}

/** What a configuration file may say (REQ-002-09, 10). */
export interface ConfigFile {
  cache?: GlobalConfig;
  services?: Record<string, { cache?: CachePolicyOptions; actions?: Record<string, { cache?: ActionConfig }> }>;
}

/** What each mapping of a file may hold, for suggestions; by the last fixed name of its path. */
const KNOWN: readonly string[] = [
  ...Object.keys(globalLevel.shape),
  ...Object.keys(actionLevel.shape),
  'strategy',
  'conflict_resolution',
  'cache',
  'services',
  'actions',
];

/**
 * @param source names the file in messages
 * @throws CacheError `LARDER_OPTION_INVALID` with the path in the file, what was expected and what came, for each fault
 */
export function checkConfig(input: unknown, source: string): ConfigFile {
  const checked = file.safeParse(input ?? {});
  if (checked.success) return checked.data as ConfigFile;
  const faults = checked.error.issues.map((issue) => {
    if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey(issue.path, key)).join('; ');
    return `\`${pathOf(issue.path)}\` to be ${issue.message}, got ${describeInput(at(input, issue.path))}`;
  });
  throw new CacheError('LARDER_OPTION_INVALID', `In ${source}, expected ${faults.join('; ')}. Correct the file.`);
}

function unknownKey(path: readonly PropertyKey[], key: string): string {
  const near = nearest(key, KNOWN);
  const hint = near === null ? '' : `; did you mean \`${near}\`?`;
  return `\`${pathOf(path)}\` to hold known names only, got \`${pathOf([...path, key])}\`${hint}`;
}

function pathOf(path: readonly PropertyKey[]): string {
  return path.length === 0 ? 'the file' : path.map(String).join('.');
}

function at(input: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((value, key) => (value as Record<PropertyKey, unknown> | undefined)?.[key], input);
}

function isDuration(value: unknown): boolean {
  try {
    durationToMs(value as number);
    return true;
  } catch {
    return false;
  }
}

/** The known name that a slip of the pen may have meant: at most two letters away. */
export function nearest(word: string, known: readonly string[]): string | null {
  let best: { readonly name: string; readonly distance: number } | null = null;
  for (const name of known) {
    const distance = editDistance(word.toLowerCase().slice(0, 40), name.toLowerCase());
    if (distance <= 2 && distance < (best?.distance ?? 3)) best = { name, distance };
  }
  return best?.name ?? null;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (const [i, letter] of a.split('').entries()) {
    const next = [i + 1];
    for (const [j, other] of b.split('').entries())
      next.push(Math.min(next[j]! + 1, row[j + 1]! + 1, row[j]! + (letter === other ? 0 : 1)));
    row = next;
  }
  return row[b.length]!;
}
