import { join } from 'node:path';
import { testClock } from '../../testing/clock';
import { filesBelow } from '../../testing/files-below';
import { openHouse, type HouseOptions, type LocalHouse } from '../../testing/house';
import { bytes, offer, packument } from '../../testing/packages';
import { until } from '../../testing/until';
import { startUpstream, type FakeUpstream, type Reply } from '../../testing/upstream';

jest.setTimeout(60_000);

const body = bytes(2000);
const clock = testClock(Date.now());
let upstream: FakeUpstream;
let house: LocalHouse;

async function open(options: Partial<HouseOptions> = {}): Promise<void> {
  house = await openHouse({ upstream: upstream.url, now: clock.now, ...options });
}

beforeEach(async () => {
  upstream = await startUpstream();
});
afterEach(async () => {
  await house.stop();
  await upstream.close();
});

const LIMIT = 1_000_000;
const BAD: [string, Reply, string][] = [
  ['not JSON', { body: '<xml/>' }, 'document-invalid'],
  ['cut JSON', { body: '{"versions":{"1.0.0":{"di' }, 'document-invalid'],
  ['empty', { body: '' }, 'document-invalid'],
  ['an array', { body: '[]' }, 'document-invalid'],
  ['without versions', { body: '{"name":"a"}' }, 'document-invalid'],
  ['with a hostile key', { body: '{"__proto__":{"polluted":1},"versions":{"1.0.0":{"dist":{}}}}' }, 'document-invalid'],
  ['nested 10,000 deep', { body: `{"versions":{"1.0.0":${'['.repeat(10_000)}${']'.repeat(10_000)}}}` }, 'document-invalid'],
  ['larger than MAX_DOCUMENT', { body: `{"x":"${'y'.repeat(LIMIT)}"}` }, 'document-too-large'],
  ['larger than MAX_DOCUMENT when unpacked', { body: `{"x":"${'y'.repeat(LIMIT)}"}`, gzip: true }, 'document-too-large'],
  ['larger than MAX_DOCUMENT, of unknown length', { body: `{"x":"${'y'.repeat(LIMIT)}"}`, chunked: true }, 'document-too-large'],
  ['gzip in name only', { body: 'plain', headers: { 'content-encoding': 'gzip' } }, 'document-invalid'],
  ['of an unknown encoding', { body: 'x', headers: { 'content-encoding': 'zstd' } }, 'document-invalid'],
];

describe.each(BAD)('a packument that is %s', (_what, reply, code) => {
  it('is one error in npm’s shape; nothing is kept, and the cache goes on', async () => {
    await open({ env: { MAX_DOCUMENT: '1MB' } });
    upstream.on('/a', reply);
    const got = await house.get('/a');
    expect(got.status).toBe(502);
    expect(JSON.parse(got.body.toString())).toMatchObject({ code, error: expect.stringContaining('/a') as string });
    expect((await house.why('/a')).entry).toBeNull();
    expect(contents()).toHaveLength(0);
    offer(upstream, 'b', { body });
    expect((await house.get('/b')).status).toBe(200);
  });

  it('does not replace what is held, which is served stale', async () => {
    await open({ env: { MAX_DOCUMENT: '1MB' } });
    offer(upstream, 'a', { body });
    const right = await house.get('/a');
    upstream.on('/a', reply);
    clock.advance(3_600_000);
    const got = await house.get('/a');
    expect([got.status, got.headers['x-cache'], got.body.equals(right.body)]).toEqual([200, 'stale', true]);
  });
});

it('a document just below MAX_DOCUMENT is served', async () => {
  await open({ env: { MAX_DOCUMENT: '1MB' } });
  const text = packument(upstream.url, 'a', { '1.0.0': { body, more: { readme: 'y'.repeat(LIMIT - 2000) } } });
  expect(text.length).toBeLessThan(LIMIT);
  upstream.on('/a', { body: text });
  expect((await house.get('/a')).status).toBe(200);
});

it('every form has an ETag of its own, and is answered 304 by it', async () => {
  await open();
  offer(upstream, 'a', { body });
  const forms = [{}, { accept: 'application/vnd.npm.install-v1+json' }, { 'accept-encoding': 'gzip' }, { host: `localhost:${house.port}` }];
  const etags = new Set<string | undefined>();
  for (const headers of forms) {
    const got = await house.get('/a', { headers });
    etags.add(got.headers.etag);
    expect((await house.get('/a', { headers: { ...headers, 'if-none-match': got.headers.etag ?? '' } })).status).toBe(304);
  }
  expect(etags.size).toBe(forms.length);
  expect([...etags].every((etag) => etag?.startsWith('"'))).toBe(true);
});

