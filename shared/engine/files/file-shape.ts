/** What can be seen of a file that nothing promises a digest of (`shape` in the contract). */
import { isUtf8 } from 'node:buffer';
import { open } from 'node:fs/promises';
import type { FileShape, ImmutableRoute } from '../../../caches/module';
import type { Plan } from '../plan';
import { isWholeZip } from './archive-member';

const LONGEST_LINE_BYTES = 4096;
/** RFC 1952 §2.3.1: the magic number and the one method that there is. */
const GZIP = Buffer.from([0x1f, 0x8b, 8]);

/** @param path of a whole file @throws NodeJS.ErrnoException if it cannot be read */
export async function hasShape(path: string, shape: FileShape): Promise<boolean> {
  if (shape === 'zip') return isWholeZip(path);
  const beginning = await beginningOf(path, shape === 'gzip' ? GZIP.length : LONGEST_LINE_BYTES + 1);
  return shape === 'gzip' ? beginning.equals(GZIP) : isLine(beginning);
}

/** Why a 200 is not the file, if its length alone tells: nobody waits for the end of what is no line. */
export function refuseShape({ route, params }: Plan, fields: Readonly<Record<string, string>>): string | undefined {
  const isTooLong = Number(fields['content-length'] ?? 0) > LONGEST_LINE_BYTES;
  return isTooLong && (route as ImmutableRoute).shape?.(params) === 'line' ? 'what came is no line of text: it is too long' : undefined;
}

function isLine(bytes: Buffer): boolean {
  if (bytes.length > LONGEST_LINE_BYTES || !isUtf8(bytes)) return false;
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  return /^[^\u0000-\u001f\u007f<][^\u0000-\u001f\u007f]*[\r\n]{0,2}$/.test(bytes.toString());
}

async function beginningOf(path: string, most: number): Promise<Buffer> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(most), 0, most, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
