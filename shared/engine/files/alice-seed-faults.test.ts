/** What an earlier cache of ALICE's tarballs did wrong stays right, with the upstream that has no digests to help: nginx. */
import { aliceStage, expectClosed } from '../../testing/alice-house';
import { ARCH, autoindexPage, STORE, tarball } from '../../testing/alice-store';
import { until } from '../../testing/until';
import type { Got } from '../../testing/house';
import type { Handler, Reply } from '../../testing/upstream';

jest.setTimeout(60_000);

const stage = aliceStage();
const NAME = `libtiny-1.0-1.${ARCH}.tar.gz`;
const TARBALL = STORE + NAME;
const body = tarball(3_000_000);
const CUT = 1_500_000;

function expectWhole(got: Got): void {
  expect([got.status, got.complete, got.headers['content-length'], got.body.equals(body)]).toEqual([200, true, String(body.length), true]);
}

function offer(first: Reply, ...more: Reply[]): void {
  stage.upstream.on(STORE, autoindexPage([{ name: NAME, body }]));
  stage.upstream.on(TARBALL, first, ...more);
}

const errors: [string, Reply][] = [
  ['404', { status: 404, body: 'x'.repeat(100) }],
  ['503', { status: 503, body: 'x'.repeat(100) }],
  ['503 of no known length', { status: 503, body: 'x'.repeat(100), chunked: true }],
];

describe('a length is never learnt from an error response', () => {
  it.each(errors)('%s, then the file', async (_what, error) => {
    const house = await stage.open('', { env: { NEGATIVE_TTL: '0' } });
    offer(error, { body, ranges: 'yes' });
    expectClosed(await house.get(TARBALL));
    expectWhole(await house.get(TARBALL));
    expect((await house.kept(TARBALL)).size).toBe(body.length);
  });

  it.each(errors)('a cut, %s, then the rest', async (_what, error) => {
    const house = await stage.open();
    offer({ body, cutAt: CUT, etag: '"e"' }, error, { body, ranges: 'yes', etag: '"e"' });
    expectWhole(await house.get(TARBALL));
    expect((await house.kept(TARBALL)).size).toBe(body.length);
  });
});

describe('a body is never appended to because the upstream ignored Range', () => {
  it.each<[string, Reply]>([
    ['200 with everything', { body, etag: '"e"' }],
    ['206 from the start, whatever was asked', { body, ranges: 'wrong', etag: '"e"' }],
  ])('a cut, then %s', async (_what, second) => {
    const house = await stage.open();
    offer({ body, cutAt: CUT, etag: '"e"' }, second, { body, etag: '"e"' });
    expectWhole(await house.get(TARBALL));
    expect((await house.kept(TARBALL)).size).toBe(body.length);
  });

  it('a cut without a validator: nothing is joined that nobody can judge', async () => {
    const house = await stage.open();
    const other = tarball(3_000_000, 'other');
    offer({ body: other, cutAt: CUT }, { body, ranges: 'yes' }, { body });
    const got = await house.get(TARBALL);
    if (got.complete && got.status === 200) expectWhole(got);
    await until('the right one is served', async () => {
      const again = await house.get(TARBALL);
      if (again.complete && again.status === 200) expectWhole(again);
      return again.complete && again.status === 200;
    });
  });
});

describe('a transient failure is never kept as 404', () => {
  it.each<[string, Reply]>([
    ['503', { status: 503, body: 'x' }],
    ['500', { status: 500, body: 'x' }],
    ['429', { status: 429, body: 'x' }],
    ['403', { status: 403, body: 'x' }],
    ['a hang-up', { hangUp: true }],
  ])('%s, then the file at once', async (_what, failure) => {
    const house = await stage.open();
    const twice: Reply[] = [failure, failure];
    offer(failure, ...twice, { body });
    expectClosed(await house.get(TARBALL));
    expect((await house.get(TARBALL, { method: 'HEAD' })).status).not.toBe(404);
    await until('the file comes', async () => (await house.get(TARBALL)).complete);
    expectWhole(await house.get(TARBALL));
  });
});

it('a client does not wait until the file is complete, nor does a second one', async () => {
  const house = await stage.open();
  let release!: () => void;
  const released = new Promise<void>((resolve) => (release = resolve));
  const answer: Handler = async (_request, response) => {
    response.writeHead(200, { 'content-length': String(body.length) });
    response.write(body.subarray(0, 1_000_000));
    await released;
    response.end(body.subarray(1_000_000));
  };
  stage.upstream.on(STORE, autoindexPage([{ name: NAME, body }])).on(TARBALL, answer);
  const first = house.ask(TARBALL);
  await until('the first one reads', () => first.received > 500_000);
  const second = house.ask(TARBALL);
  await until('the second one reads', () => second.received > 500_000);
  expect((await second.response).headers['content-length']).toBe(String(body.length));
  release();
  for (const asked of [first, second]) expectWhole(await asked.whole);
  expect(stage.upstream.count(TARBALL)).toBe(1);
});
