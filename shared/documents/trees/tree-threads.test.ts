import { gzipSync } from 'node:zlib';
import { tarOf } from '../../testing/tar-entries';
import { treesOf } from './trees-fixture';
import { TreeThreads } from './tree-threads';

jest.setTimeout(60_000);

const archives = Array.from({ length: 12 }, (_, n) => gzipSync(tarOf({ name: `file-${n}`, body: Buffer.alloc(200_000, n) }), { level: 0 }));
let threads: TreeThreads;
afterEach(() => threads.close());

it('many at once, their bytes mixed, two threads', async () => {
  threads = new TreeThreads({ most: 2, idleMs: 1000 });
  const jobs = archives.map(() => threads.open());
  for (let at = 0; at < 300_000; at += 10_000)
    await Promise.all(jobs.map((job, n) => job.write(archives[n]?.subarray(at, at + 10_000) ?? Buffer.alloc(0))));
  const verdicts = await Promise.all(jobs.map((job) => job.finish()));
  expect(verdicts).toEqual(await Promise.all(archives.map(async (archive) => ({ trees: await treesOf(archive) }))));
});

it('one that is dropped, or broken, is nothing to the others', async () => {
  threads = new TreeThreads({ most: 1, idleMs: 1000 });
  const [good, dropped, broken] = [threads.open(), threads.open(), threads.open()];
  const [archive = Buffer.alloc(0)] = archives;
  await good.write(archive.subarray(0, 1000));
  await dropped.write(archive.subarray(0, 1000));
  await broken.write(Buffer.from('no archive at all'));
  dropped.drop();
  dropped.drop();
  await expect(dropped.finish()).rejects.toMatchObject({ code: 'internal' });
  expect(await broken.finish()).toEqual({ broken: 'it is compressed neither with gzip nor with zstd' });
  // Whoever goes on giving waits for nothing.
  for (let n = 0; n < 100; n++) await broken.write(Buffer.alloc(100_000));
  await good.write(archive.subarray(1000));
  expect(await good.finish()).toEqual({ trees: await treesOf(archive) });
});

it('a thread that is idle ends, and the next archive has another', async () => {
  threads = new TreeThreads({ most: 1, idleMs: 1 });
  for (const archive of archives.slice(0, 2)) {
    const job = threads.open();
    await job.write(archive);
    expect(await job.finish()).toEqual({ trees: await treesOf(archive) });
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
});

it('what is given ahead is bounded: whoever gives more waits until it was taken', async () => {
  threads = new TreeThreads({ most: 1, idleMs: 1000 });
  const job = threads.open();
  let waited = 0;
  for (let n = 0; n < 40; n++) {
    let isDone = false;
    const room = job.write(gzipSync(Buffer.alloc(200_000), { level: 0 })).then(() => (isDone = true));
    await Promise.resolve();
    await Promise.resolve();
    if (!isDone) waited++;
    await room;
  }
  expect(waited).toBeGreaterThan(0);
  job.drop();
});

it('a thread that hangs is ended: what it had ends in an error', async () => {
  threads = new TreeThreads({ most: 1, idleMs: 1000, silentMs: 1 });
  const job = threads.open();
  // A thread needs longer than that to begin at all.
  void job.write(archives[0] ?? Buffer.alloc(0));
  await expect(job.finish()).rejects.toMatchObject({ code: 'internal', message: expect.stringContaining('silent') as string });
  const next = new TreeThreads({ most: 1, idleMs: 1000 });
  const again = next.open();
  await again.write(archives[0] ?? Buffer.alloc(0));
  expect(await again.finish()).toHaveProperty('trees');
  await next.close();
});

it('once closed, there are no more', async () => {
  threads = new TreeThreads({ most: 1, idleMs: 1000 });
  const job = threads.open();
  await threads.close();
  await expect(job.finish()).rejects.toMatchObject({ code: 'internal' });
  expect(() => threads.open()).toThrow('closed');
});
