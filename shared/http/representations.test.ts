/** What npm's clients are promised about documents: forms, types, validators, encodings, spellings. */
import { gunzipSync } from 'node:zlib';
import { testClock } from '../testing/clock';
import { openHouse, type Got, type LocalHouse } from '../testing/house';
import { bytes, packument, tarballTarget } from '../testing/packages';
import { until } from '../testing/until';
import { startUpstream, type FakeUpstream } from '../testing/upstream';

jest.setTimeout(30_000);

const ABBREVIATED = 'application/vnd.npm.install-v1+json';
/** What npm, pnpm and bun send. */
const NPM = `${ABBREVIATED}; q=1.0, application/json; q=0.8, */*`;

interface Document {
  name: string;
  'dist-tags': Record<string, string>;
  time?: Record<string, string>;
  readme?: string;
  versions: Record<string, { version: string; dist: { tarball: string; integrity: string } }>;
}

let upstream: FakeUpstream;
let house: LocalHouse;
const clock = testClock();
const file = bytes(3000, 'pad');

/** A package whose document is large enough to be kept as a file. */
function made(name: string, revision: string): string {
  const more = {
    description: `revision ${revision}`,
    keywords: Array.from({ length: 300 }, (_, n) => `word-${n}`),
    dependencies: { [revision]: '1' },
  };
  const text = packument(upstream.url, name, {
    '1.0.0': { body: file, more },
    '1.1.0-rc.1': { body: file, more },
    '1.1.0': { body: file, more },
  });
  return JSON.stringify({ ...(JSON.parse(text) as object), readme: `# ${revision}` });
}

function offerPad(revision = 'one'): void {
  upstream.on('/pad', { body: made('pad', revision) }).on('/@scope%2fpad', { body: made('@scope/pad', revision) });
  upstream.on(tarballTarget('pad', '1.0.0'), { body: file }).on(tarballTarget('@scope/pad', '1.0.0'), { body: file });
}

beforeEach(async () => {
  upstream = await startUpstream();
  house = await openHouse({ upstream: upstream.url, now: clock.now, env: { TTL_npm: '5m', NEGATIVE_TTL: '30s' } });
  offerPad();
});

afterEach(async () => {
  await house.stop();
  await upstream.close();
});

const read = (got: Got): Document =>
  JSON.parse((got.headers['content-encoding'] === 'gzip' ? gunzipSync(got.body) : got.body).toString()) as Document;
const words = (value: string | undefined): string[] => (value ?? '').split(',').map((word) => word.trim().toLowerCase());

test('the form follows Accept, with its type and Vary, on a miss, a hit and a hit from memory; nothing is ever 406', async () => {
  const rows: [string | undefined, string][] = [
    [undefined, 'application/json'],
    ['*/*', 'application/json'],
    ['application/json', 'application/json'],
    [NPM, ABBREVIATED],
    [ABBREVIATED, ABBREVIATED],
    [`${ABBREVIATED};q=0.5, application/json`, 'application/json'],
    ['text/html', 'application/json'],
    ['image/png;q=1, nonsense', 'application/json'],
    ['application/json;q=0', 'application/json'],
  ];
  for (const [accept, type] of [...rows, ...rows, ...rows]) {
    const got = await house.get('/pad', { headers: accept === undefined ? {} : { accept } });
    expect(got.status).toBe(200);
    expect(words(got.headers['content-type'])[0]?.split(';')[0]).toBe(type);
    expect(words(got.headers.vary)).toEqual(expect.arrayContaining(['accept', 'accept-encoding']));
    const document = read(got);
    expect(Object.keys(document.versions)).toHaveLength(3);
    expect(document.readme).toBe(type === ABBREVIATED ? undefined : '# one');
    expect(document.versions['1.0.0']?.dist.tarball).toBe(`${house.url}/pad/-/pad-1.0.0.tgz`);
  }
  expect(upstream.count('/pad')).toBe(1);
  expect(upstream.requests[0]?.headers.accept).toBe('application/json');
});

test('each form, encoding, base and revision has an ETag of its own: strong, short, the same at each asking', async () => {
  const seen = new Map<string, string>();
  const look = async (revision: string): Promise<void> => {
    for (const accept of ['application/json', NPM]) {
      for (const encoding of ['identity', 'gzip']) {
        for (const host of [`127.0.0.1:${house.port}`, `localhost:${house.port}`]) {
          const headers = { accept, 'accept-encoding': encoding, host };
          const etags = new Set<string | undefined>();
          for (let round = 0; round < 3; round++) etags.add((await house.get('/pad', { headers })).headers.etag);
          const [etag] = etags;
          expect(etags.size).toBe(1);
          expect(etag).toMatch(/^"[\x21\x23-\x7e]{10,58}"$/);
          expect([...seen.values()]).not.toContain(etag);
          seen.set(`${revision} ${accept} ${encoding} ${host}`, etag ?? '');
          const again = await house.get('/pad', { headers: { ...headers, 'if-none-match': `"x", ${etag}` } });
          expect(again).toMatchObject({ status: 304, headers: { etag } });
          expect(again.body).toHaveLength(0);
        }
      }
    }
  };
  await look('one');
  offerPad('two');
  clock.advance(3_600_000);
  await house.get('/pad');
  await look('two');
  expect(seen.size).toBe(16);
});

