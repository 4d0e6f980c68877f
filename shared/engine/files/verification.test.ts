import { join } from 'node:path';
import { filesBelow } from '../../testing/files-below';
import { openHouse, type Got, type HouseOptions, type LocalHouse } from '../../testing/house';
import { bytes, flipped, offer, packument, type MadeVersion } from '../../testing/packages';
import { until } from '../../testing/until';
import { startUpstream, type FakeUpstream, type Handler, type Reply } from '../../testing/upstream';

jest.setTimeout(60_000);

const FILE = '/a/-/a-1.0.0.tgz';
let upstream: FakeUpstream;
let house: LocalHouse;

async function open(options: Partial<HouseOptions> = {}): Promise<void> {
  house = await openHouse({ upstream: upstream.url, ...options, env: { PIN_WAIT: '20s', ...options.env } });
}

beforeEach(async () => {
  upstream = await startUpstream();
});
afterEach(async () => {
  await house.stop();
  await upstream.close();
});

/** What a client must never believe to be the file. */
function expectRefused(got: Got): void {
  expect(got.complete && got.status === 200).toBe(false);
}

/** Nothing is held of the file, and no partial of it lies about. */
async function expectNothingKept(): Promise<void> {
  await until('the download is over', () => spooled() === 0);
  expect((await house.why(FILE)).entry).toBeNull();
}

function spooled(): number {
  return filesBelow(join(house.cacheDir, 'spool')).length;
}

/** A packument that comes when it is told to. */
function held(version: MadeVersion): { answer: Handler; release: () => void } {
  let release!: () => void;
  const released = new Promise<void>((resolve) => (release = resolve));
  const answer: Handler = async (_request, response) => {
    await released;
    response.end(packument(upstream.url, 'a', { '1.0.0': version }));
  };
  return { answer, release };
}

const SIZES = { 'smaller than what is held back': 30_000, 'larger than what is held back': 400_000 };
const FRAMINGS: Record<string, Reply> = { 'Content-Length': {}, chunked: { chunked: true } };
const PROMISES = ['sha512', 'sha1'] as const;

describe.each(Object.entries(SIZES))('wrong bytes of a tarball %s', (_size, size) => {
  describe.each(Object.entries(FRAMINGS))('by %s', (_framing, framing) => {
    const body = bytes(size);
    const lie = { ...framing, body: flipped(body) };

    it.each(PROMISES)('packument first, promise %s: no complete body, nothing kept', async (promises) => {
      await open();
      offer(upstream, 'a', { body, promises }, lie);
      expect((await house.get('/a')).status).toBe(200);
      expectRefused(await house.get(FILE));
      expect(house.said('integrity').length).toBeGreaterThan(0);
      await expectNothingKept();
    });

    it.each(PROMISES)('cold store, tarball first, promise %s: no complete body, nothing kept', async (promises) => {
      await open();
      offer(upstream, 'a', { body, promises }, lie);
      expectRefused(await house.get(FILE));
      await expectNothingKept();
    });

    it('the packument comes after the last byte of the file', async () => {
      await open();
      offer(upstream, 'a', { body }, lie);
      const slow = held({ body });
      upstream.on('/a', slow.answer);
      const asked = house.ask(FILE);
      await until(
        'all of the file was sent, and the packument asked for',
        () => upstream.count('/a') === 1 && upstream.count(FILE) === 1 && upstream.active.now === 1,
      );
      slow.release();
      const got = await asked.whole;
      expectRefused(got);
      expect(got.body.length).toBeLessThan(size);
      await expectNothingKept();
    });

    it('right bytes are complete and kept, whichever comes first', async () => {
      await open();
      offer(upstream, 'a', { body, promises: 'sha1' }, framing);
      const got = await house.get(FILE);
      expect([got.status, got.complete, got.body.equals(body)]).toEqual([200, true, true]);
      expect((await house.kept(FILE)).pin).toMatch(/^sha1-/);
    });
  });
});

it('a small body that is wrong is an honest 502 in npm’s shape, not a cut connection', async () => {
  await open();
  offer(upstream, 'a', { body: bytes(5000) }, { body: bytes(5000, 'other') });
  const got = await house.get(FILE);
  expect([got.status, got.complete]).toEqual([502, true]);
  expect(JSON.parse(got.body.toString())).toMatchObject({ code: 'integrity', error: expect.stringContaining(FILE) as string });
});

