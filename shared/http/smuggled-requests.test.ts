/** Requests in absolute form that two parsers could read differently, and what follows a tunnel that was refused: nothing is acted on twice. */
import { connect } from 'node:net';
import { openHouse, type LocalHouse } from '../testing/house';
import { bytes } from '../testing/packages';
import { startUpstream, type FakeUpstream } from '../testing/upstream';
import { until } from '../testing/until';

jest.setTimeout(30_000);

let upstream: FakeUpstream;
let house: LocalHouse;
const DEB = '/debian/pool/main/a/a/a_1_all.deb';
const file = bytes(3000, 'deb');
const PATIENCE = { headersMs: 600, keepAliveMs: 600, checkMs: 50 };

beforeAll(async () => {
  upstream = await startUpstream();
  upstream.on(DEB, { body: file });
  house = await openHouse({ module: 'apt', upstream: [], env: { PIN_WAIT: '0s', ALLOW_NETS: '127.0.0.0/8' }, patience: PATIENCE });
  await house.get(place(DEB));
  await until('the file is held', async () => (await house.get(place(DEB))).headers['x-cache'] === 'hit');
});
beforeEach(() => upstream.forget());
afterAll(async () => {
  await house.stop();
  await upstream.close();
});

const place = (path: string): string => upstream.url + path;
const host = (): string => `127.0.0.1:${upstream.port}`;
const statuses = (text: string): number[] => [...text.matchAll(/HTTP\/1\.[01] (\d{3}) /g)].map((found) => Number(found[1]));
const get = (path: string, fields = ''): string => `GET ${place(path)} HTTP/1.1\r\nHost: ${host()}\r\n${fields}\r\n`;
const SECOND = (): string => get('/smuggled', 'Connection: close\r\n');
const CHUNKED = '0\r\n\r\n';

async function expectServed(): Promise<void> {
  expect((await house.get(place(DEB))).body.equals(file)).toBe(true);
}

test.each<[string, () => string]>([
  ['no Host', () => `GET ${place('/a')} HTTP/1.1\r\n\r\n`],
  ['a length and chunks', () => get('/a', 'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n') + CHUNKED],
  ['chunks and a length', () => get('/a', 'Transfer-Encoding: chunked\r\nContent-Length: 5\r\n') + CHUNKED],
  ['two lengths', () => `${get('/a', 'Content-Length: 0\r\nContent-Length: 5\r\n')}abcde`],
  ['a list of lengths', () => `${get('/a', 'Content-Length: 5, 0\r\n')}abcde`],
  ['a negative length', () => `${get('/a', 'Content-Length: -5\r\n')}abcde`],
  ['a length with a sign', () => `${get('/a', 'Content-Length: +5\r\n')}abcde`],
  ['a length in hexadecimal', () => `${get('/a', 'Content-Length: 0x5\r\n')}abcde`],
  ['an unknown coding', () => get('/a', 'Transfer-Encoding: xchunked\r\n') + CHUNKED],
  ['chunked, but not last', () => get('/a', 'Transfer-Encoding: chunked, identity\r\n') + CHUNKED],
  ['a space before the colon', () => get('/a', 'Transfer-Encoding : chunked\r\n') + CHUNKED],
  ['a folded field', () => get('/a', 'X: a\r\n Transfer-Encoding: chunked\r\n')],
  ['a bare carriage return', () => get('/a', 'X: a\rTransfer-Encoding: chunked\r\n')],
  ['a NUL in a field', () => get('/a', 'X: a\0b\r\n')],
  ['a chunk of no size', () => `${get('/a', 'Transfer-Encoding: chunked\r\n')}zz\r\n`],
  ['a space in the target', () => `GET ${place('/a')} HTTP/1.1 HTTP/1.1\r\nHost: ${host()}\r\n\r\n`],
  ['a line break in the target', () => `GET ${place('/a\r\nHost: x')} HTTP/1.1\r\n\r\n`],
])('%s: at most one answer, and what stands behind it is not read as a request', async (_what, bytesOf) => {
  const said = statuses(await house.raw(Buffer.from(bytesOf() + SECOND(), 'latin1')));
  expect(said).toEqual([400]);
  expect(upstream.requests.map(({ path }) => path)).not.toContain('/smuggled');
  await expectServed();
});

