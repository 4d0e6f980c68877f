/** One member of a tar archive that comes piece by piece. */
import { extract } from 'tar-stream';

/**
 * @param name matches the member's name as it stands in the archive; of several the last is meant, as it is when an archive is unpacked
 * @returns undefined if it has none, or it is larger than `maxBytes` @throws Error what is wrong with the archive
 */
export async function tarMember(unpacked: AsyncIterable<Buffer>, name: RegExp, maxBytes: number): Promise<Buffer | undefined> {
  const archive = extract();
  let found: Buffer | undefined;
  const over = new Promise<void>((resolve, reject) => {
    archive.on('finish', resolve);
    archive.on('error', reject);
    archive.on('close', () => reject(new Error('it broke off')));
  });
  over.catch(() => undefined);
  archive.on('entry', (header, contents, next) => {
    const isMeant = header.type === 'file' && name.test(header.name) && (header.size ?? 0) <= maxBytes;
    const pieces: Buffer[] = [];
    contents.on('data', (piece) => void (isMeant && pieces.push(piece as Buffer)));
    contents.on('end', () => {
      if (isMeant) found = Buffer.concat(pieces);
      next(null);
    });
    contents.resume();
  });
  try {
    for await (const piece of unpacked) {
      if (!archive.write(piece)) await Promise.race([new Promise<void>((resolve) => void archive.once('drain', resolve)), over]);
    }
    archive.end(undefined);
    await over;
    return found;
  } finally {
    archive.destroy();
  }
}
