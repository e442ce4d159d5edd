import { MAY_IMPORT } from '../../.dependency-cruiser.mjs';

/** A file that the named rule must object to, as the importing or the imported side. */
export interface Plant {
  readonly rule: string;
  readonly path: string;
  readonly text: string;
}

const src = 'libs/cache/src';
const use = (specifier: string, binding = '') =>
  `import * as it${binding} from '${specifier}';\nexport const used${binding} = it${binding};\n`;
const fakePackage = (name: string) => ({
  [`node_modules/${name}/package.json`]: JSON.stringify({ name, version: '1.0.0', type: 'module', main: './index.js' }),
  [`node_modules/${name}/index.js`]: 'export const fake = true;\n',
});

/** A small tree in which every import is in order: one module per folder, and all the doors. */
export const SKELETON: Readonly<Record<string, string>> = {
  'package.json': JSON.stringify({
    name: 'skeleton',
    type: 'module',
    workspaces: ['libs/*'],
    dependencies: {
      '@nestjs/common': '1.0.0',
      '@nestjs/swagger': '1.0.0',
      ioredis: '1.0.0',
      lodash: '1.0.0',
      re2js: '1.0.0',
    },
  }),
  'tsconfig.json': JSON.stringify({
    compilerOptions: {
      target: 'ES2023',
      module: 'nodenext',
      moduleResolution: 'nodenext',
      customConditions: ['larder-source'],
    },
  }),
  ...fakePackage('@nestjs/common'),
  ...fakePackage('@nestjs/swagger'),
  ...fakePackage('ioredis'),
  ...fakePackage('lodash'),
  ...fakePackage('re2js'),
  'libs/cache/package.json': JSON.stringify({
    name: 'nestjs-larder',
    version: '1.0.0',
    type: 'module',
    exports: { '.': { 'larder-source': './src/index.ts', default: './dist/index.js' } },
  }),
  ...Object.fromEntries(
    Object.keys(MAY_IMPORT).map((folder) => [`${src}/${folder}/module.ts`, 'export const ok = true;\n']),
  ),
  [`${src}/core/engine/engine.events.ts`]: 'export const ok = true;\n',
  [`${src}/core/metrics/listener.ts`]: use('../engine/engine.events.js'),
  [`${src}/core/invalidation/matcher.ts`]: use('re2js'),
  [`${src}/core/hash/sha256.ts`]: use('node:crypto'),
  [`${src}/adapters/memory/memory.backend.ts`]: use('../../core/engine/module.js'),
  [`${src}/adapters/redis/index.ts`]: "export * from './redis.backend.js';\n",
  [`${src}/adapters/redis/redis.backend.ts`]: use('ioredis'),
  [`${src}/adapters/typeorm/module.ts`]: 'export const ok = true;\n',
  [`${src}/nest/cache.module.ts`]: use('@nestjs/common') + use('../adapters/memory/memory.backend.js', '2'),
  [`${src}/nest/swagger.ts`]: "export const load = () => import('@nestjs/swagger');\n",
  [`${src}/nest/admin/admin.controller.ts`]: use('../cache.module.js'),
  [`${src}/nest/health/health.service.ts`]: use('../../core/engine/module.js'),
  [`${src}/index.ts`]: "export * from './nest/cache.module.js';\n",
  'apps/demo/src/main.ts': use('nestjs-larder'),
  'bench/run.mjs': use('nestjs-larder'),
  'test/e2e/demo.spec.ts': use('nestjs-larder'),
  'test/unit/inside.spec.ts': use('../../libs/cache/src/core/engine/module.js'),
};

/** A folder that the import table forbids to `folder`. */
function strangerOf(folder: string): string {
  const allowed = [folder, ...MAY_IMPORT[folder]!];
  const within = (path: string, parent: string) => path === parent || path.startsWith(`${parent}/`);
  return Object.keys(MAY_IMPORT).find((other) => !allowed.some((name) => within(other, name)))!;
}

const upFrom = (folder: string) => '../'.repeat(folder.split('/').length);

