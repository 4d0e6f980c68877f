import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { treesOf } from '../../documents/trees/trees-fixture';
import { openHouse, type Got, type HouseOptions, type LocalHouse } from '../../testing/house';
import { bytes, flipped } from '../../testing/packages';
import { tarOf } from '../../testing/tar-entries';
import { trees as module } from '../../testing/trees-module';
import { until } from '../../testing/until';
import { startUpstream, type FakeUpstream, type Handler, type Reply } from '../../testing/upstream';
import { sendReply } from '../../testing/reply';
import { storedZstd } from '../../testing/zstd';

jest.setTimeout(120_000);

/** Bytes that no compression makes smaller, so that offsets in both are the same, nearly. */
const TAR = tarOf(
  { name: 'Project.toml', body: 'name = "Example"\n' },
  { name: 'src/', type: '5' },
  { name: 'data', body: bytes(3_000_000) },
);
const SMALL_TAR = tarOf({ name: 'small', body: 'small' });
const GZIP = gzipSync(TAR);
const ZSTD = storedZstd(TAR);
const OTHER = gzipSync(tarOf({ name: 'Project.toml', body: 'name = "Evil"\n' }, { name: 'data', body: bytes(3_000_000, 'other') }));
const CODED = { headers: { 'accept-encoding': 'zstd, gzip' } };
const PLAIN = { headers: { 'accept-encoding': 'gzip' } };

let target: string;
let small: string;
let upstream: FakeUpstream;
let house: LocalHouse;

beforeAll(async () => {
  // With the empty folder, and without it.
  const [all = ''] = await treesOf(GZIP);
  target = `/tree/${all}`;
  small = `/tree/${(await treesOf(gzipSync(SMALL_TAR)))[0]}`;
});
beforeEach(async () => {
  upstream = await startUpstream();
});
afterEach(async () => {
  await house.stop();
  await upstream.close();
});

async function open(options: Partial<HouseOptions> = {}): Promise<void> {
  house = await openHouse({ module: 'trees', modules: [module], upstream: upstream.url, ...options });
}

/** An upstream that has both files, and labels them as some do. */
function both(gzip: Reply = { body: GZIP }, zstd: Reply = { body: ZSTD }): Handler {
  return (request, response) => sendReply(request, response, /\bzstd\b/.test(String(request.headers['accept-encoding'])) ? zstd : gzip);
}

function expectRight(got: Got, body: Buffer, cached: string): void {
  expect([got.status, got.complete, got.body.equals(body), got.headers['x-cache']]).toEqual([200, true, true, cached]);
}

function expectRefused(got: Got): void {
  expect(got.complete && got.status === 200).toBe(false);
}

async function expectNothingKept(): Promise<void> {
  const spooled = (): number =>
    readdirSync(join(house.cacheDir, 'spool'), { recursive: true, withFileTypes: true }).filter((found) => found.isFile()).length;
  await until('the download is over', () => spooled() === 0);
  expect((await house.why(target)).entry).toBeNull();
}

