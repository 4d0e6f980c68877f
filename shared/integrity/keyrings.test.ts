/** Keyrings that cannot be read for a while. */
import fsPromises from 'node:fs/promises';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Keyrings } from './keyrings';

const folder = mkdtempSync(join(tmpdir(), 'keyrings-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('what could not be read once is read the next time, though it has not changed', async () => {
  // Looks like a public key: an old-format packet of tag 6, of one byte.
  const key = Buffer.from([0x98, 1, 4]);
  writeFileSync(join(folder, 'archive.gpg'), key);
  const keyrings = new Keyrings([folder]);
  jest.spyOn(fsPromises, 'readFile').mockRejectedValueOnce(Object.assign(new Error('too many open files'), { code: 'EMFILE' }));
  expect((await keyrings.read()).packets).toHaveLength(0);
  expect((await keyrings.read()).packets.equals(key)).toBe(true);
});
