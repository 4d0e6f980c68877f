import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { PinTable } from '../integrity/pin-table';
import { BZIP2, LZ4, TEXT, XZ, ZSTD } from './decoders/samples';
import { poolFixture } from '../testing/pool-fixture';
import type { DocumentPool, IndexJob } from './types';

/** A module whose roster and indexes are commands, and whose documents are texts. */
const MODULES = `
const { appendFileSync } = require('node:fs');
const { createHash } = require('node:crypto');
class DocumentError extends Error { constructor(reason) { super(reason); this.code = 'document-invalid'; this.reason = reason; } }
async function read(chunks, root, add) {
  let text = '';
  for await (const chunk of chunks) {
    if (!Buffer.isBuffer(chunk)) throw new TypeError('no Buffer');
    text += chunk.toString();
    if (text === 'early') return;
    if (text === 'loop') for (;;);
    if (text === 'hoard') for (const all = []; ; ) all.push({ a: [all.length, {}] });
  }
  if (text === 'invalid') throw new DocumentError('it says so');
  if (text === 'bug') throw new TypeError('a bug');
  if (text.startsWith('log ')) {
    appendFileSync(text.slice(4), 's');
    await new Promise((resolve) => setTimeout(resolve, 50));
    appendFileSync(text.slice(4), 'e');
  }
  for (const line of new Set(text.split('\\n'))) if (line) add(root + '/' + line, createHash('sha256').update(line).digest(), line.length);
}
const compression = (name) => ({ gz: 'gzip', xz: 'xz', bz2: 'bzip2', zst: 'zstd', lz4: 'lz4' })[name.split('.')[1]] ?? 'none';
const index = (name) => name.startsWith('no') ? undefined : { stem: 'Index', compression: compression(name), read, root: (roster) => roster + '#' };
const codec = { compressible: true, render: (body) => ({ contentType: 'text/plain', body }), pins: () => [] };
const roster = (body) => {
  if (body.toString() === 'invalid') throw new DocumentError('it says so');
  return { date: 5, byHash: true, files: [{ name: body.toString(), sha256: 'ab', size: 1 }] };
};
exports.modules = [{ name: 'm', routes: [
  { name: 'doc', kind: 'document', codec },
  { name: 'roster', kind: 'roster', read: roster },
  { name: 'listed', kind: 'listed', index },
  { name: 'plain', kind: 'listed' },
] }];
`;

const { directory, start } = poolFixture(MODULES);
let files = 0;

const sri = (bytes: string | Buffer): string => `sha256-${createHash('sha256').update(bytes).digest('base64')}`;

/** A job about a held file with these bytes. */
function job(bytes: string | Buffer, name = 'Index', changes: Partial<IndexJob> = {}): IndexJob {
  const file = join(directory, `held-${files++}`);
  writeFileSync(file, bytes);
  const source = { file, integrity: sri(bytes) };
  return { module: 'm', route: 'listed', rosterPath: '/s/Roster', name, source, maxBytes: 1e6, ...changes };
}

