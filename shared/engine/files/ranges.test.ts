import { openHouse, type AskOptions, type Got, type LocalHouse } from '../../testing/house';
import { bytes, offer, sri } from '../../testing/packages';
import { sendReply } from '../../testing/reply';
import { until } from '../../testing/until';
import { startUpstream, type FakeUpstream, type Reply } from '../../testing/upstream';

jest.setTimeout(60_000);

const FILE = '/a/-/a-1.0.0.tgz';
const body = bytes(300_000);
let upstream: FakeUpstream;
let house: LocalHouse;

beforeEach(async () => {
  upstream = await startUpstream();
  house = await openHouse({ upstream: upstream.url });
});
afterEach(async () => {
  await house.stop();
  await upstream.close();
});

function offerFile(reply: Reply = { ranges: 'yes' }): void {
  offer(upstream, 'a', { body }, reply);
}

function range(value: string, more: Record<string, string> = {}): AskOptions {
  return { headers: { range: value, ...more } };
}

/** Range headers of all requests for the file. */
function asked(): (string | undefined)[] {
  return upstream.requests.filter(({ path }) => path === FILE).map(({ headers }) => headers.range);
}

async function warm(): Promise<string> {
  await house.get(FILE);
  await house.kept(FILE);
  const { headers } = await house.get(FILE);
  upstream.forget();
  return headers.etag ?? '';
}

const CASES: [string, string, number, number][] = [
  ['the middle', 'bytes=1000-1999', 1000, 2000],
  ['the rest', 'bytes=299000-', 299_000, 300_000],
  ['a suffix', 'bytes=-500', 299_500, 300_000],
  ['the last byte', 'bytes=299999-299999', 299_999, 300_000],
  ['beyond the end', 'bytes=299000-999999', 299_000, 300_000],
];

describe.each(['cold', 'warm'])('%s', (state) => {
  it.each(CASES)('a range of %s', async (_what, value, from, to) => {
    offerFile();
    if (state === 'warm') await warm();
    const got = await house.get(FILE, range(value));
    expect([got.status, got.complete, got.headers['content-range']]).toEqual([206, true, `bytes ${from}-${to - 1}/300000`]);
    expect(got.body.equals(body.subarray(from, to))).toBe(true);
    expect(asked().filter((one) => one !== undefined)).toEqual(state === 'warm' ? [] : [value]);
  });

  it('416 names the length', async () => {
    offerFile();
    if (state === 'warm') await warm();
    const got = await house.get(FILE, range('bytes=300000-'));
    expect([got.status, got.headers['content-range'], got.body.length]).toEqual([416, 'bytes */300000', 0]);
  });

  it.each(['bytes=5-2', 'lines=1-2', 'bytes=1-2,5-6', 'bytes=-'])('%s is answered with everything', async (value) => {
    offerFile();
    if (state === 'warm') await warm();
    const got = await house.get(FILE, range(value));
    expect([got.status, got.complete, got.body.equals(body)]).toEqual([200, true, true]);
  });

  it('If-Range with another ETag gets everything', async () => {
    offerFile();
    if (state === 'warm') await warm();
    const got = await house.get(FILE, range('bytes=1000-1999', { 'if-range': '"other"' }));
    expect([got.status, got.complete, got.body.equals(body)]).toEqual([200, true, true]);
  });

  it('HEAD tells the length without a body', async () => {
    offerFile();
    if (state === 'warm') await warm();
    const got = await house.get(FILE, { method: 'HEAD' });
    expect([got.status, got.headers['content-length'], got.body.length]).toEqual([200, '300000', 0]);
    expect(asked()).toEqual(state === 'warm' ? [] : ['bytes=0-0']);
  });
});

it('the ETag of a hit is good for If-Range and If-None-Match, also in a list', async () => {
  offerFile();
  const etag = await warm();
  expect((await house.get(FILE, range('bytes=0-9', { 'if-range': etag }))).status).toBe(206);
  const none = await house.get(FILE, { headers: { 'if-none-match': `"x", W/${etag}` } });
  expect([none.status, none.body.length]).toEqual([304, 0]);
  expect((await house.get(FILE, { headers: { 'if-none-match': '"x", "y"' } })).status).toBe(200);
});

it('a cold range with the ETag that the packument promises costs the range', async () => {
  offerFile();
  await house.get('/a');
  const etag = `"${sri(body).slice(7, 34).replace(/\+/g, '-').replace(/\//g, '_')}"`;
  const got = await house.get(FILE, range('bytes=1000-1999', { 'if-range': etag }));
  expect([got.status, got.body.equals(body.subarray(1000, 2000))]).toEqual([206, true]);
});

