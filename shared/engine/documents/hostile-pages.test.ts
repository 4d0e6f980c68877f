/** Pages of a hostile or careless Python index, and names that clients make up: no crash, nobody reached who must not be, honest answers. */
import { createHash } from 'node:crypto';
import { openHouse, type Got, type HouseOptions, type LocalHouse } from '../../testing/house';
import { bytes } from '../../testing/packages';
import { until } from '../../testing/until';
import { startUpstream, type FakeUpstream, type Reply } from '../../testing/upstream';

jest.setTimeout(60_000);

const JSON_TYPE = 'application/vnd.pypi.simple.v1+json';
const file = bytes(3000, 'wheel');
const SHA256 = createHash('sha256').update(file).digest('hex');
const WHEEL = 'a-1.0-py3-none-any.whl';

let upstream: FakeUpstream;
/** What must not be reached. */
let inner: FakeUpstream;
let house: LocalHouse;

beforeEach(async () => {
  upstream = await startUpstream();
  inner = await startUpstream();
  inner.on(/./, { body: 'secret' });
});
afterEach(async () => {
  await house.stop();
  await upstream.close();
  await inner.close();
});

async function open(options: Partial<HouseOptions> = {}): Promise<void> {
  const env = { NEGATIVE_TTL: '0s', TTL_pip: '0s', STALE_WAIT: '20s', PIN_WAIT: '1s', CONNECT_TIMEOUT: '2s', ...options.env };
  house = await openHouse({ module: 'pip', upstream: upstream.url, ...options, env });
}

const html = (links: string): Reply => ({
  headers: { 'content-type': 'text/html' },
  body: `<!DOCTYPE html><title>Links for a</title>${links}`,
});
const json = (files: unknown): Reply => ({
  headers: { 'content-type': JSON_TYPE },
  body: JSON.stringify({ meta: { 'api-version': '1.1' }, files }),
});
const page = (accept?: string): Promise<Got> => house.get('/simple/a/', accept === undefined ? {} : { headers: { accept } });

/** Where a page leads for a file, as a client resolves it. */
function linkIn(got: Got, name = WHEEL): string {
  const [, href] = new RegExp(`href="([^"#]*${name.replaceAll('.', '\\.')})`).exec(got.body.toString()) ?? [];
  if (href === undefined) throw new Error(`there is no link to ${name}`);
  return new URL(href, `${house.url}/simple/a/`).href.slice(house.url.length);
}

function expectCalm(): void {
  expect(house.events.filter(({ level, event }) => level === 'error' || event === 'render-thread-died')).toEqual([]);
}

