/** Tarballs, links and blobs of ALICE's stores: stubs, digests, and clients that take whatever body comes for the file. */
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { aliceStage, expectClosed } from '../../testing/alice-house';
import { ARCH, autoindexPage, CONTAINER, STORE, swiftPage, swiftPath, tarball } from '../../testing/alice-store';
import type { Got, LocalHouse } from '../../testing/house';
import { flipped } from '../../testing/packages';
import { until } from '../../testing/until';
import { startUpstream, type Reply } from '../../testing/upstream';

jest.setTimeout(60_000);

const stage = aliceStage();
const NAME = `libtiny-1.0-1.${ARCH}.tar.gz`;
const TARBALL = STORE + NAME;
const LINK = `/TARS/${ARCH}/libtiny/${NAME}`;
const body = tarball(300_000);
const HEADER = 'x-amz-website-redirect-location';

function blobPath(of: Buffer): string {
  const hex = createHash('sha256').update(of).digest('hex');
  return `/cas/sha256/${hex.slice(0, 2)}/${hex}`;
}

/** A small object whose header names the place of the bytes. */
function stub(place: string): Reply {
  return { body: place.replace(/^.*\/cas/, 'cas'), headers: { [HEADER]: place }, ranges: 'yes' };
}

function expectWhole(got: Got, right = body): void {
  expect([got.status, got.complete, got.headers['content-length'], got.body.equals(right)]).toEqual([
    200,
    true,
    String(right.length),
    true,
  ]);
  expect([got.headers[HEADER], got.headers['content-encoding'], got.headers.location]).toEqual([undefined, undefined, undefined]);
}

async function expectNothingOf(house: LocalHouse, target: string): Promise<void> {
  expect((await house.why(target)).entry).toBeNull();
}

describe('no body but the file', () => {
  it.each<[string, Reply]>([
    ['404', { status: 404, body: '<Error><Code>NoSuchKey</Code></Error>' }],
    ['410', { status: 410, body: 'gone' }],
    ['403', { status: 403, body: 'denied' }],
    ['500', { status: 500, body: 'broken' }],
    ['503', { status: 503, body: 'busy' }],
    ['a page', { body: '<html>maintenance</html>', headers: { 'content-type': 'text/html' } }],
    ['a hang-up', { hangUp: true }],
  ])('the upstream has %s: closed without an answer, for tarballs, links and blobs', async (_what, reply) => {
    const house = await stage.open();
    stage.upstream.on(/./, reply);
    for (const target of [TARBALL, LINK, blobPath(body), LINK.replace('libtiny/', 'dist/libtiny/libtiny-1.0-1/')]) {
      expectClosed(await house.get(target));
      expectClosed(await house.get(target, { headers: { range: 'bytes=5-9' } }));
      await expectNothingOf(house, target);
    }
  });

  it('HEAD, which has no body, tells the status', async () => {
    const house = await stage.open();
    expect((await house.get(TARBALL, { method: 'HEAD' })).status).toBe(404);
  });

  it('what is nothing of this cache is 404, or where REDIRECT_INVALID_TO_alice says', async () => {
    const plain = await stage.open();
    const sending = await stage.open('', {
      env: { REDIRECT_INVALID_TO_alice: 'https://www.example/alice', UPSTREAM_alice_more: stage.upstream.url },
    });
    expect((await plain.get('/welcome')).status).toBe(404);
    const got = await sending.get('/welcome');
    expect([got.status, got.headers.location, got.body.length]).toEqual([302, 'https://www.example/alice', 0]);
    for (const target of [`/TARS/${ARCH}/store/94`, '/cas/x', '/more/welcome']) expect((await sending.get(target)).status).toBe(404);
    expect((await sending.get('/welcome', { method: 'POST' })).status).toBe(404);
    expect(stage.upstream.requests).toHaveLength(0);
  });
});