describe('a range of what is not held', () => {
  it('is marked as passed on, and may not be kept by others', async () => {
    offerFile();
    const got = await house.get(FILE, range('bytes=1000-1999'));
    expect([got.headers['x-cache'], got.headers['cache-control']]).toEqual(['pass', 'no-store']);
  });

  it.each(['bytes=1000-1999', 'bytes=100-', 'bytes=-299000'])('costs the range, however much it is: %s', async (value) => {
    offerFile();
    await house.get('/a');
    upstream.forget();
    await house.get(FILE, { method: 'HEAD' });
    const got = await house.get(FILE, range(value));
    // A fill would have begun before the answer: its request would be here.
    await house.get('/nothing-else-is-under-way');
    expect([got.status, asked()]).toEqual([206, ['bytes=0-0', value]]);
    expect((await house.why(FILE)).entry).toBeNull();
  });

  it('has the validators that the whole has once it is held', async () => {
    offerFile({ ranges: 'yes', lastModified: 'Sat, 03 Jan 2026 10:00:00 GMT' });
    await house.get('/a');
    const validators = (got: Got): unknown[] => [got.headers.etag, got.headers['last-modified']];
    const before = [await house.get(FILE, { method: 'HEAD' }), await house.get(FILE, range('bytes=-500'))].map(validators);
    const miss = validators(await house.get(FILE));
    await house.kept(FILE);
    const hit = validators(await house.get(FILE, range('bytes=-500')));
    expect(hit).toEqual([expect.stringMatching(/^"[\w-]{27}"$/), 'Sat, 03 Jan 2026 10:00:00 GMT']);
    expect([...before, miss]).toEqual([hit, hit, hit]);
  });

  it('is not offered where the upstream gives none', async () => {
    offerFile({ ranges: 'no' });
    const probed = await house.get(FILE, { method: 'HEAD' });
    expect([probed.status, probed.headers['content-length'], probed.headers['accept-ranges']]).toEqual([200, '300000', undefined]);
    offerFile();
    expect((await house.get(FILE, { method: 'HEAD' })).headers['accept-ranges']).toBe('bytes');
  });

  it.each<[string, Reply]>([
    ['ignores Range', { ranges: 'no' }],
    ['answers another range', { ranges: 'wrong' }],
    ['answers 200 with the part', { ranges: 'lying' }],
    ['says that there is no such part', { status: 416, body }],
  ])('is right when the upstream %s', async (_how, reply) => {
    offerFile();
    // Who asks for the whole is told nothing wrong.
    if (reply.status !== undefined)
      upstream.on(FILE, (request, response) => void sendReply(request, response, request.headers.range ? reply : { body }));
    else offerFile(reply);
    const got = await house.get(FILE, range('bytes=1000-1999'));
    expect([got.status, got.complete, got.body.equals(body.subarray(1000, 2000))]).toEqual([206, true, true]);
  });

  /** An upstream that answers ranges with this part, whatever was asked. */
  function answerWith(contentRange: string, part: Buffer): void {
    upstream.on(FILE, (request, response) => {
      if (request.headers.range) response.writeHead(206, { 'content-range': contentRange }).end(part);
      else response.end(body);
    });
  }

  it('is whole, though the upstream answers less than was asked for', async () => {
    answerWith('bytes 1000-1499/300000', body.subarray(1000, 1500));
    const got = await house.get(FILE, range('bytes=1000-1999'));
    expect([got.status, got.complete, got.body.equals(body.subarray(1000, 2000))]).toEqual([206, true, true]);
  });

  it('never has more bytes than it says, however many the upstream sends', async () => {
    const tooMuch = Buffer.concat([body.subarray(1000, 2000), Buffer.from('HTTP/1.1 200 OK\r\n\r\n')]);
    answerWith('bytes 1000-1999/300000', tooMuch);
    const text = await house.raw(`GET ${FILE} HTTP/1.1\r\nHost: localhost\r\nRange: bytes=1000-1999\r\nConnection: close\r\n\r\n`);
    expect(text.match(/HTTP\/1\.1 /g)).toHaveLength(1);
  });

  it.each(['bytes=0-', 'bytes=5-2'])('is none if it is everything: %s is fetched and held', async (value) => {
    offerFile();
    expect((await house.get(FILE, range(value))).body.equals(body)).toBe(true);
    expect(asked()).toEqual([undefined]);
    expect((await house.kept(FILE)).size).toBe(body.length);
  });

  it('that has no byte is told without the whole', async () => {
    offerFile();
    for (const value of ['bytes=-0', 'bytes=300000-']) {
      const got = await house.get(FILE, range(value));
      expect([got.status, got.headers['content-range']]).toEqual([416, 'bytes */300000']);
    }
    expect(asked()).toEqual(['bytes=-0', 'bytes=300000-']);
  });

  it('is no page that stands in its place', async () => {
    upstream.on(FILE, { body: '<html>Please log in</html>', headers: { 'content-type': 'text/html' } });
    expect((await house.get(FILE, { method: 'HEAD' })).status).toBe(502);
    expect((await house.get(FILE, range('bytes=0-9'))).status).toBe(502);
  });

  it('far ahead of a download under way is asked for by itself', async () => {
    offer(upstream, 'a', { body });
    let release!: () => void;
    const released = new Promise<void>((resolve) => (release = resolve));
    upstream.on(FILE, async (request, response) => {
      if (request.headers.range)
        return void response.writeHead(206, { 'content-range': 'bytes 299000-299999/300000' }).end(body.subarray(299_000));
      response.writeHead(200, { 'content-length': '300000' }).write(body.subarray(0, 100_000));
      await released;
      response.end(body.subarray(100_000));
    });
    const whole = house.ask(FILE);
    await until('the download is under way', () => whole.received > 0);
    const ahead = await house.get(FILE, range('bytes=299000-'));
    expect([ahead.status, ahead.body.equals(body.subarray(299_000))]).toEqual([206, true]);
    const near = await house.get(FILE, range('bytes=10-19'));
    expect([near.status, near.body.equals(body.subarray(10, 20))]).toEqual([206, true]);
    release();
    expect((await whole.whole).body.equals(body)).toBe(true);
    expect(asked()).toEqual([undefined, 'bytes=299000-']);
  });

  it.each([404, 410])('that does not exist is %i', async (status) => {
    upstream.on(FILE, { status, body: 'no' });
    expect((await house.get(FILE, range('bytes=0-9'))).status).toBe(status);
    expect((await house.get(FILE, { method: 'HEAD' })).status).toBe(status);
  });
});
