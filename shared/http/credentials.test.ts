/** Whose credentials go where: nowhere by default; to the first upstream only where the operator wants that; to a log never. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { openHouse, startHouse, type LocalHouse } from '../testing/house';
import { bytes, offer, packument, tarballTarget } from '../testing/packages';
import { startUpstream, type FakeUpstream } from '../testing/upstream';
import { until } from '../testing/until';

jest.setTimeout(30_000);

const TOKEN = 'npm_s3cr3tT0ken';
const BEARER = { authorization: `Bearer ${TOKEN}` };

let upstream: FakeUpstream;
const file = bytes(3000, 'credentials');

beforeEach(async () => {
  upstream = await startUpstream();
  offer(upstream, 'pad', { body: file });
});
afterEach(() => upstream.close());

const sentAnywhere = (): string => JSON.stringify(upstream.requests.map(({ headers, path }) => ({ headers, path })));

const bodyOf = (method: string, text: string): string => (method === 'GET' || method === 'DELETE' ? '' : text);

/** Every request that a client with a login makes. */
const WRITES: readonly (readonly [string, string])[] = [
  ['PUT', '/-/user/org.couchdb.user:jane'],
  ['POST', '/-/v1/login'],
  ['GET', '/-/whoami'],
  ['GET', '/-/npm/v1/user'],
  ['POST', '/-/npm/v1/tokens'],
  ['DELETE', `/-/user/token/${TOKEN}`],
  ['PUT', '/pad'],
  ['PUT', '/@scope%2fpad'],
  ['PUT', '/pad/-rev/1-abc'],
  ['DELETE', '/pad/-/pad-1.0.0.tgz/-rev/1-abc'],
  ['PUT', '/-/package/pad/dist-tags/next'],
  ['DELETE', '/-/package/pad/dist-tags/next'],
  ['PUT', '/pad/next'],
  ['POST', '/-/npm/v1/hooks/hook'],
];

describe('stripped (the default)', () => {
  let house: LocalHouse;
  beforeEach(async () => void (house = await openHouse({ upstream: upstream.url })));
  afterEach(() => house.stop());

  test('a token, a password and a one-time password go nowhere, by whatever route', async () => {
    upstream
      .on('/-/ping', { body: '{}' })
      .on('/-/v1/search?text=x', { body: '{}' })
      .on('/-/npm/v1/security/advisories/bulk', { body: '{}' });
    upstream.on('/-/npm/v1/keys', { body: '{}' }).on('/pad?write=true', { body: '{}' });
    const secrets = { ...BEARER, 'npm-otp': '123456', cookie: `a=${TOKEN}`, 'proxy-authorization': `Basic ${TOKEN}` };
    const targets = [
      '/pad',
      '/pad',
      tarballTarget('pad', '1.0.0'),
      '/pad/1.0.0',
      '/-/package/pad/dist-tags',
      '/-/ping',
      '/-/v1/search?text=x',
      '/-/npm/v1/keys',
      '/pad?write=true',
    ];
    for (const target of targets) expect((await house.get(target, { headers: secrets })).status).toBe(200);
    const audit = await house.get('/-/npm/v1/security/advisories/bulk', { method: 'POST', headers: secrets, body: '{}' });
    expect(audit.status).toBe(200);
    await house.get(tarballTarget('pad', '1.0.0'), { headers: { ...secrets, range: 'bytes=0-9' } });
    await house.get('/nothing', { method: 'HEAD', headers: secrets });
    expect(upstream.requests.length).toBeGreaterThanOrEqual(8);
    expect(sentAnywhere()).not.toContain(TOKEN);
    for (const seen of upstream.requests) expect([seen.headers.authorization, seen.headers['npm-otp']]).toEqual([undefined, undefined]);
  });

  test('a read with a token is answered from the store', async () => {
    await house.get('/pad');
    expect(await house.get('/pad', { headers: BEARER })).toMatchObject({ status: 200, headers: { 'x-cache': 'hit' } });
    expect(upstream.count('/pad')).toBe(1);
  });

  test.each(WRITES)('%s %s is refused with what to do about it, and asks nobody', async (method, target) => {
    const got = await house.get(target, {
      method,
      headers: { ...BEARER, 'content-type': 'application/json' },
      body: bodyOf(method, '{"a":1}'),
    });
    expect(got.status).toBe(403);
    const { error, code } = JSON.parse(got.body.toString()) as Record<string, string>;
    expect(code).toBe('credentials-stripped');
    expect(error).toContain('CLIENT_AUTH_npm=forward');
    expect(upstream.requests).toHaveLength(0);
  });
});

