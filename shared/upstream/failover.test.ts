import { Readable } from 'node:stream';
import { testClock } from '../testing/clock';
import { testFetcher, type Fetcher, type FetcherOptions } from '../testing/fetcher';
import { startUpstream, type FakeUpstream } from '../testing/upstream';

let one: FakeUpstream;
let two: FakeUpstream;
const open: Fetcher[] = [];
const fetcher = (bases: string[], options?: FetcherOptions): Fetcher => {
  const made = testFetcher(bases, options);
  open.push(made);
  return made;
};

beforeEach(async () => {
  one = await startUpstream();
  two = await startUpstream();
});
afterEach(async () => {
  for (const each of open.splice(0)) each.room.close();
  await Promise.all([one.close(), two.close()]);
});

test.each([
  ['5xx', { status: 500, body: 'oops' }],
  ['408', { status: 408 }],
  ['429', { status: 429 }],
  ['503', { status: 503 }],
  ['a hang-up', { hangUp: true }],
  ['silence', { stallHeaders: true }],
  ['a part that nobody asked for', { status: 206, headers: { 'content-range': 'bytes 0-2/3' }, body: 'par' }],
  ['304 to no condition', { status: 304 }],
  ['416 to no range', { status: 416 }],
])('the next mirror is asked after %s', async (_what, behaviour) => {
  one.on('/a', behaviour);
  two.on('/a', { body: 'yes' });
  const { get, text } = fetcher([one.url, two.url], {
    config: { timeouts: { connectMs: 2000, headersMs: 500, idleMs: 2000, pinWaitMs: 0, staleWaitMs: 0 } },
  });
  expect((await get('/a')).base).toBe(two.url);
  expect(await text('/a')).toBe('200 yes');
});

test('the next mirror is asked when one is down, and the dead one is left alone', async () => {
  two.on('/a', { body: 'yes' });
  await one.down();
  const clock = testClock();
  const { text, room } = fetcher([one.url, two.url], { now: clock.now });
  for (let n = 0; n < 5; n++) expect(await text('/a')).toBe('200 yes');
  expect(room.health()).toMatchObject([
    { base: one.url, healthy: false, retryAt: clock.now() + 1000, lastError: expect.stringContaining('connection refused') },
    { base: two.url, healthy: true, retryAt: 0 },
  ]);
  await one.up();
  one.on('/a', { body: 'back' });
  expect(await text('/a')).toBe('200 yes');
  clock.advance(1001);
  expect(await text('/a')).toBe('200 back');
  expect(room.health()[0]).toEqual({ base: one.url, healthy: true, retryAt: 0 });
});

test.each([
  [206, { range: 'bytes=0-1' }],
  [416, { Range: 'bytes=9-' }],
  [304, { 'if-none-match': '"x"' }],
  [304, { 'If-Modified-Since': new Date(0).toUTCString() }],
])('%i to what asks for it is an answer', async (status, headers) => {
  one.on('/a', { status });
  expect((await fetcher([one.url, two.url]).get('/a', { headers })).status).toBe(status);
  expect(two.requests).toHaveLength(0);
});

test.each([404, 410, 401, 403, 451])('%i is an answer: no other mirror is asked', async (status) => {
  one.on('/a', { status, body: 'no' });
  two.on('/a', { body: 'poison' });
  const { text } = fetcher([one.url, two.url]);
  expect(await text('/a')).toBe(`${status} no`);
  expect(two.requests).toHaveLength(0);
});

test('skipped mirrors are not asked; single asks the first only and gives any status', async () => {
  one.on('/a', { status: 500, body: 'broken' }, { status: 302, headers: { location: `${two.url}/a` } });
  two.on('/a', { body: 'yes' });
  const { text, failure } = fetcher([one.url, two.url]);
  expect(await text('/a', { single: true })).toBe('500 broken');
  expect(await text('/a', { single: true })).toBe('302 ');
  expect(two.requests).toHaveLength(0);
  expect(await text('/a', { skip: new Set([one.url]) })).toBe('200 yes');
  expect((await failure('/a', { skip: new Set([one.url, two.url]) })).code).toBe('upstream-failed');
});

test('all mirrors fail: the first one is named, without its credentials', async () => {
  one.on('/a', { status: 502 });
  await two.down();
  const { failure } = fetcher([one.url.replace('//', '//me:secret@'), two.url]);
  const error = await failure('/a');
  expect([error.code, error.facts]).toEqual(['upstream-failed', { host: `127.0.0.1:${one.port}`, reason: 'status 502', status: 502 }]);
  expect(JSON.stringify(error.facts) + error.message).not.toContain('secret');
});

