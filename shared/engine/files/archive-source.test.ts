import { readFileSync, writeFileSync } from 'node:fs';
import { heldFile } from '../../testing/held-file';
import { openHouse, type LocalHouse } from '../../testing/house';
import { flipped } from '../../testing/packages';
import { startIndex, type FakeIndex } from '../../testing/python-index';
import { until } from '../../testing/until';
import { makeZip } from '../../testing/wheel';

jest.setTimeout(60_000);

const WHEEL = 'poor-1.0-py3-none-any.whl';
let index: FakeIndex;
let house: LocalHouse;
/** Of the wheel, and of its metadata. */
let wheel: string;
let target: string;

beforeEach(async () => {
  index = await startIndex();
  index.addProject({ name: 'poor', releases: { '1.0': { metadata: 'absent', ballast: 400_000 }, '2.0': {} } });
  [wheel, target] = [index.target(WHEEL), `${index.target(WHEEL)}.metadata`];
  house = await openHouse({ module: 'pip', upstream: index.url });
});
afterEach(async () => {
  await house.stop();
  await index.close();
});

const metadata = (): string => `Metadata-Version: 2.1\nName: poor\nVersion: 1.0\nSummary: test package poor\n`;
/** Range headers of all requests for the wheel. */
const asked = (): (string | undefined)[] =>
  index.upstream.requests.filter(({ path }) => path === wheel).map(({ headers }) => headers.range);
const page = async (accept = 'text/html'): Promise<string> => (await house.get('/simple/poor/', { headers: { accept } })).body.toString();
/** Whether the page offers metadata of this wheel, and of the other one. */
async function offered(accept?: string): Promise<boolean[]> {
  const text = await page(accept);
  if (accept?.endsWith('json')) {
    const { files } = JSON.parse(text) as { files: { filename: string; 'core-metadata'?: unknown }[] };
    return ['1.0', '2.0'].map((version) => Boolean(files.find(({ filename }) => filename.includes(version))?.['core-metadata']));
  }
  return ['1.0', '2.0'].map((version) => new RegExp(`poor-${version}-py3[^<>]*data-core-metadata`).test(text));
}

describe('metadata that the index does not have', () => {
  it('are offered, and cost a few ranges of the wheel; then they are held', async () => {
    expect(await offered()).toEqual([true, true]);
    const got = await house.get(target);
    expect([got.status, got.complete, got.body.toString()]).toEqual([200, true, metadata()]);
    expect(got.headers['content-type']).toMatch(/^text\/plain/);
    expect(asked()).toEqual([`bytes=-${66 * 1024}`]);
    await house.kept(target);
    index.upstream.forget();
    expect((await house.get(target)).headers['x-cache']).toBe('hit');
    expect(index.upstream.requests).toHaveLength(0);
    expect((await house.why(wheel)).entry).toBeNull();
  });

  it('cost nothing if the wheel is held', async () => {
    await house.get(wheel);
    await house.kept(wheel);
    index.upstream.forget();
    expect((await house.get(target)).body.toString()).toBe(metadata());
    expect(asked()).toEqual([]);
  });

  it.each([
    ['no ranges', undefined],
    ['no ranges that count from the end', /^bytes=\d/],
  ])('come from an upstream that knows %s', async (_what, known) => {
    const { body } = index.file(WHEEL);
    index.upstream.on(wheel, (request, response) => {
      const [, from = '', to = ''] =
        (known && known.test(request.headers.range ?? '') && /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '')) || [];
      if (from === '') return void response.writeHead(200, { 'content-length': body.length }).end(body);
      const part = body.subarray(Number(from), Number(to) + 1);
      response.writeHead(206, { 'content-length': part.length, 'content-range': `bytes ${from}-${to}/${body.length}` }).end(part);
    });
    expect((await house.get(target)).body.toString()).toBe(metadata());
    if (known) expect((await house.why(wheel)).entry).toBeNull();
    else expect((await house.kept(wheel)).size).toBe(body.length);
  });

  it('are taken out once, however many ask', async () => {
    const all = await Promise.all(Array.from({ length: 5 }, () => house.get(target)));
    expect(all.map(({ body }) => body.toString())).toEqual(Array(5).fill(metadata()));
    expect(asked()).toHaveLength(1);
  });

  it('HEAD and ranges of them are answered too', async () => {
    const head = await house.get(target, { method: 'HEAD' });
    expect([head.status, head.headers['content-length']]).toEqual([200, String(metadata().length)]);
    const part = await house.get(target, { headers: { range: 'bytes=0-15' } });
    expect([part.status, part.body.toString()]).toEqual([206, 'Metadata-Version']);
  });

  it('must agree with what the page promises', async () => {
    index.alter(WHEEL, { offered: 'promised' });
    expect((await house.get(target)).body.toString()).toBe(metadata());
    expect((await house.kept(target)).pin).toMatch(/^sha256-/);
    const other = 'poor-2.0-py3-none-any.whl';
    index.alter(other, { metadata: undefined, metadataSha256: '0a'.repeat(32) });
    // Nothing was said of the version 2.0 by the page that is held: its revision is another one now.
    await house.stop();
    house = await openHouse({ module: 'pip', upstream: index.url });
    // The promised ones are nowhere: pip and uv give up at an error, but do without what does not exist and is not offered.
    for (let round = 0; round < 2; round++) expect((await house.get(`${index.target(other)}.metadata`)).status).toBe(404);
    expect((await house.why(`${index.target(other)}.metadata`)).entry).toBeNull();
    expect(await offered()).toEqual([true, false]);
  });

  it.each([500, 503])('are no 404 while the wheel cannot be had (%i)', async (status) => {
    index.upstream.on(wheel, { status });
    expect([502, 503, 504]).toContain((await house.get(target)).status);
    expect(await offered()).toEqual([true, true]);
  });

  it.each(['wrong', 'lying'] as const)('the parts of an upstream that gives %s ones are not used', async (ranges) => {
    index.upstream.on(wheel, { body: index.file(WHEEL).body, ranges });
    expect((await house.get(target)).body.toString()).toBe(metadata());
  });
});

