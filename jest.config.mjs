// Two projects run the same e2e specs: the current Nest, and the oldest supported one from test/compat.
const base = {
  testEnvironment: 'node',
  testEnvironmentOptions: { customExportConditions: ['larder-source', 'node', 'node-addons'] },
  rootDir: '.',
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
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
};

export default {
  workerIdleMemoryLimit: '1GB',
  projects: [
    {
      ...base,
      displayName: 'larder',
      roots: ['<rootDir>/test'],
      testRegex: ['\\.spec\\.ts$'],
      testPathIgnorePatterns: ['<rootDir>/test/compat/', '/node_modules/'],
    },
  ],
};
