/** The files that the local registry serves: tarballs of noise and the packuments that pin them. */
import { createHash } from 'node:crypto';
import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Noise, makePackument, tarballPath } from './packument';

/** One package whose tarball is really served. */
export interface Package {
  readonly name: string;
  /** Target of its packument. */
  readonly document: string;
  /** Target of its newest tarball. */
  readonly tarball: string;
  /** Length of the tarball, bytes. */
  readonly bytes: number;
  /** SRI of the tarball. */
  readonly integrity: string;
}

const PIECE = 1 << 24;

/** Makes packages below a folder with `tarballs/` and `packuments/`, as upstream.conf serves them. */
export class Corpus {
  /** @param root folder on disk. @param registry base URL under which it will be served. */
  constructor(
    private readonly root: string,
    private readonly registry: string,
  ) {
    mkdirSync(join(root, 'packuments'), { recursive: true });
  }

  /** Writes a package with one version and a tarball of the given length. */
  add(name: string, bytes: number): Package {
    const tarball = tarballPath(name, '1.0.0');
    const integrity = this.writeNoise(tarball, name, bytes);
    this.writePackument(makePackument({ name, versions: 1, registry: this.registry, integrity, rich: false }), name);
    return { name, document: `/${name}`, tarball, bytes, integrity };
  }

  /** Writes a packument with many versions whose tarballs are never asked for; returns its length in bytes. */
  addDocument(name: string, versions: number): number {
    return this.writePackument(makePackument({ name, versions, registry: this.registry, rich: true }), name);
  }

  /** Where the bytes of a target are on disk. */
  file(tarball: string): string {
    return join(this.root, 'tarballs', tarball);
  }

  private writePackument(packument: object, name: string): number {
    const text = JSON.stringify(packument);
    writeFileSync(join(this.root, 'packuments', name), text);
    return Buffer.byteLength(text);
  }

  private writeNoise(tarball: string, seed: string, bytes: number): string {
    const path = this.file(tarball);
    mkdirSync(dirname(path), { recursive: true });
    const noise = new Noise(seed);
    const hash = createHash('sha512');
    const file = openSync(path, 'w');
    for (let left = bytes; left > 0; left -= PIECE) {
      const piece = noise.take(Math.min(left, PIECE));
      hash.update(piece);
      writeSync(file, piece);
    }
    closeSync(file);
    return `sha512-${hash.digest('base64')}`;
  }
}