describe('files', () => {
  test('without a digest: served, marked as judged by nothing, and kept', async () => {
    await open();
    upstream.on('/simple/a/', html(`<a href="/packages/${WHEEL}">${WHEEL}</a>`)).on(`/packages/${WHEEL}`, { body: file });
    const target = linkIn(await page());
    expect((await house.get(target)).body.equals(file)).toBe(true);
    expect((await house.kept(target)).pin).toBeUndefined();
    // A digest that comes later judges what is held.
    upstream.on('/simple/a/', html(`<a href="/packages/${WHEEL}#sha256=${SHA256}">${WHEEL}</a>`));
    await page();
    await until('it is judged', async () => (await house.why(target)).entry?.pin !== undefined);
    expectCalm();
  });

  test.each([
    'md5=00',
    'sha256=',
    'sha256=zz',
    `sha256=${'0'.repeat(63)}`,
    `sha1=${'0'.repeat(64)}`,
    `sha256=${SHA256.toUpperCase()}`,
    `sha3_256=${SHA256}`,
    'egg=a',
  ])('with the digest %s: the right bytes are never refused', async (fragment) => {
    await open();
    upstream.on('/simple/a/', html(`<a href="/packages/${WHEEL}#${fragment}">${WHEEL}</a>`)).on(`/packages/${WHEEL}`, { body: file });
    const got = await house.get(linkIn(await page()));
    expect([got.status, got.body.equals(file)]).toEqual([200, true]);
    expectCalm();
  });

  test('on hosts that are not there or must not be reached: refused, nobody is connected to, the others are served', async () => {
    await open();
    const places = [
      `http://127.0.0.1:${inner.port}`,
      `http://127.1:${inner.port}`,
      `http://localhost:${inner.port}`,
      `http://[::ffff:127.0.0.1]:${inner.port}`,
      `http://user:pw@127.0.0.1:${inner.port}`,
      'http://169.254.169.254',
      'https://10.0.0.1',
      'http://nowhere.invalid',
      `${house.url}`,
    ];
    const links = places.map((place, n) => `<a href="${place}/p${n}/a-${n}.0.zip#sha256=${SHA256}">a-${n}.0.zip</a>`).join('\n');
    upstream.on('/simple/a/', html(`${links}<a href="/packages/${WHEEL}#sha256=${SHA256}">${WHEEL}</a>`));
    upstream.on(`/packages/${WHEEL}`, { body: file });
    const got = await page();
    for (const [n] of places.entries()) {
      const target = linkIn(got, `a-${n}.0.zip`);
      for (const options of [{}, { method: 'HEAD' }, { headers: { range: 'bytes=0-9' } }]) {
        const { status, body } = await house.get(target, options);
        expect([target, [404, 502, 504, 508].includes(status)]).toEqual([target, true]);
        expect(body.toString()).not.toContain('secret');
      }
      await house.get(`${target}.metadata`);
    }
    expect(inner.connections.total).toBe(0);
    expect((await house.get(linkIn(got))).body.equals(file)).toBe(true);
  });

  test('whose base is another host', async () => {
    await open();
    upstream.on('/simple/a/', html(`<base href="${inner.url}/deep/"><a href="${WHEEL}#sha256=${SHA256}">${WHEEL}</a>`));
    const target = linkIn(await page());
    expect((await house.get(target)).status).toBe(502);
    expect(inner.connections.total).toBe(0);
  });

  test('that a client makes up, at any host: only what a page says is asked for', async () => {
    await open();
    const targets = [
      `/+files/a/127.0.0.1:${inner.port}/${WHEEL}`,
      `/+files/a/localhost%3A${inner.port}/x/${WHEEL}`,
      `/+files/a/169.254.169.254/${WHEEL}`,
      `/+files/a/@/${WHEEL}`,
    ];
    for (const target of targets) expect([400, 404, 502]).toContain((await house.get(target)).status);
    expect(inner.connections.total).toBe(0);
  });

  test('that lead to scripts are not offered, in any form', async () => {
    await open();
    const odd = ['javascript:alert(1)//a-1.zip', 'data:text/html,a-1.zip', 'file:///etc/a-1.zip'];
    for (const reply of [
      html(odd.map((href) => `<a href="${href}">a-1.zip</a>`).join('')),
      json(odd.map((url) => ({ filename: 'a-1.zip', url, hashes: {} }))),
    ]) {
      upstream.on('/simple/a/', reply);
      for (const accept of [undefined, JSON_TYPE]) {
        const got = await page(accept);
        expect([got.status, /alert|data:text|etc/.test(got.body.toString())]).toEqual([200, false]);
      }
    }
    expectCalm();
  });
});

test('names: one page for all spellings of one, 404 or 400 for what is no name, and nothing else is asked upstream', async () => {
  await open();
  upstream.on('/simple/foo-bar/', html(`<a href="/packages/foo_bar-1.0.zip">foo_bar-1.0.zip</a>`));
  for (const spelling of ['foo-bar', 'Foo.Bar', 'FOO_BAR', 'foo--bar', 'foo-_.bar', 'f%6fo%2Dbar', '%46oo.bar', 'foo%5Fbar']) {
    for (const end of ['/', '', '//', '/?x=1']) {
      const got = await house.get(`/simple/${spelling}${end}`);
      expect([spelling + end, got.status]).toEqual([spelling + end, 200]);
    }
  }
  const bad = [
    '..',
    '.',
    '%2e%2e',
    '%2E%2e',
    '..%2f..',
    '../..',
    'a%2fb',
    'a%2Fb',
    'a%5cb',
    'a\\b',
    '-a',
    'a-',
    '_',
    '.a',
    'a.',
    'a%20b',
    'a%00b',
    'a%0d%0aX:y',
    'a%0a',
    '%c3%bc',
    '%C3%BCber',
    'a%e2%80%8bb',
    '%ef%bd%81',
    'a;b',
    'a:b',
    'a@b',
    'a,b',
    'a+b',
    'a!b',
    'a~b',
    '%',
    '%zz',
    '%2',
    'a'.repeat(9000),
    '_cache',
    'a%23b',
    'a%3fb',
    '%25%32%65',
    '%252e%252e',
    '\u0131',
  ];
  for (const name of bad)
    for (const end of ['/', '']) {
      const text = await house.raw(
        Buffer.from(`GET /simple/${name}${end} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`, 'utf8'),
      );
      expect([name.slice(0, 20) + end, /^HTTP\/1\.1 (?:400|404|431) /.test(text)]).toEqual([name.slice(0, 20) + end, true]);
    }
  expect(new Set(upstream.requests.map(({ path }) => path))).toEqual(new Set(['/simple/foo-bar/']));
  expectCalm();
});