it('a version that does not exist is 404 and costs the upstream nothing more', async () => {
  await open();
  offer(upstream, 'a', { body });
  expect((await house.get('/a/1.0.0')).status).toBe(200);
  expect((await house.get('/a/9.9.9')).status).toBe(404);
  expect(upstream.count('/a')).toBe(1);
});

it('what was published through the cache is seen at once, also where a 404 was remembered', async () => {
  await open({ env: { CLIENT_AUTH_npm: 'forward', NEGATIVE_TTL: '1h' } });
  expect((await house.get('/a')).status).toBe(404);
  upstream.on('/a', { status: 201, body: '{"ok":true}' });
  expect(
    (await house.get('/a', { method: 'PUT', body: '{}', headers: { authorization: 'Bearer t', 'content-type': 'application/json' } }))
      .status,
  ).toBe(201);
  offer(upstream, 'a', { body });
  await until('it is there', async () => (await house.get('/a')).status === 200);
  const newer = packument(upstream.url, 'a', { '1.0.0': { body }, '2.0.0': { body } });
  upstream.on('/a', async (request, response) => {
    for await (const _ of request) void _;
    if (request.method === 'PUT') return void response.writeHead(201).end('{}');
    response.end(newer);
  });
  await house.get('/a', { method: 'PUT', body: '{}', headers: { authorization: 'Bearer t', 'content-type': 'application/json' } });
  await until('the new version is there', async () => (await house.get('/a')).body.includes('2.0.0'));
});

describe('what cannot be stored', () => {
  it('is confirmed by the upstream from memory, and asked for once when it can be stored again', async () => {
    await open({ env: { MIN_FREE: '100%', TTL_npm: '10s' } });
    await until('it notices', async () => (await house.appliance.status()).notStoring !== undefined);
    offer(upstream, 'a', { body }, {}, { etag: '"e"' });
    const first = await house.get('/a');
    clock.advance(60_000);
    const second = await house.get('/a');
    expect([second.status, second.body.equals(first.body)]).toEqual([200, true]);
    expect(upstream.count('/a')).toBe(2);
    expect((await house.why('/a')).entry).toBeNull();
  });
});

function contents(): string[] {
  return filesBelow(join(house.cacheDir, 'content-v2'));
}

describe('a large document', () => {
  /** Six megabytes that do not compress away on the road: the upstream sends no gzip. */
  const large = (): string => {
    const document = JSON.parse(packument(upstream.url, 'big', { '1.0.0': { body } })) as Record<string, unknown>;
    return JSON.stringify({ ...document, readme: 'r'.repeat(6_000_000) });
  };

  it('is handed out before it is stored, asked for once, and held soon, renderings and promises included', async () => {
    await open();
    upstream.on('/big', { body: large() });
    upstream.on('/big/-/big-1.0.0.tgz', { body });
    const [one, two] = await Promise.all([house.get('/big'), house.get('/big')]);
    expect(JSON.parse(one.body.toString())).toEqual(JSON.parse(two.body.toString()));
    const entry = await house.kept('/big');
    expect(entry.size).toBeGreaterThan(6_000_000);
    expect((await house.get('/big/-/big-1.0.0.tgz')).body).toEqual(body);
    expect((await house.kept('/big/-/big-1.0.0.tgz')).pin).toBeDefined();
    await house.get('/big');
    expect(upstream.count('/big')).toBe(1);
  });

  it('that is written while it is being stored is asked for again', async () => {
    await open({ env: { CLIENT_AUTH_npm: 'forward' } });
    upstream.on('/big', { body: large() });
    await house.get('/big');
    upstream.on(/^\/big$/, (request, response) => {
      response.end(request.method === 'PUT' ? '{}' : large());
    });
    await house.get('/big', { method: 'PUT', headers: { authorization: 'Bearer x', 'content-type': 'application/json' }, body: '{}' });
    upstream.forget();
    await house.get('/big');
    expect(upstream.count('/big', 'GET')).toBe(1);
  });
});