describe('what the archive unpacks to is what the URL says', () => {
  it.each([
    ['gzip', PLAIN, GZIP],
    ['zstd', CODED, ZSTD],
  ])('%s: sent and kept', async (_form, asked, body) => {
    await open();
    upstream.on(target, both());
    expectRight(await house.get(target, asked), body, 'miss');
    await until('it is held', async () => (await house.get(target, asked)).headers['x-cache'] === 'hit');
    expectRight(await house.get(target, asked), body, 'hit');
    expect(upstream.count(target)).toBe(1);
  });

  it('its record says what it was verified against', async () => {
    await open();
    upstream.on(target, { body: GZIP });
    await house.get(target, PLAIN);
    expect(await house.kept(target)).toMatchObject({
      pin: `gittree-${target.slice(6)}`,
      integrity: `sha256-${createHash('sha256').update(GZIP).digest('base64')}`,
    });
  });

  it('the hash without empty folders is as good', async () => {
    await open();
    const [, pruned = ''] = await treesOf(GZIP);
    upstream.on(`/tree/${pruned}`, { body: GZIP });
    expectRight(await house.get(`/tree/${pruned}`), GZIP, 'miss');
  });

  const wrong: [string, () => Reply][] = [
    ['another archive', () => ({ body: OTHER })],
    ['another archive, chunked', () => ({ body: OTHER, chunked: true })],
    ['a changed byte in the middle', () => ({ body: flipped(GZIP, 1_500_000) })],
    ['a changed byte at the end', () => ({ body: flipped(GZIP, GZIP.length - 3) })],
    ['an end that is missing', () => ({ body: GZIP.subarray(0, GZIP.length - 600) })],
    ['something behind the end', () => ({ body: Buffer.concat([GZIP, bytes(1000)]) })],
    ['no archive', () => ({ body: bytes(500_000) })],
    ['a bare tar', () => ({ body: TAR })],
  ];
  it.each(wrong)('%s: no complete body, nothing kept', async (_what, reply) => {
    await open();
    upstream.on(target, reply());
    expectRefused(await house.get(target));
    expect(house.said('integrity').length).toBeGreaterThan(0);
    await expectNothingKept();
  });

  it.each(wrong)('%s at the first storage server: the next one is asked, and has it', async (_what, reply) => {
    const second = await startUpstream();
    try {
      await open({ upstream: [upstream.url, second.url] });
      upstream.on(target, reply());
      second.on(target, { body: GZIP });
      await house.get(target);
      expect((await house.kept(target)).url).toBe(second.url + target);
      expectRight(await house.get(target), GZIP, 'hit');
      expect([upstream.count(target), second.count(target)]).toEqual([1, 1]);
    } finally {
      await second.close();
    }
  });

  it('a client that has had no wrong byte has the right ones from the next server', async () => {
    const second = await startUpstream();
    try {
      await open({ upstream: [upstream.url, second.url] });
      upstream.on(target, { body: flipped(GZIP, GZIP.length - 3) });
      second.on(target, { body: GZIP });
      expectRight(await house.get(target), GZIP, 'miss');
    } finally {
      await second.close();
    }
  });

  it('a small wrong one is an honest 502', async () => {
    await open();
    upstream.on(small, { body: gzipSync(tarOf({ name: '../small', body: 'small' })) });
    const got = await house.get(small);
    expect([got.status, got.complete]).toEqual([502, true]);
    expect(got.body.toString()).toMatch(
      /expected gittree-[0-9a-f]{40}, got what cannot be unpacked: .*leads out of the archive: "\.\.\/small"/,
    );
  });

  it('whoever asks for a wrong one does not keep others from theirs', async () => {
    await open();
    upstream.on(target, { body: OTHER }).on(small, { body: gzipSync(SMALL_TAR) });
    const [bad, good] = await Promise.all([house.get(target), house.get(small)]);
    expectRefused(bad);
    expect(good.status).toBe(200);
  });
});

