/** Listings of ALICE's stores, from whatever the upstream lists them as; what it means that there is nothing, and that nobody can tell. */
import { aliceStage, expectClosed, namesIn } from '../../testing/alice-house';
import {
  ARCH,
  autoindexPage,
  CONTAINER,
  HASH,
  s3Bucket,
  STORE,
  swiftContainer,
  swiftPage,
  swiftPath,
  type KeyTable,
} from '../../testing/alice-store';
import { until } from '../../testing/until';
import type { Handler } from '../../testing/upstream';

jest.setTimeout(60_000);

const stage = aliceStage();
const LINKS = `/TARS/${ARCH}/libtiny/`;
const MANIFEST = `/TARS/${ARCH}/libtiny.manifest`;
const link = (n: number): string => `libtiny-1.${String(n).padStart(6, '0')}-1.${ARCH}.tar.gz`;

/** Keys of a store with so many links, and with what does not belong to their folder. */
function keysOf(links: number): string[] {
  const keys = Array.from({ length: links }, (_, n) => LINKS.slice(1) + link(n));
  return [...keys, `TARS/${ARCH}/libtiny.manifest`, `TARS/${ARCH}/libtiny/deeper/x`, `TARS/${ARCH}/libtiny2/x`, `TARS/${ARCH}/`].sort();
}

