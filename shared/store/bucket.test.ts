import cacache from 'cacache';
import { appendFileSync, readFileSync } from 'node:fs';
import { bucketFile, bucketLines, contentFile, entryOf, newestLine, readLine } from './bucket';
import { randomBody, record, sri, StoreFixture } from './store-fixture';

let fixture: StoreFixture;
beforeEach(() => (fixture = new StoreFixture()));
afterEach(() => fixture.end());

it("finds what cacache finds: the newest line, past another's torn one", async () => {
  const root = fixture.cacheDir;
  for (const size of [1, 2, 3]) await cacache.index.insert(root, 'npm|k', sri(Buffer.of(size)), { size, metadata: { v: 1, size: 'ü' } });
  appendFileSync(bucketFile(root, 'npm|k'), '\n0123\t{"key":"npm|k","integ');
  const info = await cacache.get.info(root, 'npm|k');
  const line = readLine(root, 'npm|k');
  expect(line).toEqual({ key: info?.key, integrity: info?.integrity, size: 3, time: info?.time, metadata: info?.metadata });
  expect(contentFile(root, line?.integrity ?? '')).toBe(info?.path);
  expect(bucketLines(readFileSync(bucketFile(root, 'npm|k'), 'utf8'))).toHaveLength(3);
});

it('sees a tombstone and an absent key as nothing', async () => {
  const root = fixture.cacheDir;
  await cacache.index.insert(root, 'npm|k', sri(Buffer.of(1)), { size: 1 });
  await cacache.rm.entry(root, 'npm|k');
  expect(readLine(root, 'npm|k')).toBeUndefined();
  expect(readLine(root, 'npm|other')).toBeUndefined();
});

it('reads buckets longer than its buffer', async () => {
  const metadata = { ...record(randomBody()), v: 1, chunks: 'x'.repeat(60_000) };
  await cacache.index.insert(fixture.cacheDir, 'npm|k', metadata.integrity, { size: 7, metadata });
  const line = readLine(fixture.cacheDir, 'npm|k');
  expect(line && entryOf(line)).toMatchObject({ key: 'npm|k', size: 7, chunks: metadata.chunks });
});

it('does not serve entries of another format version', () => {
  const line = { key: 'k', integrity: 'sha256-x', size: 1, time: 0, metadata: { v: 2 } };
  expect(entryOf(line)).toBeUndefined();
  expect(entryOf({ ...line, metadata: undefined })).toBeUndefined();
});

it('does not take a line whose hash is wrong, or another key, for the entry', () => {
  expect(newestLine('\n' + 'a'.repeat(40) + '\t{"key":"k","integrity":"sha256-x"}', 'k')).toBeUndefined();
  expect(() => contentFile('/root', '../../etc/passwd')).toThrow('not a content address');
});
