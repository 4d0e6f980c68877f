/** What holds for every ecosystem, whatever its documents look like. What is peculiar to one has tests of its own. */
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { modules } from '../../caches';
import { testClock, type TestClock } from '../testing/clock';
import { ecosystems, judged } from '../testing/ecosystems';
import { filesBelow } from '../testing/files-below';
import { heldFile } from '../testing/held-file';
import { openHouse, startHouse, type Got, type House, type HouseOptions, type LocalHouse } from '../testing/house';
import { bytes as anyBytes, flipped } from '../testing/packages';
import { sendReply } from '../testing/reply';
import { until } from '../testing/until';
import { startUpstream, type FakeUpstream, type Handler, type Reply } from '../testing/upstream';

jest.setTimeout(60_000);

const SECOND = 1000;
/** Below and above what is held back until the digest agrees. */
const SIZES: [string, number][] = [
  ['smaller than what is held back', 30_000],
  ['larger than what is held back', 400_000],
];

test('every module has its row', () => {
  expect(ecosystems.map(({ module }) => module)).toEqual(modules.map(({ name }) => name));
});

describe.each(ecosystems.map((row) => [row.module, row] as const))('%s', (_name, row) => {
  const { bytes = anyBytes } = row;
  let upstream: FakeUpstream;
  let clock: TestClock;
  const houses: House[] = [];

  beforeEach(async () => {
    upstream = await startUpstream();
    clock = testClock(Date.now());
  });
  afterEach(async () => {
    // The first one's home goes with it.
    for (const house of houses.splice(0).reverse()) await house.stop();
    await upstream.close();
  });

  /** A house whose documents live 100 s. */
  async function open(options: Partial<HouseOptions> = {}): Promise<LocalHouse> {
    const house = await openHouse(optionsOf({ now: clock.now, ...options }));
    houses.push(house);
    return house;
  }

  function optionsOf(options: Partial<HouseOptions>): HouseOptions {
    const mine = row.house(upstream);
    return { ...mine, ...options, env: { [`TTL_${row.module}`]: '100s', IDLE_TIMEOUT: '5s', ...mine.env, ...options.env } };
  }

  function expectWhole(got: Got, body: Buffer): void {
    expect([got.status, got.complete, got.body.equals(body)]).toEqual([200, true, true]);
  }

  /** Nobody may take this for the file. */
  function expectRefused(got: Got): void {
    expect(got.complete && got.status === 200).toBe(false);
  }

  describe('answers', () => {
    it('a cold file and its document are fetched once, then are hits', async () => {
      const house = await open();
      const body = bytes(300_000);
      row.offer(upstream, { body });
      const got = await house.get(row.file);
      expectWhole(got, body);
      expect(got.headers['x-cache']).toBe('miss');
      await house.kept(row.file);
      const again = await house.get(row.file);
      expectWhole(again, body);
      expect(again.headers['x-cache']).toBe('hit');
      expect(row.revision((await house.get(row.document)).body)).toBe('1.0.0');
      expect((await house.get(row.document)).headers['x-cache']).toBe('hit');
      expect([upstream.count(row.filePath), upstream.count(row.documentPath)]).toEqual([1, 1]);
    });

    it('what the upstream does not have is 404, or what the protocol makes of it, and is remembered as such', async () => {
      const house = await open();
      for (const [target, status] of [
        [row.noDocument, row.missing.document],
        [row.noFile, row.missing.file],
      ] as const) {
        const got = await house.get(target);
        expect([target, got.status, got.complete]).toEqual([target, status, status !== 0]);
        const asked = upstream.requests.length;
        expect((await house.get(target, { method: 'HEAD' })).status).toBe(status === 0 ? 404 : status);
        expect(upstream.requests).toHaveLength(asked);
      }
    });

    it('HEAD has the headers of GET and no body', async () => {
      const house = await open();
      row.offer(upstream, { body: bytes(50_000), file: { ranges: 'yes' } });
      for (const target of [row.document, row.file]) {
        await house.get(target);
        await house.kept(target);
        const get = await house.get(target);
        const head = await house.get(target, { method: 'HEAD' });
        const lasting = ({ headers: { date: _date, age: _age, ...more } }: Got): object => more;
        expect([head.status, head.body.length, lasting(head)]).toEqual([200, 0, lasting(get)]);
        expect(head.headers['content-length']).toBe(String(get.body.length));
      }
    });

    it('conditions: 304 for what the client has, of every process', async () => {
      const house = await open();
      row.offer(upstream, { body: bytes(50_000) });
      const second = await open({ home: house.home });
      // The same base for both, since it may stand in a document.
      const host = 'localhost';
      for (const target of [row.document, row.file]) {
        await house.get(target);
        await house.kept(target);
        const { headers } = await house.get(target, { headers: { host } });
        const conditions: Record<string, string>[] = [{ 'if-none-match': headers['etag'] ?? '' }];
        const since = headers['last-modified'];
        if (since !== undefined) conditions.push({ 'if-modified-since': since });
        for (const one of [house, second])
          for (const condition of conditions) {
            const got = await one.get(target, { headers: { host, ...condition } });
            expect([got.status, got.body.length, got.headers['etag']]).toEqual([304, 0, headers['etag']]);
          }
        expect((await house.get(target, { headers: { 'if-none-match': '"other"' } })).status).toBe(200);
      }
    });

    it.each(['cold', 'warm'])('%s: ranges have the bytes of the whole', async (state) => {
      const house = await open();
      const body = bytes(300_000);
      row.offer(upstream, { body, file: { ranges: 'yes' } });
      if (state === 'warm') {
        await house.get(row.file);
        await house.kept(row.file);
      }
      for (const [range, from, to] of [
        ['bytes=1000-1999', 1000, 2000],
        ['bytes=-500', 299_500, 300_000],
        ['bytes=299990-', 299_990, 300_000],
      ] as const) {
        const got = await house.get(row.file, { headers: { range } });
        expect([got.status, got.headers['content-range']]).toEqual([206, `bytes ${from}-${to - 1}/300000`]);
        expect(got.body.equals(body.subarray(from, to))).toBe(true);
      }
      expect((await house.get(row.file, { headers: { range: 'bytes=300000-' } })).status).toBe(416);
    });
  });

  describe('the upstream fails', () => {
    it('what is held is served, however old; what is not is an error, and never 404', async () => {
      const house = await open();
      const body = bytes(50_000);
      row.offer(upstream, { body });
      await house.get(row.file);
      await house.kept(row.file);
      await house.get(row.document);
      await house.kept(row.document);
      await upstream.down();
      clock.advance(1000 * SECOND);
      const stale = await house.get(row.document);
      expect([stale.status, stale.headers['x-cache'], row.revision(stale.body)]).toEqual([200, 'stale', '1.0.0']);
      expectWhole(await house.get(row.file), body);
      // 0: closed without an answer.
      expect((await house.get(row.noDocument)).status).toBe(row.hasStandIn ? 200 : row.failure === 'close' ? 0 : 502);
      expect((await house.get(row.noFile)).status).toBe(row.fileFailure === 'close' ? 0 : 502);
    });

    it('a document that changed is shown once it is asked for anew', async () => {
      const house = await open();
      row.offer(upstream, { body: bytes(1000) });
      expect(row.revision((await house.get(row.document)).body)).toBe('1.0.0');
      row.offer(upstream, { body: bytes(1000), revision: '2.0.0' });
      clock.advance(99 * SECOND);
      expect(row.revision((await house.get(row.document)).body)).toBe('1.0.0');
      clock.advance(1000 * SECOND);
      await until('the new one is shown', async () => row.revision((await house.get(row.document)).body) === '2.0.0');
    });
  });

  describe.each(SIZES)('a file asked before its document, %s', (_size, size) => {
    const body = bytes(size);

    judged(row, 'wrong bytes: never complete, nothing kept', async () => {
      const house = await open({ env: { PIN_WAIT: '20s' } });
      row.offer(upstream, { body, file: { body: flipped(body) } });
      expectRefused(await house.get(row.file));
      await until('the download is over', () => filesBelow(join(house.cacheDir, 'spool')).length === 0);
      expect((await house.why(row.file)).entry).toBeNull();
      expect(house.said('integrity').length).toBeGreaterThan(0);
    });

    judged(row, 'right bytes: complete, kept with their pin, also when the promise comes last', async () => {
      const house = await open({ env: { PIN_WAIT: '20s' } });
      row.offer(upstream, { body });
      const promise = later(row.promise(upstream, { body }));
      upstream.on(row.promisePath, promise.answer);
      const asked = house.ask(row.file);
      const files = row.isFoundByPromise ? 0 : 1;
      await until('what can be is asked for', () => upstream.count(row.filePath) === files && upstream.count(row.promisePath) === 1);
      await until('the file was sent', () => upstream.active.now === 1);
      promise.release();
      expectWhole(await asked.whole, body);
      expect((await house.kept(row.file)).pin).toMatch(/^(?:sha|md5|gittree)/);
    });
  });

  describe('many clients', () => {
    it('50 of a cold file, half of them in the middle: one request', async () => {
      const house = await open();
      const body = bytes(1_000_000);
      row.offer(upstream, { body });
      const { answer, release } = inTwo(body, 400_000);
      upstream.on(row.filePath, answer);
      const early = Array.from({ length: 25 }, () => house.ask(row.file));
      await until('the early ones read', () => early.every((client) => client.received > 0));
      const late = Array.from({ length: 25 }, () => house.ask(row.file));
      await until('the late ones read', () => late.every((client) => client.received > 0));
      release();
      for (const client of [...early, ...late]) expectWhole(await client.whole, body);
      expect([upstream.count(row.filePath), upstream.count(row.promisePath)]).toEqual([1, row.unjudged === undefined ? 1 : 0]);
    });

    it('50 of a cold document: one request', async () => {
      const house = await open();
      row.offer(upstream, { body: bytes(10), document: { delayMs: 50 } });
      const all = await Promise.all(Array.from({ length: 50 }, () => house.get(row.document)));
      expect(all.map((got) => [got.status, row.revision(got.body)])).toEqual(all.map(() => [200, '1.0.0']));
      expect(upstream.count(row.documentPath)).toBe(1);
    });
  });

  describe('a download that breaks off', () => {
    const body = bytes(3_000_000);
    const CUT = 1_500_000;
    const ranges = (): (string | undefined)[] =>
      upstream.requests.filter(({ path }) => path === row.filePath).map(({ headers }) => headers.range);

    it('is gone on with, and the client notices nothing', async () => {
      const house = await open();
      row.offer(upstream, { body });
      upstream.on(row.filePath, { body, cutAt: CUT, etag: '"e"' }, { body, ranges: 'yes', etag: '"e"' });
      expectWhole(await house.get(row.file), body);
      expect(ranges()).toEqual([undefined, `bytes=${CUT}-`]);
    });

    judged(row, 'kill -9: the next process goes on at the offset that was reached', async () => {
      row.offer(upstream, { body });
      upstream.on(row.filePath, { body, stallAt: CUT, etag: '"e"' });
      const first = await startHouse(optionsOf({ env: { IDLE_TIMEOUT: '60s' } }));
      houses.push(first);
      const asked = first.ask(row.file);
      // A note gives way to the next one while they are listed.
      const spooled = (): number =>
        Math.max(0, ...filesBelow(join(first.cacheDir, 'spool')).map((file) => statSync(file, { throwIfNoEntry: false })?.size ?? 0));
      await until('half of it has come', () => asked.received >= CUT - 70_000);
      await until(
        'all of it is on disk, with its note',
        () => spooled() === CUT && filesBelow(first.cacheDir).some((file) => file.endsWith('.json')),
      );
      await first.kill();
      expectRefused(await asked.whole);
      upstream.on(row.filePath, { body, ranges: 'yes', etag: '"e"' });
      upstream.forget();
      const second = await open({ home: first.home });
      const parked = (): boolean => filesBelow(join(second.cacheDir, 'spool', 'parked')).some((file) => file.endsWith('/body'));
      await until('the partial was adopted', parked);
      expectWhole(await second.get(row.file), body);
      expect(ranges()).toEqual([`bytes=${CUT}-`]);
    });
  });

  describe('a byte of the store is damaged', () => {
    const body = bytes(300_000);

    it.each([0, 150_000, -1])('of a file, at %i: never sent, fetched anew', async (offset) => {
      // Without ready responses in memory, so that every hit reads the disk.
      const house = await open({ env: { MEMORY: '1' } });
      row.offer(upstream, { body });
      await house.get(row.file);
      const file = heldFile(house.cacheDir, await house.kept(row.file));
      writeFileSync(file, flipped(readFileSync(file), offset));
      await until('the right bytes come', async () => {
        const got = await house.get(row.file);
        if (got.status === 200) expect(got.body.equals(body.subarray(0, got.body.length))).toBe(true);
        return got.status === 200 && got.complete && got.body.length === body.length;
      });
      expect(upstream.count(row.filePath)).toBe(2);
      expect(house.said('held-bytes-damaged').length).toBeGreaterThan(0);
    });

    it.each([0, -1])('of a document, at %i: never sent', async (offset) => {
      const house = await open({ env: { MEMORY: '1' } });
      row.offer(upstream, { body });
      const right = await house.get(row.document);
      await house.kept(row.document);
      for (const file of filesBelow(join(house.cacheDir, 'content-v2'))) writeFileSync(file, flipped(readFileSync(file), offset));
      await until('the right bytes come', async () => {
        const got = await house.get(row.document);
        if (got.status === 200) expect(got.body.equals(right.body.subarray(0, got.body.length))).toBe(true);
        return got.status === 200 && got.complete;
      });
    });
  });
});

/** A reply that comes when it is told to. */
function later(reply: Reply): { answer: Handler; release: () => void } {
  let release!: () => void;
  const released = new Promise<void>((resolve) => (release = resolve));
  const answer: Handler = async (request, response) => {
    await released;
    await sendReply(request, response, reply);
  };
  return { answer, release };
}

/** Sends the first bytes of a body, and the rest when it is told to. */
function inTwo(body: Buffer, first: number): { answer: Handler; release: () => void } {
  let release!: () => void;
  const released = new Promise<void>((resolve) => (release = resolve));
  const answer: Handler = async (_request, response) => {
    response.writeHead(200, { 'content-length': String(body.length), etag: '"e"' });
    response.write(body.subarray(0, first));
    await released;
    response.end(body.subarray(first));
  };
  return { answer, release };
}
