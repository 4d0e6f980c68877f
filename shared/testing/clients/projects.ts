/** A package.json of a test project, as an object. */
export interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
}

/** More than 300 packages. Old ones on purpose: their dependencies no longer change from one day to the next, and many are deprecated. */
export const LARGE: Manifest = { dependencies: { gulp: '4.0.2', request: '2.88.2' } };

/** The least number of packages that LARGE must bring. */
export const LARGE_COUNT = 300;

/** Scoped names, an alias of a scoped package, an alias that clashes with a real name, and a package that itself depends on aliases. */
export const SCOPED: Manifest = {
  dependencies: {
    is: 'npm:@sindresorhus/is@4.6.0',
    once: 'npm:wrappy@1.0.2',
    '@isaacs/cliui': '8.0.2',
    '@types/node': '20.11.0',
    '@nodelib/fs.walk': '1.2.8',
  },
};

/** One of two dozen optional packages, chosen by the client for this machine, brings the program. */
export const PLATFORM: Manifest = { dependencies: { esbuild: '0.21.5' } };

/** All of them in one, for lockfiles. */
export const EVERYTHING: Manifest = { dependencies: { ...LARGE.dependencies, ...SCOPED.dependencies, ...PLATFORM.dependencies } };
