// Jest cannot load ES modules of its own accord: `tools/test.js` starts it with --experimental-vm-modules.
const shared = {
  rootDir: '.',
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: {
          target: 'es2022',
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: true },
          keepClassNames: true,
        },
        module: { type: 'es6' },
      },
    ],
  },
  moduleNameMapper: {
    '^nest-clerk$': '<rootDir>/libs/clerk/src/index.ts',
    '^clerk-sandbox$': '<rootDir>/libs/clerk-sandbox/src/index.ts',
    '^nest-rate-tiers$': '<rootDir>/libs/rate-limit/src/index.ts',
    '^(\\.{1,2}/.*)\\.js$': '$1',
  },
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/.data/'],
};

/** The front end, in something like a browser, under one version of React. */
const frontEnd = (version, folderSuffix) => ({
  ...shared,
  displayName: `unit:react-${version}`,
  testEnvironment: '<rootDir>/libs/react/test/browser-environment.js',
  testMatch: ['<rootDir>/libs/react/**/*.spec.ts'],
  globals: { reactMajor: version },
  moduleNameMapper: {
    ...shared.moduleNameMapper,
    '^(react|react-dom)(/.*)?$': `<rootDir>/node_modules/$1${folderSuffix}$2`,
  },
});

/** @type {import('jest').Config} */
export default {
  // Well over what any test takes: it ends what hangs, and does not judge how busy the machine is.
  testTimeout: 120_000,
  reporters: ['default', '<rootDir>/tools/plain-summary-reporter.js'],
  projects: [
    {
      ...shared,
      displayName: 'unit',
      testMatch: ['<rootDir>/{apps,libs}/**/*.spec.ts'],
      testPathIgnorePatterns: ['/node_modules/', '<rootDir>/libs/react/'],
    },
    frontEnd(19, ''),
    frontEnd(18, '-18'),
    {
      ...shared,
      displayName: 'e2e:embedded',
      testMatch: ['<rootDir>/test/**/*.e2e-spec.ts'],
      globals: { testBackends: 'embedded' },
    },
    {
      ...shared,
      displayName: 'e2e:services',
      // `services-spec`: what embedded parts cannot show, such as two instances on one Redis.
      testMatch: ['<rootDir>/test/**/*.{e2e,services}-spec.ts'],
      globals: { testBackends: 'services' },
    },
    {
      ...shared,
      displayName: 'browser',
      testMatch: ['<rootDir>/test/**/*.browser-spec.ts'],
      globals: { testBackends: 'embedded' },
    },
    {
      ...shared,
      displayName: 'tour',
      testMatch: ['<rootDir>/test/**/*.tour-spec.ts'],
    },
  ],
};