test('a reset before any answer is tried once more, on reads only', async () => {
  one.on('/a', { hangUp: true }, { body: 'yes' });
  one.on('/b', { hangUp: true });
  const { text, failure } = fetcher([one.url]);
  expect(await text('/a')).toBe('200 yes');
  expect((await failure('/b')).message).toContain('connection reset');
  expect(one.count('/b')).toBe(2);
  await failure('/b', { method: 'POST', body: Buffer.from('x') });
  expect(one.count('/b', 'POST')).toBe(1);
});

test('a kept connection that died is replaced without an error', async () => {
  one.on('/a', { body: 'yes' });
  const { text } = fetcher([one.url]);
  await text('/a');
  expect(one.connections.total).toBe(1);
  await text('/a');
  expect(one.connections.total).toBe(1);
  await one.down();
  await one.up();
  expect(await text('/a')).toBe('200 yes');
});

test('Retry-After is respected, then the mirror is asked again', async () => {
  one.on('/a', { status: 429, headers: { 'retry-after': '30' } }, { body: 'yes' });
  const clock = testClock();
  const { text, failure } = fetcher([one.url], { now: clock.now });
  expect((await failure('/a')).facts).toMatchObject({ status: 429, retryAfter: 30 });
  clock.advance(20_000);
  const early = await failure('/a');
  expect([early.code, early.facts['retryAfter']]).toEqual(['upstream-busy', 10]);
  expect(one.requests).toHaveLength(1);
  clock.advance(10_000);
  expect(await text('/a')).toBe('200 yes');
});

test('Retry-After as a date; another mirror serves meanwhile', async () => {
  const clock = testClock();
  one.on('/a', { status: 503, headers: { 'retry-after': new Date(clock.now() + 60_000).toUTCString() } }, { body: 'one' });
  two.on('/a', { body: 'two' });
  const { text } = fetcher([one.url, two.url], { now: clock.now });
  expect([await text('/a'), await text('/a')]).toEqual(['200 two', '200 two']);
  clock.advance(59_000);
  expect(await text('/a')).toBe('200 two');
  expect(one.requests).toHaveLength(1);
  clock.advance(1_000);
  expect(await text('/a')).toBe('200 one');
});

test('an upload that was sent is not repeated elsewhere; one that could not be sent is', async () => {
  one.on('/a', { status: 500 });
  two.on('/a', async (_request, response, seen) => response.end(await seen.body));
  const body = Buffer.from('payload');
  const { failure, text } = fetcher([one.url, two.url]);
  expect((await failure('/a', { method: 'POST', body })).facts['status']).toBe(500);
  expect(two.requests).toHaveLength(0);
  await one.down();
  expect(await text('/a', { method: 'POST', body })).toBe('200 payload');
  await one.up();
  one.on('/s', async (_request, response, seen) => response.end(await seen.body));
  expect(await text('/s', { method: 'PUT', body: Readable.from([body]), single: true })).toBe('200 payload');
});

test('without an upstream the setting is named', async () => {
  const error = await fetcher([]).failure('/a');
  expect([error.code, error.remedy]).toEqual(['not-configured', 'set UPSTREAM_npm']);
});

test('at most 16 connections to a host; waiters are served in order, aborted ones leave', async () => {
  const arrived: string[] = [];
  let release = (): void => {};
  const gate = new Promise<void>((resolve) => (release = resolve));
  one.on(/./, async (_request, response, seen) => {
    arrived.push(seen.path);
    await gate;
    response.end('x');
  });
  const { text } = fetcher([one.url]);
  const leaving = new AbortController();
  const all = Array.from({ length: 40 }, (_, n) =>
    text(`/${n}`, n === 20 ? { signal: leaving.signal } : {}).catch((error: unknown) => String(error)),
  );
  while (arrived.length < 16) await new Promise((resolve) => setTimeout(resolve, 5));
  leaving.abort(new Error('the client left'));
  expect(await all[20]).toBe('Error: the client left');
  expect(arrived).toHaveLength(16);
  release();
  const answers = await Promise.all(all);
  expect(answers.filter((answer) => answer === '200 x')).toHaveLength(39);
  expect(one.connections.most).toBe(16);
  expect(arrived).not.toContain('/20');
  expect(arrived.slice(0, 20).sort()).toEqual(Array.from({ length: 20 }, (_, n) => `/${n}`).sort());
});

test('a body that is destroyed gives its slot back; 304, 204 and HEAD hold none', async () => {
  one.on('/big', { body: 'x'.repeat(1000), repeat: 1000 });
  one.on('/small', { body: 'hello', etag: '"1"' });
  const { get } = fetcher([one.url]);
  for (let n = 0; n < 40; n++) (await get('/big')).body.destroy();
  for (let n = 0; n < 40; n++) expect((await get('/small', { headers: { 'if-none-match': '"1"' } })).status).toBe(304);
  for (let n = 0; n < 40; n++) expect((await get('/small', { method: 'HEAD' })).headers['content-length']).toBe('5');
});