describe('forms', () => {
  it('nginx autoindex: files only, in order, and the first page is the only one', async () => {
    const house = await stage.open();
    const files = ['b', 'a'].map((name) => ({ name, body: 'x' }));
    const page = autoindexPage(files);
    const body = String(page.body).replace('[', '[{ "name":"zfolder", "type":"directory", "mtime":"x" },');
    stage.upstream.on(LINKS, { ...page, body });
    expect(namesIn(await house.get(LINKS))).toEqual(['a', 'b']);
    expect(stage.upstream.requests.map(({ path }) => path)).toEqual([LINKS]);
  });

  it.each([
    ['S3', '', s3Bucket, 1000],
    ['S3 of the first version', '', (table: KeyTable) => s3Bucket(table, 1), 1000],
    ['Swift', CONTAINER, swiftContainer, 10_000],
    ['Swift with small pages', CONTAINER, swiftContainer, 500],
  ] as const)('%s: 23,456 keys page by page, direct children only, each once', async (_name, base, serve, pageSize) => {
    const house = await stage.open(base);
    const serving: Handler = serve({ keys: keysOf(23_456), pageSize });
    stage.upstream.on(/\?/, serving);
    const names = namesIn(await house.get(LINKS));
    expect(names).toEqual(Array.from({ length: 23_456 }, (_, n) => link(n)));
    expect(stage.upstream.count(/\?/)).toBeGreaterThanOrEqual(Math.ceil(23_456 / pageSize));
  });

  it('Swift that answers with text: 234 keys', async () => {
    const house = await stage.open(CONTAINER);
    const serving = swiftContainer({ keys: keysOf(234), pageSize: 100 });
    stage.upstream.on(/\?/, (request, response, nth) => {
      request.url = request.url?.replace('format=json', 'x=y') ?? '';
      return serving(request, response, nth);
    });
    expect(namesIn(await house.get(LINKS))).toEqual(Array.from({ length: 234 }, (_, n) => link(n)));
  });

  it('what an upstream lists as is found out once', async () => {
    const house = await stage.open();
    stage.upstream.on(/\?/, s3Bucket({ keys: keysOf(3), pageSize: 1000 }));
    expect(namesIn(await house.get(LINKS))).toHaveLength(3);
    expect(stage.upstream.requests.map(({ path }) => path.slice(0, 14))).toEqual([LINKS.slice(0, 14), '/?list-type=2&']);
    stage.upstream.forget();
    expect(namesIn(await house.get(`/TARS/${ARCH}/libtiny2/`))).toEqual(['x']);
    expect(stage.upstream.count(/list-type/)).toBe(1);
    expect(stage.upstream.requests).toHaveLength(1);
  });

  it('LISTING_alice names the form: no other is tried', async () => {
    const house = await stage.open('', { env: { LISTING_alice: 'swift' } });
    stage.upstream.on(/\?/, swiftContainer({ keys: keysOf(3), pageSize: 10 }));
    expect(namesIn(await house.get(LINKS))).toHaveLength(3);
    expect(stage.upstream.requests.every(({ path }) => path.startsWith('/?format=json'))).toBe(true);
  });

  it('names with +, @, ~, spaces, & and letters beyond ASCII, in keys and folders', async () => {
    const odd = ['a+b@c~1.tar.gz', 'b & "c" <d>.tar.gz', 'c\u00e9.tar.gz', 'd%2B.tar.gz'];
    const keys = odd.map((name) => `TARS/${ARCH}/lib+@/${name}`);
    for (const [base, serve] of [
      ['', s3Bucket],
      [CONTAINER, swiftContainer],
    ] as const) {
      const house = await stage.open(base);
      stage.upstream.on(/\?/, serve({ keys, pageSize: 2000 }));
      expect(namesIn(await house.get(`/TARS/${ARCH}/lib%2B%40/`))).toEqual(odd);
      expect((await house.get(`/TARS/${ARCH}/lib+@/`)).headers['x-cache']).toBe('hit');
    }
  });

  it('HTML is no listing: closed, and the log says what to do', async () => {
    const house = await stage.open();
    stage.upstream.on(/./, { body: '<html><a href="x">x</a></html>', headers: { 'content-type': 'text/html' } });
    expectClosed(await house.get(LINKS));
    expect(String(house.said('document-invalid')[0]?.facts['reason'])).toContain('LISTING_alice');
  });

  it.each([
    ['cut off', '[{"name":"a","type":"file"'],
    ['nested a million times', '['.repeat(1_000_000)],
    ['another folder', JSON.stringify([{ name: 'TARS/other/x', hash: '', bytes: 1 }])],
  ])('a listing that is %s: closed, nothing kept, others are served', async (_what, body) => {
    const house = await stage.open(CONTAINER);
    stage.upstream.on(swiftPath(LINKS), { body });
    stage.upstream.on(swiftPath(STORE), swiftPage(STORE, [{ name: 'a', body: 'x' }]));
    expectClosed(await house.get(LINKS));
    expect((await house.why(LINKS)).entry).toBeNull();
    expect(namesIn(await house.get(STORE))).toEqual(['a']);
  });

  it('pages that lead in a circle end', async () => {
    const house = await stage.open(CONTAINER);
    const page = swiftPage(
      LINKS,
      Array.from({ length: 1000 }, (_, n) => ({ name: link(n), body: '' })),
    );
    stage.upstream.on(/\?/, page);
    expectClosed(await house.get(LINKS));
    expect(stage.upstream.requests.length).toBeLessThan(5);
  });
});

it('200,000 keys are listed; more than MAX_DOCUMENT are refused, and others are served meanwhile', async () => {
  const keys = keysOf(200_000);
  const house = await stage.open(CONTAINER);
  stage.upstream.on(/\?/, swiftContainer({ keys, pageSize: 10_000 }));
  const asked = house.get(LINKS);
  await until('the upstream is asked', () => stage.upstream.requests.length > 0);
  const beside = house.get(`/TARS/${ARCH}/libtiny2/`);
  expect(namesIn(await beside)).toEqual(['x']);
  const names = namesIn(await asked);
  expect([names.length, names[0], names.at(-1)]).toEqual([200_000, link(0), link(199_999)]);
  const small = await stage.open(CONTAINER, { env: { MAX_DOCUMENT: '5MB' } });
  const tooMuch = small.get(LINKS);
  expect(namesIn(await small.get(`/TARS/${ARCH}/libtiny2/`))).toEqual(['x']);
  expectClosed(await tooMuch);
  expect((await small.why(LINKS)).entry).toBeNull();
  // As soon as it is one of a size that is read.
  stage.upstream.on(/\?/, swiftContainer({ keys: keysOf(3), pageSize: 10_000 }));
  expect(namesIn(await small.get(LINKS))).toHaveLength(3);
});

