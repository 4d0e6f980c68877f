import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { filesBelow } from '../../testing/files-below';
import { openHouse, startHouse, type Got, type House, type HouseOptions } from '../../testing/house';
import { bytes, flipped, offer } from '../../testing/packages';
import { until } from '../../testing/until';
import { startUpstream, type FakeUpstream, type Reply } from '../../testing/upstream';

jest.setTimeout(60_000);

const FILE = '/a/-/a-1.0.0.tgz';
const SIZE = 3_000_000;
const CUT = 1_500_000;
const body = bytes(SIZE);
let upstream: FakeUpstream;
const houses: House[] = [];

beforeEach(async () => {
  upstream = await startUpstream();
});
afterEach(async () => {
  // The first one's home goes with it.
  for (const house of houses.splice(0).reverse()) await house.stop();
  await upstream.close();
});

async function open<T extends House>(start: (options: HouseOptions) => Promise<T>, options: Partial<HouseOptions> = {}): Promise<T> {
  const house = await start({
    upstream: upstream.url,
    ...options,
    env: { IDLE_TIMEOUT: '400ms', HEADERS_TIMEOUT: '400ms', ...options.env },
  });
  houses.push(house);
  return house;
}

/** The tarball's replies, in turn; the packument is right. */
function script(first: Reply, ...more: Reply[]): void {
  offer(upstream, 'a', { body });
  const whole = (reply: Reply): Reply => ({ body, ...reply });
  upstream.on(FILE, whole(first), ...more.map(whole));
}

function ranges(): (string | undefined)[] {
  return upstream.requests.filter(({ path }) => path === FILE).map(({ headers }) => headers.range);
}

function expectRight(got: Got): void {
  expect([got.status, got.complete, got.body.equals(body)]).toEqual([200, true, true]);
}

describe('a download that breaks off is gone on with, and the client notices nothing', () => {
  it.each<[string, Reply, Reply[]]>([
    ['cut in mid-body', { cutAt: CUT, etag: '"e"' }, [{ ranges: 'yes', etag: '"e"' }]],
    ['silent in mid-body', { stallAt: CUT, etag: '"e"' }, [{ ranges: 'yes', etag: '"e"' }]],
    ['cut, without a validator: the packument judges the whole', { cutAt: CUT }, [{ ranges: 'yes' }]],
    ['cut, then Range is ignored', { cutAt: CUT }, [{ ranges: 'no' }]],
    ['cut, then 206 with another Content-Range', { cutAt: CUT }, [{ ranges: 'wrong' }, { ranges: 'wrong' }, {}]],
    ['cut, then a 5xx with a length', { cutAt: CUT }, [{ status: 500, body: 'broken\n' }, { ranges: 'yes' }]],
    ['cut, then an HTML page', { cutAt: CUT }, [{ headers: { 'content-type': 'text/html' }, body: '<html>' }, { ranges: 'yes' }]],
    ['chunked, cut', { cutAt: CUT, chunked: true }, [{ ranges: 'yes' }]],
    ['cut again and again', { cutAt: CUT }, [{ ranges: 'yes', cutAt: 400_000 }, { ranges: 'yes', cutAt: 400_000 }, { ranges: 'yes' }]],
  ])('%s', async (_how, first, more) => {
    script(first, ...more);
    const house = await open(openHouse, { env: first.stallAt === undefined ? {} : { IDLE_TIMEOUT: '500ms' } });
    expectRight(await house.get(FILE));
    await house.kept(FILE);
    expectRight(await house.get(FILE));
  });

  it('asks for the rest only, under the condition that it is the same object', async () => {
    script({ cutAt: CUT, etag: '"e"' }, { ranges: 'yes', etag: '"e"' });
    const house = await open(openHouse);
    expectRight(await house.get(FILE));
    const [, second] = upstream.requests.filter(({ path }) => path === FILE);
    expect(second?.headers).toMatchObject({ range: `bytes=${CUT}-`, 'if-range': '"e"' });
  });
});

it.each<[string, Reply, Reply]>([
  ['200 with only the rest', { cutAt: CUT }, { ranges: 'lying' }],
  ['a Content-Length that is too long', { contentLength: SIZE + 1000 }, {}],
])('%s: a client that was promised something else gets an honest error, the next one the right bytes', async (_how, first, second) => {
  script(first, second, {});
  const house = await open(openHouse);
  const got = await house.get(FILE);
  expect(got.complete && got.status === 200).toBe(false);
  await house.kept(FILE);
  expectRight(await house.get(FILE));
});

it('bytes that change between attempts: a client that has had old ones is cut, the next one gets the right ones', async () => {
  const old = flipped(body, 10);
  script({ cutAt: CUT, body: old, etag: '"old"' }, { ranges: 'yes', etag: '"new"' });
  const house = await open(openHouse);
  const first = await house.get(FILE);
  expect(first.complete && first.status === 200).toBe(false);
  await house.kept(FILE);
  expectRight(await house.get(FILE));
});

