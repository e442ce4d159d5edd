// One set of specs, four sets of packages: all specs on the current Nest, ioredis and TypeORM; the e2e specs again on the
// oldest supported Nest, the Redis specs on the oldest supported ioredis, and those TypeORM specs that depend on its hooks and
// drivers on the oldest supported TypeORM (all installed in test/compat).
const base = {
  testEnvironment: 'node',
  testEnvironmentOptions: { customExportConditions: ['larder-source', 'node', 'node-addons'] },
  rootDir: '.',
  roots: ['<rootDir>/test'],
  testPathIgnorePatterns: ['<rootDir>/test/compat/', '/node_modules/'],
  extensionsToTreatAsEsm: ['.ts'],
  moduleFileExtensions: ['ts', 'js', 'mjs', 'cjs', 'json', 'node'],
  modulePathIgnorePatterns: ['<rootDir>/dist', '<rootDir>/libs/cache/dist'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        swcrc: false,
        jsc: {
          target: 'es2022',
          keepClassNames: true,
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: true },
        },
        module: { type: 'es6' },
        sourceMaps: 'inline',
      },
    ],
  },
};
const sources = { '^(\\.{1,2}/.*)\\.js$': '$1' };
const nest11 = {
  '^@nestjs/(common|core|testing|platform-express|platform-fastify|event-emitter)($|/.*)':
    '<rootDir>/test/compat/nest11/node_modules/@nestjs/$1$2',
};
const ioredis5 = { '^ioredis($|/.*)': '<rootDir>/test/compat/ioredis5/node_modules/ioredis$1' };
const typeorm03 = { '^typeorm$': '<rootDir>/test/compat/typeorm03/node_modules/typeorm/index.mjs' };
const current = { nest: 12, ioredis: 6, typeorm: 1 };

export default {
  maxWorkers: 2,
  testTimeout: 30_000,
  workerIdleMemoryLimit: '1GB',
  projects: [
    {
      ...base,
      displayName: 'larder',
      testRegex: ['\\.spec\\.ts$'],
      moduleNameMapper: sources,
      globals: { TESTED_MAJORS: current },
    },
    {
      ...base,
      displayName: 'nest11',
      testRegex: ['/test/e2e/.*(?<!\\.nest12)\\.spec\\.ts$'],
      moduleNameMapper: { ...sources, ...nest11 },
      globals: { TESTED_MAJORS: { ...current, nest: 11 } },
    },
    {
      ...base,
      displayName: 'ioredis5',
      testRegex: ['/test/integration/redis/.*\\.spec\\.ts$'],
      moduleNameMapper: { ...sources, ...ioredis5 },
      globals: { TESTED_MAJORS: { ...current, ioredis: 5 } },
    },
    {
      ...base,
      displayName: 'typeorm03',
      testRegex: [
        '/test/contract/(outbox|audit)-typeorm\\.spec\\.ts$',
        '/test/integration/typeorm/(outbox-writes|transactions|schema|mariadb|typeorm-generation)\\.spec\\.ts$',
      ],
      moduleNameMapper: { ...sources, ...typeorm03 },
      globals: { TESTED_MAJORS: { ...current, typeorm: 0 } },
    },
  ],
};