it('the tail waits for the packument: a client has all but 64 KiB before it comes, and everything after', async () => {
  await open();
  const body = bytes(400_000);
  offer(upstream, 'a', { body });
  const slow = held({ body });
  upstream.on('/a', slow.answer);
  const asked = house.ask(FILE);
  await until('the head of the file is there', () => asked.received === 400_000 - 64 * 1024);
  slow.release();
  const got = await asked.whole;
  expect([got.complete, got.body.equals(body)]).toEqual([true, true]);
});

it('a held packument that is older than the file is asked again before the file is called wrong', async () => {
  await open();
  const before = bytes(3000, 'before');
  const after = bytes(3000, 'after');
  offer(upstream, 'a', { body: before });
  await house.get('/a');
  offer(upstream, 'a', { body: after });
  const got = await house.get(FILE);
  expect([got.status, got.body.equals(after)]).toEqual([200, true]);
});

describe('several mirrors', () => {
  let second: FakeUpstream;
  beforeEach(async () => {
    second = await startUpstream();
    await open({ upstream: [upstream.url, second.url] });
  });
  afterEach(() => second.close());

  it('the next one is tried, and its right bytes go to a client that has had no wrong one', async () => {
    const body = bytes(400_000);
    offer(upstream, 'a', { body }, { body: flipped(body) });
    offer(second, 'a', { body });
    const got = await house.get(FILE);
    expect([got.status, got.complete, got.body.equals(body)]).toEqual([200, true, true]);
    expect([upstream.count(FILE), second.count(FILE)]).toEqual([1, 1]);
    expect((await house.kept(FILE)).url).toBe(second.url + FILE);
  });

  it('a client that has had a wrong byte is cut; the right bytes are kept for the next', async () => {
    const body = bytes(400_000);
    offer(upstream, 'a', { body }, { body: flipped(body, 0) });
    offer(second, 'a', { body });
    const first = await house.get(FILE);
    expectRefused(first);
    expect(first.body.length).toBeGreaterThan(0);
    await house.kept(FILE);
    const next = await house.get(FILE);
    expect([next.status, next.headers['x-cache'], next.body.equals(body)]).toEqual([200, 'hit', true]);
  });

  it.each([
    ['longer', 500_000],
    ['shorter', 200_000],
  ])('a client that was told the length of the wrong body never takes the beginning of a %s one for the whole', async (_how, wrongSize) => {
    const body = bytes(400_000);
    // The same bytes as far as both go, so that only the length tells them apart.
    const wrong = wrongSize > body.length ? Buffer.concat([body, bytes(wrongSize - body.length, 'more')]) : body.subarray(0, wrongSize);
    offer(upstream, 'a', { body }, { body: wrong });
    offer(second, 'a', { body });
    expectRefused(await house.get(FILE));
    await house.kept(FILE);
    expect((await house.get(FILE)).body.equals(body)).toBe(true);
  });

  it('chunked: a client that was told no length gets exactly the right bytes', async () => {
    const body = bytes(400_000);
    offer(upstream, 'a', { body }, { chunked: true, body: Buffer.concat([body, bytes(30_000, 'more')]) });
    offer(second, 'a', { body }, { chunked: true });
    const got = await house.get(FILE);
    expect([got.complete, got.body.equals(body)]).toEqual([true, true]);
  });

  it('an HTML page instead of the file is passed over', async () => {
    const body = bytes(100_000);
    offer(upstream, 'a', { body }, { headers: { 'content-type': 'text/html' }, body: '<html>please log in</html>' });
    offer(second, 'a', { body });
    const got = await house.get(FILE);
    expect([got.status, got.body.equals(body)]).toEqual([200, true]);
  });

  it('when all are wrong, the client gets an error and nothing is kept', async () => {
    const body = bytes(20_000);
    offer(upstream, 'a', { body }, { body: flipped(body) });
    offer(second, 'a', { body }, { body: flipped(body, 5) });
    expect((await house.get(FILE)).status).toBe(502);
    await expectNothingKept();
  });
});
