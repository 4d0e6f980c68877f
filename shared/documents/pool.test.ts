import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, gunzipSync, gzipSync } from 'node:zlib';
import { digestBuffer } from '../integrity/digest';
import { unpackPins } from '../integrity/pin-list';
import { poolFixture } from '../testing/pool-fixture';
import type { RenderJob } from './types';

/** A module whose documents are commands. */
const MODULES = `
const { threadId } = require('node:worker_threads');
class DocumentError extends Error { constructor(reason) { super(reason); this.code = 'document-invalid'; this.reason = reason; } }
const codec = {
  compressible: true,
  render(body, { variant, base, path, url, home, absent }) {
    const text = body.toString();
    if (text === 'invalid') throw new DocumentError('it says so');
    if (text === 'bug') throw new TypeError('a bug');
    if (text === 'exit') process.exit(3);
    if (text === 'loop') for (;;);
    if (text === 'hoard') for (const all = []; ; ) all.push({ a: [all.length, {}] });
    if (variant === 'none') return undefined;
    if (variant === 'place') return { contentType: 'text/plain', body: Buffer.from(JSON.stringify({ path, url, home, absent })) };
    if (variant === 'thread') return { contentType: 'text/plain', body: Buffer.from(String(threadId)) };
    return { contentType: 'text/x-test', body: Buffer.from([text, variant, base, path].join(' ')) };
  },
  pins: (body, { path }) => [{ target: path + '.tgz', version: body.toString().slice(0, 8) }],
};
exports.modules = [{ name: 'm', routes: [{ name: 'doc', kind: 'document', codec }, { name: 'plain', kind: 'document' }] }];
`;

const { directory, start } = poolFixture(MODULES);

function job(text: string | Buffer, changes: Partial<RenderJob> = {}): RenderJob {
  const source = { body: Buffer.from(text) };
  return {
    module: 'm',
    route: 'doc',
    path: '/p',
    url: 'http://up/p',
    home: 'http://up',
    source,
    variant: 'v',
    base: 'http://b',
    gzip: false,
    pins: false,
    maxBytes: 1000,
    ...changes,
  };
}

const sri = (bytes: string | Buffer): string => `sha256-${createHash('sha256').update(bytes).digest('base64')}`;

test('renders, lists pins, compresses and digests in one job', async () => {
  const { rendered, pins } = await start().render(job('hello', { gzip: true, pins: true }));
  expect(rendered?.identity.toString()).toBe('hello v http://b /p');
  expect(rendered?.contentType).toBe('text/x-test');
  expect(rendered?.integrity).toBe(sri('hello v http://b /p'));
  expect(gunzipSync(rendered?.gzip ?? Buffer.alloc(0)).toString()).toBe('hello v http://b /p');
  expect(rendered?.digested).toEqual({
    identity: digestBuffer(Buffer.from('hello v http://b /p'), ['sha256']),
    gzip: digestBuffer(rendered?.gzip ?? Buffer.alloc(0), ['sha256']),
  });
  expect(pins && unpackPins(pins)).toEqual([{ target: '/p.tgz', version: 'hello' }]);
});

test('the codec is told where the document came from, and what of its promises is absent', async () => {
  const pool = start();
  const place = { path: '/p', url: 'http://up/p', home: 'http://up' };
  const told = async (changes: Partial<RenderJob>): Promise<unknown> =>
    JSON.parse((await pool.render(job('x', { variant: 'place', ...changes }))).rendered?.identity.toString() ?? '');
  expect(await told({})).toEqual(place);
  expect(await told({ absent: ['/p.tgz'] })).toEqual({ ...place, absent: ['/p.tgz'] });
});

test('without a variant there are only pins, without pins only the rendering', async () => {
  const pool = start();
  const { pins: alone, ...nothing } = await pool.render(job('x', { variant: undefined as never, pins: true }));
  expect([alone && unpackPins(alone), nothing]).toEqual([[{ target: '/p.tgz', version: 'x' }], {}]);
  const { rendered, pins } = await pool.render(job('x'));
  expect(rendered?.gzip).toBeUndefined();
  expect(pins).toBeUndefined();
});

test('a part that the document has not is no rendering', async () => {
  expect(await start().render(job('x', { variant: 'none' }))).toEqual({});
});