it('halves of two objects without validators are not taken for one: again from the start', async () => {
  script({ cutAt: CUT, body: flipped(body, 10) }, { ranges: 'yes' }, {});
  const house = await open(openHouse);
  const first = await house.get(FILE);
  expect(first.complete && first.status === 200).toBe(false);
  await house.kept(FILE);
  expect(ranges()).toEqual([undefined, `bytes=${CUT}-`, undefined]);
  expectRight(await house.get(FILE));
});

it('without validator and without packument nothing is joined: from the start', async () => {
  upstream.on(FILE, { body, cutAt: CUT }, { body, ranges: 'yes' });
  const house = await open(openHouse);
  expectRight(await house.get(FILE));
  expect(ranges().at(-1)).toBeUndefined();
  expect((await house.kept(FILE)).pin).toBeUndefined();
});

it.each<[string, Reply, number]>([
  ['before the headers', { stallHeaders: true }, 504],
  ['with 5xx and a length', { status: 503, body: 'no\n' }, 503],
  ['with a Content-Length that is too short', { contentLength: 1000 }, 502],
])('an upstream that always fails %s: an honest error', async (_how, reply, status) => {
  script(reply);
  const house = await open(openHouse, { env: reply.stallHeaders ? { HEADERS_TIMEOUT: '500ms' } : {} });
  const got = await house.get(FILE);
  expect([got.status, got.complete]).toEqual([status, true]);
  expect(JSON.parse(got.body.toString())).toHaveProperty('error');
  expect((await house.why(FILE)).entry).toBeNull();
});

it('what cannot be finished is kept, and resumed when somebody asks again', async () => {
  script({ cutAt: CUT, etag: '"e"' }, { hangUp: true });
  const house = await open(openHouse);
  expect((await house.get(FILE)).complete).toBe(false);
  await until('the partial is parked', () => parked(house) === CUT);
  // A try that brings nothing must not lose it.
  await house.get(FILE);
  await until('the partial is parked again', () => parked(house) === CUT);
  upstream.on(FILE, { body, ranges: 'yes', etag: '"e"' });
  upstream.forget();
  expectRight(await house.get(FILE));
  expect(ranges()).toEqual([`bytes=${CUT}-`]);
});

describe('over a restart', () => {
  it('kill -9 in mid-download: the next process goes on at the offset that was reached', async () => {
    script({ stallAt: CUT, etag: '"e"' });
    const first = await open(startHouse);
    const asked = first.ask(FILE);
    await until('half of it has come', () => asked.received >= CUT - 70_000);
    await until('all of it is in the file, with its note', () => spooled(first.cacheDir) === CUT && noted(first.cacheDir));
    await first.kill();
    expect((await asked.whole).complete).toBe(false);
    upstream.on(FILE, { body, ranges: 'yes', etag: '"e"' });
    upstream.forget();
    const second = await open(openHouse, { home: first.home });
    await until('the partial was adopted', () => parked(second) === CUT);
    expectRight(await second.get(FILE));
    expect(ranges()).toEqual([`bytes=${CUT}-`]);
  });

  it('a graceful stop keeps what came', async () => {
    script({ stallAt: CUT });
    const first = await open(openHouse);
    const asked = first.ask(FILE);
    await until('half of it has come', () => spooled(first.cacheDir) === CUT);
    asked.leave();
    await asked.whole;
    const { home } = first;
    const kept = await open(openHouse, { home });
    await first.appliance.close();
    await until('the partial is parked', () => parked(kept) === CUT);
    upstream.on(FILE, { body, ranges: 'yes' });
    upstream.forget();
    expectRight(await kept.get(FILE));
    expect(ranges()).toEqual([`bytes=${CUT}-`]);
  });

  it('a damaged partial is found out by the digest, and fetched again from the start', async () => {
    script({ cutAt: CUT }, { hangUp: true });
    const house = await open(openHouse);
    await house.get(FILE);
    await until('the partial is parked', () => parked(house) === CUT);
    const [file] = bodies(house.cacheDir);
    writeFileSync(file ?? '', flipped(body, 100).subarray(0, CUT));
    upstream.on(FILE, { body, ranges: 'yes' });
    upstream.forget();
    const first = await house.get(FILE);
    if (first.complete) expectRight(first);
    await house.kept(FILE);
    expect(ranges()).toEqual([`bytes=${CUT}-`, undefined]);
    expectRight(await house.get(FILE));
  });
});

/** Size of the largest file that is being filled, or parked. */
function spooled(cacheDir: string): number {
  return Math.max(0, ...filesBelow(join(cacheDir, 'spool')).map((file) => statSync(file, { throwIfNoEntry: false })?.size ?? 0));
}

function noted(cacheDir: string): boolean {
  return filesBelow(join(cacheDir, 'spool')).some((file) => file.endsWith('.json'));
}

function bodies(cacheDir: string): string[] {
  return filesBelow(join(cacheDir, 'spool', 'parked')).filter((file) => file.endsWith('/body'));
}

/** Bytes of the one parked partial. */
function parked(house: House): number | undefined {
  const [file] = bodies(house.cacheDir);
  return file === undefined ? undefined : statSync(file, { throwIfNoEntry: false })?.size;
}
