import cacache from 'cacache';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LarderStore } from './store';
import { bytesOf, randomBody, record, StoreFixture } from './store-fixture';

// Other work on the machine, not ours, is what may take long.
jest.setTimeout(60_000);

const fixture = new StoreFixture();
const disk = join(fixture.folder, 'disk');
mkdirSync(disk);
// At load time, since Jest must know before it begins whether a test is skipped.
const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', disk]).status === 0;
const full = new StoreFixture(disk);

afterAll(async () => {
  await full.end();
  if (mounted) spawnSync('umount', [disk]);
  await fixture.end();
});

/** cacache.verify writes, for which there is no room here: it looks at a copy. */
async function expectSound(): Promise<void> {
  await full.closeAll();
  const copy = mkdtempSync(join(fixture.folder, 'copy-'));
  cpSync(full.cacheDir, copy, { recursive: true });
  expect(await cacache.verify(copy)).toMatchObject({ badContentCount: 0, missingContent: 0, rejectedEntries: 0, reclaimedCount: 0 });
}

const onTmpfs = mounted ? it : it.skip;

async function commit(store: LarderStore, key: string, size: number): Promise<string | undefined> {
  const body = randomBody(size);
  try {
    await store.commit(key, record(body), { buffer: body });
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code;
  }
}

onTmpfs(
  'a full disk: evicts once and tries again; what is too large fails with ENOSPC; what is held is whole (skipped where mount is not permitted)',
  async () => {
    const store = full.store();
    const keys = Array.from({ length: 40 }, (_, index) => `npm|registry|/${index}`);
    const codes = [];
    for (const key of keys) codes.push(await commit(store, key, 150_000));
    // 40 times 150 kB do not fit into 4 MB: the last ones found room by eviction.
    expect(codes).toEqual(keys.map(() => undefined));
    expect(await store.find('npm|registry|/39')).toBeDefined();
    expect(await store.find('npm|registry|/0')).toBeUndefined();
    const held = (await Promise.all(keys.map((key) => store.find(key)))).filter((entry) => entry !== undefined);
    expect(await commit(store, 'npm|registry|/huge', 5_000_000)).toBe('ENOSPC');
    expect(store.notStoring()).toMatchObject({ reason: 'disk' });
    for (const entry of held) expect(bytesOf(store, entry)).toHaveLength(150_000);
    await expectSound();
  },
);

onTmpfs(
  'a disk that others fill to the last byte: commits fail with ENOSPC, what is held stays or goes whole, and it recovers (skipped where mount is not permitted)',
  async () => {
    const store = full.store();
    const filler = join(disk, 'filler');
    for (let size = statfsSync(disk).bavail * statfsSync(disk).bsize; size > 0; size -= 4096) {
      try {
        writeFileSync(filler, Buffer.alloc(size));
        break;
      } catch {
        // A little less.
      }
    }
    const codes = [];
    for (let count = 0; count < 20; count++) codes.push(await commit(store, `npm|registry|/late${count}`, 3_900_000));
    expect(new Set(codes)).toEqual(new Set(['ENOSPC']));
    spawnSync('rm', [filler]);
    expect(await commit(store, 'npm|registry|/again', 1000)).toBeUndefined();
    await store.gc();
    await expectSound();
  },
);
