/** The life of a cache that its socket wakes: what keeps it, what does not, and how it ends. */
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { activate, type Activated, type ActivatedOptions } from '../testing/activation/activated';
import { visitAtRandom } from '../testing/activation/random-client';
import { ask } from '../testing/ask';
import { bytes, offer, tarballTarget } from '../testing/packages';
import { startUpstream, type FakeUpstream } from '../testing/upstream';
import { until } from '../testing/until';

jest.setTimeout(90_000);

const FILE = bytes(100_000, 'pad');
const TARGET = tarballTarget('pad', '1.0.0');
const SIGTERM = 15;
const SIGKILL = 9;
let upstream: FakeUpstream;
let cache: Activated;

beforeEach(async () => {
  upstream = await startUpstream();
  offer(upstream, 'pad', { body: FILE });
  upstream.on('/-/ping', { body: '{}' });
});
afterEach(async () => {
  await cache.close();
  await upstream.close();
});

const open = async (IDLE_EXIT: string, more: ActivatedOptions = {}): Promise<Activated> =>
  (cache = await activate({ upstream: upstream.url, ...more, env: { IDLE_EXIT, ...more.env } }));
const ends = (): number => cache.events.filter(({ event }) => event === 'ended').length;

/** A connection that is said something, and what came over it. */
function line(): { socket: Socket; say: (text: string) => void; got: () => string } {
  let got = '';
  const socket = connect(cache.port, '127.0.0.1').on('error', () => undefined);
  socket.on('data', (text: Buffer) => (got += text.toString('latin1')));
  return { socket, say: (text) => void socket.write(text), got: () => got };
}
const PING = 'GET /-/ping HTTP/1.1\r\nHost: localhost\r\n\r\n';
const answers = (text: string): number => text.split('HTTP/1.1 200').length - 1;

test('it exits when nothing is asked, as if all were well, and the next connection starts it again, with all that it holds', async () => {
  await open('500ms');
  expect((await cache.get(TARGET)).headers['x-cache']).toBe('miss');
  expect(await cache.ended()).toBe(0);
  upstream.forget();
  const again = await cache.get(TARGET);
  expect([again.headers['x-cache'], again.body.equals(FILE)]).toEqual(['hit', true]);
  expect([cache.starts(), upstream.requests.length]).toEqual([2, 0]);
  expect(cache.log()).toContain('stopped');
});

test('IDLE_EXIT=0 is never', async () => {
  await open('0');
  await cache.get('/_cache/health');
  await sleep(4000);
  expect([cache.starts(), ends()]).toEqual([1, 0]);
});

test('clients are told to keep connections no longer than it stays itself', async () => {
  await open('3s');
  for (const round of ['miss', 'hit', 'ready']) {
    const { headers } = await cache.get(TARGET, { headers: { connection: 'keep-alive' } });
    expect([round, headers['keep-alive']]).toEqual([round, 'timeout=3']);
  }
  expect((await cache.get('/_cache/metrics', { headers: { connection: 'keep-alive' } })).headers.connection).toBe('close');
  await cache.close();
  await open('10m');
  expect((await cache.get(TARGET, { headers: { connection: 'keep-alive' } })).headers['keep-alive']).toBe('timeout=65');
});

test('a monitor keeps nothing awake', async () => {
  await open('1h');
  await until('it exits in spite of the monitor', async () => {
    await cache.get('/_cache/metrics');
    await cache.get('/_cache/status');
    return ends() > 0;
  });
  expect(cache.events.filter(({ event }) => event === 'ended').map(({ status }) => status)).toEqual([0]);
});

test('nor does one that looks at the pages about itself that an ecosystem has', async () => {
  await open('1h', { cache: 'julia' });
  await until('it exits in spite of the monitor', async () => {
    const { status, headers } = await cache.get('/metrics', { headers: { connection: 'keep-alive' } });
    expect([status, headers.connection]).toEqual([200, 'close']);
    return ends() > 0;
  });
});

test('a request that is no look at its own pages keeps it, monitor or not', async () => {
  await open('1h');
  await cache.get(TARGET);
  for (let i = 0; i < 20; i++) {
    expect((await cache.get('/_cache/health')).status).toBe(200);
    await sleep(200);
  }
  expect([cache.starts(), ends()]).toEqual([1, 0]);
});

test('a connection without a request puts off the end, and is answered when it asks at last', async () => {
  await open('1h');
  const silent = line();
  await until('it runs', () => cache.pid() !== undefined);
  await sleep(5000);
  expect(ends()).toBe(0);
  silent.say(PING);
  await until('it is answered', () => answers(silent.got()) === 1);
  expect(cache.starts()).toBe(1);
  silent.socket.destroy();
});

test('connections that come and go without a request do not keep it', async () => {
  await open('1h');
  await until('it exits', async () => {
    const { socket } = line();
    await sleep(50);
    socket.destroy();
    return ends() > 0;
  });
  expect(await cache.ended()).toBe(0);
});

test('a download that its client left keeps it until it is finished', async () => {
  const large = bytes(2_000_000, 'large');
  offer(upstream, 'pad', { body: large }, { bytesPerSecond: 500_000 });
  await open('300ms');
  const leaving = ask(cache.port, TARGET);
  await until('it has begun', () => leaving.received > 100_000);
  leaving.leave();
  expect(await cache.ended()).toBe(0);
  upstream.forget();
  expect((await cache.get(TARGET)).body.equals(large)).toBe(true);
  expect([cache.starts(), upstream.requests.length]).toEqual([2, 0]);
});

