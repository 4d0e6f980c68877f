/** One member of a tar archive that comes piece by piece. */
import { TarReader } from './tar-reader';

/**
 * @param name matches the member's name as it stands in the archive; of several the last is meant, as it is when an archive is unpacked
 * @returns undefined if it has none, or it is larger than `maxBytes` @throws Error what is wrong with the archive
 */
export async function tarMember(unpacked: AsyncIterable<Buffer>, name: RegExp, maxBytes: number): Promise<Buffer | undefined> {
  let found: Buffer | undefined;
  const archive = new TarReader((entry) => {
    if (entry.kind !== 'file' || entry.size > maxBytes || !name.test(entry.name)) return undefined;
    const pieces: Buffer[] = [];
    return { data: (bytes) => void pieces.push(Buffer.from(bytes)), end: () => void (found = Buffer.concat(pieces)) };
  });
  for await (const piece of unpacked) archive.write(piece);
  archive.finish();
  return found;
}
