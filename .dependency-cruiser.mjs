/**
 * Who may import whom. `test/architecture/imports.spec.ts` runs these rules over the tree and shows that each can fail.
 *
 * A folder may use itself and the folders named beside it; every arrow points down. `ARCHITECTURE.md` says why.
 */
export const MAY_IMPORT = {
  'core/errors': [],
  'core/hash': [],
  'core/bounds': [],
  'core/events': [],
  'core/clock': ['core/errors'],
  'core/keys': ['core/hash', 'core/errors'],
  'core/codec': ['core/errors'],
  'core/coherence': ['core/events', 'core/clock', 'core/errors'],
  'core/outbox': ['core/hash', 'core/events', 'core/clock', 'core/errors'],
  'core/audit': ['core/hash', 'core/clock', 'core/errors'],
  'core/engine': ['core/coherence', 'core/codec', 'core/events', 'core/clock', 'core/bounds', 'core/errors'],
  'core/invalidation': [
    'core/engine',
    'core/coherence',
    'core/keys',
    'core/hash',
    'core/events',
    'core/clock',
    'core/bounds',
    'core/errors',
  ],
  'core/metrics': ['core/engine', 'core/invalidation', 'core/outbox', 'core/coherence', 'core/events'], // their `*.events.ts` only, see below
  'core/decision': ['core/engine', 'core/invalidation', 'core/coherence', 'core/keys', 'core/clock', 'core/errors'],
  'core/prefix': ['core/invalidation', 'core/coherence', 'core/keys', 'core/hash', 'core/clock', 'core/errors'],
  adapters: ['core'],
  nest: ['core', 'adapters/memory'],
  testing: ['core'],
};

/** The npm packages a folder may use. A folder that is not named here may use none; Node's own modules are another matter. */
export const MAY_USE = {
  core: ['re2js', 'msgpackr'],
  'adapters/memory': [],
  'adapters/redis': ['ioredis'],
  'adapters/libp2p': ['libp2p', '@libp2p', '@multiformats'],
  'adapters/prometheus': ['prom-client'],
  'adapters/opentelemetry': ['@opentelemetry/api'],
  'adapters/typeorm': ['typeorm', 'pg'],
  nest: ['@nestjs/common', '@nestjs/core', 'rxjs', 'reflect-metadata', 'zod', 'yaml'],
  testing: [],
};

/** Folders of `nest/` that know `nest/` and the core, never each other. */
const FEATURES = ['admin', 'health', 'decision', 'prefix'];
/** Features that give the admin actions another form, and so stand on `admin` too. */
const FORMS_OF_ADMIN = ['microservices'];
/** Those an application may leave out. The admin routes are not among them: every cached scope has them unasked. */
const OPTIONAL_FEATURES = [...FEATURES.filter((name) => name !== 'admin'), ...FORMS_OF_ADMIN];

/** Tests that look inside. All others, the demo and the benchmarks import what a user imports. */
const INSIDERS = ['unit', 'contract', 'architecture'];

const src = '^libs/cache/src/';
const NPM = ['npm', 'npm-peer', 'npm-dev', 'npm-optional', 'npm-no-pkg', 'npm-unknown'];

const either = (names) => `(${names.join('|')})`;
const packages = (names) => (names.length === 0 ? '^$' : `node_modules/${either(names)}/`);
const features = (names) => `${src}nest/${either(names)}/`;
const rule = (name, comment, from, to) => ({ name, severity: 'error', comment, from, to });