test('gzip is sent only to who asks for it, and is the identity body byte for byte', async () => {
  for (const target of ['/pad', '/pad/1.0.0', '/-/package/pad/dist-tags']) {
    for (const accept of ['application/json', NPM]) {
      for (let round = 0; round < 3; round++) {
        const plain = await house.get(target, { headers: { accept } });
        const refused = await house.get(target, { headers: { accept, 'accept-encoding': 'gzip;q=0, br' } });
        const packed = await house.get(target, { headers: { accept, 'accept-encoding': 'gzip, deflate, br' } });
        expect(plain.headers['content-encoding']).toBeUndefined();
        expect(refused.headers['content-encoding']).toBeUndefined();
        expect(refused.body).toEqual(plain.body);
        expect(packed.headers['content-encoding']).toBe(
          target === '/-/package/pad/dist-tags' ? packed.headers['content-encoding'] : 'gzip',
        );
        expect(packed.headers['content-encoding'] === 'gzip' ? gunzipSync(packed.body) : packed.body).toEqual(plain.body);
        expect(packed.headers['content-length']).toBe(String(packed.body.length));
      }
    }
  }
});

test('an upstream that sends gzip is read as one that does not', async () => {
  upstream.on('/pad', { body: made('pad', 'one'), gzip: true });
  expect(read(await house.get('/pad')).readme).toBe('# one');
  expect(upstream.requests[0]?.headers['accept-encoding']).toBe('gzip');
});

