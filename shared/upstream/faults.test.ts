import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { testFetcher, type Fetcher, type FetcherOptions } from '../testing/fetcher';
import { startUpstream, type FakeUpstream } from '../testing/upstream';

const BODY = Buffer.alloc(300_000, 'abc');
let upstream: FakeUpstream;
const open: Fetcher[] = [];
const raw: { server: Server; sockets: Set<Socket> }[] = [];
const fetcher = (bases: string[], options?: FetcherOptions): Fetcher => {
  const made = testFetcher(bases, options);
  open.push(made);
  return made;
};
/** A server that says exactly these bytes, whatever it is asked. */
async function says(...pieces: string[]): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('data', () => {
      for (const [n, piece] of pieces.entries()) setTimeout(() => socket.write(piece, 'latin1'), n * 20);
    });
  });
  raw.push({ server, sockets });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
const timeouts = (ms: Partial<Record<'connectMs' | 'headersMs' | 'idleMs', number>>): FetcherOptions => ({
  config: { timeouts: { connectMs: 5000, headersMs: 5000, idleMs: 5000, pinWaitMs: 0, staleWaitMs: 0, ...ms } },
});

beforeEach(async () => {
  upstream = await startUpstream();
});
afterEach(async () => {
  for (const each of open.splice(0)) each.room.close();
  for (const { server, sockets } of raw.splice(0)) {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
  await upstream.close();
});

test.each([
  ['closed before its Content-Length', { body: BODY, cutAt: 200_000 }],
  ['closed right after the headers', { body: BODY, cutAt: 0 }],
  ['shorter than its Content-Length', { body: BODY, contentLength: 300_001 }],
  ['closed before the last chunk', { body: BODY, cutAt: 200_000, chunked: true }],
  ['closed before the end mark of chunks', { body: BODY, cutAt: 300_000, chunked: true }],
])('a body that is %s errors', async (_what, reply) => {
  upstream.on('/a', reply);
  const error = await fetcher([upstream.url], timeouts({ idleMs: 60_000 })).failure('/a');
  expect([error.code, error.facts['host']]).toEqual(['upstream-failed', `127.0.0.1:${upstream.port}`]);
});

test('a body longer than its Content-Length errors; what comes late does not poison the next answer', async () => {
  const together = await says('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloEVIL');
  expect((await fetcher([together]).failure('/a')).message).toContain('not valid HTTP');
  const late = await says('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello', 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL');
  const { text } = fetcher([late]);
  expect(await text('/a')).toBe('200 hello');
  await new Promise((resolve) => setTimeout(resolve, 60));
  expect(await text('/b')).toBe('200 hello');
});

test('a chunked body that is whole does not error, over kept connections too', async () => {
  upstream.on('/a', { body: 'small', chunked: true });
  const { text } = fetcher([upstream.url]);
  for (let n = 0; n < 20; n++) expect(await text('/a')).toBe('200 small');
  expect(upstream.connections.total).toBe(1);
});

test.each([
  ['no HTTP', 'SSH-2.0-OpenSSH\r\n'],
  ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab'],
  ['two lengths in one field', 'HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\nab'],
  ['a length that is no number', 'HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\na'],
  ['a length beyond all measure', `HTTP/1.1 200 OK\r\nContent-Length: ${'9'.repeat(30)}\r\n\r\na`],
  ['a status that is none', 'HTTP/1.1 2000 OK\r\nContent-Length: 1\r\n\r\na'],
  ['a line that is no field', 'HTTP/1.1 200 OK\r\nno field\r\nContent-Length: 1\r\n\r\na'],
  ['NUL in a field', 'HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 1\r\n\r\na'],
  ['length and chunks', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n'],
  ['a chunk of a size beyond all measure', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\na'],
  ['a bad chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n'],
  ['a bare CR in a field', 'HTTP/1.1 200 OK\r\nX: a\rb\r\nContent-Length: 0\r\n\r\n'],
  ['fields without end', `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(100_000)}\r\n\r\n`],
])('%s is an error, not an answer', async (_what, bytes) => {
  expect((await fetcher([await says(bytes)]).failure('/a')).code).toBe('upstream-failed');
});

test('bytes are not decoded, and an identity encoding is asked for', async () => {
  upstream.on('/a', { body: 'hello', gzip: 'always' });
  const { get, text } = fetcher([upstream.url]);
  const response = await get('/a');
  expect(response.headers['content-encoding']).toBe('gzip');
  response.body.destroy();
  expect(await text('/a')).toContain('\x1f\x8b');
  expect(upstream.requests[0]?.headers['accept-encoding']).toBe('identity');
  await text('/a', { headers: { 'accept-encoding': 'gzip' } });
  expect(upstream.requests.at(-1)?.headers['accept-encoding']).toBe('gzip');
});

test('silence in mid-body ends in a timeout; a slow reader does not', async () => {
  upstream.on('/stall', { body: BODY, stallAt: 100_000 });
  upstream.on('/ok', { body: BODY, repeat: 100 });
  const { failure, get } = fetcher([upstream.url], timeouts({ idleMs: 100 }));
  const error = await failure('/stall');
  expect([error.code, error.facts['reason']]).toEqual(['upstream-timeout', 'silent for 100 ms after 100000 bytes']);
  const { body } = await get('/ok');
  let bytes = 0;
  for await (const piece of body) {
    if (bytes === 0) await new Promise((resolve) => setTimeout(resolve, 400));
    bytes += (piece as Buffer).length;
  }
  expect(bytes).toBe(30_000_000);
});

test('a body that comes slowly, but comes, has no total limit', async () => {
  upstream.on('/slow', { body: 'x'.repeat(1000), bytesPerSecond: 2000 });
  const { text } = fetcher([upstream.url], timeouts({ idleMs: 200, headersMs: 200, connectMs: 200 }));
  expect(await text('/slow')).toHaveLength(1004);
});

test('no headers in time, for a read and for an upload', async () => {
  upstream.on('/a', { stallHeaders: true });
  const { failure } = fetcher([upstream.url], timeouts({ headersMs: 50 }));
  expect(await failure('/a')).toMatchObject({ code: 'upstream-timeout', facts: { reason: 'no answer within 50 ms' } });
  expect((await failure('/a', { method: 'POST', body: Buffer.from('x') })).code).toBe('upstream-timeout');
});

test('no connection in time: a listener that accepts nobody', async () => {
  // Another process listens with a queue of one and sleeps; when the queue is full the kernel answers nobody.
  const script = `const s=require('net').createServer().listen(0,'127.0.0.1',1,()=>{require('fs').writeSync(1,String(s.address().port));
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)),0,0)})`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  const waiting: Socket[] = [];
  try {
    const [text] = (await once(child.stdout, 'data')) as [Buffer];
    const port = Number(text.toString());
    for (let n = 0; n < 6; n++) waiting.push(connect(port, '127.0.0.1').on('error', () => {}));
    await Promise.all(waiting.slice(0, 2).map((socket) => once(socket, 'connect')));
    const error = await fetcher([`http://127.0.0.1:${port}`], timeouts({ connectMs: 100 })).failure('/a');
    expect([error.code, error.facts['reason']]).toEqual(['upstream-timeout', 'no connection within 100 ms']);
  } finally {
    for (const socket of waiting) socket.destroy();
    child.kill('SIGKILL');
  }
});

test('no TLS in time: a server that says nothing', async () => {
  const silent = await says();
  const error = await fetcher([silent.replace('http:', 'https:')], timeouts({ connectMs: 100 })).failure('/a');
  expect([error.code, error.facts['reason']]).toEqual(['upstream-timeout', 'no connection within 100 ms']);
});

test('reasons in words', async () => {
  const { port } = upstream;
  await upstream.close();
  const reason = async (base: string): Promise<unknown> => (await fetcher([base]).failure('/a')).facts['reason'];
  expect(await reason(`http://127.0.0.1:${port}`)).toBe('connection refused');
  expect(await reason('http://no-such-name.invalid')).toMatch(/name cannot be resolved/);
});

test('an aborted request ends with the reason of its signal, before and in the body', async () => {
  upstream.on('/a', { stallHeaders: true });
  upstream.on('/b', { body: BODY, stallAt: 10 });
  const { get, room } = fetcher([upstream.url]);
  const before = new AbortController();
  const asked = get('/a', { signal: before.signal });
  setTimeout(() => before.abort(new Error('left')), 20);
  await expect(asked).rejects.toThrow('left');
  const during = new AbortController();
  const { body } = await get('/b', { signal: during.signal });
  setTimeout(() => during.abort(new Error('left')), 20);
  await expect(body.toArray()).rejects.toThrow('left');
  expect(room.health()[0]?.healthy).toBe(true);
});

test('a body that nobody listens to does not end the process when it breaks', async () => {
  upstream.on('/a', { body: BODY, cutAt: 100 });
  const { get } = fetcher([upstream.url]);
  const { body } = await get('/a');
  await new Promise((resolve) => setTimeout(resolve, 50));
  await expect(body.toArray()).rejects.toMatchObject({ code: 'upstream-failed' });
});

test('fields of one connection, and those that Connection names, are gone; cookies too', async () => {
  upstream.on('/a', {
    body: 'x',
    headers: {
      connection: 'keep-alive, X-Private, Content-Length, ETag',
      'x-private': '1',
      'keep-alive': 'timeout=5',
      'proxy-authenticate': 'Basic',
      'set-cookie': ['a=b', 'c=d'],
      upgrade: 'h2c',
      etag: '"1"',
      vary: ['Accept', 'Accept-Encoding'],
      'x-odd': 'caf\u00e9',
    },
  });
  const { get } = fetcher([upstream.url]);
  const { headers, body } = await get('/a');
  body.destroy();
  expect(Object.keys(headers).sort()).toEqual(['content-length', 'date', 'etag', 'vary', 'x-odd']);
  expect([headers['vary'], headers['x-odd'], headers['content-length']]).toEqual(['Accept, Accept-Encoding', 'caf\u00c3\u00a9', '1']);
});

test('Via is appended, User-Agent and Host are ours', async () => {
  upstream.on('/a', { body: 'x' });
  const { text } = fetcher([upstream.url]);
  await text('/a', { headers: { via: '1.1 first', host: 'evil', connection: 'x', te: 'trailers' } });
  const sent = upstream.requests[0]?.headers;
  expect(sent).toMatchObject({ via: '1.1 first, 1.1 larder-test', host: `127.0.0.1:${upstream.port}` });
  expect(sent?.['user-agent']).toMatch(/^larder\/\d+\.\d+/);
  expect(sent?.te).toBeUndefined();
});
