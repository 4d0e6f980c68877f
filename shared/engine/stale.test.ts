import { openHouse, type Got, type HouseOptions, type LocalHouse } from '../testing/house';
import { testClock, type TestClock } from '../testing/clock';
import { bytes, flipped, offer, packument } from '../testing/packages';
import { until } from '../testing/until';
import { startUpstream, type FakeUpstream, type Reply } from '../testing/upstream';

jest.setTimeout(60_000);

const FILE = '/a/-/a-1.0.0.tgz';
const body = bytes(5000);
const SECOND = 1000;
let upstream: FakeUpstream;
let house: LocalHouse;
let clock: TestClock;

/** Packuments live 100 s here. */
async function open(options: Partial<HouseOptions> = {}): Promise<void> {
  house = await openHouse({ upstream: upstream.url, now: clock.now, ...options, env: { TTL_npm: '100s', ...options.env } });
}

beforeEach(async () => {
  upstream = await startUpstream();
  clock = testClock(Date.now());
});
afterEach(async () => {
  await house.stop();
  await upstream.close();
});

function document(version: string, reply: Reply = {}): void {
  upstream.on('/a', { body: packument(upstream.url, 'a', { [version]: { body } }), ...reply });
}

function latest(got: Got): string {
  return (JSON.parse(got.body.toString()) as { 'dist-tags': { latest: string } })['dist-tags'].latest;
}

async function held(version: string): Promise<void> {
  document(version);
  expect(latest(await house.get('/a'))).toBe(version);
}

describe('freshness', () => {
  it('a fresh packument is a hit; in its second lifetime it is sent at once and asked for in the background', async () => {
    await open();
    await held('1.0.0');
    document('2.0.0');
    clock.advance(99 * SECOND);
    expect((await house.get('/a')).headers['x-cache']).toBe('hit');
    clock.advance(2 * SECOND);
    const stale = await house.get('/a');
    expect([latest(stale), stale.headers['x-cache'], stale.headers['cache-status']]).toEqual([
      '1.0.0',
      'stale',
      expect.stringContaining('revalidating'),
    ]);
    await until('the new one is held', async () => latest(await house.get('/a')) === '2.0.0');
    expect(upstream.count('/a')).toBe(2);
  });

  it('after that the client waits for the new one', async () => {
    await open();
    await held('1.0.0');
    document('2.0.0');
    clock.advance(201 * SECOND);
    expect(latest(await house.get('/a'))).toBe('2.0.0');
  });

  it('the Age of a hit counts from the last confirmation', async () => {
    await open();
    await held('1.0.0');
    clock.advance(42 * SECOND);
    expect((await house.get('/a')).headers['age']).toBe('42');
  });
});

describe('revalidation', () => {
  it.each<[string, Reply, Record<string, string>]>([
    ['ETag', { etag: '"e1"' }, { 'if-none-match': '"e1"' }],
    ['Last-Modified', { lastModified: 'Tue, 01 Sep 2026 00:00:00 GMT' }, { 'if-modified-since': 'Tue, 01 Sep 2026 00:00:00 GMT' }],
    ['nothing at all', {}, {}],
  ])('with %s: the same bytes are confirmed, and the client gets them', async (_what, validators, sent) => {
    await open();
    document('1.0.0', validators);
    await house.get('/a');
    const before = await house.kept('/a');
    clock.advance(201 * SECOND);
    const got = await house.get('/a');
    expect([got.status, latest(got), got.headers['x-cache']]).toEqual([200, '1.0.0', 'revalidated']);
    expect(upstream.requests.at(-1)?.headers).toMatchObject(sent);
    const after = await house.kept('/a');
    expect([after.storedAt, after.checkedAt]).toEqual([before.storedAt, clock.now()]);
    expect((await house.get('/a')).headers['x-cache']).toBe('hit');
  });

  it('the client’s own condition is answered from what is held, whatever the upstream said', async () => {
    await open();
    document('1.0.0', { etag: '"e1"' });
    const { etag } = (await house.get('/a')).headers;
    clock.advance(201 * SECOND);
    expect((await house.get('/a', { headers: { 'if-none-match': etag ?? '' } })).status).toBe(304);
    clock.advance(201 * SECOND);
    document('2.0.0', { etag: '"e2"' });
    expect((await house.get('/a', { headers: { 'if-none-match': etag ?? '' } })).status).toBe(200);
  });
});

