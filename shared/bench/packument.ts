/** Packuments as an npm registry sends them, made up, and the same at every run. */
import { createCipheriv } from 'node:crypto';

export interface PackumentOptions {
  readonly name: string;
  /** How many versions; the last one is `latest`. */
  readonly versions: number;
  /** Base URL of the registry, for dist.tarball. */
  readonly registry: string;
  /** SHA-512 as SRI of the newest version's tarball, for packages whose tarball is really served. */
  readonly integrity?: string;
  /** Adds what real packages carry: scripts, maintainers, readme … About 2 KB a version; without it about 0.3 KB. */
  readonly rich: boolean;
}

/**
 * Makes one full packument. 2,300 rich versions are about 5 MB (their abbreviated form about 1.7 MB), 12 about 28 KB: the shape,
 * and what of it gzip cannot shrink (digests, signatures), follow real ones.
 */
export function makePackument(options: PackumentOptions): object {
  const { name, rich } = options;
  const noise = new Noise(name);
  const versions: Record<string, object> = {};
  const time: Record<string, string> = { created: dateOf(0), modified: dateOf(options.versions) };
  let latest = '';
  for (let index = 0; index < options.versions; index++) {
    latest = `${1 + Math.floor(index / 400)}.${Math.floor(index / 20) % 20}.${index % 20}`;
    time[latest] = dateOf(index);
    const integrity = index === options.versions - 1 ? options.integrity : undefined;
    versions[latest] = makeVersion(options, latest, index, integrity ?? `sha512-${noise.take(64).toString('base64')}`, noise);
  }
  return {
    _id: name,
    _rev: `${options.versions}-${noise.take(16).toString('hex')}`,
    name,
    'dist-tags': { latest },
    versions,
    time,
    ...(rich ? { ...description(name), maintainers: people, readme: readme(name), readmeFilename: 'README.md', users: {} } : {}),
  };
}

/** File name of the newest version's tarball of a package made with that many versions. */
export function tarballPath(name: string, version: string): string {
  return `/${name}/-/${name}-${version}.tgz`;
}

const people = [
  { name: 'ada', email: 'ada@example.org' },
  { name: 'grace', email: 'grace@example.org' },
  { name: 'edsger', email: 'edsger@example.org' },
];

function description(name: string): object {
  return {
    description: `${name}: small, fast and well tested building blocks for servers and command-line tools`,
    keywords: ['server', 'cli', 'stream', 'cache', 'typescript', 'fast'],
    homepage: `https://example.org/projects/${name}#readme`,
    repository: { type: 'git', url: `git+https://example.org/projects/${name}.git`, directory: `packages/${name}` },
    bugs: { url: `https://example.org/projects/${name}/issues` },
    author: { name: 'ada', email: 'ada@example.org', url: 'https://example.org/ada' },
    license: 'MIT',
  };
}

function makeVersion(options: PackumentOptions, version: string, index: number, integrity: string, noise: Noise): object {
  const { name, rich } = options;
  const dist = {
    integrity,
    shasum: noise.take(20).toString('hex'),
    tarball: `${options.registry}${tarballPath(name, version)}`,
  };
  if (!rich) return { name, version, dist };
  return {
    name,
    version,
    ...description(name),
    main: 'lib/index.js',
    types: 'lib/index.d.ts',
    exports: {
      '.': { types: './lib/index.d.ts', import: './lib/index.mjs', require: './lib/index.js' },
      './package.json': './package.json',
    },
    engines: { node: '>=18' },
    scripts: {
      build: 'tsc -p tsconfig.build.json && node scripts/bundle.js',
      test: 'jest --coverage --maxWorkers=2',
      lint: 'eslint . --max-warnings 0 && prettier --check .',
      prepublishOnly: 'npm run lint && npm test && npm run build',
    },
    dependencies: { debug: '^4.3.4', semver: `^7.${index % 6}.0`, 'fast-glob': `^3.${index % 4}.2`, picocolors: '^1.0.0' },
    devDependencies: { jest: '^29.7.0', typescript: `^5.${index % 8}.3` },
    _id: `${name}@${version}`,
    gitHead: noise.take(20).toString('hex'),
    _nodeVersion: `20.${index % 18}.1`,
    _npmVersion: `10.${index % 9}.2`,
    _npmUser: people[index % people.length],
    maintainers: people,
    directories: {},
    dist: {
      ...dist,
      fileCount: 40 + (index % 30),
      unpackedSize: 150_000 + index * 37,
      signatures: [{ keyid: 'SHA256:q7nR3mXo2hWc1yZ8sV5uT4kL9pE6bJ0dG', sig: noise.take(71).toString('base64') }],
    },
    _npmOperationalInternal: {
      host: 's3://example-packages',
      tmp: `tmp/${name}_${version}_${1_600_000_000_000 + index * 86_400_000}_0.${index}`,
    },
    _hasShrinkwrap: false,
  };
}

function readme(name: string): string {
  const line = `Call \`${name}.open(options)\` once and keep what it returns; every method of it may be called at any time.\n`;
  return `# ${name}\n\n${line.repeat(12)}`;
}

function dateOf(day: number): string {
  return new Date(Date.UTC(2017, 0, 1) + day * 86_400_000).toISOString();
}

/** An endless stream of bytes that look random and are the same for the same seed (AES-CTR over zeros: several GB/s). */
export class Noise {
  private readonly cipher;

  constructor(seed: string) {
    this.cipher = createCipheriv('aes-256-ctr', Buffer.alloc(32, seed), Buffer.alloc(16));
  }

  /** The next bytes. */
  take(length: number): Buffer {
    return this.cipher.update(Buffer.alloc(length));
  }
}