describe('a download that breaks off', () => {
  it.each<[string, Reply, Reply[]]>([
    ['goes on where it was, with a validator', { cutAt: 1_500_000, etag: '"e"' }, [{ ranges: 'yes', etag: '"e"' }]],
    ['goes on without one, since the hash judges the whole', { cutAt: 1_500_000 }, [{ ranges: 'yes' }]],
    ['begins again', { cutAt: 1_500_000 }, [{ ranges: 'no' }]],
    ['chunked', { cutAt: 1_500_000, chunked: true }, [{ ranges: 'yes' }]],
  ])('%s', async (_how, first, more) => {
    await open();
    upstream.on(target, { body: GZIP, ...first }, ...more.map((reply) => ({ body: GZIP, ...reply })));
    expectRight(await house.get(target), GZIP, 'miss');
  });

  it('goes on in the next life of the cache, which hashes what was there', async () => {
    const home = mkdtempSync(join(tmpdir(), 'trees-home-'));
    try {
      await open({ home });
      upstream.on(target, { body: GZIP, stallAt: 2_000_000 });
      const asked = house.ask(target);
      await until('most of it is there', () => asked.received > 1_500_000);
      asked.leave();
      await house.stop();
      upstream.on(target, { body: GZIP, ranges: 'yes' });
      await open({ home });
      expectRight(await house.get(target), GZIP, 'miss');
      // What had arrived by then: more than the client was given, and no more than was sent.
      const from = Number(/^bytes=(\d+)-$/.exec(upstream.requests.at(-1)?.headers.range ?? '')?.[1]);
      expect(from).toBeGreaterThan(1_500_000);
      expect(from).toBeLessThanOrEqual(2_000_000);
      await house.stop();
    } finally {
      rmSync(home, { recursive: true, force: true });
    }
  });

  it('in the middle, and the next server has other bytes: never the halves of two for one', async () => {
    const second = await startUpstream();
    try {
      await open({ upstream: [upstream.url, second.url] });
      upstream.on(target, { body: GZIP, cutAt: 1_500_000 }, { body: GZIP });
      second.on(target, { body: OTHER, ranges: 'yes' });
      const got = await house.get(target);
      if (got.complete && got.status === 200) expect(got.body.equals(GZIP)).toBe(true);
      await until('the right one is held', async () => (await house.get(target)).headers['x-cache'] === 'hit');
      expectRight(await house.get(target), GZIP, 'hit');
    } finally {
      await second.close();
    }
  });
});