describe('a wheel of which the bytes cannot be trusted', () => {
  it.each<[string, string, number]>([
    ['shorter', 'than it is', 0.5],
    ['longer', 'than it is', 1.5],
  ])('a part that is %s %s says nothing of what is in it', async (_how, _than, share) => {
    const { body } = index.file(WHEEL);
    index.upstream.on(wheel, (request, response) => {
      const length = Number(/-(\d+)$/.exec(request.headers.range ?? '')?.[1]);
      const part = Buffer.alloc(Math.floor(length * share), body.subarray(-length));
      response.writeHead(206, { 'content-range': `bytes ${body.length - length}-${body.length - 1}/${body.length}` }).end(part);
    });
    expect((await house.get(target)).status).toBe(502);
    expect(await offered()).toEqual([true, true]);
  });

  it('damaged while it was held: the upstream is asked', async () => {
    await house.get(wheel);
    const file = heldFile(house.cacheDir, await house.kept(wheel));
    writeFileSync(file, flipped(readFileSync(file), -1));
    index.upstream.forget();
    expect((await house.get(target)).body.toString()).toBe(metadata());
    expect(asked()).toEqual([`bytes=-${66 * 1024}`]);
  });
});

describe('what is promised in vain', () => {
  beforeEach(() => {
    // A wheel without metadata: nothing can be made of it.
    const body = makeZip({ 'poor.py': Buffer.from('x') });
    index.upstream.on(wheel, { body, ranges: 'yes' });
  });

  it.each(['text/html', 'application/vnd.pypi.simple.v1+json', 'application/vnd.pypi.simple.v1+html'])(
    'is not offered any more: %s',
    async (accept) => {
      expect(await offered(accept)).toEqual([true, true]);
      const before = await house.get('/simple/poor/', { headers: { accept } });
      expect(before.headers['x-cache']).toBe('hit');
      expect((await house.get(target)).status).toBe(404);
      await until('it is not offered', async () => (await offered(accept))[0] === false);
      expect(await offered(accept)).toEqual([false, true]);
      const after = await house.get('/simple/poor/', { headers: { accept, 'if-none-match': before.headers.etag ?? '' } });
      expect([after.status, after.headers['x-cache']]).toEqual([200, 'hit']);
      expect(index.upstream.count('/simple/poor/')).toBe(1);
    },
  );

  it('is told by HEAD and ranges too', async () => {
    expect(await offered()).toEqual([true, true]);
    expect((await house.get(target, { method: 'HEAD' })).status).toBe(404);
    await until('it is not offered', async () => (await offered())[0] === false);
  });

  it('a newer page may promise it again', async () => {
    let now = Date.now();
    await house.stop();
    house = await openHouse({ module: 'pip', upstream: index.url, now: () => now });
    await page();
    await house.get(target);
    await until('it is not offered', async () => (await offered())[0] === false);
    now += 24 * 3600 * 1000;
    index.addProject({ name: 'poor', releases: { '3.0': {} } });
    await page();
    expect(await offered()).toEqual([true, true]);
  });

  it('what was never promised changes nothing', async () => {
    await page();
    const etag = (await house.get('/simple/poor/')).headers.etag;
    expect((await house.get(target.replace('poor-1.0', 'poor-9.0'))).status).toBe(404);
    const after = await house.get('/simple/poor/');
    expect([after.headers.etag, after.headers['x-cache']]).toEqual([etag, 'hit']);
    expect(house.said('promised-in-vain')).toHaveLength(0);
  });
});
