/** What is never stored goes to the upstream as it came, and back as it was answered: less what belongs to one connection, or to nobody. */
import { gunzipSync, gzipSync } from 'node:zlib';
import { openHouse, type LocalHouse } from '../testing/house';
import { offer } from '../testing/packages';
import { startUpstream, type FakeUpstream } from '../testing/upstream';
import { until } from '../testing/until';

jest.setTimeout(30_000);

let upstream: FakeUpstream;
let house: LocalHouse;

beforeAll(async () => {
  upstream = await startUpstream();
  house = await openHouse({ upstream: upstream.url, env: { HEADERS_TIMEOUT: '1s' } });
});

beforeEach(async () => {
  await upstream.up();
  upstream.forget();
});

afterAll(async () => {
  await house.stop();
  await upstream.close();
});

const lastSeen = () => upstream.requests[upstream.requests.length - 1];

test.each(['/-/npm/v1/security/advisories/bulk', '/-/npm/v1/security/audits/quick', '/-/npm/v1/security/audits'])(
  'an audit by %s keeps its gzip body and gets the answer unchanged',
  async (path) => {
    const answer = gzipSync('{"lodash":[{"id":1}]}');
    upstream.on(path, { body: answer, headers: { 'content-encoding': 'gzip', 'content-type': 'application/json', 'x-special': 'kept' } });
    const body = gzipSync('{"lodash":["4.17.0"]}');
    const headers = { 'content-encoding': 'gzip', 'content-type': 'application/json', 'accept-encoding': 'gzip' };
    const got = await house.get(path, { method: 'POST', headers, body });
    expect(got.status).toBe(200);
    expect(got.body).toEqual(answer);
    expect(got.headers).toMatchObject({ 'content-encoding': 'gzip', 'x-special': 'kept', 'x-cache': 'pass' });
    expect(got.headers['cache-status']).toContain('fwd=bypass');
    expect(await lastSeen()?.body).toEqual(body);
    expect(lastSeen()).toMatchObject({
      method: 'POST',
      path,
      headers: { 'content-encoding': 'gzip', 'content-length': String(body.length) },
    });
  },
);

test('a chunked audit arrives whole', async () => {
  upstream.on('/-/npm/v1/security/advisories/bulk', { body: '{}' });
  const text = await house.raw(
    'POST /-/npm/v1/security/advisories/bulk HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n4\r\n{"a"\r\n4\r\n:[]}\r\n0\r\n\r\n',
  );
  expect(text).toMatch(/^HTTP\/1\.1 200/);
  expect((await lastSeen()?.body)?.toString()).toBe('{"a":[]}');
});

test('search keeps its query to the letter, and is asked each time', async () => {
  const target = '/-/v1/search?text=keywords:%22a%20b%22+it%27s%2Fx&size=20&from=0';
  upstream.on(target, { body: '{"objects":[]}' });
  const before = { ...(await house.appliance.status()).counters.passes };
  for (const round of [1, 2]) {
    const got = await house.get(target);
    expect(got.body.toString()).toBe('{"objects":[]}');
    expect(got.headers['x-cache']).toBe('pass');
    expect(upstream.count(target)).toBe(round);
  }
  const { counters } = await house.appliance.status();
  expect(counters.passes).toEqual({ route: (before['route'] ?? 0) + 2 });
  expect(house.access[house.access.length - 1]).toMatchObject({ target, status: 200, outcome: 'pass (route)', bytes: 14 });
});

test('an upstream below a path, and a named one, are asked below their paths', async () => {
  const below = await openHouse({ upstream: `${upstream.url}/deep/npm`, env: { UPSTREAM_npm_corp: `${upstream.url}/corp-api` } });
  upstream.on('/deep/npm/-/ping', { body: '{}' }).on('/corp-api/-/v1/search?text=x', { body: '{"objects":[]}' });
  expect((await below.get('/-/ping')).body.toString()).toBe('{}');
  expect((await below.get('/corp/-/v1/search?text=x')).body.toString()).toBe('{"objects":[]}');
  await below.stop();
});