/** One planted file for every rule of `.dependency-cruiser.mjs`; the spec checks that none is missing. */
export const PLANTS: readonly Plant[] = [
  { rule: 'no-cycles', path: `${src}/core/engine/planted-cycle.ts`, text: use('./planted-circle.js') },
  { rule: 'no-cycles', path: `${src}/core/engine/planted-circle.ts`, text: use('./planted-cycle.js') },
  { rule: 'everything-resolves', path: `${src}/core/engine/planted-nowhere.ts`, text: use('./not-there.js') },
  { rule: 'barrels-are-for-outsiders', path: `${src}/adapters/redis/planted-barrel.ts`, text: use('./index.js') },
  { rule: 'core-is-plain-typescript', path: `${src}/core/codec/planted-lodash.ts`, text: use('lodash') },
  { rule: 'core-does-no-io', path: `${src}/core/codec/planted-io.ts`, text: use('node:fs') },
  {
    rule: 'adapters-are-strangers',
    path: `${src}/adapters/redis/planted-stranger.ts`,
    text: use('../memory/memory.backend.js'),
  },
  { rule: 'adapters/memory uses no package', path: `${src}/adapters/memory/planted-lodash.ts`, text: use('lodash') },
  {
    rule: 'adapters/prometheus uses prom-client',
    path: `${src}/adapters/prometheus/planted-lodash.ts`,
    text: use('lodash'),
  },
  {
    rule: 'adapters/libp2p uses libp2p, @libp2p, @multiformats',
    path: `${src}/adapters/libp2p/planted-lodash.ts`,
    text: use('lodash'),
  },
  {
    rule: 'adapters/opentelemetry uses @opentelemetry/api',
    path: `${src}/adapters/opentelemetry/planted-lodash.ts`,
    text: use('lodash'),
  },
  { rule: 'adapters/redis uses ioredis', path: `${src}/adapters/redis/planted-lodash.ts`, text: use('lodash') },
  { rule: 'adapters/typeorm uses typeorm, pg', path: `${src}/adapters/typeorm/planted-lodash.ts`, text: use('lodash') },
  { rule: 'testing uses no package', path: `${src}/testing/planted-lodash.ts`, text: use('lodash') },
  { rule: 'the-root-needs-only-nest', path: `${src}/nest/planted-swagger.ts`, text: use('@nestjs/swagger') },
  { rule: 'only-nest-imports-nest', path: `${src}/adapters/redis/planted-nest.ts`, text: use('@nestjs/common') },
  {
    rule: 'features-are-strangers',
    path: `${src}/nest/health/planted-stranger.ts`,
    text: use('../admin/admin.controller.js'),
  },
  { rule: 'features-are-optional', path: `${src}/nest/planted-feature.ts`, text: use('./health/health.service.js') },
  { rule: 'metrics-listen-to-events', path: `${src}/core/metrics/planted-reach.ts`, text: use('../engine/module.js') },
  { rule: 'the-root-entry-is-lean', path: `${src}/index.ts`, text: use('./adapters/redis/redis.backend.js') },
  { rule: 'no-junk-drawers', path: `${src}/core/engine/planted-junk.ts`, text: use('./utils.js') },
  { rule: 'no-junk-drawers', path: `${src}/core/engine/utils.ts`, text: 'export const junk = true;\n' },
  {
    rule: 'outsiders-use-the-front-door',
    path: 'apps/demo/src/planted.ts',
    text: use('../../../libs/cache/src/core/engine/module.js'),
  },
  {
    rule: 'outsiders-use-the-front-door',
    path: 'bench/planted.mjs',
    text: use('../libs/cache/src/core/engine/module.js'),
  },
  {
    rule: 'outsiders-use-the-front-door',
    path: 'test/e2e/planted.spec.ts',
    text: use('../../libs/cache/src/core/engine/module.js'),
  },
  ...Object.entries(MAY_IMPORT).map(([folder, others]) => ({
    rule: `${folder} may import ${others.join(', ') || 'nothing'}`,
    path: `${src}/${folder}/planted-table.ts`,
    text: use(`${upFrom(folder)}${strangerOf(folder)}/module.js`),
  })),
];