it('100,000 keys: every name once and in order, and the held listing is one hit', async () => {
  // On a busy machine the answer would begin with white space.
  const house = await stage.open(CONTAINER, { early: { afterMs: 55_000, everyMs: 1_000 } });
  stage.upstream.on(/\?/, swiftContainer({ keys: keysOf(100_000), pageSize: 10_000 }));
  const got = await house.get(LINKS);
  expect(namesIn(got)).toEqual(Array.from({ length: 100_000 }, (_, n) => link(n)));
  await house.kept(LINKS);
  stage.upstream.forget();
  const again = await house.get(LINKS);
  expect([again.headers['x-cache'], again.body.equals(got.body)]).toEqual(['hit', true]);
  expect(again.headers['content-length']).toBe(String(got.body.length));
  expect(stage.upstream.requests).toHaveLength(0);
});

describe('nothing there', () => {
  it.each([
    ['404', { status: 404 }],
    ['410', { status: 410 }],
    ['204', { status: 204 }],
    ['an empty array', { body: '[]' }],
  ])('%s of the upstream is 200 [], remembered for half a minute', async (_what, reply) => {
    const house = await stage.open(CONTAINER);
    stage.upstream.on(swiftPath(LINKS), reply);
    expect(namesIn(await house.get(LINKS))).toEqual([]);
    expect(namesIn(await house.get(LINKS))).toEqual([]);
    expect(stage.upstream.count(swiftPath(LINKS))).toBe(1);
    // A builder may have uploaded meanwhile.
    stage.upstream.on(swiftPath(LINKS), swiftPage(LINKS, [{ name: 'a', body: 'x' }]));
    stage.clock.advance(31_000);
    expect(namesIn(await house.get(LINKS))).toEqual(['a']);
  });

  it('a manifest that does not exist is an empty 200', async () => {
    const house = await stage.open();
    const got = await house.get(MANIFEST);
    expect([got.status, got.complete, got.body.length, got.headers['content-length']]).toEqual([200, true, 0, '0']);
  });

  it('that there is none is kept, and outlives an outage: clients ask for the folder then', async () => {
    const house = await stage.open();
    await house.get(MANIFEST);
    await house.kept(MANIFEST);
    await stage.upstream.down();
    stage.clock.advance(100_000_000);
    const got = await house.get(MANIFEST);
    expect([got.status, got.headers['x-cache'], got.body.length]).toEqual([200, 'stale', 0]);
    await stage.upstream.up();
    stage.clock.advance(300_000);
    stage.upstream.on(MANIFEST, { body: 'a\tb\n' });
    await until('the new one is shown', async () => (await house.get(MANIFEST)).body.length > 0);
  });

  it.each([
    ['503', { status: 503, body: 'x' }],
    ['403', { status: 403, body: '<Error/>' }],
    ['a hang-up', { hangUp: true }],
  ])('%s is never that, for a listing or a manifest', async (_what, reply) => {
    const house = await stage.open(CONTAINER);
    stage.upstream.on(/./, reply);
    for (const target of [LINKS, STORE, MANIFEST]) expectClosed(await house.get(target));
  });

  it('an outage is not what was empty a while ago', async () => {
    const house = await stage.open(CONTAINER);
    expect(namesIn(await house.get(LINKS))).toEqual([]);
    await stage.upstream.down();
    stage.clock.advance(31_000);
    expectClosed(await house.get(LINKS));
  });

  it('OFFLINE: what is not held is not said to be empty', async () => {
    const house = await stage.open(CONTAINER, { env: { OFFLINE: 'yes' } });
    expectClosed(await house.get(LINKS));
    expectClosed(await house.get(MANIFEST));
  });
});