describe('an index', () => {
  test.each([
    ['Index', TEXT],
    ['Index.gz', gzipSync(TEXT)],
    ['Index.xz', XZ],
    ['Index.bz2', BZIP2],
    ['Index.zst', ZSTD],
    ['Index.lz4', LZ4],
  ])('%s is read into a pin table', async (name, bytes) => {
    const table = new PinTable(await start().readIndex(job(bytes, name)));
    expect(table.length).toBe(77);
    const line = 'Filename: pool/main/p/package-3_4_all.deb';
    expect(table.find(`/s/Roster#/${line}`)).toEqual({ integrity: sri(line), size: line.length });
    expect(table.find('/s/Roster#/other')).toBeUndefined();
  });

  test('that promises nothing gives an empty table', async () => {
    expect(new PinTable(await start().readIndex(job(''))).length).toBe(0);
  });

  test('is named by its path', async () => {
    await expect(start().readIndex(job('invalid', 'a/Index'))).rejects.toMatchObject({
      code: 'document-invalid',
      facts: { target: '/s/a/Index', reason: 'it says so' },
    });
  });

  test('larger than allowed when it is decompressed is not read to its end', async () => {
    const large = job(gzipSync(Buffer.alloc(3e6)), 'Index.gz');
    await expect(start().readIndex(large)).rejects.toMatchObject({ code: 'document-too-large', facts: { limit: 1e6 } });
  });

  test('that is cut off or no archive is invalid, and says why', async () => {
    const pool = start();
    await expect(pool.readIndex(job(XZ.subarray(0, 900), 'Index.xz'))).rejects.toMatchObject({
      code: 'document-invalid',
      facts: { target: '/s/Index.xz', reason: expect.stringContaining('its xz compression is broken: ') as string },
    });
    await expect(pool.readIndex(job('', 'Index.xz'))).rejects.toMatchObject({ code: 'document-invalid' });
    // The decoder is usable after an error.
    expect(new PinTable(await pool.readIndex(job(XZ, 'Index.xz'))).length).toBe(77);
  });

  test('whose held bytes are damaged is damage, whatever its reader says', async () => {
    const pool = start();
    const damaged = (bytes: Buffer | string, name?: string): IndexJob => {
      const { source, ...rest } = job(bytes, name);
      return { ...rest, source: { ...source, integrity: sri('other') } };
    };
    const broken = XZ.subarray(0, 900);
    for (const held of [damaged('fine'), damaged(broken, 'Index.xz'), damaged('invalid'), damaged('early')])
      await expect(pool.readIndex(held)).rejects.toMatchObject({ code: 'integrity', facts: { expected: sri('other') } });
    await expect(pool.readIndex(damaged(gzipSync(Buffer.alloc(3e6)), 'Index.gz'))).rejects.toMatchObject({ code: 'integrity' });
  });

  test('whose file is gone is unreadable', async () => {
    const gone = job('x', 'Index.xz', { source: { file: join(directory, 'gone'), integrity: sri('x') } });
    await expect(start().readIndex(gone)).rejects.toMatchObject({ code: 'held-unreadable', facts: { reason: 'ENOENT' } });
  });

  test('whose reader has a bug, or that nobody reads, is an error of ours', async () => {
    const pool = start();
    await expect(pool.readIndex(job('bug'))).rejects.toMatchObject({ code: 'internal', facts: { reason: 'a bug' } });
    await expect(pool.readIndex(job('x', 'nobody'))).rejects.toMatchObject({ code: 'internal' });
    await expect(pool.readIndex(job('x', 'Index', { route: 'plain' }))).rejects.toMatchObject({ code: 'internal' });
  });

  test.each(['loop', 'hoard'])('whose reader dies of %s fails alone', async (text) => {
    const pool = start({ indexTimeoutMs: text === 'loop' ? 3000 : 60_000, indexHeapMb: 32 });
    const [died, after] = await Promise.allSettled([pool.readIndex(job(text)), pool.readIndex(job('after'))]);
    expect(died).toMatchObject({ status: 'rejected', reason: { code: 'internal' } });
    expect(after).toMatchObject({ status: 'fulfilled' });
  });
});

test('renderings do not wait for an index, with one worker either', async () => {
  const pool = start();
  const settled = Promise.allSettled([pool.readIndex(job('loop'))]);
  const document = { module: 'm', route: 'doc', path: '/p', url: 'http://u/p', home: 'http://u', source: { body: Buffer.from('x') } };
  const { rendered } = await pool.render({ ...document, variant: '', base: '', gzip: false, pins: false, maxBytes: 10 });
  expect(rendered?.identity.toString()).toBe('x');
  await pool.close();
  expect(await settled).toMatchObject([{ status: 'rejected', reason: { code: 'internal' } }]);
});

test('indexes are read one at a time', async () => {
  const pool = start({ workers: 4 });
  const log = join(directory, 'log');
  await Promise.all([1, 2, 3].map(() => pool.readIndex(job(`log ${log}`))));
  expect(readFileSync(log, 'utf8')).toBe('sesese');
});

describe('a roster', () => {
  const rosterOf = (pool: DocumentPool, text: string, maxBytes = 1000) =>
    pool.readRoster({ module: 'm', route: 'roster', path: '/s/Roster', source: { body: Buffer.from(text) }, maxBytes });

  test('is read', async () => {
    const roster = await rosterOf(start(), 'name');
    expect(roster).toEqual({ date: 5, byHash: true, files: [{ name: 'name', sha256: 'ab', size: 1 }] });
  });

  test('held in a file is checked before it is read', async () => {
    const pool = start();
    const { source } = job('held');
    const held = { module: 'm', route: 'roster', path: '/s/Roster', maxBytes: 1000 };
    expect((await pool.readRoster({ ...held, source })).files[0]?.name).toBe('held');
    const damaged = { ...source, integrity: sri('other') };
    await expect(pool.readRoster({ ...held, source: damaged })).rejects.toMatchObject({ code: 'integrity' });
  });

  test('that is invalid, too large, or of no such route is an error', async () => {
    const pool = start();
    await expect(rosterOf(pool, 'invalid')).rejects.toMatchObject({
      code: 'document-invalid',
      facts: { target: '/s/Roster', reason: 'it says so' },
    });
    await expect(rosterOf(pool, 'name', 3)).rejects.toMatchObject({ code: 'document-too-large' });
    const other = { module: 'm', route: 'doc', path: '/s/Roster', source: { body: Buffer.from('x') }, maxBytes: 10 };
    await expect(pool.readRoster(other)).rejects.toMatchObject({ code: 'internal' });
  });
});
