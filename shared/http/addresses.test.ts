/** Under which addresses a cache is asked, and which ones it hands out: host names, proxies, named upstreams, the forward-proxy form. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { openHouse, type AskOptions, type Got, type HouseOptions, type LocalHouse } from '../testing/house';
import { bytes, offer, packument, tarballTarget } from '../testing/packages';
import { startUpstream, type FakeUpstream } from '../testing/upstream';
import { until } from '../testing/until';

jest.setTimeout(30_000);

let upstream: FakeUpstream;
const open: LocalHouse[] = [];
const file = bytes(2000, 'addresses');

beforeEach(async () => {
  upstream = await startUpstream();
  offer(upstream, 'pad', { body: file, more: { keywords: Array.from({ length: 1000 }, (_, n) => `a-keyword-of-some-length-${n}`) } });
});

afterEach(async () => {
  for (const house of open.splice(0)) await house.stop();
  await upstream.close();
});

async function house(env: HouseOptions['env'] = {}): Promise<LocalHouse> {
  const opened = await openHouse({ upstream: upstream.url, env });
  open.push(opened);
  return opened;
}

const tarballIn = (got: Got): string =>
  (JSON.parse(got.body.toString()) as { versions: Record<string, { dist: { tarball: string } }> }).versions['1.0.0']?.dist.tarball ?? '';

const urlsFor = async (one: LocalHouse, headers: Record<string, string>, target = '/pad'): Promise<string> =>
  tarballIn(await one.get(target, { headers }));

test('two clients under two names alternate: each gets its own URLs, from bounded copies', async () => {
  const one = await house({ ALLOW_HOSTS: 'cache.example' });
  const names = [`localhost:${one.port}`, 'cache.example', `127.0.0.1:${one.port}`];
  for (let round = 0; round < 4; round++) {
    for (const host of names) expect(await urlsFor(one, { host })).toBe(`http://${host}/pad/-/pad-1.0.0.tgz`);
  }
  // As many spellings as a client likes.
  for (let n = 0; n < 60; n++) {
    const host = [...'cache.example'].map((letter, bit) => ((n >> (bit % 6)) & 1 ? letter.toUpperCase() : letter)).join('');
    expect(await urlsFor(one, { host })).toBe('http://cache.example/pad/-/pad-1.0.0.tgz');
  }
  expect(upstream.count('/pad')).toBe(1);
  const derived = await until('the copies are kept', async () => {
    const { entries } = await one.appliance.status();
    return entries >= 4 && entries;
  });
  expect(derived).toBe(1 + names.length);
});

test('a name that is not ours gets 421 and leaves nothing behind', async () => {
  const one = await house();
  for (const host of ['evil.example', `evil.example:${one.port}`, 'localhost:1', 'localhost.evil.example']) {
    const got = await one.get('/pad', { headers: { host } });
    expect(got.status).toBe(421);
    expect(got.body.toString()).not.toContain('tarball');
    expect(JSON.parse(got.body.toString())).toMatchObject({ code: 'misdirected', error: expect.stringContaining('ALLOW_HOSTS') as string });
  }
  // X-Forwarded-Host of somebody who is no trusted proxy changes nothing.
  expect(await urlsFor(one, { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https' })).toBe(`${one.url}/pad/-/pad-1.0.0.tgz`);
  expect((await one.get('/pad', { headers: { host: 'evil.example', 'x-forwarded-host': 'localhost' } })).status).toBe(421);
});

test('behind a trusted proxy the outer address counts, on hits too', async () => {
  const one = await house({ TRUSTED_PROXIES: '127.0.0.0/8', ALLOW_HOSTS: 'npm.example' });
  const outer = { 'x-forwarded-host': 'npm.example', 'x-forwarded-proto': 'https', 'x-forwarded-prefix': '/mirror' };
  for (let round = 0; round < 3; round++) {
    expect(await urlsFor(one, outer)).toBe('https://npm.example/mirror/pad/-/pad-1.0.0.tgz');
    expect(await urlsFor(one, {})).toBe(`${one.url}/pad/-/pad-1.0.0.tgz`);
  }
  expect((await one.get('/pad', { headers: { 'x-forwarded-host': 'evil.example' } })).status).toBe(421);
});

test('PUBLIC_URL is what everybody is told', async () => {
  const one = await house({ PUBLIC_URL_npm: 'https://npm.example/mirror/' });
  for (const headers of [{}, { host: 'npm.example' }, { host: `localhost:${one.port}` }]) {
    expect(await urlsFor(one, headers)).toBe('https://npm.example/mirror/pad/-/pad-1.0.0.tgz');
  }
  expect((await one.get('/pad', { headers: { host: 'evil.example' } })).status).toBe(421);
});

describe('a named upstream', () => {
  let corp: FakeUpstream;
  const own = bytes(1500, 'own');

  beforeEach(async () => {
    corp = await startUpstream();
    offer(corp, 'pad', { body: own });
    offer(corp, '@corp/tool', { body: own });
  });
  afterEach(() => corp.close());

  test('is served below its name, with URLs below its name, apart from the default one', async () => {
    const one = await house({ UPSTREAM_npm_corp: corp.url });
    expect(await urlsFor(one, {}, '/corp/pad')).toBe(`${one.url}/corp/pad/-/pad-1.0.0.tgz`);
    expect(await urlsFor(one, {}, '/corp/@corp%2ftool')).toBe(`${one.url}/corp/@corp/tool/-/tool-1.0.0.tgz`);
    for (const [target, body] of [
      ['/corp/pad/-/pad-1.0.0.tgz', own],
      ['/pad/-/pad-1.0.0.tgz', file],
    ] as const) {
      for (let round = 0; round < 2; round++) expect((await one.get(target)).body).toEqual(body);
    }
    expect(corp.requests.map((seen) => seen.path).sort()).toEqual(['/@corp%2ftool', '/pad', '/pad/-/pad-1.0.0.tgz']);
    expect((await one.get('/corp')).status).toBe(404);
    expect((await one.get('/corporation')).status).toBe(404);
    expect(upstream.count('/corporation')).toBe(1);
  });

  test('its file is found at the host root where npm 11.3 asks for it, if a document held promises it', async () => {
    const one = await house({ UPSTREAM_npm_corp: corp.url, NEGATIVE_TTL: '0s' });
    const lost = tarballTarget('@corp/tool', '1.0.0');
    expect((await one.get(lost)).status).toBe(404);
    expect(corp.requests).toHaveLength(0);
    await one.get('/corp/@corp%2ftool');
    for (let round = 0; round < 2; round++) expect(await one.get(lost)).toMatchObject({ status: 200, body: own });
    expect((await one.get('/@corp/tool/-/tool-2.0.0.tgz')).status).toBe(404);
    expect(corp.count(lost)).toBe(1);
  });

  test('the default registry comes first for such a file, and only its 404 opens the way', async () => {
    const one = await house({ UPSTREAM_npm_corp: corp.url });
    await one.get('/corp/pad');
    expect((await one.get('/pad/-/pad-1.0.0.tgz')).body).toEqual(file);
    await one.get('/corp/@corp%2ftool');
    upstream.on(tarballTarget('@corp/tool', '1.0.0'), { status: 500 });
    expect((await one.get(tarballTarget('@corp/tool', '1.0.0'))).status).toBe(502);
  });
});

describe('as a plain forward proxy', () => {
  const absolute = (one: LocalHouse, url: string, options: AskOptions = {}): Promise<Got> =>
    one.get(url, { headers: { host: new URL(url).host }, ...options });

  test('documents and files of the configured registry are served under its own address', async () => {
    const one = await house();
    const got = await absolute(one, `${upstream.url}/pad`);
    expect(got.status).toBe(200);
    expect(tarballIn(got)).toBe(`${upstream.url}/pad/-/pad-1.0.0.tgz`);
    expect((await absolute(one, tarballIn(got))).body).toEqual(file);
    await until('it is held', async () => (await absolute(one, tarballIn(got))).headers['x-cache'] === 'hit');
    expect(upstream.count('/pad')).toBe(1);
    expect(upstream.count(tarballTarget('pad', '1.0.0'))).toBe(1);
    // Who asks the usual way gets our address, not that one.
    expect(await urlsFor(one, {})).toBe(`${one.url}/pad/-/pad-1.0.0.tgz`);
    expect(await urlsFor(one, {})).toBe(`${one.url}/pad/-/pad-1.0.0.tgz`);
  });

  test('a registry below a path is known by its path', async () => {
    upstream.on('/deep/pad', { body: packument(`${upstream.url}/deep`, 'pad', { '1.0.0': { body: file } }) });
    const one = await house({ UPSTREAM_npm_corp: `${upstream.url}/deep` });
    expect(tarballIn(await absolute(one, `${upstream.url}/deep/pad`))).toContain('/pad/-/pad-1.0.0.tgz');
    expect(upstream.count('/deep/pad')).toBe(1);
  });

  test('our own address in absolute form is ours', async () => {
    const one = await house();
    expect(tarballIn(await absolute(one, `${one.url}/pad`))).toBe(`${one.url}/pad/-/pad-1.0.0.tgz`);
  });

  test.each([
    'http://other.example/pad',
    'http://127.0.0.1:1/pad',
    'http://user:secret@other.example/pad',
    'http://169.254.169.254/latest/meta-data',
  ])('%s is refused, and nobody is asked', async (url) => {
    const one = await house();
    const got = await absolute(one, url);
    expect(got.status).toBe(403);
    expect(JSON.parse(got.body.toString())).toMatchObject({ code: 'target-refused' });
    expect(upstream.requests).toHaveLength(0);
  });

  test('CONNECT is 405 and says which setting to use instead', async () => {
    const one = await house();
    const said = await one.raw('CONNECT registry.example:443 HTTP/1.1\r\nHost: registry.example:443\r\n\r\n');
    expect(said).toMatch(/^HTTP\/1\.1 405 /);
    expect(said).toContain('Connection: close');
    expect(said).toContain('npm config set registry');
  });
});

test('nothing but known folders lies in the store after all that', async () => {
  const one = await house();
  await one.get('/pad');
  expect(readdirSync(join(one.cacheDir)).sort()).toEqual(expect.arrayContaining(['epoch', 'run', 'spool']));
});

test("the cache's own pages are for clients that know its name; whether it is well may be asked under any", async () => {
  const house = await openHouse({ upstream: upstream.url });
  const under = (host: string, path: string): Promise<number> => house.get(path, { headers: { host } }).then(({ status }) => status);
  try {
    expect(await under('elsewhere.example', '/_cache/status')).toBe(421);
    expect(await under(`localhost:${house.port}`, '/_cache/status')).toBe(200);
    expect(await under('elsewhere.example', '/_cache/health')).toBe(200);
  } finally {
    await house.stop();
  }
});