test('SIGTERM in mid-download: the response finishes; who connects meanwhile is answered by the next process', async () => {
  const large = bytes(2_000_000, 'large');
  offer(upstream, 'pad', { body: large }, { bytesPerSecond: 700_000 });
  await open('1h');
  const first = ask(cache.port, TARGET);
  await until('it has begun', () => first.received > 100_000);
  cache.signal(SIGTERM);
  await sleep(300);
  const second = await cache.get('/-/ping');
  const whole = await first.whole;
  expect([whole.complete, whole.body.equals(large), second.status]).toEqual([true, true, 200]);
  expect([cache.starts(), ends()]).toEqual([2, 1]);
});

test('SIGTERM in a download that takes longer than the drain time: what came is kept, and the next process resumes it', async () => {
  const large = bytes(8_000_000, 'large');
  offer(upstream, 'pad', { body: large }, { bytesPerSecond: 400_000, etag: '"e"', ranges: 'yes' });
  await open('1h');
  const first = ask(cache.port, TARGET);
  await until('enough has come to be kept', () => first.received > 1_500_000);
  cache.signal(SIGTERM);
  expect(await cache.ended()).toBe(0);
  expect((await first.whole).complete).toBe(false);
  upstream.forget();
  offer(upstream, 'pad', { body: large }, { etag: '"e"', ranges: 'yes' });
  expect((await cache.get(TARGET)).body.equals(large)).toBe(true);
  const [asked] = upstream.requests.filter(({ path }) => path === TARGET);
  expect(Number(/^bytes=(\d+)-/.exec(asked?.headers.range ?? '')?.[1])).toBeGreaterThan(1_500_000);
});

test('SIGTERM: a request over a kept connection is answered, and told that it was the last', async () => {
  await open('1h');
  const kept = line();
  kept.say(PING);
  await until('it is answered', () => answers(kept.got()) === 1);
  cache.signal(SIGTERM);
  await sleep(200);
  kept.say(PING);
  await until('it is answered again', () => answers(kept.got()) === 2);
  expect(kept.got().split('HTTP/1.1 200')[1]).toContain('Connection: keep-alive');
  expect(kept.got().split('HTTP/1.1 200')[2]).toContain('Connection: close');
  expect(await cache.ended()).toBe(0);
  expect(cache.starts()).toBe(1);
});

test('SIGTERM: what is on its way to a slow client is not lost because he goes on asking', async () => {
  const large = bytes(1_500_000, 'large');
  offer(upstream, 'pad', { body: large });
  await open('1h');
  await until('it is held', async () => (await cache.get(TARGET)).headers['x-cache'] === 'hit');
  const answered = (): number => cache.log().split(TARGET).length;
  // It reads nothing yet, so the answers wait in the kernel's buffers, as they do on a slow line.
  const slow = connect(cache.port, '127.0.0.1');
  const request = `GET ${TARGET} HTTP/1.1\r\nHost: localhost:${cache.port}\r\n\r\n`;
  let before = answered();
  slow.write(request);
  await until('the first is sent', () => answered() > before);
  cache.signal(SIGTERM);
  await sleep(300);
  before = answered();
  slow.write(request);
  await until('the second is sent, and said to be the last', () => answered() > before);
  for (let i = 0; i < 3; i++) {
    slow.write(request);
    await sleep(200);
  }
  let got = Buffer.alloc(0);
  for await (const piece of slow as AsyncIterable<Buffer>) got = Buffer.concat([got, piece]);
  expect(answers(got.toString('latin1'))).toBe(2);
  const head = got.lastIndexOf('\r\n\r\n', got.length - large.length);
  expect(got.subarray(head + 4).equals(large)).toBe(true);
  expect(await cache.ended()).toBe(0);
});

test('killed while it serves: the next request is right', async () => {
  const large = bytes(2_000_000, 'large');
  offer(upstream, 'pad', { body: large }, { bytesPerSecond: 500_000 });
  await open('1h');
  const cut = ask(cache.port, TARGET);
  await until('it has begun', () => cut.received > 100_000);
  cache.signal(SIGKILL);
  expect((await cut.whole).complete).toBe(false);
  expect(await cache.ended()).toBe(-SIGKILL);
  offer(upstream, 'pad', { body: large });
  expect((await cache.get(TARGET)).body.equals(large)).toBe(true);
});

test('restarts under load: no request fails', async () => {
  await open('3s');
  await cache.get(TARGET);
  let isOver = false;
  const visits = [1, 2].map(() =>
    visitAtRandom({ url: `http://127.0.0.1:${cache.port}${TARGET}`, pauseMs: 100, keptMs: 500, isOver: () => isOver }),
  );
  for (let restart = 1; restart <= 8; restart++) {
    await until('it serves', () => cache.pid() !== undefined);
    await sleep(1000);
    const before = ends();
    cache.signal(SIGTERM);
    await until('it has ended', () => ends() > before);
  }
  isOver = true;
  const tallies = await Promise.all(visits);
  expect(tallies.flatMap(({ failures }) => failures)).toEqual([]);
  expect(tallies.reduce((sum, { answers: count }) => sum + count, 0)).toBeGreaterThan(50);
  expect(cache.starts()).toBeGreaterThanOrEqual(8);
});
