/** What the fake registry holds: packages with real tarballs, digests and signatures, and the documents made of them. */
import { createHash, createSign, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { makeTarball } from './tarball';

/** One version to be published. */
export interface VersionSpec {
  readonly dependencies?: Readonly<Record<string, string>>;
  /** Further fields of package.json. */
  readonly manifest?: Readonly<Record<string, unknown>>;
  /** Files besides package.json; a one-line index.js unless given. */
  readonly files?: Readonly<Record<string, string | Buffer>>;
  /** ISO time of publication; 2020-01-01 and a day more for each further version, unless given. */
  readonly time?: string;
  /** Raw path of the tarball at the registry instead of the canonical one. */
  readonly tarballPath?: string;
  /** The tarball itself instead of one made from `files`. */
  readonly tarball?: Buffer;
  /** Has an (invented) attestation. */
  readonly attested?: boolean;
  readonly deprecated?: string;
}

/** What a package is to be. */
export interface PackageSpec {
  readonly name: string;
  readonly versions: Readonly<Record<string, VersionSpec>>;
  /** `latest` is the last version unless given. */
  readonly tags?: Readonly<Record<string, string>>;
}

/** Any object of JSON. */
export type Json = Record<string, unknown>;

/** A package as the registry has it. */
export interface HeldPackage {
  readonly name: string;
  readonly tags: Record<string, string>;
  readonly versions: Record<string, Json>;
  readonly time: Record<string, string>;
  /** By raw path at the registry. */
  readonly tarballs: Map<string, Buffer>;
  modified: string;
}

/** The registry's signing key (ECDSA P-256, as `npm audit signatures` checks it). */
export interface SigningKey {
  readonly keyid: string;
  /** base64 of the public key's DER. */
  readonly key: string;
  readonly secret: KeyObject;
}

/** A key as registries sign with (ECDSA, P-256). */
export function createSigningKey(): SigningKey {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const der = publicKey.export({ type: 'spki', format: 'der' });
  return { keyid: `SHA256:${createHash('sha256').update(der).digest('base64')}`, key: der.toString('base64'), secret: privateKey };
}

/** `/<name>/-/<basename>-<version>.tgz` */
function canonicalTarballPath(name: string, version: string): string {
  return `/${name}/-/${name.replace(/^@[^/]+\//, '')}-${version.split('+')[0]}.tgz`;
}

/** Adds versions to a package (or makes it). @param tarballBase URL before the tarball's path */
export function publish(held: HeldPackage | undefined, spec: PackageSpec, key: SigningKey, tarballBase: string): HeldPackage {
  const found: HeldPackage = held ?? { name: spec.name, tags: {}, versions: {}, time: {}, tarballs: new Map(), modified: '' };
  for (const [version, one] of Object.entries(spec.versions)) {
    const time = one.time ?? new Date(Date.UTC(2020, 0, 1 + Object.keys(found.versions).length)).toISOString();
    const manifest: Json = {
      name: spec.name,
      version,
      description: `test package ${spec.name}`,
      main: 'index.js',
      license: 'MIT',
      ...(one.dependencies ? { dependencies: one.dependencies } : {}),
      ...one.manifest,
    };
    const files = one.files ?? { 'index.js': `module.exports = ${JSON.stringify(`${spec.name}@${version}`)};\n` };
    const tarball = one.tarball ?? makeTarball({ 'package.json': JSON.stringify(manifest, null, 2), ...files });
    const path = one.tarballPath ?? canonicalTarballPath(spec.name, version);
    found.tarballs.set(path, tarball);
    found.versions[version] = {
      ...manifest,
      ...(one.deprecated === undefined ? {} : { deprecated: one.deprecated }),
      _id: `${spec.name}@${version}`,
      _nodeVersion: '20.17.0',
      _npmUser: { name: 'tester', email: 'tester@example.org' },
      _hasShrinkwrap: false,
      maintainers: [{ name: 'tester', email: 'tester@example.org' }],
      dist: dist(
        `${spec.name}@${version}`,
        tarball,
        tarballBase + path,
        Object.keys(files).length + 1,
        key,
        one.attested ? tarballBase : undefined,
      ),
    };
    found.time[version] = time;
    found.tags['latest'] = version;
  }
  Object.assign(found.tags, spec.tags);
  found.modified = Object.values(found.time).sort().at(-1) ?? new Date(0).toISOString();
  return found;
}

function dist(id: string, tarball: Buffer, url: string, fileCount: number, key: SigningKey, attestedAt: string | undefined): Json {
  const integrity = `sha512-${createHash('sha512').update(tarball).digest('base64')}`;
  const signature = createSign('SHA256').update(`${id}:${integrity}`).sign(key.secret, 'base64');
  return {
    integrity,
    shasum: createHash('sha1').update(tarball).digest('hex'),
    tarball: url,
    fileCount,
    unpackedSize: tarball.length * 3,
    signatures: [{ keyid: key.keyid, sig: signature }],
    ...(attestedAt === undefined
      ? {}
      : {
          attestations: {
            url: `${attestedAt}/-/npm/v1/attestations/${id}`,
            provenance: { predicateType: 'https://slsa.dev/provenance/v1' },
          },
        }),
  };
}

/** The full packument. */
export function packument(held: HeldPackage): Json {
  return {
    _id: held.name,
    _rev: `${Object.keys(held.versions).length}-0123456789abcdef`,
    name: held.name,
    description: `test package ${held.name}`,
    'dist-tags': held.tags,
    versions: held.versions,
    time: { created: Object.values(held.time).sort()[0], modified: held.modified, ...held.time },
    maintainers: [{ name: 'tester', email: 'tester@example.org' }],
    license: 'MIT',
    readme: `# ${held.name}\n`,
    readmeFilename: 'README.md',
  };
}

const ABBREVIATED = `name version deprecated dependencies acceptDependencies optionalDependencies devDependencies bundleDependencies
  peerDependencies peerDependenciesMeta bin directories dist engines _hasShrinkwrap hasInstallScript funding cpu os libc`.split(/\s+/);

/** What `application/vnd.npm.install-v1+json` gets. */
export function abbreviatedPackument(held: HeldPackage): Json {
  const versions: Json = {};
  for (const [version, manifest] of Object.entries(held.versions)) {
    const scripts = (manifest['scripts'] ?? {}) as Json;
    const hasInstallScript = ['preinstall', 'install', 'postinstall'].some((name) => name in scripts);
    const kept = ABBREVIATED.filter((field) => field in manifest).map((field) => [field, manifest[field]] as const);
    versions[version] = { ...Object.fromEntries(kept), ...(hasInstallScript ? { hasInstallScript } : {}) };
  }
  return { name: held.name, modified: held.modified, 'dist-tags': held.tags, versions };
}
