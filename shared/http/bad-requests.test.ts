/** Bad, broken and hostile requests: an error at once or a closed connection, nothing reaches the upstream, and others are served. */
import { connect, type Socket } from 'node:net';
import { openHouse, type LocalHouse } from '../testing/house';
import { bytes, offer, tarballTarget } from '../testing/packages';
import { startUpstream, type FakeUpstream } from '../testing/upstream';
import { until } from '../testing/until';

jest.setTimeout(30_000);

let upstream: FakeUpstream;
let house: LocalHouse;
const file = bytes(3000, 'bad');
const PATIENCE = { headersMs: 600, keepAliveMs: 600, checkMs: 50 };

beforeAll(async () => {
  upstream = await startUpstream();
  house = await openHouse({ upstream: upstream.url, patience: PATIENCE });
  offer(upstream, 'pad', { body: file });
  await house.get('/pad');
  await house.get(tarballTarget('pad', '1.0.0'));
  await until('the file is held', async () => (await house.get(tarballTarget('pad', '1.0.0'))).headers['x-cache'] === 'hit');
});

beforeEach(() => upstream.forget());

afterAll(async () => {
  await house.stop();
  await upstream.close();
});

const request = (line: string, more = '', host = 'localhost'): string => `${line} HTTP/1.1\r\nHost: ${host}\r\n${more}\r\n`;
const statuses = (text: string): number[] => [...text.matchAll(/HTTP\/1\.[01] (\d{3}) /g)].map((found) => Number(found[1]));
const expectServed = async (): Promise<void> => expect((await house.get('/pad')).status).toBe(200);

test.each([
  '/../../etc/passwd',
  '/..',
  '/pad/../../x',
  '/%2e%2e/%2e%2e/etc/passwd',
  '/..%2f..%2fetc%2fpasswd',
  '/@scope%2f..%2f..%2fx',
  '/@scope/..%2fx',
  '/pad/-/..%2f..%2fx.tgz',
  '/pad/-/%2e%2e/x.tgz',
  '/%2E%2E%2Fx',
  '/.%2e/x',
  '/-/v1/../../x',
  '/-/%2e%2e/x',
  'http://localhost/../x',
])('%s climbs, and is nothing', async (target) => {
  for (const method of ['GET', 'PUT']) {
    const text = await house.raw(request(`${method} ${target}`, 'Connection: close\r\n'));
    expect(statuses(text)).toEqual([404]);
    expect(text).toContain('"code":"target-climbs"');
  }
  expect(upstream.requests).toHaveLength(0);
});

test.each(['/pad/-/..\\x.tgz', '/pad%5c..%5cx', '/pad%00', '/pad%0d%0aX-Injected:%20yes', '/pad%0aX'])(
  '%s is refused at the door',
  async (target) => {
    for (const method of ['GET', 'PUT']) {
      const text = await house.raw(request(`${method} ${target}`, 'Connection: close\r\n'));
      expect(statuses(text)).toEqual([400]);
      expect(text).not.toMatch(/^X-Injected/m);
      expect(text).toContain('"code":"bad-target"');
    }
    expect(upstream.requests).toHaveLength(0);
  },
);

test.each(['/pad%2f..', '/%2fetc/passwd', '/a%2fb', '/@a%2fb%2fc', '/pad/-/a%2fb.tgz', '/pad/%2fx', '/@%2fx', '/pad/-/%2fx.tgz'])(
  'an escaped slash where none belongs (%s) goes no further',
  async (target) => {
    const text = await house.raw(request(`GET ${target}`, 'Connection: close\r\n'));
    expect([400, 404]).toContain(statuses(text)[0]);
    expect(upstream.requests).toHaveLength(0);
  },
);