test.each([
  '/pad',
  '/pad/1.0.0',
  '/pad/latest',
  '/-/package/pad/dist-tags',
  '/pad/-/pad-1.0.0.tgz',
  '/nothing',
  '/pad/9.9.9',
  '/-/npm/v1/keys',
])('HEAD %s is GET without its body', async (target) => {
  upstream.on('/-/npm/v1/keys', { body: '{"keys":[]}', headers: { 'content-type': 'application/json' } });
  for (const headers of [{ accept: 'application/json' }, { accept: NPM, 'accept-encoding': 'gzip' }]) {
    const settled = async (): Promise<Got | false> => {
      const one = await house.get(target, { headers });
      return one.headers['x-cache'] !== 'miss' && one;
    };
    const got = await until(`${target} is held`, settled);
    const head = await house.get(target, { method: 'HEAD', headers });
    expect(head.status).toBe(got.status);
    expect(head.body).toHaveLength(0);
    const { date: _1, ...fields } = got.headers;
    const { date: _2, ...shown } = head.headers;
    expect(shown).toEqual(fields);
  }
  const raw = await house.raw(`HEAD ${target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
  expect(raw.slice(raw.indexOf('\r\n\r\n'))).toBe('\r\n\r\n');
});

test('HEAD of what is not held has the length, and does not fetch the body of a file', async () => {
  expect(await house.get('/pad/-/pad-1.0.0.tgz', { method: 'HEAD' })).toMatchObject({ status: 200, headers: { 'content-length': '3000' } });
  expect(upstream.count(tarballTarget('pad', '1.0.0'), 'HEAD')).toBe(0);
  const head = await house.get('/@scope%2fpad', { method: 'HEAD' });
  expect(head.headers['content-length']).toBe(String((await house.get('/@scope%2fpad')).body.length));
});

test('versions, tags and dist-tags are cut from the packument; what it lacks is 404', async () => {
  const version = JSON.parse((await house.get('/pad/1.0.0')).body.toString()) as { version: string; dist: { tarball: string } };
  expect(version).toMatchObject({ version: '1.0.0', dist: { tarball: `${house.url}/pad/-/pad-1.0.0.tgz` } });
  expect(JSON.parse((await house.get('/pad/latest')).body.toString())).toMatchObject({ version: '1.1.0' });
  expect(JSON.parse((await house.get('/@scope/pad/1.1.0-rc.1')).body.toString())).toMatchObject({
    name: '@scope/pad',
    version: '1.1.0-rc.1',
  });
  expect(JSON.parse((await house.get('/-/package/pad/dist-tags')).body.toString())).toEqual({ latest: '1.1.0' });
  for (const target of ['/pad/9.9.9', '/pad/next', '/pad/constructor', '/pad/toString']) {
    const got = await house.get(target);
    expect([target, got.status]).toEqual([target, 404]);
    expect(JSON.parse(got.body.toString())).toMatchObject({ code: 'part-not-found', error: expect.any(String) as string });
  }
  expect(upstream.requests.map((seen) => seen.path)).toEqual(['/pad', '/@scope%2fpad']);
});

test('signing keys and attestations are kept, and outlive the upstream', async () => {
  const attestations = '/-/npm/v1/attestations/@scope%2fpad@1.0.0';
  upstream.on('/-/npm/v1/keys', { body: '{"keys":[1]}', headers: { 'content-type': 'application/json' } });
  upstream.on(attestations, { body: '{"attestations":[2]}', headers: { 'content-type': 'application/json' } });
  const ask = async (): Promise<string[]> => {
    const got = [
      await house.get('/-/npm/v1/keys'),
      await house.get('/-/npm/v1/attestations/@scope/pad@1.0.0'),
      await house.get(attestations),
    ];
    for (const one of got) expect(one.headers['content-type']).toBe('application/json');
    return got.map((one) => one.body.toString());
  };
  const first = await ask();
  expect(first).toEqual(['{"keys":[1]}', '{"attestations":[2]}', '{"attestations":[2]}']);
  expect(upstream.requests).toHaveLength(2);
  await upstream.down();
  clock.advance(365 * 24 * 3_600_000);
  expect(await ask()).toEqual(first);
});

test('every spelling of a scoped name is one document and one request', async () => {
  const targets = [
    '/@scope%2fpad',
    '/@scope%2Fpad',
    '/@scope/pad',
    '/%40scope%2fpad',
    '//@scope/pad',
    '/@scope//pad',
    '/@scope%2fpad/',
    '/@scope/p%61d',
  ];
  const bodies = await Promise.all(targets.map((target) => house.get(target)));
  for (const got of bodies) expect(got).toMatchObject({ status: 200, body: bodies[0]?.body });
  expect(upstream.requests.map((seen) => seen.path)).toEqual(['/@scope%2fpad']);
  expect(read(bodies[0] as Got).versions['1.0.0']?.dist.tarball).toBe(`${house.url}/@scope/pad/-/pad-1.0.0.tgz`);
});

test('every spelling of a file is one file and one request', async () => {
  const targets = [
    '/@scope/pad/-/pad-1.0.0.tgz',
    '/@scope%2fpad/-/pad-1.0.0.tgz',
    '/@scope/pad/-/@scope/pad-1.0.0.tgz',
    '/@scope%2Fpad/-//pad-1.0.0.tgz',
    `/download/@scope/pad/1.0.0/${'0a'.repeat(32)}`,
  ];
  for (const got of await Promise.all(targets.map((target) => house.get(target)))) expect(got).toMatchObject({ status: 200, body: file });
  for (const target of targets) expect((await house.get(target)).headers['x-cache']).toBe('hit');
  expect(upstream.count(tarballTarget('@scope/pad', '1.0.0'))).toBe(1);
  expect(upstream.count(/pad-1/)).toBe(1);
});

test.each([
  ['/absent', 404, 'upstream-not-found'],
  ['/absent/-/absent-1.0.0.tgz', 404, 'upstream-not-found'],
  ['/gone', 410, 'upstream-gone'],
  ['/private', 403, 'upstream-denied'],
  ['/forbidden', 403, 'upstream-denied'],
  ['/broken', 502, 'document-invalid'],
  ['/failing', 502, 'upstream-failed'],
  ['/busy', 503, 'upstream-busy'],
  ['/no/such/place/at/all', 404, 'not-found'],
])('an error at %s is %d, as npm and Yarn print it', async (target, status, code) => {
  upstream.on('/gone', { status: 410 }).on('/private', { status: 401 }).on('/forbidden', { status: 403 }).on('/broken', { body: '<html>' });
  upstream.on('/failing', { status: 500 }).on('/busy', { status: 503, headers: { 'retry-after': '9' } });
  const got = await house.get(target);
  expect(got.status).toBe(status);
  expect(got.headers).toMatchObject({ 'content-type': 'application/json', 'x-cache': 'error', 'content-length': String(got.body.length) });
  const body = JSON.parse(got.body.toString()) as Record<string, string>;
  expect(body).toMatchObject({ code, error: expect.stringContaining(' ') as string, message: body['error'] });
  if (status === 503) expect(got.headers['retry-after']).toBe('9');
});