describe('a slow upstream', () => {
  const early = { afterMs: 100, everyMs: 30 };

  it('a cold listing begins with white space although nothing came yet, and goes on', async () => {
    const house = await stage.open(CONTAINER, { early });
    stage.upstream.on(swiftPath(LINKS), { ...swiftPage(LINKS, [{ name: 'a', body: 'x' }]), delayMs: 600 });
    const asked = house.ask(LINKS);
    expect((await asked.response).statusCode).toBe(200);
    expect(stage.upstream.active.now).toBe(1);
    const got = await asked.whole;
    expect(namesIn(got)).toEqual(['a']);
    expect(got.body.toString()).toMatch(/^ {2,}\[/);
  });

  it('if it turns out that there is nothing, that is said; if it fails, the answer is cut', async () => {
    const house = await stage.open(CONTAINER, { early });
    stage.upstream.on(swiftPath(LINKS), { status: 404, delayMs: 400 });
    stage.upstream.on(swiftPath(STORE), { status: 500, delayMs: 400 });
    expect(namesIn(await house.get(LINKS))).toEqual([]);
    const got = await house.get(STORE);
    expect([got.status, got.complete, got.body.toString().trim()]).toEqual([200, false, '']);
  });

  it('what is held is sent instead, however old', async () => {
    const house = await stage.open(CONTAINER, { env: { STALE_WAIT: '100ms' } });
    stage.upstream.on(swiftPath(LINKS), swiftPage(LINKS, [{ name: 'a', body: 'x' }]));
    await house.get(LINKS);
    await house.kept(LINKS);
    stage.upstream.on(swiftPath(LINKS), { stallHeaders: true });
    stage.clock.advance(100_000_000);
    const got = await house.get(LINKS);
    expect([got.headers['x-cache'], namesIn(got)]).toEqual(['stale', ['a']]);
  });
});

it('two mirrors that list in different ways stand in for each other', async () => {
  const house = await stage.open('', { upstream: [`${stage.upstream.url}/web`, stage.upstream.url + CONTAINER] });
  stage.upstream.on(`/web${LINKS}`, { status: 500 });
  stage.upstream.on(swiftPath(LINKS), swiftPage(LINKS, [{ name: 'a', body: 'x' }]));
  expect(namesIn(await house.get(LINKS))).toEqual(['a']);
});

it('every spelling is answered directly, and is one object', async () => {
  const house = await stage.open(CONTAINER);
  stage.upstream.on(swiftPath(STORE), swiftPage(STORE, [{ name: 'a', body: 'x' }]));
  for (const target of [STORE, `/${STORE}`, STORE.slice(0, -1), `//TARS//${ARCH}/store/94/${HASH}/`])
    expect(namesIn(await house.get(target))).toEqual(['a']);
  expect(stage.upstream.requests).toHaveLength(1);
});

it('a manifest is sent as it is, also one whose links lead in a circle; nobody follows them', async () => {
  const house = await stage.open();
  const body = `a-1-1.${ARCH}.tar.gz\t${ARCH}/libtiny/b-1-1.${ARCH}.tar.gz\nb-1-1.${ARCH}.tar.gz\t${ARCH}/libtiny/a-1-1.${ARCH}.tar.gz\nodd line\n`;
  stage.upstream.on(MANIFEST, { body });
  stage.upstream.on(`${LINKS}a-1-1.${ARCH}.tar.gz`, { body: `../../${ARCH}/libtiny/a-1-1.${ARCH}.tar.gz` });
  expect((await house.get(MANIFEST)).body.toString()).toBe(body);
  const linked = await house.get(`${LINKS}a-1-1.${ARCH}.tar.gz`);
  expect([linked.status, linked.body.toString()]).toEqual([200, `../../${ARCH}/libtiny/a-1-1.${ARCH}.tar.gz`]);
  expect(stage.upstream.requests).toHaveLength(2);
});

it('a page in place of a manifest is none, and is not kept', async () => {
  const house = await stage.open();
  stage.upstream.on(MANIFEST, { body: '<!doctype html>log in' });
  expectClosed(await house.get(MANIFEST));
  expect((await house.why(MANIFEST)).entry).toBeNull();
});