describe('what came is not the file, although it is a 200', () => {
  it.each<[string, string, Reply]>([
    ['the tarball, of a web server that follows links', LINK, { body }],
    ['a small tarball', LINK, { body: gzipSync('x') }],
    ['the tarball, of no known length', LINK, { body, chunked: true }],
    ['a page of HTML by another name', LINK, { body: '<html>log in</html>', headers: { 'content-type': 'text/plain' } }],
    ["S3's error", LINK, { body: '<Error><Code>SlowDown</Code></Error>', headers: { 'content-type': 'application/xml' } }],
    ['two lines', LINK, { body: 'a\nb\n' }],
    ['nothing', LINK, { body: '' }],
    ['a link of another encoding', LINK, { body: Buffer.from([0xe9, 0x2f, 0x78]) }],
    ['the tarball', `/TARS/${ARCH}/dist/libtiny/libtiny-1.0-1/${NAME}`, { body }],
    ['a stub without its header', TARBALL, { body: blobPath(body).slice(1) }],
    ['a text', TARBALL, { body: 'upstream connect error' }],
    ['a page that is as large as a tarball', TARBALL, { body: `<html>${'x'.repeat(300_000)}` }],
    ['nothing', TARBALL, { body: '' }],
  ])('%s at %s: never complete, nothing kept, the reason logged', async (_what, target, reply) => {
    const house = await stage.open();
    stage.upstream.on(target, reply);
    const got = await house.get(target);
    expect(got.complete && got.status === 200).toBe(false);
    await until('it is logged', () => house.events.some(({ facts }) => String(facts['reason']).includes('what came is')));
    await expectNothingOf(house, target);
    // Whoever repairs the store is not held up.
    const right = target === TARBALL ? body : Buffer.from(`../../${ARCH}/store/94/x/${NAME}\r\n`);
    stage.upstream.on(target, { body: right });
    expectWhole(await house.get(target), right);
  });

  it('the length of what is no link is enough: nobody waits for its end', async () => {
    const house = await stage.open();
    stage.upstream.on(LINK, (_request, response) => void response.writeHead(200, { 'content-length': '1000000000' }).write('x'));
    expectClosed(await house.get(LINK));
    expect(String(house.said('upstream-failed')[0]?.facts['reason'])).toContain('no line of text');
  });

  it('what a listing promises the MD5 of is not looked at', async () => {
    const house = await stage.open(CONTAINER);
    const odd = Buffer.from('no gzip '.repeat(100));
    stage.upstream.on(swiftPath(STORE), swiftPage(STORE, [{ name: NAME, body: odd }])).on(CONTAINER + TARBALL, { body: odd });
    await house.get(STORE);
    await house.kept(STORE);
    expectWhole(await house.get(TARBALL), odd);
  });
});

describe('names and encodings', () => {
  it.each([`a+b@c-1.${ARCH}.tar.gz`, `a%2Bb%40c-1.${ARCH}.tar.gz`])('%s is one object, asked upstream with %%2B', async (name) => {
    const house = await stage.open();
    stage.upstream.on(`${STORE}a%2Bb@c-1.${ARCH}.tar.gz`, { body });
    expectWhole(await house.get(STORE + name));
    await house.kept(`${STORE}a%2Bb%40c-1.${ARCH}.tar.gz`);
    expect((await house.get(`/${STORE}a+b@c-1.${ARCH}.tar.gz`)).headers['x-cache']).toBe('hit');
  });

  it("its type is the upstream's, cold and held, for HEAD and a part too", async () => {
    const house = await stage.open();
    stage.upstream.on(TARBALL, { body, ranges: 'yes', headers: { 'content-type': 'application/x-tar' } });
    const types = async (): Promise<unknown[]> => {
      const part = await house.get(TARBALL, { headers: { range: 'bytes=1000-1999' } });
      const head = await house.get(TARBALL, { method: 'HEAD' });
      return [part, head, await house.get(TARBALL)].map(({ headers }) => headers['content-type']);
    };
    expect(await types()).toEqual(Array(3).fill('application/x-tar'));
    await house.kept(TARBALL);
    expect(await types()).toEqual(Array(3).fill('application/x-tar'));
  });

  it('a tarball that a store labels as gzip is the tarball, and is not labelled', async () => {
    const house = await stage.open();
    stage.upstream.on(TARBALL, { body, headers: { 'content-encoding': 'gzip' } });
    expectWhole(await house.get(TARBALL, { headers: { 'accept-encoding': 'gzip, deflate' } }));
    await house.kept(TARBALL);
    expectWhole(await house.get(TARBALL, { headers: { 'accept-encoding': 'gzip, deflate' } }));
  });

  it('an encoded link is none; an encoded manifest or listing is decoded', async () => {
    const house = await stage.open();
    const text = `${ARCH}/store/94/x/${NAME}`;
    stage.upstream.on(LINK, { body: text, gzip: 'always' });
    stage.upstream.on(`/TARS/${ARCH}/libtiny.manifest`, { body: `${NAME}\t${text}\n`, gzip: 'always' });
    stage.upstream.on(STORE, { ...autoindexPage([{ name: NAME, body }]), gzip: 'always' });
    expectClosed(await house.get(LINK));
    const headers = { 'accept-encoding': 'gzip, deflate' };
    const manifest = await house.get(`/TARS/${ARCH}/libtiny.manifest`, { headers });
    const listing = await house.get(STORE, { headers });
    expect([manifest.headers['content-encoding'], manifest.body.toString()]).toEqual([undefined, `${NAME}\t${text}\n`]);
    expect([listing.headers['content-encoding'], listing.body.toString()]).toEqual([undefined, expect.stringContaining(NAME)]);
  });
});

