// Runs the rules of .dependency-cruiser.mjs over the tree in the working directory and prints what it saw as JSON.
// A process of its own, because the cruiser judges paths from the working directory, and through the cruiser's API,
// because its command line refuses the oldest Node that Larder supports. From the root: node test/architecture/cruise.mjs
import { cruise } from 'dependency-cruiser';
import extractTSConfig from 'dependency-cruiser/config-utl/extract-ts-config';
import { existsSync } from 'node:fs';
import config from '../../.dependency-cruiser.mjs';

const { forbidden, options } = config;
const { enhancedResolveOptions, tsConfig, ...cruiseOptions } = options;
const folders = ['libs', 'apps', 'test', 'bench', 'launcher'].filter((folder) => existsSync(folder));

const { output } = await cruise(
  folders,
  { ...cruiseOptions, ruleSet: { forbidden }, validate: true },
  enhancedResolveOptions,
  { tsConfig: extractTSConfig(tsConfig.fileName) },
);

console.log(
  JSON.stringify({
    modules: output.modules.map(({ source }) => source),
    violations: output.summary.violations.map(({ rule, from, to }) => ({ rule: rule.name, from, to })),
  }),
);
