/** Unit specs sit beside the code, everything that needs servers is under test/. ESM because Nest 12 is ESM only. */
export default {
  testEnvironment: 'node',
  globalSetup: '<rootDir>/test/setup/global-setup.mjs',
  globalTeardown: '<rootDir>/test/setup/global-teardown.mjs',
  roots: ['<rootDir>/src', '<rootDir>/test', '<rootDir>/demo'],
  testRegex: String.raw`\.(e2e-)?spec\.ts$`,
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: {
    // A thread runs what is compiled: Jest does not reach into it.
    'structure-thread-url\\.js$': '<rootDir>/test/setup/structure-thread-url.mjs',
    '^(\\.{1,2}/.*)\\.js$': '$1',
  },
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        swcrc: false,
        module: { type: 'es6' },
        sourceMaps: 'inline',
        jsc: {
          target: 'es2022',
          keepClassNames: true,
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: true, useDefineForClassFields: false },
        },
      },
    ],
  },
};