test("the registry's own credentials go along with what is passed on", async () => {
  upstream.on('/-/ping', { body: '{}' });
  const byToken = await openHouse({ upstream: upstream.url, env: { UPSTREAM_npm_AUTH: 'tok' } });
  await byToken.get('/-/ping');
  expect(lastSeen()?.headers.authorization).toBe('Bearer tok');
  await byToken.stop();
});

test("the registry's own credentials are lent to no write and to no question about an account", async () => {
  upstream.on('/written', { body: '{}' }).on('/-/npm/v1/tokens', { body: '{}' });
  const env = { UPSTREAM_npm_AUTH: 'tok', CLIENT_AUTH_npm: 'forward' };
  const byToken = await openHouse({ upstream: upstream.url, env });
  try {
    await fetch(`${byToken.url}/written`, { method: 'PUT', body: '{}' });
    expect(lastSeen()).toMatchObject({ method: 'PUT', path: '/written' });
    expect(lastSeen()?.headers.authorization).toBeUndefined();
    await byToken.get('/-/npm/v1/tokens');
    expect(lastSeen()?.path).toBe('/-/npm/v1/tokens');
    expect(lastSeen()?.headers.authorization).toBeUndefined();
  } finally {
    await byToken.stop();
  }
});

test('what belongs to one connection is not passed on, in neither direction', async () => {
  upstream.on('/-/ping', {
    body: '{}',
    headers: {
      connection: 'x-hop, keep-alive',
      'keep-alive': 'timeout=9',
      'x-hop': '1',
      'x-stays': '1',
      'set-cookie': 'a=b',
      'proxy-authenticate': 'Basic',
    },
  });
  const got = await house.get('/-/ping', {
    headers: {
      Connection: 'X-Mine, close',
      'X-Mine': 'secret',
      'X-Other': 'kept',
      TE: 'trailers',
      'Keep-Alive': 'timeout=5',
      'Proxy-Connection': 'keep-alive',
      'Proxy-Authorization': 'Basic c2VjcmV0',
      Upgrade: 'h2c',
      Cookie: 'session=1',
      'X-Forwarded-For': '10.0.0.1',
    },
  });
  expect(got.status).toBe(200);
  expect(got.headers['x-stays']).toBe('1');
  for (const name of ['x-hop', 'set-cookie', 'proxy-authenticate']) expect(got.headers[name]).toBeUndefined();
  expect(got.headers['keep-alive']).not.toBe('timeout=9');
  const seen = lastSeen()?.headers ?? {};
  expect(seen['x-other']).toBe('kept');
  for (const name of ['x-mine', 'te', 'proxy-connection', 'proxy-authorization', 'upgrade', 'cookie', 'x-forwarded-for'])
    expect(seen[name]).toBeUndefined();
  expect(seen['keep-alive']).not.toBe('timeout=5');
  expect(seen.via).toContain('larder-');
});

test('a body on a read, whose length Connection hides, is not taken for a request of its own', async () => {
  upstream.on('/-/ping', { body: '{}' }).on('/stolen', { body: 'stolen' });
  const smuggled = 'GET /stolen HTTP/1.1\r\nHost: x\r\n\r\n';
  const text = await house.raw(
    `GET /-/ping HTTP/1.1\r\nHost: localhost\r\nConnection: content-length, close\r\nContent-Length: ${smuggled.length}\r\n\r\n${smuggled}`,
  );
  expect(text).toMatch(/^HTTP\/1\.1 200/);
  expect(text).not.toContain('stolen');
  expect(upstream.count('/stolen')).toBe(0);
  expect(lastSeen()?.headers['content-length']).toBeUndefined();
});