test.each([
  ['a raw NUL', 'GET /pad\u0000x HTTP/1.1\r\nHost: localhost\r\n\r\n'],
  ['a space', 'GET /pad x HTTP/1.1\r\nHost: localhost\r\n\r\n'],
  ['a bare carriage return', 'GET /pad\rX: y HTTP/1.1\r\nHost: localhost\r\n\r\n'],
  ['a line break', 'GET /pa\r\nd HTTP/1.1\r\nHost: localhost\r\n\r\n'],
  ['no HTTP', 'hello\r\n\r\n'],
  ['TLS', '\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc'],
  ['an unknown method', 'FETCH /pad HTTP/1.1\r\nHost: localhost\r\n\r\n'],
  ['no Host', 'GET /pad HTTP/1.1\r\n\r\n'],
  ['two lengths', 'POST /-/npm/v1/security/audits HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxy'],
  [
    'a length and chunks',
    'POST /-/npm/v1/security/audits HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  ],
  ['a NUL in a field', 'GET /pad HTTP/1.1\r\nHost: localhost\r\nX: a\u0000b\r\n\r\n'],
  ['a folded field', 'GET /pad HTTP/1.1\r\nHost: localhost\r\n X: folded\r\n\r\n'],
  ['HTTP/3.7', 'GET /pad HTTP/3.7\r\nHost: localhost\r\n\r\n'],
])('%s is 400 and the end of the connection', async (_what, bytesSent) => {
  const text = await house.raw(Buffer.from(bytesSent, 'latin1'));
  expect(statuses(text)).toEqual([400]);
  expect(text).toMatch(/^Connection: close\r$/im);
  expect(upstream.requests).toHaveLength(0);
  await expectServed();
});

test.each([
  ['PROPFIND /pad', 405],
  ['POST /pad', 405],
  ['PATCH /pad', 405],
  ['TRACE /pad', 405],
  ['OPTIONS /pad', 405],
  ['DELETE /-/v1/search', 403],
  ['OPTIONS *', 400],
  ['GET *', 400],
  ['GET pad', 400],
])('%s is %d', async (line, status) => {
  const text = await house.raw(request(line, 'Connection: close\r\nContent-Length: 0\r\n'));
  expect(statuses(text)).toEqual([status]);
  if (status === 405) expect(text).toMatch(/^Allow: .*GET/m);
  expect(upstream.requests).toHaveLength(0);
});

test.each([
  ['two', 'Host: localhost\r\nHost: localhost', 400],
  ['two different', 'Host: localhost\r\nHOST: evil.example', 400],
  ['a foreign', 'Host: evil.example', 421],
  ['a joined', 'Host: localhost, evil.example', 421],
  ['a strange', 'Host: local host', 421],
])('%s Host: %s', async (_what, fields, status) => {
  for (const target of ['/pad', tarballTarget('pad', '1.0.0')]) {
    const text = await house.raw(`GET ${target} HTTP/1.1\r\n${fields}\r\nConnection: close\r\n\r\n`);
    expect(statuses(text)).toEqual([status]);
  }
});

test('our own Via is a loop: 508, and the error names the setting', async () => {
  const { instance } = await house.appliance.status();
  for (const via of [`1.1 larder-${instance}`, `1.0 fred, 1.1 larder-${instance}, 1.1 other`]) {
    for (const target of ['/pad', '/-/ping', tarballTarget('pad', '1.0.0')]) {
      const got = await house.get(target, { headers: { via } });
      expect(got.status).toBe(508);
      expect(got.body.toString()).toContain('UPSTREAM_npm');
    }
  }
  expect((await house.get('/pad', { headers: { via: '1.1 larder-other, 1.1 squid' } })).status).toBe(200);
  expect(upstream.requests).toHaveLength(0);
});

test('an upstream that leads back to us ends at the second turn', async () => {
  upstream.on(/^\/(?:loop|-\/ping)/, async (asked, response) => {
    const { status, body } = await house.get(asked.url ?? '/', { headers: { via: String(asked.headers.via) } });
    response.writeHead(status).end(body);
  });
  expect((await house.get('/loop')).status).toBe(502);
  expect((await house.get('/-/ping')).status).toBe(508);
  expect(upstream.requests.length).toBeLessThanOrEqual(3);
  expect(house.said('loop').length).toBeGreaterThanOrEqual(2);
});

test('1 MB of header is cut with 431, in one field or in many', async () => {
  const many = Array.from({ length: 20_000 }, (_, n) => `X-${n}: ${'y'.repeat(40)}\r\n`).join('');
  for (const fields of [`X-Large: ${'y'.repeat(1_000_000)}\r\n`, many]) {
    const text = await house.raw(request('GET /pad', fields)).catch(() => 'reset');
    expect(text === 'reset' || statuses(text)[0] === 431).toBe(true);
    await expectServed();
  }
  const target = await house.raw(request(`GET /${'a'.repeat(1_000_000)}`)).catch(() => 'reset');
  expect(target === 'reset' || [431, 414, 400].includes(statuses(target)[0] ?? 0)).toBe(true);
  expect(upstream.requests).toHaveLength(0);
});

test('a header that comes byte by byte is cut in time, and nobody waits for it', async () => {
  const slow = connect(house.port, '127.0.0.1');
  let said = '';
  let sent = 0;
  slow.on('data', (piece) => (said += piece.toString()));
  slow.on('error', () => undefined);
  const header = request('GET /pad', `X-Slow: ${'y'.repeat(1000)}\r\n`);
  const feed = setInterval(() => slow.writable && slow.write(header[sent++] ?? ''), 20);
  await expectServed();
  await new Promise((resolve) => slow.once('close', resolve));
  clearInterval(feed);
  expect(sent).toBeLessThan(header.length);
  expect(statuses(said)).toEqual([408]);
});

test('a connection without a request, and one that has fallen idle, are closed', async () => {
  const silent = await open();
  const used = await open();
  used.write(request('GET /pad'));
  await Promise.all([silent, used].map((socket) => new Promise((resolve) => socket.once('close', resolve))));
  expect(textOf(used)).toMatch(/^HTTP\/1\.1 200/);
});

test('ten requests in one packet are answered in order, errors among them', async () => {
  const lines = [
    'GET /pad',
    'GET /absent',
    `GET ${tarballTarget('pad', '1.0.0')}`,
    'GET /a/../b',
    'POST /pad',
    'HEAD /pad',
    'GET /-/whoami',
    'GET /pad/1.0.0',
    'GET /no/such/place/here',
  ];
  const all = lines.map((line) => request(line, line.startsWith('POST') ? 'Content-Length: 0\r\n' : '')).join('');
  const text = await house.raw(all + request('GET /pad', 'Connection: close\r\n'));
  // A refused POST may carry anything behind it: its connection ends with it.
  expect(statuses(text)).toEqual([200, 404, 200, 404, 405]);
  const reads = lines
    .filter((line) => !line.startsWith('POST'))
    .map((line) => request(line))
    .join('');
  const rest = await house.raw(reads + request('GET /-/npm/v1/user') + request('GET /pad', 'Connection: close\r\n'));
  expect(statuses(rest)).toEqual([200, 404, 200, 404, 200, 403, 200, 404, 403, 200]);
});

test('a connection goes on after errors', async () => {
  const socket = await open();
  for (const [line, status, host] of [
    ['GET /absent', 404],
    ['GET /pad', 421, 'evil.example'],
    ['GET /a/../b', 404],
    ['GET /-/whoami', 403],
    ['HEAD /absent', 404],
    ['GET /pad', 200],
  ] as const) {
    const before = statuses(textOf(socket)).length;
    socket.write(request(line, '', host));
    await until(`${line} is answered`, () => statuses(textOf(socket)).length > before);
    expect(statuses(textOf(socket)).at(-1)).toBe(status);
  }
  socket.destroy();
});

test('a client of HTTP/1.0 gets a body that ends with the connection, never chunks', async () => {
  const cold = bytes(200_000, 'cold');
  offer(upstream, 'cold', { body: cold }, { chunked: true });
  for (const target of ['/pad', tarballTarget('cold', '1.0.0'), tarballTarget('cold', '1.0.0')]) {
    const text = await house.raw(`GET ${target} HTTP/1.0\r\n\r\n`);
    expect(statuses(text)).toEqual([200]);
    expect(text).not.toMatch(/^Transfer-Encoding/im);
    const body = Buffer.from(text.slice(text.indexOf('\r\n\r\n') + 4), 'latin1');
    if (target === '/pad') expect(JSON.parse(body.toString())).toMatchObject({ name: 'pad' });
    else expect(body.equals(cold)).toBe(true);
  }
});

test('a body on a GET is thrown away, and the next request is read from where it begins', async () => {
  const smuggled = request('GET /-/v1/search?text=smuggled');
  const text = await house.raw(
    request('GET /pad', `Content-Length: ${smuggled.length}\r\n`) +
      smuggled +
      request('GET /absent', 'Transfer-Encoding: chunked\r\n') +
      '5\r\nhello\r\n0\r\n\r\n' +
      request('HEAD /pad', 'Connection: close\r\n'),
  );
  expect(statuses(text)).toEqual([200, 404, 200]);
  expect(upstream.count(/smuggled/)).toBe(0);
});

test('Expect: 100-continue is answered, then the request', async () => {
  upstream.on('/-/npm/v1/security/audits', { body: '{}' });
  const socket = await open();
  socket.write(request('POST /-/npm/v1/security/audits', 'Expect: 100-continue\r\nContent-Length: 2\r\n'));
  await until('it goes on', () => statuses(textOf(socket)).includes(100));
  socket.write('{}');
  await until('it is answered', () => statuses(textOf(socket)).includes(200));
  socket.destroy();
  expect((await upstream.requests.at(-1)?.body)?.toString()).toBe('{}');
  expect(upstream.requests.at(-1)?.headers.expect).toBeUndefined();
});

test('who is in none of CLIENT_NETS is told so, and nothing that he sends is acted on', async () => {
  const closed = await openHouse({ upstream: upstream.url, env: { CLIENT_NETS: '10.99.0.0/16' } });
  upstream.on('/-/v1/search?text=x', { body: '{}' });
  const text = await closed.raw(request('GET /-/v1/search?text=x') + request('GET /pad'));
  expect(statuses(text)).toEqual([403]);
  expect(text).toContain('CLIENT_NETS');
  await until('nothing is under way', () => upstream.active.now === 0);
  await closed.stop();
  expect(upstream.requests).toHaveLength(0);
});

const texts = new WeakMap<Socket, string>();
const textOf = (socket: Socket): string => texts.get(socket) ?? '';

function open(): Promise<Socket> {
  return new Promise((resolve) => {
    const socket = connect(house.port, '127.0.0.1', () => resolve(socket));
    socket.on('data', (piece) => texts.set(socket, textOf(socket) + piece.toString('latin1')));
    socket.on('error', () => undefined);
  });
}

test('who stops reading for longer than idle connections are kept still gets all of it', async () => {
  offer(upstream, 'large', { body: file, more: { readme: bytes(4_500_000).toString('base64') } });
  const ask = (more = ''): string => request('GET /large', more, `127.0.0.1:${house.port}`);
  let hits = 0;
  // The first ones still come from disk.
  await until('it is ready', async () => /^x-cache: hit/im.test(await house.raw(ask('Connection: close\r\n'))) && ++hits > 4);
  const socket: Socket = connect(house.port, '127.0.0.1');
  socket.write(ask());
  let got = 0;
  let end = Infinity;
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    if (got === 0) {
      const head = chunk.toString('latin1').split('\r\n\r\n')[0] ?? '';
      end = head.length + 4 + Number(/content-length: (\d+)/i.exec(head)?.[1]);
      await new Promise((resolve) => setTimeout(resolve, PATIENCE.keepAliveMs * 8));
    }
    got += chunk.length;
    if (got >= end) break;
  }
  expect(got).toBe(end);
});