test.each(['other.example', '127.0.0.1:1', ''])('a second Host field (%j) is refused, and the archive is not asked', async (second) => {
  const other = second === '' ? host() : second;
  const text = await house.raw(get('/a', `Host: ${other}\r\n`) + get(DEB, 'Connection: close\r\n'));
  // Where it ends is clear: what follows is a request of its own.
  expect(statuses(text)).toEqual([400, 200]);
  expect(upstream.requests).toHaveLength(0);
});

test.each(['Content-Length: 46\r\n', 'Transfer-Encoding: chunked\r\n'])('a body is no request (%s)', async (field) => {
  const inside = `GET /smuggled HTTP/1.1\r\nHost: 127.0.0.1:99\r\n\r\n`.padEnd(46, 'x').slice(0, 46);
  const body = field.startsWith('C') ? inside : `2e\r\n${inside}\r\n0\r\n\r\n`;
  const text = await house.raw(get(DEB, field) + body + get('/b', 'Connection: close\r\n'));
  expect(statuses(text)).toHaveLength(2);
  expect(upstream.requests.map(({ path }) => path)).toEqual(['/b']);
});

describe('CONNECT', () => {
  const refused = (fields = '', authority = `127.0.0.1:${upstream.port}`): string =>
    `CONNECT ${authority} HTTP/1.1\r\nHost: x\r\n${fields}\r\n`;

  test('that is refused ends the connection: what was sent behind it is not acted on', async () => {
    for (const more of [SECOND(), SECOND().repeat(5), '\u0016\u0003\u0001'.repeat(100), refused()]) {
      const text = await house.raw(refused() + more);
      expect(statuses(text)).toEqual([403]);
      expect(text).toMatch(/^Connection: close\r$/im);
    }
    expect(upstream.requests).toHaveLength(0);
    expect(upstream.connections.total).toBe(upstream.connections.open);
  });

  test.each([
    'Content-Length: 10\r\n',
    'Transfer-Encoding: chunked\r\n',
    'Expect: 100-continue\r\n',
    'Upgrade: websocket\r\nConnection: upgrade\r\n',
  ])('with a body or other wishes (%j) is refused alike', async (fields) => {
    const said = statuses(await house.raw(refused(fields) + SECOND()));
    expect([[403], [400]]).toContainEqual(said);
    expect(upstream.requests).toHaveLength(0);
  });

  test('behind hits is answered after them', async () => {
    const text = await house.raw(get(DEB) + get(DEB) + refused() + SECOND());
    expect(statuses(text)).toEqual([200, 200, 403]);
    expect(upstream.requests).toHaveLength(0);
  });
});

test.each(['PUT', 'POST', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'PROPFIND'])('%s in absolute form reaches no archive', async (method) => {
  const text = await house.raw(`${method} ${place(DEB)} HTTP/1.1\r\nHost: ${host()}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
  expect([400, 405]).toContain(statuses(text)[0]);
  expect(upstream.requests).toHaveLength(0);
});

test('clients that send one byte now and then are let go, in every form, and nobody waits for them', async () => {
  const starts = [`GET ${place(DEB)} HTTP/1.1\r\nHost: ${host()}\r\nX-A`, `CONNECT 127.0.0.1:443 HTTP/1.1\r\nHost`, 'GET http://', 'C'];
  const slow = starts
    .flatMap((start) => Array.from({ length: 25 }, () => start))
    .map((start) => {
      const socket = connect(house.port, '127.0.0.1');
      let closed = false;
      socket.on('error', () => undefined).once('close', () => (closed = true));
      socket.write(start);
      const drip = setInterval(() => socket.write('x'), 100);
      socket.once('close', () => clearInterval(drip));
      return { closed: () => closed };
    });
  await expectServed();
  await until('all are let go', () => slow.every(({ closed }) => closed()));
  await expectServed();
});

test('a header of 1 MB in absolute form is cut off, and the target is not asked for', async () => {
  const text = await house.raw(get('/a', `X: ${'a'.repeat(1024 * 1024)}\r\n`));
  expect(statuses(text)).toEqual([431]);
  expect(statuses(await house.raw(get(`/${'a'.repeat(20_000)}`, 'Connection: close\r\n')))[0]).toBeGreaterThanOrEqual(400);
  expect(upstream.requests).toHaveLength(0);
});
