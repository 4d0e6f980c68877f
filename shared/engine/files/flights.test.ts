import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { openHouse, type LocalHouse } from '../../testing/house';
import { bytes, offer, tarballTarget } from '../../testing/packages';
import { until } from '../../testing/until';
import { startUpstream, type FakeUpstream, type Handler } from '../../testing/upstream';

jest.setTimeout(60_000);

const FILE = '/a/-/a-1.0.0.tgz';
const MIB = 1024 * 1024;
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

/** Sends the first bytes of a body, and the rest when it is told to. */
function inTwo(body: Buffer, first: number): { answer: Handler; release: () => void; aborted: () => boolean } {
  let release!: () => void;
  let gone = false;
  const released = new Promise<void>((resolve) => (release = resolve));
  const answer: Handler = async (_request, response) => {
    response.once('close', () => (gone = !response.writableFinished));
    response.writeHead(200, { 'content-length': String(body.length), etag: '"e"' });
    response.write(body.subarray(0, first));
    await released;
    response.end(body.subarray(first));
  };
  return { answer, release, aborted: () => gone };
}

it('a cold tarball and its packument are fetched once, then are hits', async () => {
  const body = bytes(300_000);
  offer(upstream, 'a', { body });
  const got = await house.get(FILE);
  expect([got.status, got.complete, got.headers['x-cache']]).toEqual([200, true, 'miss']);
  expect(got.body.equals(body)).toBe(true);
  await house.kept(FILE);
  const again = await house.get(FILE);
  expect([again.status, again.complete, again.headers['x-cache']]).toEqual([200, true, 'hit']);
  expect(again.body.equals(body)).toBe(true);
  expect([upstream.count(FILE), upstream.count('/a')]).toEqual([1, 1]);
});

it('100 clients, one cold tarball: one upstream request, 100 right bodies, also for those who come in the middle', async () => {
  const body = bytes(1_000_000);
  offer(upstream, 'a', { body });
  const { answer, release } = inTwo(body, 400_000);
  upstream.on(FILE, answer);
  const early = Array.from({ length: 50 }, () => house.ask(FILE));
  await until('the early ones read', () => early.every((client) => client.received > 0));
  const late = Array.from({ length: 50 }, () => house.ask(FILE));
  await until('the late ones read', () => late.every((client) => client.received > 0));
  release();
  for (const client of [...early, ...late]) {
    const got = await client.whole;
    expect([got.complete, got.body.equals(body)]).toEqual([true, true]);
  }
  expect([upstream.count(FILE), upstream.count('/a')]).toEqual([1, 1]);
});

it('100 clients, one cold packument: one upstream request, everybody gets the form and the address that he asked for', async () => {
  offer(upstream, 'a', { body: bytes(10) }, {}, { delayMs: 100 });
  const abbreviated = { accept: 'application/vnd.npm.install-v1+json' };
  const clients = Array.from({ length: 100 }, (_, index) =>
    house.get('/a', {
      headers: { host: index % 2 ? `localhost:${house.port}` : `127.0.0.1:${house.port}`, ...(index % 3 ? abbreviated : {}) },
    }),
  );
  for (const [index, client] of clients.entries()) {
    const got = await client;
    const json = JSON.parse(got.body.toString()) as { versions: Record<string, { dist: { tarball: string } }> };
    expect(json.versions['1.0.0']?.dist.tarball).toBe(`http://${index % 2 ? 'localhost' : '127.0.0.1'}:${house.port}${FILE}`);
    expect('_id' in json).toBe(index % 3 === 0);
  }
  expect(upstream.count('/a')).toBe(1);
});

it('a client that leaves in mid-download disturbs nobody, even the one that began it', async () => {
  const body = bytes(1_000_000);
  offer(upstream, 'a', { body });
  const { answer, release } = inTwo(body, 400_000);
  upstream.on(FILE, answer);
  const first = house.ask(FILE);
  await until('the first one reads', () => first.received > 0);
  const others = [house.ask(FILE), house.ask(FILE)];
  await until('the others read', () => others.every((client) => client.received > 0));
  first.leave();
  others[0]?.leave();
  release();
  const got = await others[1]?.whole;
  expect([got?.complete, got?.body.equals(body)]).toEqual([true, true]);
  expect(upstream.count(FILE)).toBe(1);
});