describe('the upstream fails', () => {
  const failures: [string, Reply, number][] = [
    ['500', { status: 500, body: 'x' }, 502],
    ['503', { status: 503, body: 'x' }, 503],
    ['429', { status: 429, body: 'x' }, 503],
    ['403', { status: 403, body: 'x' }, 403],
    ['a hang-up', { hangUp: true }, 502],
    ['a cut body', { cutAt: 20 }, 502],
    ['a login page', { headers: { 'content-type': 'text/html' }, body: '<html>' }, 502],
  ];
  it.each(failures)('%s: what is held is served stale; where nothing is held, an error in npm’s shape', async (_how, failure, status) => {
    await open();
    await held('1.0.0');
    upstream.on('/a', failure).on('/b', failure);
    clock.advance(500 * SECOND);
    const got = await house.get('/a');
    expect([got.status, got.headers['x-cache'], latest(got)]).toEqual([200, 'stale', '1.0.0']);
    const other = await house.get('/b');
    expect([other.status, other.headers['content-type']]).toEqual([status, 'application/json']);
    expect(JSON.parse(other.body.toString())).toHaveProperty('error');
  });

  it('down: stale documents and held tarballs are served, also pages that are long out of date; the rest is 502', async () => {
    await open();
    offer(upstream, 'a', { body });
    await house.get('/a');
    await house.get(FILE);
    await house.kept(FILE);
    await upstream.down();
    clock.advance(10_000_000 * SECOND);
    for (let time = 0; time < 3; time++) {
      const got = await house.get('/a');
      expect([got.status, got.headers['x-cache']]).toEqual([200, 'stale']);
    }
    expect((await house.get(FILE)).body.equals(body)).toBe(true);
    const missing = await house.get('/b');
    expect([missing.status, JSON.parse(missing.body.toString())]).toEqual([502, expect.objectContaining({ code: 'upstream-unreachable' })]);
    expect((await house.get('/b/-/b-1.0.0.tgz')).status).toBe(502);
  });

  it.each([
    ['a name that does not resolve', 'http://no-such-host.invalid'],
    ['plain HTTP where TLS is expected', ''],
  ])('%s: 502 that says why', async (_how, base) => {
    await open({ upstream: base || upstream.url.replace('http:', 'https:') });
    const got = await house.get('/a');
    const { error } = JSON.parse(got.body.toString()) as { error: string };
    expect([got.status, error]).toEqual([502, expect.stringMatching(/cannot be resolved|TLS/)]);
  });

  it('beyond STALE_MAX it is an error after all', async () => {
    await open({ env: { STALE_MAX: '1h' } });
    await held('1.0.0');
    upstream.on('/a', { status: 500 });
    clock.advance(3000 * SECOND);
    expect((await house.get('/a')).status).toBe(200);
    clock.advance(3000 * SECOND);
    expect((await house.get('/a')).status).toBe(502);
  });

  it('slow: after STALE_WAIT the client gets what is held, and the next one the new', async () => {
    await open({ env: { STALE_WAIT: '50ms' } });
    await held('1.0.0');
    let release!: () => void;
    const released = new Promise<void>((resolve) => (release = resolve));
    upstream.on('/a', async (_request, response) => {
      await released;
      response.end(packument(upstream.url, 'a', { '2.0.0': { body } }));
    });
    clock.advance(500 * SECOND);
    const got = await house.get('/a');
    expect([latest(got), got.headers['cache-status']]).toEqual(['1.0.0', expect.stringContaining('upstream-slow')]);
    release();
    await until('the new one is held', async () => latest(await house.get('/a')) === '2.0.0');
  });

  it('a document that is gone is gone: 404 is an answer, not a failure', async () => {
    await open();
    await held('1.0.0');
    upstream.on('/a', { status: 404 });
    clock.advance(500 * SECOND);
    expect((await house.get('/a')).status).toBe(404);
  });
});