describe('stubs', () => {
  it('many that are refused, of which parts are asked, leave room for others', async () => {
    const house = await stage.open();
    stage.upstream.on(TARBALL, stub(`http://elsewhere.test${blobPath(body)}`));
    const range = { headers: { range: 'bytes=5-9' } };
    for (let times = 0; times < 20; times++) expectClosed(await house.get(TARBALL, range));
    await until('no connection is held', () => stage.upstream.active.now === 0);
    stage.upstream.on(TARBALL, { body, ranges: 'yes' });
    expectWhole(await house.get(TARBALL));
  });

  it('of which one says that it has no such part, and then nothing more, leaves room for others', async () => {
    const house = await stage.open();
    stage.upstream.on(TARBALL, (request, response) => {
      if (request.headers.range === 'bytes=0-0') return request.socket.destroy();
      response.writeHead(416, { 'content-range': `bytes */${body.length}`, 'content-length': '100000' });
      return response.write('x');
    });
    const range = { headers: { range: 'bytes=999999-' } };
    for (let times = 0; times < 20; times++) expectClosed(await house.get(TARBALL, range));
    stage.upstream.on(TARBALL, { body, ranges: 'yes' });
    expectWhole(await house.get(TARBALL));
  });

  it.each<[string, (url: string) => string]>([
    ['by a path below the store', () => blobPath(body)],
    ["by a URL on the store's host", (url) => `${url}/other-bucket${blobPath(body)}`],
  ])('are followed %s, judged by the digest in it, and the header stays here', async (_how, place) => {
    const house = await stage.open();
    const where = place(stage.upstream.url);
    stage.upstream.on(TARBALL, stub(where)).on(where.replace(stage.upstream.url, ''), { body, ranges: 'yes' });
    const part = await house.get(TARBALL, { headers: { range: 'bytes=1000-1999' } });
    expect([part.status, part.headers['content-range'], part.headers[HEADER]]).toEqual([206, 'bytes 1000-1999/300000', undefined]);
    expect((await house.get(TARBALL, { method: 'HEAD' })).headers['content-length']).toBe('300000');
    expectWhole(await house.get(TARBALL));
    expect((await house.kept(TARBALL)).pin).toMatch(/^sha256-/);
    await stage.upstream.down();
    expectWhole(await house.get(TARBALL));
  });

  it("the digest of a stub in Swift's listing is not taken for the blob's", async () => {
    const house = await stage.open(CONTAINER);
    const place = blobPath(body);
    stage.upstream.on(swiftPath(STORE), swiftPage(STORE, [{ name: NAME, body: String(stub(place).body) }]));
    stage.upstream.on(CONTAINER + TARBALL, stub(place)).on(CONTAINER + place, { body });
    expectWhole(await house.get(TARBALL));
    await house.kept(TARBALL);
    await house.get(STORE);
    expect((await house.why(TARBALL)).verdict.do).toBe('serve');
  });

  it('a redirect to a blob is judged by its digest too', async () => {
    const house = await stage.open();
    stage.upstream.on(TARBALL, { status: 302, headers: { location: blobPath(body) } }).on(blobPath(body), { body: flipped(body) });
    const got = await house.get(TARBALL);
    expect(got.complete && got.status === 200).toBe(false);
    await expectNothingOf(house, TARBALL);
  });

  it.each<[string, string]>([
    ['wrong bytes', blobPath(tarball(300_000, 'other'))],
    ['a circle', blobPath(Buffer.from('circle'))],
    ['another kind of place', '/TARS/elsewhere'],
    ['a place that climbs', `/../../cas${blobPath(body).slice(4)}`],
    ['another machine by a path', `//files.example${blobPath(body)}`],
    ['a host that is not allowed', `http://files.example${blobPath(body)}`],
  ])('that lead to %s: never complete, nothing kept, the reason logged', async (_what, place) => {
    const house = await stage.open();
    stage.upstream.on(/./, { body }).on(TARBALL, stub(place));
    if (place === blobPath(Buffer.from('circle'))) stage.upstream.on(place, stub(place));
    const got = await house.get(TARBALL);
    expect(got.complete && got.status === 200).toBe(false);
    await until('it is logged', () => house.events.some(({ event }) => event === 'upstream-failed' || event === 'integrity'));
    await until('nothing is under way', async () => (await house.why(TARBALL)).entry === null);
    expect(stage.upstream.requests.length).toBeLessThan(12);
  });

  it('FILE_HOSTS_alice allows another host; a private address needs ALLOW_NETS too', async () => {
    const blobs = await startUpstream();
    try {
      const place = `http://localhost:${blobs.port}${blobPath(body)}`;
      blobs.on(blobPath(body), { body });
      stage.upstream.on(TARBALL, stub(place));
      const named = await stage.open('', { env: { FILE_HOSTS_alice: `localhost:${blobs.port}` } });
      expectClosed(await named.get(TARBALL));
      expect(blobs.requests).toHaveLength(0);
      const both = await stage.open('', { env: { FILE_HOSTS_alice: `localhost:${blobs.port}`, ALLOW_NETS: '127.0.0.0/8 ::1/128' } });
      expectWhole(await both.get(TARBALL));
      const any = await stage.open('', { env: { FILE_HOSTS_alice: 'any', ALLOW_NETS: '127.0.0.0/8 ::1/128' } });
      expectWhole(await any.get(TARBALL));
      const none = await stage.open('', { env: { ALLOW_NETS: '127.0.0.0/8 ::1/128' } });
      expectClosed(await none.get(TARBALL));
    } finally {
      await blobs.close();
    }
  });

  it('the same header on links, listings and manifests means nothing', async () => {
    const house = await stage.open();
    const [headers, text] = [{ [HEADER]: blobPath(body) }, `${ARCH}/store/94/x/${NAME}`];
    stage.upstream.on(blobPath(body), { body });
    stage.upstream.on(LINK, { body: text, headers }).on(`/TARS/${ARCH}/libtiny.manifest`, { body: `a\t${text}\n`, headers });
    stage.upstream.on(STORE, { ...autoindexPage([{ name: NAME, body }]), headers });
    expect((await house.get(LINK)).body.toString()).toBe(text);
    expect((await house.get(`/TARS/${ARCH}/libtiny.manifest`)).body.toString()).toBe(`a\t${text}\n`);
    expect((await house.get(STORE)).body.toString()).toContain(NAME);
    expect(stage.upstream.count(/\/cas\//)).toBe(0);
  });
});

describe('blobs and actions of aliBuild 2.0', () => {
  it('a blob is judged by its path', async () => {
    const house = await stage.open();
    stage.upstream.on(blobPath(body), { body: flipped(body) }, { body });
    const got = await house.get(blobPath(body));
    expect(got.complete && got.status === 200).toBe(false);
    await expectNothingOf(house, blobPath(body));
    expectWhole(await house.get(blobPath(body)));
    expect((await house.kept(blobPath(body))).pin).toMatch(/^sha256-/);
  });

  it('RPM repositories beside them are passed on', async () => {
    const house = await stage.open();
    const target = `/RPMS/${ARCH}/repodata/repomd.xml`;
    stage.upstream.on(target, { body: '<repomd/>' });
    const got = await house.get(target);
    expect([got.status, got.headers['x-cache'], got.body.toString()]).toEqual([200, 'pass', '<repomd/>']);
  });

  it('another store has another name', async () => {
    const house = await stage.open('', { env: { UPSTREAM_alice_nightly: `${stage.upstream.url}/nightly` } });
    stage.upstream.on(`/nightly${TARBALL}`, stub(blobPath(body))).on(`/nightly${blobPath(body)}`, { body });
    stage.upstream.on(`/nightly${STORE}`, autoindexPage([{ name: NAME, body }]));
    expectWhole(await house.get(`/nightly${TARBALL}`));
    expectClosed(await house.get(TARBALL));
  });

  it('an action is served, and one that does not exist is 404', async () => {
    const house = await stage.open();
    const target = `/ac/${ARCH}/94/94f47f0487bbee38a21ec05e3a1f0b3ece1dc614.json`;
    expect((await house.get(target)).status).toBe(404);
    stage.upstream.on(target, { body: '{"result":{}}', headers: { 'content-type': 'application/json' } });
    stage.clock.advance(31_000);
    expect((await house.get(target)).body.toString()).toBe('{"result":{}}');
  });
});

describe('a tarball that is listed and not there', () => {
  it.each<[string, boolean]>([
    ['that was removed: the listing is asked for anew', false],
    ['that is still on its way: it is listed, and served as soon as it is there', true],
  ])('%s', async (_what, isComing) => {
    const house = await stage.open();
    stage.upstream.on(STORE, autoindexPage([{ name: NAME, body }]));
    expect((await house.get(STORE)).body.toString()).toContain(NAME);
    await house.kept(STORE);
    expectClosed(await house.get(TARBALL));
    if (isComing) stage.upstream.on(TARBALL, { body });
    else stage.upstream.on(STORE, { status: 404 });
    stage.clock.advance(31_000);
    await until('the listing is right', async () => (await house.get(STORE)).body.includes(NAME) === isComing);
    if (isComing) expectWhole(await house.get(TARBALL));
  });
});

describe('other bytes under the same path', () => {
  it('the new digest of the listing is followed, and the change is reported', async () => {
    const house = await stage.open(CONTAINER);
    const other = tarball(200_000, 'other');
    stage.upstream.on(swiftPath(STORE), swiftPage(STORE, [{ name: NAME, body }])).on(CONTAINER + TARBALL, { body });
    await house.get(STORE);
    expectWhole(await house.get(TARBALL));
    await house.kept(TARBALL);
    stage.upstream.on(swiftPath(STORE), swiftPage(STORE, [{ name: NAME, body: other }])).on(CONTAINER + TARBALL, { body: other });
    expectWhole(await house.get(TARBALL));
    stage.clock.advance(3 * 86_400_000);
    await house.get(STORE);
    expectWhole(await house.get(TARBALL), other);
    expect(house.said('digest-changed')).toHaveLength(1);
  });

  it.each<[string, (name: string, of: Buffer) => Reply, string]>([
    ["nginx's date and length", (name, of) => autoindexPage([{ name, body: of }]), ''],
    [
      'the ETag of an upload in parts',
      (name, of) => {
        const page = swiftPage(STORE, [{ name, body: of }]);
        return { ...page, body: String(page.body).replace(/"hash":"([0-9a-f]{32})"/, '"hash":"$1-3"') };
      },
      CONTAINER,
    ],
    ['the digest of a stub', (name, of) => swiftPage(STORE, [{ name, body: blobPath(of).slice(1) }]), CONTAINER],
  ])('%s is another one: followed, and reported, though there is no digest of the file', async (_what, page, base) => {
    const house = await stage.open(base);
    const listed = base === '' ? STORE : swiftPath(STORE);
    const other = tarball(200_000, 'other');
    stage.upstream.on(listed, page(NAME, body)).on(base + TARBALL, { body });
    await house.get(STORE);
    expectWhole(await house.get(TARBALL));
    await house.kept(TARBALL);
    stage.clock.advance(3 * 86_400_000);
    await house.get(STORE);
    expect((await house.get(TARBALL)).headers['x-cache']).toBe('hit');
    stage.upstream.on(listed, page(NAME, other)).on(base + TARBALL, { body: other });
    stage.clock.advance(3 * 86_400_000);
    await house.get(STORE);
    expectWhole(await house.get(TARBALL), other);
    expect(house.said('digest-changed')).toHaveLength(1);
    await until('the new ones are held', async () => (await house.why(TARBALL)).verdict.do === 'serve');
    const again = await house.get(TARBALL);
    expectWhole(again, other);
    expect(again.headers['x-cache']).toBe('hit');
  });

  it('CHANGED_alice=keep goes on with the old ones', async () => {
    const house = await stage.open(CONTAINER, { env: { CHANGED_alice: 'keep' } });
    stage.upstream.on(swiftPath(STORE), swiftPage(STORE, [{ name: NAME, body }])).on(CONTAINER + TARBALL, { body });
    await house.get(STORE);
    await house.get(TARBALL);
    await house.kept(TARBALL);
    stage.upstream.on(swiftPath(STORE), swiftPage(STORE, [{ name: NAME, body: tarball(200_000, 'other') }]));
    stage.clock.advance(3 * 86_400_000);
    await house.get(STORE);
    expectWhole(await house.get(TARBALL));
  });

  it('the digest of an upload in parts judges nothing', async () => {
    const house = await stage.open(CONTAINER);
    const page = swiftPage(STORE, [{ name: NAME, body }]);
    const parts = String(page.body).replace(/"hash":"([0-9a-f]{32})"/, '"hash":"$1-12"');
    stage.upstream.on(swiftPath(STORE), { ...page, body: parts }).on(CONTAINER + TARBALL, { body });
    expectWhole(await house.get(TARBALL));
    expect((await house.kept(TARBALL)).pin).toBeUndefined();
  });
});