export default {
  forbidden: [
    rule(
      'no-cycles',
      'Two modules that need each other are one module, or hide a third.',
      { path: src },
      { circular: true },
    ),
    rule(
      'everything-resolves',
      'An import that leads nowhere escapes every other rule.',
      {},
      { couldNotResolve: true },
    ),
    rule(
      'barrels-are-for-outsiders',
      'index.ts is the door for users; inside, import the file that has it.',
      { path: src },
      { path: [`${src}index\\.ts$`, `${src}.*/index\\.ts$`] },
    ),
    rule(
      'core-is-plain-typescript',
      `Of npm the core uses pure computation only: ${MAY_USE.core.join(', ')}.`,
      { path: `${src}core/` },
      { dependencyTypes: NPM, pathNot: packages(MAY_USE.core) },
    ),
    rule(
      'core-does-no-io',
      'What talks to the world is an adapter behind a port.',
      { path: `${src}core/` },
      { dependencyTypes: ['core'], pathNot: '^(node:)?(crypto|buffer|util)$' },
    ),
    rule(
      'adapters-are-strangers',
      'Adapters meet in the application, not in the library.',
      { path: `${src}adapters/([^/]+)/` },
      { path: `${src}adapters/`, pathNot: `${src}adapters/$1/` },
    ),
    ...Object.entries(MAY_USE)
      .filter(([folder]) => folder !== 'core' && folder !== 'nest')
      .map(([folder, names]) =>
        rule(
          `${folder} uses ${names.join(', ') || 'no package'}`,
          'One third-party package per adapter, so that each stays an optional peer.',
          { path: `${src}${folder}/` },
          { dependencyTypes: NPM, pathNot: packages(names) },
        ),
      ),
    rule(
      'the-root-needs-only-nest',
      'Optional peers (cqrs, event-emitter, swagger) are loaded with import() when they are there, or used as types.',
      { path: `${src}nest/`, pathNot: features([...FEATURES, ...FORMS_OF_ADMIN]) },
      { dependencyTypes: NPM, dependencyTypesNot: ['type-only'], dynamic: false, pathNot: packages(MAY_USE.nest) },
    ),
    rule(
      'only-nest-imports-nest',
      'nest/ is the only folder that knows the framework.',
      { path: src, pathNot: `${src}nest/` },
      { path: 'node_modules/@nestjs/' },
    ),
    rule(
      'features-are-strangers',
      'A feature stands on nest/ and the core.',
      { path: features(FEATURES) },
      { path: features(FEATURES), pathNot: `${src}nest/$1/` },
    ),
    rule(
      'features-are-optional',
      'nest/ works without what an application may leave out.',
      { path: `${src}nest/`, pathNot: features(OPTIONAL_FEATURES) },
      { path: features(OPTIONAL_FEATURES) },
    ),
    rule(
      'metrics-listen-to-events',
      'Metrics subscribe to what is announced; they reach into nothing.',
      { path: `${src}core/metrics/` },
      { path: `${src}core/`, pathNot: [`${src}core/(metrics|events)/`, '\\.events\\.ts$'] },
    ),
    rule(
      'the-root-entry-is-lean',
      'What `nestjs-larder` exports must load without any optional peer.',
      { path: `${src}index\\.ts$` },
      { path: src, pathNot: `${src}(core|nest|adapters/memory)/` },
    ),
    rule(
      'no-junk-drawers',
      'A name that says nothing attracts everything.',
      {},
      { path: '(^|/)(utils?|helpers?|common|shared|misc)(/|\\.)', pathNot: 'node_modules' },
    ),
    rule(
      'outsiders-use-the-front-door',
      'Import `nestjs-larder` or one of its subpaths, as users do.',
      { path: ['^(apps|bench)/', '^test/'], pathNot: `^test/${either(INSIDERS)}/` },
      { path: '^libs/', dependencyTypes: ['local'], dependencyTypesNot: ['aliased-workspace'] },
    ),
    ...Object.entries(MAY_IMPORT).map(([folder, others]) =>
      rule(
        `${folder} may import ${others.join(', ') || 'nothing'}`,
        'The import table of ARCHITECTURE.md.',
        { path: `${src}${folder}/` },
        { path: src, pathNot: [folder, ...others].map((name) => `${src}${name}/`) },
      ),
    ),
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    exclude: { path: ['(^|/)dist/', '^bench/results/'] },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['larder-source', 'import', 'types', 'node', 'default'],
    },
  },
};
