/**
 * Indexes that are cut off, damaged, bombs, or of one endless line: their bytes are served as the roster names them, what they promise is
 * said to be unusable once, packages come all the same, and memory stays.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import type { FakeArchive } from '../../testing/apt-archive';
import { possible } from '../../testing/apt-generation';
import { startHouse, type House } from '../../testing/house';
import { sha256 } from '../../testing/suite-client';
import { suiteStage } from '../../testing/suite-stage';
import { until } from '../../testing/until';

const MIB = 1024 * 1024;
const FOLDER = '/dists/stable/';
const STEM = 'main/binary-amd64/Packages';
const ENV = { TTL_apt: '0s', STALE_WAIT: '30s', NEGATIVE_TTL: '0s', ALLOW_NETS: '127.0.0.0/8' };
const PROGRAMS: Readonly<Record<string, readonly [string, ...string[]]>> = {
  xz: ['xz', '-c', '-0'],
  bz2: ['bzip2', '-c'],
  zst: ['zstd', '-c', '-q'],
  lz4: ['lz4', '-c', '-q'],
};
/** What this machine has no program for cannot be tried; CI has all of them. */
const EXTENSIONS = possible(['gz', 'xz', 'bz2', 'zst', 'lz4']);

jest.setTimeout(240_000);

const { archive, house, later } = suiteStage({ env: ENV });

function pack(bytes: Buffer, extension: string): Buffer {
  if (extension === '') return bytes;
  if (extension === 'gz') return gzipSync(bytes);
  const [command, ...args] = PROGRAMS[extension] ?? ['false'];
  return spawnSync(command, args, { input: bytes, maxBuffer: 1024 * MIB }).stdout;
}

interface Suite {
  readonly folder: string;
  readonly pool: string;
  readonly upstream: FakeArchive;
}

/** A suite whose roster lists exactly these files, with their real digests. */
async function suite(files: Readonly<Record<string, Buffer>>): Promise<Suite> {
  const upstream = await archive();
  offer(upstream, files);
  const root = `/${upstream.host}${upstream.root}`;
  return { upstream, folder: root + FOLDER, pool: root + upstream.pool('hello') };
}

function offer(upstream: FakeArchive, files: Readonly<Record<string, Buffer>>): void {
  const lines = Object.entries(files).map(([name, body]) => ` ${sha256(body)} ${body.length} ${name}\n`);
  upstream.upstream.on(/\/dists\/stable\/Release$/, { body: `Date: Sat, 10 Feb 2024 11:07:25 UTC\nSHA256:\n${lines.join('')}` });
  for (const [name, body] of Object.entries(files)) upstream.upstream.on(new RegExp(`${name.replaceAll('.', '\\.')}$`), { body });
}

/** Asks for the index as apt does, several times. */
async function read(cache: House, { folder }: Suite, name: string, body: Buffer): Promise<void> {
  expect((await cache.get(`${folder}Release`)).status).toBe(200);
  for (let times = 0; times < 4; times++) {
    const got = await cache.get(folder + name);
    expect([name, got.status, got.complete, got.body.equals(body)]).toEqual([name, 200, true, true]);
  }
}

function goodIndex(upstream: FakeArchive): Buffer {
  return upstream.newest.listed.get('dists/stable')?.get(STEM) ?? Buffer.alloc(0);
}

const spoiled: ReadonlyArray<readonly [string, (packed: Buffer) => Buffer]> = [
  ['cut off', (packed) => packed.subarray(0, Math.floor(packed.length * 0.6))],
  ['empty', () => Buffer.alloc(0)],
  ['damaged in the middle', (packed) => Buffer.concat([packed.subarray(0, 60), Buffer.alloc(40, 0xa5), packed.subarray(100)])],
  ['something else', () => Buffer.from('<!DOCTYPE html><html>log in</html>')],
  ['followed by something else', (packed) => Buffer.concat([packed, Buffer.from('and more')])],
];