it('a client that does not read does not slow the others down', async () => {
  const body = bytes(20 * MIB);
  offer(upstream, 'a', { body });
  const slow = house.ask(FILE);
  slow.pause(true);
  const fast = await house.get(FILE);
  expect([fast.complete, fast.body.equals(body)]).toEqual([true, true]);
  slow.pause(false);
  expect((await slow.whole).body.equals(body)).toBe(true);
  expect(upstream.count(FILE)).toBe(1);
});

it('100 clients ask 100 packages at once: at most 16 connections to the upstream host, all served', async () => {
  const names = Array.from({ length: 100 }, (_, index) => `p${index}`);
  for (const name of names) offer(upstream, name, { body: bytes(2000, name) }, { delayMs: 5 }, { delayMs: 5 });
  const got = await Promise.all(names.map((name) => house.get(tarballTarget(name, '1.0.0'))));
  expect(got.every(({ status, complete, body }, index) => status === 200 && complete && body.equals(bytes(2000, `p${index}`)))).toBe(true);
  expect(upstream.connections.most).toBeLessThanOrEqual(16);
  expect(upstream.connections.most).toBeGreaterThan(8);
});

describe('a download whose readers have all left', () => {
  const block = bytes(MIB);

  /** A body of so many MiB that sends `first` MiB, and the rest when it is told to. */
  function large(mib: number, first: number) {
    const story = { sent: 0, aborted: false, release: (): void => undefined };
    const released = new Promise<void>((resolve) => (story.release = resolve));
    const answer: Handler = async (request, response) => {
      const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0) / MIB;
      response.once('close', () => (story.aborted = !response.writableFinished));
      const head = { etag: '"e"', 'content-length': String((mib - from) * MIB) };
      if (from === 0) response.writeHead(200, head);
      else response.writeHead(206, { ...head, 'content-range': `bytes ${from * MIB}-${mib * MIB - 1}/${mib * MIB}` });
      for (let at = from; at < mib && !response.destroyed; at++) {
        if (at === first) await released;
        await new Promise<void>((resolve) => void response.write(block, () => resolve()));
        story.sent++;
      }
      response.end();
    };
    return { answer, story };
  }

  it('is finished if it is small', async () => {
    const body = bytes(2 * MIB);
    offer(upstream, 'a', { body });
    const { answer, release } = inTwo(body, MIB);
    upstream.on(FILE, answer);
    const client = house.ask(FILE);
    await until('it reads', () => client.received > 0);
    client.leave();
    await client.whole;
    release();
    expect((await house.kept(FILE)).size).toBe(2 * MIB);
    expect(upstream.count(FILE)).toBe(1);
  });

  it('is parked if it is large and not half done, and resumed where it stopped', async () => {
    const { answer, story } = large(70, 3);
    upstream.on(FILE, answer);
    const client = house.ask(FILE);
    await until('it reads', () => client.received >= 3 * MIB - 1);
    client.leave();
    await until('the upstream is left alone', () => story.aborted);
    const folder = join(house.cacheDir, 'spool', 'parked');
    await until(
      'the partial is parked',
      () =>
        existsSync(folder) &&
        readdirSync(folder).some((name) => statSync(join(folder, name, 'body'), { throwIfNoEntry: false })?.size === 3 * MIB),
    );
    story.release();
    upstream.forget();
    const next = house.ask(FILE);
    await until('it goes on', () => upstream.count(FILE) === 1);
    expect(upstream.requests.find(({ path }) => path === FILE)?.headers.range).toBe(`bytes=${3 * MIB}-`);
    expect((await next.whole).body.length).toBe(70 * MIB);
  });

  it('is finished if it is large and over half done', async () => {
    const { answer, story } = large(66, 40);
    upstream.on(FILE, answer);
    const client = house.ask(FILE);
    await until('over half of it has come', () => client.received >= 40 * MIB - 1);
    client.leave();
    await client.whole;
    story.release();
    expect((await house.kept(FILE)).size).toBe(66 * MIB);
    expect([story.aborted, upstream.count(FILE)]).toEqual([false, 1]);
  });

  it('of unknown length is left when it turns out to be large', async () => {
    let sent = 0;
    let aborted = false;
    upstream.on(FILE, async (_request, response) => {
      response.once('close', () => (aborted = true));
      while (!response.destroyed && sent < 200) {
        await new Promise<void>((resolve) => void response.write(block, () => resolve()));
        sent++;
      }
    });
    const client = house.ask(FILE);
    await until('it reads', () => client.received > 0);
    client.leave();
    await until('the upstream is left alone', () => aborted);
    expect(sent).toBeGreaterThanOrEqual(60);
    expect(sent).toBeLessThan(200);
  });
});
