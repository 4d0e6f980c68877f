import { openHouse, type HouseOptions, type LocalHouse } from '../../testing/house';
import { bytes, flipped, offer, packument, sri } from '../../testing/packages';
import { until } from '../../testing/until';
import { startUpstream, type FakeUpstream } from '../../testing/upstream';

jest.setTimeout(60_000);

const FILE = '/a/-/a-1.0.0.tgz';
const body = bytes(100_000);
let upstream: FakeUpstream;
let house: LocalHouse;

async function open(options: Partial<HouseOptions> = {}): Promise<void> {
  house = await openHouse({ upstream: upstream.url, ...options });
}

beforeEach(async () => {
  upstream = await startUpstream();
});
afterEach(async () => {
  await house.stop();
  await upstream.close();
});

describe('a tarball that the upstream has at another place', () => {
  const there = '/files/deadbeef/a.tgz?download=1';

  beforeEach(() => {
    upstream.on('/a', { body: packument(upstream.url, 'a', { '1.0.0': { body, tarball: upstream.url + there } }) });
    upstream.on(there, { body, ranges: 'yes' });
  });

  it('is found on a cold cache, before its packument was ever asked for', async () => {
    await open();
    const got = await house.get(FILE);
    expect([got.status, got.body.equals(body)]).toEqual([200, true]);
    expect([upstream.count(FILE), upstream.count('/a'), upstream.count(there)]).toEqual([1, 1, 1]);
  });

  it('is asked for there at once when the packument is held', async () => {
    await open();
    await house.get('/a');
    expect((await house.get(FILE)).body.equals(body)).toBe(true);
    expect([upstream.count(FILE), upstream.count(there)]).toEqual([0, 1]);
  });

  it('is found for HEAD and ranges too', async () => {
    await open();
    expect((await house.get(FILE, { method: 'HEAD' })).headers['content-length']).toBe('100000');
    const part = await house.get(FILE, { headers: { range: 'bytes=50-59' } });
    expect([part.status, part.body.equals(body.subarray(50, 60))]).toEqual([206, true]);
  });

  it('is found when the usual place has something else', async () => {
    await open();
    upstream.on(FILE, { headers: { 'content-type': 'text/html' }, body: '<html>not here</html>' });
    expect((await house.get(FILE)).body.equals(body)).toBe(true);
  });

  it('on an address that nobody named is not fetched', async () => {
    await open();
    upstream.on('/a', { body: packument(upstream.url, 'a', { '1.0.0': { body, tarball: 'http://169.254.169.254/latest/a.tgz' } }) });
    const got = await house.get(FILE);
    expect([got.status, (await house.why(FILE)).entry]).toEqual([502, null]);
  });
});

it('the packument is fetched beside the file, not after it', async () => {
  await open();
  offer(upstream, 'a', { body });
  let release!: () => void;
  const released = new Promise<void>((resolve) => (release = resolve));
  upstream.on(FILE, async (_request, response) => {
    await released;
    response.end(body);
  });
  const asked = house.ask(FILE);
  await until('the packument was asked for before the file came', () => upstream.count('/a') === 1);
  release();
  expect((await asked.whole).complete).toBe(true);
});

describe('PIN_WAIT', () => {
  /** The packument comes when it is told to. */
  function late(promised: Buffer): () => void {
    let release!: () => void;
    const released = new Promise<void>((resolve) => (release = resolve));
    upstream.on('/a', async (_request, response) => {
      await released;
      response.end(packument(upstream.url, 'a', { '1.0.0': { body: promised } }));
    });
    return () => release();
  }

  it('is the longest that the tail waits; the file is held unproven, and proven when the promise comes', async () => {
    await open({ env: { PIN_WAIT: '50ms' } });
    upstream.on(FILE, { body });
    const release = late(body);
    expect((await house.get(FILE)).body.equals(body)).toBe(true);
    expect((await house.kept(FILE)).pin).toBeUndefined();
    release();
    await until('it is proven', async () => (await house.kept(FILE)).pin === sri(body));
  });

  it('a file held unproven goes when the promise that comes contradicts it', async () => {
    await open({ env: { PIN_WAIT: '50ms' } });
    upstream.on(FILE, { body: flipped(body) });
    const release = late(body);
    await house.get(FILE);
    await house.kept(FILE);
    release();
    await until('it is gone', async () => (await house.why(FILE)).entry === null);
    upstream.on(FILE, { body });
    expect((await house.get(FILE)).body.equals(body)).toBe(true);
  });
});

it('no packument to be had: the file is served and held without proof', async () => {
  await open();
  upstream.on(FILE, { body }).on('/a', { status: 500 });
  expect((await house.get(FILE)).body.equals(body)).toBe(true);
  expect((await house.kept(FILE)).pin).toBeUndefined();
});

it('a packument that promises nothing: the file is served and held without proof', async () => {
  await open();
  offer(upstream, 'a', { body, promises: 'none' });
  expect((await house.get(FILE)).body.equals(body)).toBe(true);
  expect((await house.kept(FILE)).pin).toBeUndefined();
});

it('a version that came out after the held packument: the file’s promise is looked for in a new one', async () => {
  await open();
  offer(upstream, 'a', { body });
  await house.get('/a');
  const newer = bytes(3000, 'newer');
  upstream.on('/a', { body: packument(upstream.url, 'a', { '1.0.0': { body }, '1.0.1': { body: newer } }) });
  upstream.on('/a/-/a-1.0.1.tgz', { body: newer });
  expect((await house.get('/a/-/a-1.0.1.tgz')).body.equals(newer)).toBe(true);
  expect((await house.kept('/a/-/a-1.0.1.tgz')).pin).toBe(sri(newer));
});