test.each(EXTENSIONS)('a %s index that is cut off, damaged or none: served as listed, one complaint, packages come', async (extension) => {
  const cache = await house();
  const name = `${STEM}.${extension}`;
  let complaints = 0;
  for (const [, spoil] of spoiled) {
    const draft = await archive();
    const body = spoil(pack(Buffer.concat([goodIndex(draft), Buffer.from(`# ${'x'.repeat(5000)}\n`)]), extension));
    const one = await suite({ [name]: body });
    await read(cache, one, name, body);
    expect((await cache.get(one.pool)).body.equals(one.upstream.deb('hello'))).toBe(true);
    expect((await cache.kept(one.pool)).pin).toBeUndefined();
    complaints++;
    await until('it is said', () => cache.said('index-unread').length >= complaints);
    expect(cache.said('index-unread')).toHaveLength(complaints);
    expect(cache.events.filter(({ level }) => level === 'error')).toEqual([]);
    // The next one, in order, is learnt, and judges what was not judged.
    const right = pack(goodIndex(one.upstream), extension);
    offer(one.upstream, { [name]: right });
    await read(cache, one, name, right);
    await until('it is learnt', () => cache.said('promises-learnt').length >= complaints);
    await until('what is held is judged', async () => (await cache.get(one.pool)).status === 200);
  }
});

const STANZA = Buffer.from(`Filename: a\nSHA256: ${'0'.repeat(64)}\nSize: 1\n\n`);
const BOMBS: ReadonlyArray<readonly [string, Buffer, string]> = [
  ['one line', Buffer.alloc(16 * MIB, 'a'), 'it has a line over 1 MiB'],
  ['one stanza', Buffer.from(`Description: ${'a'.repeat(900)}\n`.repeat(18_000)), 'it has a stanza over 4 MiB'],
  ['stanzas', Buffer.concat(Array.from({ length: 160_000 }, () => STANZA)), 'it promises more than 1000000 files'],
];

test.each(EXTENSIONS)('2 GB in some KB of %s, as a line, a stanza or many: one complaint each, and little memory', async (extension) => {
  const cache = later(await startHouse({ module: 'apt', upstream: [], env: ENV }), (one) => one.stop());
  const name = `${STEM}.${extension}`;
  const before = rssAnon(cache.child.pid ?? 0);
  let most = before;
  const timer = setInterval(() => (most = Math.max(most, rssAnon(cache.child.pid ?? 0))), 20);
  later(timer, clearInterval);
  for (const [at, [, unit, reason]] of BOMBS.entries()) {
    const body = Buffer.concat(Array<Buffer>(128).fill(pack(unit, extension)));
    const one = await suite({ [name]: body });
    await read(cache, one, name, body);
    await until('it is said', () => count(cache.log(), 'index-unread') > at);
    expect(cache.log()).toContain(reason);
    expect((await cache.get(one.pool)).body.equals(one.upstream.deb('hello'))).toBe(true);
    await read(cache, one, name, body);
    expect(count(cache.log(), 'index-unread')).toBe(at + 1);
  }
  clearInterval(timer);
  // 2 GB would be many times as much. In a process that does nothing there are 40 MB.
  expect(most - before).toBeLessThan(300 * MIB);
});

test('an index that is larger than its roster says of it is not read on', async () => {
  const cache = await house();
  const body = gzipSync(Buffer.alloc(30 * MIB, '\n'));
  const name = `${STEM}.gz`;
  const one = await suite({ [STEM]: Buffer.alloc(1000), [name]: body });
  await read(cache, one, name, body);
  const [said] = await until('it is said', () => (cache.said('index-unread').length > 0 ? cache.said('index-unread') : undefined));
  expect(String(said?.facts['reason'])).toContain('larger than 1000 bytes');
});

test('a line of 300 MB that is not compressed at all passes through, and is no promise', async () => {
  const cache = later(await startHouse({ module: 'apt', upstream: [], env: ENV }), (one) => one.stop());
  const body = Buffer.alloc(300 * MIB, 'a');
  const one = await suite({ [STEM]: body });
  const before = rssAnon(cache.child.pid ?? 0);
  let most = before;
  const timer = setInterval(() => (most = Math.max(most, rssAnon(cache.child.pid ?? 0))), 20);
  later(timer, clearInterval);
  await cache.get(`${one.folder}Release`);
  const got = await cache.get(one.folder + STEM);
  expect([got.status, got.complete, got.body.length]).toEqual([200, true, body.length]);
  await until('it is said', () => count(cache.log(), 'index-unread') > 0);
  expect(most - before).toBeLessThan(200 * MIB);
});

function count(text: string, word: string): number {
  return text.split(word).length - 1;
}

/** Anonymous resident memory in bytes (proc(5)). */
function rssAnon(pid: number): number {
  const found = /^RssAnon:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(found?.[1] ?? 0) * 1024;
}
