/** Makes small tar archives (ustar), the same bytes for the same content: npm's .tgz, Python's sdists, the parts of a .deb. */
import { gzipSync } from 'node:zlib';

const BLOCK = 512;
/** What npm writes, too: 1985-10-26T08:15:00Z. */
const MTIME_SECONDS = 499162500;
/** POSIX.1-1988, type flags. */
const PLAIN = '0';
const FOLDER = '5';

/**
 * A .tgz as `npm pack` makes it: every file below one folder.
 * @param files path below that folder → content
 */
export function makeTarball(files: Readonly<Record<string, string | Buffer>>, folder = 'package'): Buffer {
  const placed = Object.entries(files).map(([path, content]) => [`${folder}/${path}`, content] as const);
  return packed(makeTar(Object.fromEntries(placed)));
}

/** Gzip with the same bytes on every machine. */
export function packed(body: Buffer): Buffer {
  const out = gzipSync(body);
  out[9] = 255; // "unknown system"
  return out;
}

/** A tar archive. @param files path → content; a path that ends in `/` is a folder */
export function makeTar(files: Readonly<Record<string, string | Buffer>>): Buffer {
  const blocks: Buffer[] = [];
  for (const [path, content] of Object.entries(files)) {
    const body = Buffer.from(content);
    blocks.push(header(path, body.length), body, Buffer.alloc((BLOCK - (body.length % BLOCK)) % BLOCK));
  }
  return Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK)]);
}

function header(path: string, size: number): Buffer {
  if (Buffer.byteLength(path) > 100) throw new Error(`path too long for a test tarball: ${path}`);
  const isFolder = path.endsWith('/');
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, width: number): string => value.toString(8).padStart(width - 1, '0');
  block.write(path, 0);
  block.write(octal(isFolder ? 0o755 : 0o644, 8), 100);
  block.write(octal(0, 8), 108);
  block.write(octal(0, 8), 116);
  block.write(octal(size, 12), 124);
  block.write(octal(MTIME_SECONDS, 12), 136);
  block.write('        ', 148);
  block.write(isFolder ? FOLDER : PLAIN, 156);
  block.write('ustar\u000000', 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${octal(sum, 7)}\u0000 `, 148);
  return block;
}
