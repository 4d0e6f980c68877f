import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Entry } from '../../store/entry';
import { filesBelow } from '../../testing/files-below';
import { heldFile } from '../../testing/held-file';
import { openHouse, type Got, type LocalHouse } from '../../testing/house';
import { bytes, flipped, offer, packument } from '../../testing/packages';
import { until } from '../../testing/until';
import { startUpstream, type FakeUpstream } from '../../testing/upstream';

jest.setTimeout(60_000);

const FILE = '/a/-/a-1.0.0.tgz';
const KIB = 1024;
let upstream: FakeUpstream;
let house: LocalHouse;

beforeEach(async () => {
  upstream = await startUpstream();
  // Without ready responses in memory, so that every hit reads the disk.
  house = await openHouse({ upstream: upstream.url, env: { MEMORY: '1' } });
});
afterEach(async () => {
  await house.stop();
  await upstream.close();
});

function fileOf(entry: Entry): string {
  return heldFile(house.cacheDir, entry);
}

function flip(file: string, offset: number): void {
  writeFileSync(file, flipped(readFileSync(file), offset));
}

async function hold(size: number): Promise<{ body: Buffer; file: string }> {
  const body = bytes(size);
  offer(upstream, 'a', { body }, { ranges: 'yes' });
  await house.get(FILE);
  return { body, file: fileOf(await house.kept(FILE)) };
}

/** Asks until it succeeds: a client that was cut asks again. */
async function getInTheEnd(target: string, body: Buffer): Promise<void> {
  await until('the right bytes come', async () => {
    const got = await house.get(target);
    if (!got.complete || got.status !== 200) return false;
    expect(got.body.equals(body)).toBe(true);
    return true;
  });
}

/** Whether everything that was sent is right, as far as it goes. */
function expectNoWrongByte(got: Got, body: Buffer): void {
  if (got.status === 200) expect(got.body.equals(body.subarray(0, got.body.length))).toBe(true);
  expect(got.complete && got.status === 200 && got.body.length !== body.length).toBe(false);
}

const SIZES: [string, number, number[]][] = [
  ['small', 20_000, [0, 10_000, -1]],
  ['300 KiB', 300 * KIB, [0, 256 * KIB, -1]],
  ['5 MB', 5_000_000, [0, 2_500_000, -1]],
];

describe.each(SIZES)('a flipped byte in a tarball of %s', (_what, size, offsets) => {
  it.each(offsets)('at %i: never sent; fetched again; healed', async (offset) => {
    const { body, file } = await hold(size);
    flip(file, offset);
    upstream.forget();
    expectNoWrongByte(await house.get(FILE), body);
    await getInTheEnd(FILE, body);
    expect(upstream.count(FILE)).toBeGreaterThan(0);
    await house.kept(FILE);
    await until('the file is healed', () => readFileSync(file).equals(body));
    expect(house.said('held-bytes-damaged').length).toBeGreaterThan(0);
  });
});

it('damage at the beginning costs the client nothing: it is fetched within the same request', async () => {
  const { body, file } = await hold(5_000_000);
  flip(file, 0);
  const got = await house.get(FILE);
  expect([got.status, got.complete, got.body.equals(body)]).toEqual([200, true, true]);
});

it('a file that is cut short, or gone, is fetched again', async () => {
  const { body, file } = await hold(300 * KIB);
  writeFileSync(file, body.subarray(0, 299 * KIB));
  await getInTheEnd(FILE, body);
  await house.kept(FILE);
  rmSync(file);
  await getInTheEnd(FILE, body);
});

it('a range that does not touch the damage is served, one that does is not', async () => {
  const { body, file } = await hold(5_000_000);
  flip(file, 4_900_000);
  const before = await house.get(FILE, { headers: { range: 'bytes=1000-1999' } });
  expect([before.headers['x-cache'], before.body.equals(body.subarray(1000, 2000))]).toEqual(['hit', true]);
  const touching = await house.get(FILE, { headers: { range: 'bytes=4900000-4900009' } });
  expect([touching.complete, touching.body.equals(body.subarray(4_900_000, 4_900_010))]).toEqual([true, true]);
  expect(house.said('held-bytes-damaged')).toHaveLength(1);
});

it('damage that comes after the file was checked is seen: what was checked is believed only while the file is the same', async () => {
  const { body, file } = await hold(5_000_000);
  await getInTheEnd(FILE, body);
  flip(file, -1);
  expectNoWrongByte(await house.get(FILE), body);
  await getInTheEnd(FILE, body);
});

it('with the upstream down, damage is an error, never a wrong byte', async () => {
  const { body, file } = await hold(20_000);
  flip(file, 7);
  await upstream.down();
  const got = await house.get(FILE);
  expect([got.status, got.body.equals(flipped(body, 7))]).toEqual([502, false]);
});

describe('documents', () => {
  const versions = Object.fromEntries(
    Array.from({ length: 200 }, (_, index) => [`1.0.${index}`, { body: Buffer.from(`${index}`), more: { readme: 'x'.repeat(200) } }]),
  );

  it.each([0, 1000, -1])('a flipped byte of a held packument at %i: fetched again', async (offset) => {
    upstream.on('/a', { body: packument(upstream.url, 'a', versions) });
    const right = await house.get('/a');
    const entry = await house.kept('/a');
    flip(fileOf(entry), offset);
    // Another form, so that it has to be made from the packument.
    const short = await house.get('/a', { headers: { accept: 'application/vnd.npm.install-v1+json' } });
    expect(Object.keys((JSON.parse(short.body.toString()) as { versions: object }).versions)).toHaveLength(200);
    expect(upstream.count('/a')).toBe(2);
    expect((await house.get('/a')).body.equals(right.body)).toBe(true);
  });

  it.each([0, 1000, -1])('a flipped byte of a rendering at %i: made again', async (offset) => {
    upstream.on('/a', { body: packument(upstream.url, 'a', versions) });
    const right = await house.get('/a');
    const entry = await house.kept('/a');
    const others = (): string[] => contents().filter((file) => file !== fileOf(entry));
    await until('the rendering is held', () => others().length === 1);
    flip(others()[0] ?? '', offset);
    const again = await house.get('/a');
    expect([again.status, again.body.equals(right.body)]).toEqual([200, true]);
    expect(upstream.count('/a')).toBe(1);
  });
});

function contents(): string[] {
  return filesBelow(join(house.cacheDir, 'content-v2'));
}