test.each([
  ['gzip', gzipSync],
  ['br', brotliCompressSync],
])('decodes %s, but not further than maxBytes', async (contentEncoding, encode) => {
  const pool = start();
  const { rendered } = await pool.render(job(encode('hello'), { contentEncoding }));
  expect(rendered?.identity.toString()).toMatch(/^hello /);
  const bomb = job(encode(Buffer.alloc(100_000)), { contentEncoding });
  await expect(pool.render(bomb)).rejects.toMatchObject({ code: 'document-too-large', facts: { target: '/p', limit: 1000 } });
  const broken = job(encode('hello').subarray(0, 5), { contentEncoding });
  await expect(pool.render(broken)).rejects.toMatchObject({ code: 'document-invalid', facts: { target: '/p' } });
  await expect(pool.render(job('x', { contentEncoding: 'zstd' }))).rejects.toMatchObject({ code: 'document-invalid' });
});

test('a held file is checked against its digest before it is parsed', async () => {
  const pool = start();
  const file = join(directory, 'held');
  writeFileSync(file, 'held bytes');
  const good = await pool.render(job('', { source: { file, integrity: sri('held bytes') } }));
  expect(good.rendered?.identity.toString()).toMatch(/^held bytes /);
  const damaged = job('', { source: { file, integrity: sri('other bytes') } });
  await expect(pool.render(damaged)).rejects.toMatchObject({ code: 'integrity', facts: { got: sri('held bytes') } });
  const gone = job('', { source: { file: `${file}-gone`, integrity: sri('x') } });
  await expect(pool.render(gone)).rejects.toMatchObject({ code: 'held-unreadable', facts: { reason: 'ENOENT' } });
  const large = job('', { source: { file, integrity: sri('held bytes') }, maxBytes: 9 });
  await expect(pool.render(large)).rejects.toMatchObject({ code: 'document-too-large' });
  await expect(pool.render(job('0123456789', { maxBytes: 9 }))).rejects.toMatchObject({ code: 'document-too-large' });
});

test('a document error keeps its reason, any other error is ours', async () => {
  const pool = start();
  await expect(pool.render(job('invalid'))).rejects.toMatchObject({
    code: 'document-invalid',
    facts: { target: '/p', reason: 'it says so' },
  });
  await expect(pool.render(job('bug'))).rejects.toMatchObject({ code: 'internal', facts: { reason: 'a bug' } });
  await expect(pool.render(job('x', { route: 'plain' }))).rejects.toMatchObject({ code: 'internal' });
});

test.each(['exit', 'loop', 'hoard'])('a thread that dies of %s fails only its own job', async (text) => {
  const pool = start({ timeoutMs: text === 'loop' ? 2_000 : 20_000, heapMb: 32 });
  const results = await Promise.allSettled([pool.render(job(text)), pool.render(job('after'))]);
  expect(results[0]).toMatchObject({ status: 'rejected', reason: { code: 'internal' } });
  expect(results[1]).toMatchObject({ status: 'fulfilled' });
});

test('threads are bounded, reused, and ended when idle', async () => {
  const pool = start({ workers: 2, idleMs: 20 });
  const threads = new Set<string>();
  const ask = async (): Promise<void> => {
    threads.add((await pool.render(job('x', { variant: 'thread' }))).rendered?.identity.toString() ?? '');
  };
  await Promise.all(Array.from({ length: 12 }, ask));
  expect(threads.size).toBeLessThanOrEqual(2);
  await new Promise((resolve) => setTimeout(resolve, 300));
  const before = new Set(threads);
  await ask();
  expect(threads.size).toBe(before.size + 1);
});

test('jobs are answered in order of arrival by one thread', async () => {
  const pool = start();
  const order: number[] = [];
  await Promise.all([0, 1, 2, 3].map((n) => pool.render(job(`x${n}`)).then(() => order.push(n))));
  expect(order).toEqual([0, 1, 2, 3]);
});

test('what waits when the pool is closed fails, and so does what comes later', async () => {
  const pool = start();
  const waiting = [pool.render(job('loop')), pool.render(job('x'))];
  const settled = Promise.allSettled(waiting);
  await pool.close();
  for (const result of await settled) expect(result).toMatchObject({ status: 'rejected', reason: { code: 'internal' } });
  await expect(pool.render(job('x'))).rejects.toMatchObject({ code: 'internal' });
});

test('a modules file that cannot be loaded fails the job, not the process', async () => {
  const pool = start({ modulesPath: join(directory, 'absent.js') });
  await expect(pool.render(job('x'))).rejects.toMatchObject({ code: 'internal' });
});
