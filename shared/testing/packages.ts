/** npm packages made up for tests: bytes, what an index promises about them, and an upstream that has both. */
import { createCipheriv, createHash } from 'node:crypto';
import type { FakeUpstream, Reply } from './upstream';

/** Bytes that do not compress and depend on nothing but length and seed. */
export function bytes(length: number, seed = 'larder'): Buffer {
  const key = createHash('sha256').update(seed).digest();
  return createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(length));
}

/** Digest of a body, as `dist.integrity` has it. */
export function sri(body: Buffer, algorithm = 'sha512'): string {
  return `${algorithm}-${createHash(algorithm).update(body).digest('base64')}`;
}

/** A version of a package. */
export interface MadeVersion {
  /** What the index promises: the digest of this body. */
  readonly body: Buffer;
  /** `sha1`: only a shasum, as old packages have it. `none`: nothing. */
  readonly promises?: 'sha512' | 'sha1' | 'none';
  /** dist.tarball, where it is not the usual place. */
  readonly tarball?: string;
  /** More members of the version. */
  readonly more?: Readonly<Record<string, unknown>>;
}

/** A packument's JSON. @param url base URL of the registry */
export function packument(url: string, name: string, versions: Readonly<Record<string, MadeVersion>>): string {
  const entries = Object.entries(versions).map(([version, { body, promises = 'sha512', tarball, more }]) => {
    const dist = {
      tarball: tarball ?? url + tarballTarget(name, version),
      ...(promises === 'none' ? {} : { shasum: createHash('sha1').update(body).digest('hex') }),
      ...(promises === 'sha512' ? { integrity: sri(body) } : {}),
    };
    return [version, { name, version, dist, ...more }] as const;
  });
  const latest = entries.at(-1)?.[0];
  const time = Object.fromEntries(entries.map(([version]) => [version, '2020-01-01T00:00:00.000Z']));
  return JSON.stringify({ _id: name, name, 'dist-tags': { latest }, versions: Object.fromEntries(entries), time });
}

/** Where the packument of a package is. */
export function packumentTarget(name: string): string {
  return `/${name.replace('/', '%2f')}`;
}

/** Where the file of a version is. */
export function tarballTarget(name: string, version: string): string {
  return `/${name}/-/${name.slice(name.lastIndexOf('/') + 1)}-${version}.tgz`;
}

/** Lets an upstream offer version 1.0.0 of a package. @param file what it answers for the tarball, where that is not simply the bytes */
export function offer(upstream: FakeUpstream, name: string, version: MadeVersion, file: Reply = {}, document: Reply = {}): void {
  upstream.on(packumentTarget(name), { body: packument(upstream.url, name, { '1.0.0': version }), ...document });
  upstream.on(tarballTarget(name, '1.0.0'), { body: version.body, ...file });
}

/** A copy with one bit of the byte at this offset flipped; from the end if negative. */
export function flipped(body: Buffer, offset = -1): Buffer {
  const copy = Buffer.from(body);
  const at = offset < 0 ? copy.length + offset : offset;
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}
