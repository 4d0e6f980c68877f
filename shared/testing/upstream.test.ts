import { request, type IncomingHttpHeaders } from 'node:http';
import { gunzipSync } from 'node:zlib';
import { startUpstream, type FakeUpstream } from './upstream';

let upstream: FakeUpstream;
beforeEach(async () => {
  upstream = await startUpstream();
});
afterEach(() => upstream.close());

interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
  failed?: string;
}

function get(path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(upstream.url + path, { headers, method, agent: false }, (response) => {
      const pieces: Buffer[] = [];
      const done = (failed?: string): void =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(pieces),
          ...(failed ? { failed } : {}),
        });
      response.on('data', (piece: Buffer) => pieces.push(piece));
      response.on('error', (error: NodeJS.ErrnoException) => done(error.code ?? error.message));
      response.on('end', () => done());
    });
    sent.on('error', reject);
    sent.end();
  });
}

const LAST_MODIFIED = 'Tue, 06 Jan 2026 10:00:00 GMT';

test('plays behaviours in sequence and counts', async () => {
  upstream.on('/a', { status: 503 }, { body: 'first' }, { body: 'second' });
  const bodies = [];
  for (let n = 0; n < 4; n++) bodies.push((await get('/a')).body.toString());
  expect(bodies).toEqual(['', 'first', 'second', 'second']);
  expect(upstream.count('/a')).toBe(4);
  expect(upstream.count(/^\/b/)).toBe(0);
  expect((await get('/b')).status).toBe(404);
  upstream.on(/^\/f\/(\w+)$/, (_request, response, seen) => response.end(seen.match[1]));
  expect((await get('/f/xyz')).body.toString()).toBe('xyz');
});

test('conditions', async () => {
  upstream.on('/a', { body: 'abc', etag: '"1"', lastModified: LAST_MODIFIED });
  expect((await get('/a')).headers.etag).toBe('"1"');
  expect((await get('/a', { 'if-none-match': 'W/"1", "2"' })).status).toBe(304);
  expect((await get('/a', { 'if-none-match': '"2"', 'if-modified-since': LAST_MODIFIED })).status).toBe(200);
  expect((await get('/a', { 'if-modified-since': LAST_MODIFIED })).status).toBe(304);
});

test('ranges, honest, ignored and lied about', async () => {
  upstream.on('/a', { body: '0123456789', ranges: 'yes', etag: '"1"' });
  const part = await get('/a', { range: 'bytes=2-4' });
  expect([part.status, part.headers['content-range'], part.body.toString()]).toEqual([206, 'bytes 2-4/10', '234']);
  expect((await get('/a', { range: 'bytes=-3' })).body.toString()).toBe('789');
  expect((await get('/a', { range: 'bytes=10-' })).headers['content-range']).toBe('bytes */10');
  expect((await get('/a', { range: 'bytes=2-4', 'if-range': '"2"' })).status).toBe(200);
  upstream.on('/a', { body: '0123456789' });
  expect((await get('/a', { range: 'bytes=2-4' })).body.toString()).toBe('0123456789');
  upstream.on('/a', { body: '0123456789', ranges: 'lying' });
  const lie = await get('/a', { range: 'bytes=2-4' });
  expect([lie.status, lie.body.toString()]).toEqual([200, '234']);
  upstream.on('/a', { body: '0123456789', ranges: 'wrong' });
  expect((await get('/a', { range: 'bytes=2-4' })).headers['content-range']).toBe('bytes 0-2/10');
});

test('faults of the body', async () => {
  const body = Buffer.alloc(200_000, 'x');
  upstream.on('/cut', { body, cutAt: 100_000 });
  const cut = await get('/cut');
  expect([cut.failed, cut.body.length]).toEqual(['ECONNRESET', 100_000]);
  upstream.on('/cut', { body, cutAt: 100_000, chunked: true });
  expect((await get('/cut')).failed).toBe('ECONNRESET');
  upstream.on('/short', { body, contentLength: 200_001 });
  expect((await get('/short')).failed).toBe('ECONNRESET');
  upstream.on('/gone', { hangUp: true });
  await expect(get('/gone')).rejects.toThrow('socket hang up');
  upstream.on('/big', { body: 'abc', repeat: 100_000 });
  const big = await get('/big');
  expect([big.headers['content-length'], big.body.toString()]).toEqual(['300000', 'abc'.repeat(100_000)]);
});

test('gzip as accepted, HEAD without body', async () => {
  upstream.on('/a', { body: 'hello', gzip: true });
  expect((await get('/a')).body.toString()).toBe('hello');
  const packed = await get('/a', { 'accept-encoding': 'gzip' });
  expect(gunzipSync(packed.body).toString()).toBe('hello');
  const head = await get('/a', {}, 'HEAD');
  expect([head.headers['content-length'], head.body.length]).toEqual(['5', 0]);
});

test('down refuses, up listens on the same port again', async () => {
  upstream.on('/a', { body: 'x' });
  await upstream.down();
  await expect(get('/a')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  await upstream.up();
  expect((await get('/a')).status).toBe(200);
  expect(upstream.connections.total).toBe(1);
});