describe('Retry-After', () => {
  it.each([429, 503])('of a %i is passed on, and the upstream is left alone until then', async (status) => {
    await open();
    upstream.on('/a', { status, headers: { 'retry-after': '77' } });
    const got = await house.get('/a');
    expect([got.status, got.headers['retry-after']]).toEqual([503, '77']);
    clock.advance(70 * SECOND);
    document('1.0.0');
    const early = await house.get('/a');
    expect([early.status, early.headers['retry-after'], upstream.count('/a')]).toEqual([503, '7', 1]);
    clock.advance(8 * SECOND);
    expect((await house.get('/a')).status).toBe(200);
  });
});

describe('what does not exist', () => {
  it.each([404, 410])('%i is remembered for a short while, for documents and files', async (status) => {
    await open({ env: { NEGATIVE_TTL: '30s' } });
    upstream.on('/a', { status }).on(FILE, { status });
    for (let time = 0; time < 2; time++) {
      expect((await house.get('/a')).status).toBe(status);
      expect((await house.get(FILE)).status).toBe(status);
    }
    expect(upstream.count(FILE)).toBe(1);
    const asked = upstream.count('/a');
    offer(upstream, 'a', { body });
    clock.advance(29 * SECOND);
    expect((await house.get('/a')).status).toBe(status);
    expect(upstream.count('/a')).toBe(asked);
    clock.advance(2 * SECOND);
    expect((await house.get('/a')).status).toBe(200);
    expect((await house.get(FILE)).status).toBe(200);
  });

  it.each([401, 403, 500, 429])('%i is not remembered', async (status) => {
    await open();
    upstream.on('/a', { status });
    expect((await house.get('/a')).status).toBeGreaterThanOrEqual(400);
    document('1.0.0');
    expect((await house.get('/a')).status).toBe(200);
  });
});

it('OFFLINE=yes: nobody is asked; what is held is served, however old, the rest is 504', async () => {
  await open();
  offer(upstream, 'a', { body });
  await house.get('/a');
  await house.get(FILE);
  await house.kept(FILE);
  const online = house;
  upstream.forget();
  clock.advance(1_000_000 * SECOND);
  await open({ home: online.home, env: { OFFLINE: 'yes' } });
  expect((await house.get('/a')).status).toBe(200);
  expect((await house.get(FILE)).body.equals(body)).toBe(true);
  expect((await house.get('/b')).status).toBe(504);
  expect((await house.get('/b/-/b-1.0.0.tgz')).status).toBe(504);
  expect(upstream.requests).toHaveLength(0);
  await online.stop();
});

describe('a released file whose promise changes', () => {
  const other = flipped(body);

  async function changedUnder(policy: string): Promise<Got> {
    await open({ env: { CHANGED_npm: policy } });
    offer(upstream, 'a', { body });
    await house.get('/a');
    await house.get(FILE);
    await house.kept(FILE);
    await house.get(FILE);
    offer(upstream, 'a', { body: other });
    clock.advance(500 * SECOND);
    await house.get('/a');
    expect(house.said('digest-changed').map(({ level }) => level)).toEqual(['error']);
    return house.get(FILE);
  }

  it('is refused, and the error says what may be done; the old bytes stay', async () => {
    const got = await changedUnder('refuse');
    expect(got.status).toBe(502);
    expect(JSON.parse(got.body.toString())).toMatchObject({
      code: 'digest-changed',
      error: expect.stringContaining('CHANGED_npm=follow') as string,
    });
    expect((await house.kept(FILE)).size).toBe(body.length);
  });

  it('keep: the old bytes', async () => {
    expect((await changedUnder('keep')).body.equals(body)).toBe(true);
  });

  it('follow: the new ones', async () => {
    expect((await changedUnder('follow')).body.equals(other)).toBe(true);
    await until('they are held', async () => (await house.get(FILE)).headers['x-cache'] === 'hit');
  });
});