describe('forwarded', () => {
  let second: FakeUpstream;
  let house: LocalHouse;
  beforeEach(async () => {
    second = await startUpstream();
    offer(second, 'pad', { body: file });
    house = await openHouse({ upstream: [upstream.url, second.url], env: { CLIENT_AUTH_npm: 'forward', TTL_npm: '1h' } });
  });
  afterEach(async () => {
    await house.stop();
    await second.close();
  });
  const passes = async (): Promise<Readonly<Record<string, number>>> => (await house.appliance.status()).counters.passes;

  test('a read with credentials goes past the store each time, and is counted as such', async () => {
    const before = { ...(await passes()) };
    for (let round = 0; round < 2; round++) {
      const got = await house.get('/pad', { headers: BEARER });
      expect(got).toMatchObject({
        status: 200,
        headers: { 'x-cache': 'pass', 'cache-status': 'Larder; fwd=bypass; detail=authorization' },
      });
      expect(got.headers['cache-control']).toMatch(/private|no-store/);
      // Rewritten like any other, or its files would be fetched past the cache.
      expect(got.body.toString()).toContain(`${house.url}/pad/-/pad-1.0.0.tgz`);
      expect((await house.get(tarballTarget('pad', '1.0.0'), { headers: BEARER })).body).toEqual(file);
    }
    expect((await house.get('/-/npm/v1/keys', { headers: BEARER })).status).toBe(404);
    expect(upstream.count('/pad')).toBe(2);
    for (const seen of upstream.requests) expect(seen.headers.authorization).toBe(BEARER.authorization);
    expect((await passes())['authorization']).toBe((before['authorization'] ?? 0) + 5);
    expect(house.access.filter((line) => line.outcome === 'pass (authorization)')).toHaveLength(5);
    expect((await house.appliance.status()).entries).toBe(0);
  });

  test('what a client with credentials was given is not given to one without', async () => {
    upstream.on('/secret', (request, response) => {
      if (request.headers.authorization === BEARER.authorization)
        response.end(packument(upstream.url, 'secret', { '1.0.0': { body: file } }));
      else response.writeHead(404).end();
    });
    second.on('/secret', { status: 404 });
    expect((await house.get('/secret', { headers: BEARER })).status).toBe(200);
    expect((await house.get('/secret')).status).toBe(404);
    expect((await house.get('/secret', { headers: BEARER })).status).toBe(200);
  });

  test('neither over a failover nor over a redirect', async () => {
    const other = await startUpstream();
    upstream.on('/pad', { status: 503 }).on(tarballTarget('pad', '1.0.0'), { status: 302, headers: { location: `${other.url}/stolen` } });
    upstream
      .on('/moved', { status: 301, headers: { location: `${other.url}/stolen` } })
      .on('/-/whoami', { status: 307, headers: { location: `${other.url}/stolen` } });
    const targets = ['/pad', tarballTarget('pad', '1.0.0'), '/moved', '/-/whoami'];
    for (const target of targets) {
      const got = await house.get(target, { headers: BEARER });
      expect([target, got.status]).toEqual([target, 502]);
      expect(JSON.stringify(got.headers) + got.body.toString()).not.toContain('stolen');
    }
    await upstream.down();
    for (const target of targets) expect((await house.get(target, { headers: BEARER })).status).toBe(502);
    expect(second.requests).toHaveLength(0);
    expect(other.requests).toHaveLength(0);
    await other.close();
  });

  test.each([
    [401, 401],
    [403, 403],
    [404, 404],
  ])('what the upstream answers (%d) is what such a client sees', async (status, expected) => {
    upstream.on('/pad', { status, headers: { 'www-authenticate': 'OTP' } });
    expect((await house.get('/pad', { headers: BEARER })).status).toBe(expected);
  });

  test('a login passes, with its body', async () => {
    upstream.on('/-/user/org.couchdb.user:jane', {
      status: 201,
      body: `{"token":"${TOKEN}"}`,
      headers: { 'content-type': 'application/json' },
    });
    const got = await house.get('/-/user/org.couchdb.user:jane', {
      method: 'PUT',
      body: '{"name":"jane"}',
      headers: { 'npm-otp': '123456' },
    });
    expect(got).toMatchObject({ status: 201, headers: { 'x-cache': 'pass' } });
    expect((await upstream.requests[0]?.body)?.toString()).toBe('{"name":"jane"}');
    expect(upstream.requests[0]?.headers['npm-otp']).toBe('123456');
  });

  test.each([
    ['PUT', '/pad'],
    ['PUT', '/-/package/pad/dist-tags/next'],
    ['DELETE', '/pad/-/pad-1.0.0.tgz/-rev/1-abc'],
  ])('after a successful %s %s the next reader is given what the upstream has now', async (method, target) => {
    await house.get('/pad');
    await until('it is a hit', async () => (await house.get('/pad')).headers['x-cache'] === 'hit');
    const asked = (): number => upstream.count('/pad', 'GET') + second.count('/pad', 'GET');
    expect(asked()).toBe(1);
    upstream.on(
      target,
      { status: 409 },
      { status: 201, body: '{}' },
      { body: packument(upstream.url, 'pad', { '1.0.0': { body: file }, '2.0.0': { body: file } }) },
    );
    if (target !== '/pad')
      upstream.on('/pad', { body: packument(upstream.url, 'pad', { '1.0.0': { body: file }, '2.0.0': { body: file } }) });
    // One that fails changes nothing.
    expect((await house.get(target, { method, headers: BEARER, body: bodyOf(method, '{}') })).status).toBe(409);
    expect((await house.get('/pad')).headers['x-cache']).toBe('hit');
    expect((await house.get(target, { method, headers: BEARER, body: bodyOf(method, '{}') })).status).toBe(201);
    const got = await house.get('/pad');
    expect(got.body.toString()).toContain('2.0.0');
    expect(asked()).toBe(2);
    expect((await passes())['write']).toBe(2);
  });

  test('what did not exist a moment ago exists after it was published', async () => {
    expect((await house.get('/new')).status).toBe(404);
    upstream.on('/new', { status: 201, body: '{}' }, { body: packument(upstream.url, 'new', { '1.0.0': { body: file } }) });
    await house.get('/new', { method: 'PUT', headers: BEARER, body: '{}' });
    expect((await house.get('/new')).status).toBe(200);
  });
});

