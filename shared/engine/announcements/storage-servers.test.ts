/** Several servers that are equal, seen through Julia's storage servers: the fastest first, failover in mid-download, wrong bytes refused. */
import { openHouse, type LocalHouse } from '../../testing/house';
import { EXAMPLE, offerRegistry, registryArchive, sizedArchive, treeNamed } from '../../testing/julia-storage';
import { flipped } from '../../testing/packages';
import { until } from '../../testing/until';
import { startUpstream, type FakeUpstream, type Reply } from '../../testing/upstream';

jest.setTimeout(60_000);

const LIST = '/registries.eager';
const registry = registryArchive('one');
let one: FakeUpstream;
let two: FakeUpstream;
let house: LocalHouse;

beforeEach(async () => {
  one = await startUpstream();
  two = await startUpstream();
  for (const server of [one, two]) offerRegistry(server, registry, { lists: [LIST] });
});
afterEach(async () => {
  await house.stop();
  await one.close();
  await two.close();
});

async function open(env: Readonly<Record<string, string>> = {}): Promise<void> {
  house = await openHouse({ module: 'julia', upstream: [one.url, two.url], env });
}

/** Lets servers have an archive. @returns where it is */
function offer(body: Buffer, ...replies: readonly Reply[]): string {
  const target = `/package/${EXAMPLE}/${treeNamed(body)}`;
  [one, two].forEach((server, index) => server.on(target, { body, ranges: 'yes', ...replies[index] }));
  return target;
}

it('the fastest is asked first, and the other one when that fails', async () => {
  one.on(LIST, { status: 404, delayMs: 3000 });
  await open();
  await house.get(LIST);
  const [a, b, c] = ['a', 'b', 'c'].map((seed) => sizedArchive(5000, seed)) as [Buffer, Buffer, Buffer];
  for (const body of [a, b]) expect((await house.get(offer(body))).body.equals(body)).toBe(true);
  expect([one.count(/^\/package/), two.count(/^\/package/)]).toEqual([0, 2]);
  const target = offer(c, {}, { status: 503 });
  expect((await house.get(target)).body.equals(c)).toBe(true);
  expect(one.count(target)).toBe(1);
});

it('one that breaks off in the middle: the other one goes on, and the client notices nothing', async () => {
  const body = sizedArchive(2_000_000);
  await open();
  const target = offer(body, { cutAt: 900_000 });
  const got = await house.get(target);
  expect([got.status, got.complete, got.body.equals(body)]).toEqual([200, true, true]);
  expect(two.requests.filter(({ path }) => path === target).map(({ headers }) => headers.range)).toEqual(['bytes=900000-']);
  expect((await house.kept(target)).pin).toBe(`gittree-${treeNamed(body)}`);
});

it('one that goes on with other bytes: fetched whole from one of them in the end, never joined wrongly', async () => {
  const body = sizedArchive(2_000_000);
  await open();
  const target = offer(body, { cutAt: 900_000 }, { body: flipped(body, 1_500_000) });
  one.on(target, { body, cutAt: 900_000 }, { body, ranges: 'yes' });
  const got = await house.get(target);
  expect(got.complete && !got.body.equals(body)).toBe(false);
  await until('the right bytes are held', async () => (await house.get(target)).body.equals(body));
});

describe.each([
  ['small', 5_000],
  ['large', 400_000],
])('wrong bytes of a %s archive', (_what, size) => {
  const body = sizedArchive(size);

  it.each<[string, Reply]>([
    ['one bit', { body: flipped(body, size - 100) }],
    ['another archive', { body: sizedArchive(size, 'other') }],
    ['cut off, and said to be whole', { body: body.subarray(0, size / 2) }],
    ['something behind the archive', { body: Buffer.concat([body, Buffer.from('garbage')]) }],
    ['another archive behind it', { body: Buffer.concat([body, sizedArchive(size, 'other')]) }],
    ['no archive', { body: 'not found, but 200\n' }],
    ['HTML', { body: '<html></html>', headers: { 'content-type': 'text/html' } }],
  ])('%s: the next server is asked', async (_how, wrong) => {
    await open();
    const target = offer(body, wrong);
    const got = await house.get(target);
    // A client that was sent wrong bytes already is cut off.
    if (got.status === 200 && got.complete) expect(got.body.equals(body)).toBe(true);
    await house.kept(target);
    const again = await house.get(target);
    expect([again.status, again.complete, again.body.equals(body)]).toEqual([200, true, true]);
    expect(two.count(target)).toBeGreaterThan(0);
  });

  it('of all servers: an error, and nothing is kept', async () => {
    await open();
    const wrong = { body: flipped(body, size - 100) };
    const target = offer(body, wrong, wrong);
    const got = await house.get(target);
    expect(got.status === 200 && got.complete).toBe(false);
    if (size < 64_000) expect([got.status, String(got.body)]).toEqual([502, expect.stringContaining(treeNamed(body))]);
    await until('it is over', () => one.active.now + two.active.now === 0);
    expect((await house.why(target)).entry).toBeNull();
    // Somebody else is served meanwhile.
    expect((await house.get(LIST)).status).toBe(200);
  });
});
