import { once } from 'node:events';
import { connect } from 'node:net';
import { openHouse, type LocalHouse } from '../../testing/house';
import { startIndex, type FakeIndex } from '../../testing/python-index';
import { until } from '../../testing/until';
import type { Reply } from '../../testing/upstream';

jest.setTimeout(60_000);

const JSON_TYPE = 'application/vnd.pypi.simple.v1+json';
const PAGE = '/simple/crowd/';
let index: FakeIndex;
let house: LocalHouse;

beforeEach(async () => {
  index = await startIndex();
  house = await open();
});
afterEach(async () => {
  await house.stop();
  await index.close();
});

const open = (env: Record<string, string> = {}): Promise<LocalHouse> =>
  openHouse({ module: 'pip', upstream: index.url, env, early: { afterMs: 150, everyMs: 40 } });

/** A page of some 100 KB that takes a second. */
function slowly(more: Reply = {}): void {
  const link = (n: number): string => `<a href="/packages/crowd-${n}.tar.gz#sha256=${'0a'.repeat(32)}">crowd-${n}.tar.gz</a>\n`;
  const body = `<!DOCTYPE html>\n<html><body>\n${Array.from({ length: 800 }, (_, n) => link(n)).join('')}</body></html>\n`;
  index.upstream.on(PAGE, { body, bytesPerSecond: body.length, headers: { 'content-type': 'text/html' }, ...more });
}

describe.each([
  ['text/html', 'text/html', {}],
  [JSON_TYPE, JSON_TYPE, {}],
  ['text/html with gzip', 'text/html', { 'accept-encoding': 'gzip' }],
])('a page that takes its time, as %s', (_what, type, more) => {
  it('begins with spaces, and goes on when it is there', async () => {
    slowly();
    const asked = house.ask(PAGE, { headers: { accept: type, ...more } });
    const { headers, statusCode } = await asked.response;
    expect([statusCode, headers['x-cache'], headers['cache-control'], headers['transfer-encoding']]).toEqual([
      200,
      'miss',
      'no-store',
      'chunked',
    ]);
    expect(headers['content-type']).toContain(type);
    expect([headers.etag, headers['content-length'], headers['content-encoding'], headers['last-modified']]).toEqual(
      Array(4).fill(undefined),
    );
    // It began long before the upstream had sent everything.
    expect(index.upstream.active.now).toBe(1);
    const got = await asked.whole;
    expect([got.complete, /^ {3,}\S/.test(got.body.toString())]).toEqual([true, true]);
    const later = await house.get(PAGE, { headers: { accept: type } });
    expect([later.status, later.headers['x-cache'], later.headers.etag]).toEqual([200, 'hit', expect.any(String)]);
    expect(got.body.toString().trimStart()).toBe(later.body.toString());
    expect(index.upstream.count(PAGE)).toBe(1);
  });
});

it('HEAD is answered early too', async () => {
  slowly();
  const got = await house.get(PAGE, { method: 'HEAD' });
  expect([got.status, got.complete, got.headers['content-length'], got.body.length]).toEqual([200, true, undefined, 0]);
  expect(index.upstream.active.now).toBe(1);
});

it('several clients share the one fetch', async () => {
  slowly();
  const all = await Promise.all([1, 2, 3].map(() => house.get(PAGE, { headers: { 'accept-encoding': 'gzip' } })));
  expect(new Set(all.map(({ body }) => body.toString().trim())).size).toBe(1);
  expect([all.every(({ complete }) => complete), index.upstream.count(PAGE)]).toEqual([true, 1]);
});

it.each<[string, Reply]>([
  ['breaks off again and again', { cutAt: 30_000 }],
  ['is no page in the end', { body: 'x'.repeat(100_000), bytesPerSecond: 200_000 }],
])('if it %s, the connection is cut', async (_what, reply) => {
  slowly(reply);
  const got = await house.get(PAGE);
  expect([got.status, got.complete, got.body.toString().trim()]).toEqual([200, false, '']);
  expect(house.said('early-answer-cut')).toHaveLength(1);
});

it('to a client of HTTP/1.0, for whom the end of the connection is the end of the body, it is reset', async () => {
  slowly({ cutAt: 30_000 });
  const socket = connect(house.port, '127.0.0.1', () => socket.write(`GET ${PAGE} HTTP/1.0\r\nHost: 127.0.0.1:${house.port}\r\n\r\n`));
  socket.resume();
  await expect(once(socket, 'end')).rejects.toMatchObject({ code: 'ECONNRESET' });
});

it('nothing begins before the upstream does: its failure is told as what it is', async () => {
  index.upstream.on(PAGE, { status: 404, delayMs: 600 });
  expect((await house.get(PAGE)).status).toBe(404);
  index.upstream.on('/simple/other/', { status: 500, delayMs: 600 });
  expect((await house.get('/simple/other/')).status).toBe(502);
});

it('so also when something is held that is too old to be used', async () => {
  let now = Date.now();
  await house.stop();
  house = await openHouse({
    module: 'pip',
    upstream: index.url,
    env: { STALE_MAX: '1h' },
    now: () => now,
    early: { afterMs: 150, everyMs: 40 },
  });
  index.addProject({ name: 'crowd', releases: { '1.0': {} } });
  await house.get(PAGE);
  now += 24 * 3600 * 1000;
  slowly();
  const got = await house.get(PAGE);
  expect([got.complete, got.body.toString().startsWith('  '), got.body.toString()]).toEqual([
    true,
    true,
    expect.stringContaining('crowd-799.tar.gz'),
  ]);
});

it('a client that leaves takes nothing from the others', async () => {
  slowly();
  const leaving = house.ask(PAGE);
  await until('it has begun', () => leaving.received > 0);
  leaving.leave();
  const got = await house.get(PAGE);
  expect([got.complete, index.upstream.count(PAGE)]).toEqual([true, 1]);
});