test('no log has a credential, however it came', async () => {
  upstream
    .on(/^\/-\/v1\/search/, { body: '{}' })
    .on('/-/ping', { hangUp: true })
    .on('/leak', { status: 302, headers: { location: `http://jane:${TOKEN}@127.0.0.1:1/x?token=${TOKEN}` } });
  offer(upstream, 'odd', { body: file, tarball: `http://jane:${TOKEN}@127.0.0.1:1/odd.tgz` });
  upstream.on(tarballTarget('odd', '1.0.0'), { status: 404 });
  for (const mode of ['strip', 'forward']) {
    const house = await startHouse({
      upstream: upstream.url,
      env: { CLIENT_AUTH_npm: mode, LOG_LEVEL: 'debug', UPSTREAM_npm_AUTH: TOKEN },
    });
    const headers = { ...BEARER, 'npm-otp': TOKEN };
    const basic = { authorization: `Basic ${Buffer.from(`jane:${TOKEN}`).toString('base64')}` };
    for (const [method, target] of WRITES) await house.get(target, { method, headers, body: bodyOf(method, `{"password":"${TOKEN}"}`) });
    const targets = [
      `/pad?token=${TOKEN}`,
      `/-/v1/search?text=x&_authToken=${TOKEN}`,
      '/-/ping',
      '/leak',
      tarballTarget('odd', '1.0.0'),
      `/-/v1/search?%74oken=${TOKEN}`,
    ];
    for (const target of targets)
      for (const one of [headers, basic, {}]) await house.get(target, { headers: one as Record<string, string> });
    await house.get(`http://jane:${TOKEN}@other.example/pad`, { headers });
    await house.get('/pad', { headers: { ...headers, host: `jane:${TOKEN}@evil.example` } });
    await house.raw(`GET /pad HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${TOKEN}\r\nX-Bad\u0000: y\r\n\r\n`);
    const { stateDir } = house;
    house.child.kill('SIGTERM');
    await until('it has ended', () => house.child.exitCode !== null);
    const logs = readdirSync(join(stateDir, 'log'))
      .map((name) => readFileSync(join(stateDir, 'log', name), 'utf8'))
      .join('\n');
    expect(logs).toContain('/pad');
    for (const secret of [TOKEN, Buffer.from(`jane:${TOKEN}`).toString('base64')]) expect(logs).not.toContain(secret);
    await house.stop();
  }
}, 60_000);

test('what only a client names gets no credentials, though the operator wants them passed on to his own', async () => {
  const other = await startUpstream();
  for (const one of [upstream, other]) one.on(/^/, { body: 'hello' });
  const env = { CLIENT_AUTH_apt: 'forward', ALLOW_NETS: '127.0.0.0/8' };
  const house = await openHouse({ module: 'apt', upstream: upstream.url, env });
  try {
    for (const path of ['/dists/stable/InRelease', '/pool/main/p/pad/pad_1_all.deb', '/changelogs/pad']) {
      for (const host of [upstream, other].map(({ url }) => url.slice('http://'.length))) {
        for (const target of [`http://${host}${path}`, `/${host}${path}`]) await house.get(target, { headers: BEARER });
      }
    }
    const given = ({ requests }: FakeUpstream): number => requests.filter(({ headers }) => headers.authorization !== undefined).length;
    expect([given(upstream), given(other), other.requests.length > 0]).toEqual([6, 0, true]);
  } finally {
    await house.stop();
    await other.close();
  }
});