test.each([301, 302, 303, 307, 308])('a redirect by %d is neither followed nor shown', async (status) => {
  const other = await startUpstream();
  upstream.on('/-/v1/search?text=x', { status, headers: { location: `${other.url}/private-place` } });
  const got = await house.get('/-/v1/search?text=x');
  expect(got.status).toBe(502);
  expect(got.headers.location).toBeUndefined();
  expect(got.body.toString()).not.toContain('private-place');
  expect(JSON.parse(got.body.toString())).toMatchObject({ code: 'upstream-failed' });
  expect(other.requests).toHaveLength(0);
  await other.close();
});

test('HEAD, errors and conditional answers pass as they are', async () => {
  upstream
    .on('/-/ping', { body: '{"ok":true}', etag: '"p1"' })
    .on('/-/v1/search?text=x', { status: 503, body: 'busy', headers: { 'retry-after': '7' } });
  const head = await house.get('/-/ping', { method: 'HEAD' });
  expect(head).toMatchObject({ status: 200, headers: { 'content-length': '11' } });
  expect(head.body).toHaveLength(0);
  expect((await house.get('/-/ping', { headers: { 'if-none-match': '"p1"' } })).status).toBe(304);
  expect(await house.get('/-/v1/search?text=x')).toMatchObject({ status: 503, headers: { 'retry-after': '7', 'x-cache': 'pass' } });
});

test('an upstream that is down, hangs, or breaks off is told honestly', async () => {
  upstream.on('/-/ping', { stallHeaders: true }).on('/-/v1/search?text=x', { body: Buffer.alloc(100_000, 'x'), cutAt: 50_000 });
  expect(await house.get('/-/ping')).toMatchObject({ status: 504, complete: true });
  expect((await house.get('/-/v1/search?text=x')).complete).toBe(false);
  await upstream.down();
  const down = await house.get('/-/ping');
  expect(down.status).toBe(502);
  expect(JSON.parse(down.body.toString())).toMatchObject({
    code: 'upstream-unreachable',
    error: expect.stringContaining('ECONNREFUSED') as string,
  });
});

test('a client that leaves before the answer ends the request upstream, and is noted', async () => {
  upstream.on('/-/ping', { stallHeaders: true });
  const asked = house.ask('/-/ping');
  await until('the upstream was asked', () => upstream.active.now === 1);
  asked.leave();
  await until('the upstream is left alone', () => upstream.active.now === 0);
  await until('it is noted', () => house.access.some((line) => line.target === '/-/ping' && line.status === 499));
});

test('cookies of the upstream are neither stored nor returned with documents and files', async () => {
  const cookie = { 'set-cookie': 'session=stolen', connection: 'x-hop', 'x-hop': 'hop' };
  const body = gzipSync('file');
  offer(upstream, 'jar', { body }, { headers: cookie }, { headers: cookie });
  for (const target of ['/jar', '/jar', '/jar/-/jar-1.0.0.tgz', '/jar/-/jar-1.0.0.tgz', '/jar/-/jar-1.0.0.tgz']) {
    const got = await house.get(target, { headers: { cookie: 'mine=1' } });
    expect(got.status).toBe(200);
    expect(got.headers['set-cookie']).toBeUndefined();
    expect(got.headers['x-hop']).toBeUndefined();
  }
  for (const seen of upstream.requests) expect(seen.headers.cookie).toBeUndefined();
  expect(JSON.stringify(await house.appliance.status())).not.toContain('stolen');
});

test('gzip goes through only as the client asked', async () => {
  upstream.on('/-/v1/search?text=x', { body: '{"objects":[]}', gzip: true });
  const plain = await house.get('/-/v1/search?text=x');
  expect(plain.headers['content-encoding']).toBeUndefined();
  const packed = await house.get('/-/v1/search?text=x', { headers: { 'accept-encoding': 'gzip' } });
  expect(gunzipSync(packed.body).toString()).toBe(plain.body.toString());
});
