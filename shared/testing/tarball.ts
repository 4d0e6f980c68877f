/** Makes small .tgz files as `npm pack` does: ustar, every file below `package/`, the same bytes for the same content. */
import { gzipSync } from 'node:zlib';

const BLOCK = 512;
/** What npm writes, too: 1985-10-26T08:15:00Z. */
const MTIME_SECONDS = 499162500;

/** @param files path below the package → content; `package.json` among them */
export function makeTarball(files: Readonly<Record<string, string | Buffer>>): Buffer {
  const blocks: Buffer[] = [];
  for (const [path, content] of Object.entries(files)) {
    const body = Buffer.from(content);
    blocks.push(header(`package/${path}`, body.length), body, Buffer.alloc((BLOCK - (body.length % BLOCK)) % BLOCK));
  }
  const packed = gzipSync(Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK)]));
  packed[9] = 255; // "unknown system", so that the bytes are the same everywhere
  return packed;
}

/** POSIX.1-1988 (ustar) header of a plain file. */
function header(path: string, size: number): Buffer {
  if (Buffer.byteLength(path) > 100) throw new Error(`path too long for a test tarball: ${path}`);
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, width: number): string => value.toString(8).padStart(width - 1, '0');
  block.write(path, 0);
  block.write(octal(0o644, 8), 100);
  block.write(octal(0, 8), 108);
  block.write(octal(0, 8), 116);
  block.write(octal(size, 12), 124);
  block.write(octal(MTIME_SECONDS, 12), 136);
  block.write('        ', 148);
  block.write('0', 156);
  block.write('ustar\u000000', 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${octal(sum, 7)}\u0000 `, 148);
  return block;
}