test('bodies that are no page: an error, what was held is shown, and the next good one is taken', async () => {
  await open();
  const good = html(`<a href="/packages/${WHEEL}#sha256=${SHA256}">${WHEEL}</a>`);
  const bodies: Reply[] = [
    { headers: { 'content-type': JSON_TYPE }, body: '{"files":[' },
    { headers: { 'content-type': JSON_TYPE }, body: `{"files":${'['.repeat(100_000)}` },
    { headers: { 'content-type': JSON_TYPE }, body: '{"files":[],"files":[]}' },
    { headers: { 'content-type': JSON_TYPE }, body: '{"meta":{"api-version":"2.0"},"files":[]}' },
    { headers: { 'content-type': JSON_TYPE }, body: Buffer.from('{"files":[],"x":"\xff"}', 'latin1') },
    { headers: { 'content-type': JSON_TYPE }, body: '{"files":[],"x":"\0"}' },
    { headers: { 'content-type': JSON_TYPE }, body: 'null' },
    { headers: { 'content-type': 'text/html' }, body: '<a href="/a-1.zip">x</a><a href="/a-' },
    { headers: { 'content-type': 'text/html' }, body: '<html><form action="/login"></form>' },
    { headers: { 'content-type': 'text/html' }, body: '' },
    { headers: { 'content-type': 'text/html' }, body: Buffer.alloc(100_000) },
    { headers: { 'content-type': 'image/png' }, body: Buffer.from('\x89PNG', 'latin1') },
    { headers: { 'content-encoding': 'gzip', 'content-type': 'text/html' }, body: 'not gzip' },
  ];
  for (const [n, reply] of bodies.entries()) {
    const name = `b${n}`;
    upstream.on(`/simple/${name}/`, reply);
    for (const accept of ['text/html', JSON_TYPE])
      expect([n, (await house.get(`/simple/${name}/`, { headers: { accept } })).status]).toEqual([n, 502]);
    upstream.on(`/simple/${name}/`, good);
    expect([n, (await house.get(`/simple/${name}/`)).status]).toEqual([n, 200]);
    upstream.on(`/simple/${name}/`, reply);
    expect([n, (await house.get(`/simple/${name}/`)).status]).toEqual([n, 200]);
  }
  expectCalm();
});

test.each(['html', 'json'])(
  '100,000 files on one page (%s): all of them, in every form, from one fetch; requests beside it are served',
  async (form) => {
    await open({ env: { TTL_pip: '600s' } });
    const count = 100_000;
    const names = Array.from({ length: count }, (_, n) => `a-1.${n}.tar.gz`);
    const place = (name: string): string => `https://files.example/packages/${name}`;
    upstream.on(
      '/simple/a/',
      form === 'html'
        ? html(names.map((name) => `<a href="${place(name)}#sha256=${SHA256}">${name}</a><br>\n`).join(''))
        : json(names.map((filename) => ({ filename, url: place(filename), hashes: { sha256: SHA256 }, size: 1 }))),
    );
    upstream.on('/simple/b/', html('<a href="/packages/b-1.zip">b-1.zip</a>'));
    const [big, small] = await Promise.all([page(), house.get('/simple/b/')]);
    expect([big.status, small.status]).toEqual([200, 200]);
    expect(big.body.toString().match(/<a href="\.\.\/\.\.\/packages\/a-1\./g)).toHaveLength(count);
    const files = JSON.parse((await page(JSON_TYPE)).body.toString()) as { files: { url: string }[] };
    expect(files.files).toHaveLength(count);
    expect(upstream.count('/simple/a/')).toBe(1);
    expect((await house.why('/packages/a-1.99999.tar.gz')).pin?.integrity).toBe(`sha256-${Buffer.from(SHA256, 'hex').toString('base64')}`);
    expectCalm();
  },
);
