/** Files of stores that are named by a digest: Julia packages, whose tree hash is in their URL, and ALICE tarballs; objects of a bucket. As the local registry serves them. */
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { makeTar } from '../testing/tarball';
import { Noise } from './packument';

/** One file that is really served. */
export interface Archive {
  readonly target: string;
  readonly bytes: number;
  /** SRI. */
  readonly sha512: string;
  /** What clients ask for before it. */
  readonly before?: string;
}

/** Small files have a folder of their own, where nginx has other settings. */
const SMALL_BYTES = 10_000;
const UUIDS = { small: '23338594-aafe-5451-b93e-139f81909106', large: '8f4d0f93-b110-5947-807f-2305c1781a2d' } as const;
const ARCHITECTURES = { small: 'slc8_x86-64', large: 'slc9_x86-64' } as const;
const sizeOf = (bytes: number): 'small' | 'large' => (bytes <= SMALL_BYTES ? 'small' : 'large');
/** Length of what a tar archive of one file has besides its content. */
const FRAME_BYTES = 1536;
const PIECE = 1 << 24;

/** A package of Julia: a tarball with one file of noise, at the target that its own tree hash gives. @param root folder that is served */
export async function addJuliaPackage(root: string, name: string, bytes: number): Promise<Archive> {
  const content = new Noise(name).take(Math.max(1, bytes - FRAME_BYTES));
  const body = gzipSync(makeTar({ 'data.bin': content }), { level: 1 });
  const target = `/package/${UUIDS[sizeOf(bytes)]}/${treeOf(content)}`;
  const path = join(root, target);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, body);
  return { target, bytes: body.length, sha512: `sha512-${createHash('sha512').update(body).digest('base64')}` };
}

/** A tarball of an ALICE store; clients look into its folder first. @param root folder that is served */
export function addAliceTarball(root: string, name: string, bytes: number): Archive {
  const hash = createHash('sha1').update(name).digest('hex');
  const architecture = ARCHITECTURES[sizeOf(bytes)];
  const target = `/TARS/${architecture}/store/${hash.slice(0, 2)}/${hash}/${name}-1.0-1.${architecture}.tar.gz`;
  const path = join(root, 'alice', target);
  mkdirSync(dirname(path), { recursive: true });
  // As gzipped bytes begin: what does not is no tarball.
  const sha512 = writeNoise(path, name, bytes, [0x1f, 0x8b, 8]);
  return { target, before: target.slice(0, target.lastIndexOf('/') + 1), bytes, sha512 };
}

/** An object of a bucket, that says how long it is fresh. @param root folder that is served */
export function addObject(root: string, name: string, bytes: number): Archive {
  const target = `/bucket/${name}`;
  const path = join(root, target);
  mkdirSync(dirname(path), { recursive: true });
  return { target, bytes, sha512: writeNoise(path, name, bytes) };
}

/** @param start what stands in place of the first bytes @returns SRI of what was written */
function writeNoise(path: string, seed: string, bytes: number, start: readonly number[] = []): string {
  const noise = new Noise(seed);
  const digest = createHash('sha512');
  writeFileSync(path, '');
  for (let left = bytes; left > 0; left -= PIECE) {
    const piece = noise.take(Math.min(left, PIECE));
    if (left === bytes) piece.set(start);
    digest.update(piece);
    writeFileSync(path, piece, { flag: 'a' });
  }
  return `sha512-${digest.digest('base64')}`;
}

/** Hash that git gives a tree with this one file. */
function treeOf(content: Buffer): string {
  const blob = object('blob', content);
  return object('tree', Buffer.concat([Buffer.from('100644 data.bin\0'), blob])).toString('hex');
}

function object(kind: string, body: Buffer): Buffer {
  return createHash('sha1').update(`${kind} ${body.length}\0`).update(body).digest();
}