describe('one URL, two files', () => {
  it.each([
    ['zstd, gzip', true],
    ['gzip, zstd;q=0.1', true],
    ['ZSTD', true],
    ['gzip', false],
    ['zstd;q=0, gzip', false],
    ['zstd;q=0.000', false],
    ['*', false],
    ['identity', false],
    [undefined, false],
  ])('Accept-Encoding: %s', async (header, isCoded) => {
    await open();
    upstream.on(target, both());
    const asked = header === undefined ? {} : { headers: { 'accept-encoding': header } };
    for (const cached of ['miss', 'hit', 'hit']) {
      const got = await house.get(target, asked);
      expectRight(got, isCoded ? ZSTD : GZIP, cached);
      expect(got.headers).toMatchObject({
        'content-type': isCoded ? 'application/zstd' : 'application/x-gzip',
        vary: 'Accept-Encoding',
      });
      expect(got.headers['content-encoding']).toBeUndefined();
      if (cached === 'miss') await until('it is held', async () => (await house.get(target, asked)).headers['x-cache'] === 'hit');
    }
    expect(upstream.requests.map(({ headers }) => headers['accept-encoding'])).toEqual([isCoded ? 'zstd, gzip' : 'gzip']);
  });

  it('small ones, from the prepared answers too', async () => {
    await open();
    const [gzip, zstd] = [gzipSync(SMALL_TAR), storedZstd(SMALL_TAR)];
    upstream.on(small, both({ body: gzip }, { body: zstd }));
    for (let round = 0; round < 3; round++) {
      expect((await house.get(small, PLAIN)).body.equals(gzip)).toBe(true);
      expect((await house.get(small, CODED)).body.equals(zstd)).toBe(true);
      expect((await house.get(small)).body.equals(gzip)).toBe(true);
      await house.kept(small);
    }
    expect(upstream.count(small)).toBe(2);
  });

  it('each is verified by itself: a hash that is right for one only', async () => {
    await open();
    upstream.on(target, both({ body: GZIP }, { body: storedZstd(tarOf({ name: 'evil', body: bytes(300_000) })) }));
    expectRefused(await house.get(target, CODED));
    // Who accepts zstd can do with the usual file.
    expectRight(await house.get(target, CODED), GZIP, 'miss');
    await house.kept(target);
    expectRight(await house.get(target, PLAIN), GZIP, 'hit');
  });

  it.each([
    ['labelled', { 'content-encoding': 'zstd' }],
    ['labelled by type', { 'content-type': 'application/zstd' }],
    ['unlabelled', {}],
  ])('zstd that came unasked (%s) is sent to nobody, and the next server asked', async (_how, headers) => {
    const second = await startUpstream();
    try {
      await open({ upstream: [upstream.url, second.url] });
      upstream.on(target, { body: ZSTD, headers });
      second.on(target, { body: GZIP });
      expectRight(await house.get(target, PLAIN), GZIP, 'miss');
    } finally {
      await second.close();
    }
  });

  it('zstd that came unasked from the only server is an error, not a body', async () => {
    await open();
    upstream.on(target, { body: ZSTD });
    const got = await house.get(target, PLAIN);
    expect([got.status, got.body.toString()]).toEqual([502, expect.stringContaining('zstd came although') as string]);
    await expectNothingKept();
  });

  it('the upstream’s own labels are not passed on, its bytes are', async () => {
    await open();
    const gzip = { body: GZIP, headers: { 'content-encoding': 'gzip', 'content-type': 'application/octet-stream' } };
    upstream.on(target, both(gzip, { body: ZSTD, headers: { 'content-encoding': 'zstd' } }));
    for (const [asked, body, type] of [
      [PLAIN, GZIP, 'application/x-gzip'],
      [CODED, ZSTD, 'application/zstd'],
    ] as const) {
      const got = await house.get(target, asked);
      expectRight(got, body, 'miss');
      expect([got.headers['content-type'], got.headers['content-encoding']]).toEqual([type, undefined]);
    }
  });

  it('an upstream that has gzip only: it is sent and held for a day, then asked for zstd again', async () => {
    let now = Date.now();
    await open({ now: () => now });
    upstream.on(target, { body: GZIP });
    const first = await house.get(target, CODED);
    expectRight(first, GZIP, 'miss');
    expect(first.headers['content-type']).toBe('application/x-gzip');
    await until('it is held', async () => (await house.get(target, CODED)).headers['x-cache'] === 'hit');
    upstream.on(target, both());
    now += 23 * 3600_000;
    expectRight(await house.get(target, CODED), GZIP, 'hit');
    now += 2 * 3600_000;
    expectRight(await house.get(target, CODED), ZSTD, 'miss');
  });

  it('the upstream is down: who accepts zstd gets the usual file that is held', async () => {
    await open();
    upstream.on(target, both());
    await house.get(target, PLAIN);
    await house.kept(target);
    await upstream.down();
    expectRight(await house.get(target, CODED), GZIP, 'hit');
    expectRight(await house.get(target, PLAIN), GZIP, 'hit');
  });

  it('the upstream is down: who does not accept zstd gets none, although it is held', async () => {
    await open();
    upstream.on(target, both());
    await house.get(target, CODED);
    await until('it is held', async () => (await house.get(target, CODED)).headers['x-cache'] === 'hit');
    await upstream.down();
    expect((await house.get(target, PLAIN)).status).toBe(502);
  });

  it('HEAD and ranges of what is not held are of the file that is meant', async () => {
    await open();
    upstream.on(target, both({ body: GZIP, ranges: 'yes' }, { body: ZSTD, ranges: 'yes', headers: { 'content-encoding': 'zstd' } }));
    for (const [asked, body, type] of [
      [PLAIN, GZIP, 'application/x-gzip'],
      [CODED, ZSTD, 'application/zstd'],
    ] as const) {
      const head = await house.get(target, { ...asked, method: 'HEAD' });
      expect([head.status, head.headers['content-length'], head.headers['content-type']]).toEqual([200, String(body.length), type]);
      const part = await house.get(target, { headers: { ...asked.headers, range: 'bytes=1000-1999' } });
      expect([part.status, part.body.equals(body.subarray(1000, 2000)), part.headers.vary]).toEqual([206, true, 'Accept-Encoding']);
      expect(part.headers['content-encoding']).toBeUndefined();
    }
    await expectNothingKept();
  });
});
