import fs from 'node:fs';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bytes } from '../../testing/packages';
import { GrowingBody, type Follower } from './growing-body';

jest.setTimeout(60_000);

const KIB = 1024;

function windowed(stallMs: number): GrowingBody {
  return new GrowingBody(undefined, () => undefined, 64 * KIB, stallMs);
}

test('a reader that takes nothing does not stop the others without end', async () => {
  const body = windowed(20);
  const [stuck, brisk]: [Follower, Follower] = [{ offset: 0 }, { offset: 0 }];
  body.followers.add(stuck).add(brisk);
  body.onStalled = (follower) => {
    body.followers.delete(follower);
    body.moved();
  };
  expect(body.append(Buffer.alloc(64 * KIB, 1))).toBe(false);
  brisk.offset = 64 * KIB;
  body.moved();
  await body.roomy();
  expect([...body.followers]).toEqual([brisk]);
  body.append(Buffer.alloc(KIB, 2));
  expect((await body.read(64 * KIB, 65 * KIB)).equals(Buffer.alloc(KIB, 2))).toBe(true);
});

test('a slow reader that moves is waited for', async () => {
  const body = windowed(50);
  const slow: Follower = { offset: 0 };
  body.followers.add(slow);
  let stalled = 0;
  body.onStalled = () => stalled++;
  body.append(Buffer.alloc(128 * KIB));
  const room = body.roomy();
  for (let offset = 0; offset <= 128 * KIB; offset += 16 * KIB) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    slow.offset = offset;
    body.moved();
  }
  await room;
  expect(stalled).toBe(0);
});

test('a body in memory is read piece by piece, and had whole', async () => {
  const body = new GrowingBody(undefined, () => undefined, Infinity);
  body.append(Buffer.from('ab'));
  body.append(Buffer.from('cd'));
  expect((await body.read(1, 4)).toString()).toBe('b');
  expect((await body.read(2, 4)).toString()).toBe('cd');
  expect(body.all().toString()).toBe('abcd');
});

const folder = mkdtempSync(join(tmpdir(), 'growing-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let count = 0;
const newFile = (): string => join(folder, String(count++));
const body = bytes(1_000_000);

/** Hands over a body in pieces, as a download would. */
async function pour(into: GrowingBody, from = 0, to = body.length, piece = 37_000): Promise<void> {
  for (let at = from; at < to; at += piece) if (!into.append(body.subarray(at, Math.min(to, at + piece)))) await into.roomy();
}

async function readAll(growing: GrowingBody, follower: Follower, to: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  while (follower.offset < to) {
    const piece = await growing.read(follower.offset, to);
    pieces.push(piece);
    follower.offset += piece.length;
    growing.moved();
  }
  return Buffer.concat(pieces);
}

it('what was appended is in the file, and is read from any offset, early or late', async () => {
  const file = newFile();
  const growing = new GrowingBody(file, fail);
  await pour(growing);
  expect(Buffer.concat([await growing.read(999_000, 2_000_000)]).equals(body.subarray(999_000))).toBe(true);
  expect(await growing.flushed()).toBe(true);
  expect(readFileSync(file).equals(body)).toBe(true);
  expect((await growing.read(500, 600)).equals(body.subarray(500, 600))).toBe(true);
  expect((await readAll(growing, { offset: 0 }, body.length)).equals(body)).toBe(true);
  await growing.close();
  expect(growing.joinable).toBe(false);
});

it('a file that cannot be cut short is given up: what comes is had all the same', async () => {
  const troubles: unknown[] = [];
  const growing = new GrowingBody(newFile(), (error) => troubles.push(error));
  growing.followers.add({ offset: 0 });
  await pour(growing);
  expect(await growing.flushed()).toBe(true);
  const refused = jest.spyOn(fs, 'ftruncateSync').mockImplementationOnce(() => {
    throw Object.assign(new Error('read-only file system'), { code: 'EROFS' });
  });
  growing.truncate(0);
  refused.mockRestore();
  expect([growing.inFile, growing.received, troubles.length]).toEqual([false, 0, 1]);
  growing.append(body.subarray(0, 1000));
  expect((await growing.read(0, 1000)).equals(body.subarray(0, 1000))).toBe(true);
  await growing.close();
});

it('takes over a partial', async () => {
  const file = newFile();
  writeFileSync(file, body.subarray(0, 400_000));
  const growing = new GrowingBody(file, fail);
  growing.adopt(400_000);
  await pour(growing, 400_000);
  await growing.flushed();
  expect(readFileSync(file).equals(body)).toBe(true);
  expect(growing.repeats(1000, body.subarray(1000, 2000))).toBe(true);
  expect(growing.repeats(1000, body.subarray(1001, 2001))).toBe(false);
  growing.truncate(300_000);
  expect([growing.received, readFileSync(file).length]).toEqual([300_000, 300_000]);
  await growing.close();
});

it('without a file it is a window that waits for the slowest reader, and cannot be joined once it has moved', async () => {
  const growing = new GrowingBody(undefined, fail, 100_000);
  const [quick, slow]: Follower[] = [{ offset: 0 }, { offset: 0 }];
  growing.followers.add(quick as Follower).add(slow as Follower);
  let over = false;
  const poured = pour(growing).then(() => (over = true));
  const first = await readAll(growing, quick as Follower, 100_000);
  await new Promise((resolve) => setImmediate(resolve));
  expect(over).toBe(false);
  expect(growing.received).toBeLessThanOrEqual(100_000 + 37_000);
  expect(growing.joinable).toBe(true);
  const gone: Buffer[] = [];
  const both = async (): Promise<void> => {
    while ((slow as Follower).offset < body.length) {
      const end = growing.received;
      if ((slow as Follower).offset < end) gone.push(await readAll(growing, slow as Follower, end));
      if ((quick as Follower).offset < end) await readAll(growing, quick as Follower, end);
      if (!over) await new Promise((resolve) => setImmediate(resolve));
    }
  };
  await both();
  await poured;
  expect(first.equals(body.subarray(0, 100_000))).toBe(true);
  expect(Buffer.concat(gone).equals(body)).toBe(true);
  expect(growing.joinable).toBe(false);
  await expect(growing.read(0, 10)).rejects.toMatchObject({ code: 'internal' });
});

it('a file that cannot be opened is told once, and the rest works without', async () => {
  const troubles: unknown[] = [];
  const growing = new GrowingBody(join(folder, 'no', 'such', 'folder'), (error) => troubles.push(error));
  growing.append(body.subarray(0, 1000));
  expect(troubles).toHaveLength(1);
  expect([growing.inFile, await growing.flushed()]).toEqual([false, false]);
  expect((await growing.read(0, 1000)).equals(body.subarray(0, 1000))).toBe(true);
});

it('closing waits for reads under way, so that no descriptor is used again beneath them', async () => {
  const growing = new GrowingBody(newFile(), fail);
  await pour(growing);
  await growing.flushed();
  const reads = Array.from({ length: 20 }, (_, index) => growing.read(index * 1000, index * 1000 + 500));
  let closed = false;
  const closing = growing.close().then(() => (closed = true));
  expect(closed).toBe(false);
  for (const [index, read] of reads.entries()) expect((await read).equals(body.subarray(index * 1000, index * 1000 + 500))).toBe(true);
  await closing;
});

function fail(error: unknown): void {
  throw error;
}
