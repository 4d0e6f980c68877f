/** What holds for every ecosystem when mirrors, disks, processes and promises are not as they should be. */
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { testClock, type TestClock } from '../testing/clock';
import { ecosystems, judged } from '../testing/ecosystems';
import { filesBelow } from '../testing/files-below';
import { openHouse, type Got, type HouseOptions, type LocalHouse } from '../testing/house';
import { bytes as anyBytes, flipped } from '../testing/packages';
import { sendReply } from '../testing/reply';
import { until } from '../testing/until';
import { startUpstream, type FakeUpstream, type Reply } from '../testing/upstream';

jest.setTimeout(60_000);

const SECOND = 1000;
describe.each(ecosystems.map((row) => [row.module, row] as const))('%s', (_name, row) => {
  const { bytes = anyBytes } = row;
  const body = bytes(300_000);
  const other = bytes(300_000, 'other');
  // What no document promises cannot be promised otherwise.
  const ofPromises = row.isNamedByContent ? () => undefined : describe;
  let upstream: FakeUpstream;
  let second: FakeUpstream;
  let clock: TestClock;
  const houses: LocalHouse[] = [];

  beforeEach(async () => {
    upstream = await startUpstream();
    second = await startUpstream();
    clock = testClock(Date.now());
  });
  afterEach(async () => {
    // The first one's home goes with it.
    for (const house of houses.splice(0).reverse()) await house.stop();
    await upstream.close();
    await second.close();
  });

  /** A house whose documents live 100 s. */
  async function open(options: Partial<HouseOptions> = {}, mirrors: readonly FakeUpstream[] = [upstream]): Promise<LocalHouse> {
    const mine = row.house(...mirrors);
    const env = { [`TTL_${row.module}`]: '100s', PIN_WAIT: '20s', ...mine.env, ...options.env };
    const house = await openHouse({ now: clock.now, ...mine, ...options, env });
    houses.push(house);
    return house;
  }

  function expectWhole(got: Got, right = body): void {
    expect([got.status, got.complete, got.body.equals(right)]).toEqual([200, true, true]);
  }

  function expectRefused(got: Got): void {
    expect(got.complete && got.status === 200).toBe(false);
  }

  async function expectNothingKept(house: LocalHouse): Promise<void> {
    const spool = join(house.cacheDir, 'spool');
    await until('the download is over', () => filesBelow(spool).length === 0);
    expect((await house.why(row.file)).entry).toBeNull();
  }

  /** As a client does it. */
  async function read(house: LocalHouse): Promise<void> {
    for (const target of row.reads) expect([target, (await house.get(target)).status]).toEqual([target, 200]);
  }

  /** Everything is held, and was promised. */
  async function hold(house: LocalHouse): Promise<void> {
    await read(house);
    for (const target of row.reads) await house.kept(target);
    expectWhole(await house.get(row.file));
    const { pin } = await house.kept(row.file);
    if (row.unjudged === undefined) expect(pin).toMatch(/^(?:sha|md5|gittree)/);
  }

  const failures: [string, Reply][] = [
    ['500', { status: 500, body: 'x' }],
    ['503', { status: 503, body: 'x' }],
    ['429', { status: 429, body: 'x' }],
    ['a hang-up', { hangUp: true }],
    ['a cut body', { cutAt: 5 }],
  ];

  /** A 429 and what has begun are answers, where answers are passed on as they come. */
  const noAnswer = failures.filter(([how]) => row.unjudged === undefined || !['429', 'a cut body'].includes(how));

  it('an upstream that fails in any way: what is held is served stale', async () => {
    const house = await open();
    row.offer(upstream, { body });
    await house.get(row.document);
    await house.kept(row.document);
    for (const [how, failure] of noAnswer) {
      row.offer(upstream, { body, revision: '2.0.0', document: failure });
      clock.advance(1000 * SECOND);
      const got = await house.get(row.document);
      expect([how, got.status, got.complete, row.revision(got.body)]).toEqual([how, 200, true, '1.0.0']);
    }
  });

  it.each(failures)('nothing held, and %s: an error, never 404 and never a whole document', async (_how, failure) => {
    const isPassedOn = row.unjudged !== undefined && failure.hangUp !== true;
    const house = await open();
    row.offer(upstream, { body, document: failure });
    const got = await house.get(row.document);
    if (isPassedOn) expect([got.status, got.complete]).toEqual([failure.status ?? 200, failure.status !== undefined]);
    else if (row.failure === 'close') expect(got.status).toBe(0);
    else expect([502, 503]).toContain(got.status);
  });

  describe('two mirrors', () => {
    const bad: [string, Reply][] = [
      ['wrong bytes', { body: other }],
      ['more bytes than promised', { chunked: true, body: Buffer.concat([body, other]) }],
      ['an HTML page', { headers: { 'content-type': 'text/html' }, body: '<html>please log in</html>' }],
      ['500', { status: 500 }],
      ['a hang-up', { hangUp: true }],
    ];
    // What nothing judges is as good as any.
    it.each(bad.filter(([, { body }]) => row.unjudged === undefined || body === undefined))(
      'the first has %s: the client gets the right ones of the second',
      async (_what, reply) => {
        const house = await open({}, [upstream, second]);
        for (const mirror of [upstream, second]) row.offer(mirror, { body });
        upstream.on(row.filePath, reply);
        await house.get(row.document);
        const got = await house.get(row.file);
        // A client that has had wrong bytes is cut; whoever asks then gets the right ones.
        if (got.status === 200 && got.complete) expectWhole(got);
        await house.kept(row.file);
        expectWhole(await house.get(row.file));
      },
    );

    judged(row, 'both wrong: an error, and nothing is kept', async () => {
      const house = await open({}, [upstream, second]);
      for (const mirror of [upstream, second]) row.offer(mirror, { body, file: { body: other } });
      expectRefused(await house.get(row.file));
      await expectNothingKept(house);
    });

    it('one goes down between documents: the other is asked', async () => {
      const house = await open({}, [upstream, second]);
      for (const mirror of [upstream, second]) row.offer(mirror, { body });
      await hold(house);
      row.offer(second, { body, revision: '2.0.0' });
      await upstream.down();
      clock.advance(1000 * SECOND);
      await until('the new one is shown', async () => row.revision((await house.get(row.document)).body) === '2.0.0');
    });
  });

  judged(row, 'halves of two objects without validators are not taken for one', async () => {
    const house = await open();
    row.offer(upstream, { body });
    upstream.on(row.filePath, { body: flipped(body, 10), cutAt: 150_000 }, { body, ranges: 'yes' }, { body });
    expectRefused(await house.get(row.file));
    await house.kept(row.file);
    expectWhole(await house.get(row.file));
  });

  ofPromises('promises', () => {
    // Of a file that only its promise finds there is nothing that it could replace.
    if (!row.isFoundByPromise)
      judged(row, 'a promise that comes after PIN_WAIT replaces what it contradicts', async () => {
        const house = await open({ env: { PIN_WAIT: '50ms' } });
        row.offer(upstream, { body, file: { body: other } });
        let release!: () => void;
        const released = new Promise<void>((resolve) => (release = resolve));
        upstream.on(row.promisePath, async (request, response) => {
          await released;
          await sendReply(request, response, row.promise(upstream, { body }));
        });
        await house.get(row.file);
        expect((await house.kept(row.file)).pin).toBeUndefined();
        upstream.on(row.filePath, { body });
        expectWhole(await house.get(row.file), other);
        release();
        await until('the right ones come', async () => (await house.get(row.file)).body.equals(body));
        await until('they are proven', async () => /^(?:sha|md5)/.test((await house.why(row.file)).entry?.pin ?? ''));
      });

    judged(row, 'a document that promises other bytes for a held file: refused, or followed', async () => {
      const house = await open();
      row.offer(upstream, { body });
      await hold(house);
      row.offer(upstream, { body: other, revision: '2.0.0' });
      clock.advance(1000 * SECOND);
      await until('the new one is shown', async () => row.revision((await house.get(row.document)).body) === '2.0.0');
      await read(house);
      if (row.changed === 'refuse') expect((await house.get(row.file)).status).toBe(502);
      else await until('the new bytes come', async () => (await house.get(row.file)).body.equals(other));
    });

    judged(row, 'a held document judges although the catalogue was lost', async () => {
      const first = await open();
      row.offer(upstream, { body, file: { body: other } });
      await read(first);
      for (const target of row.reads) await first.kept(target);
      expectRefused(await first.get(row.file));
      await upstream.down();
      await first.appliance.close();
      for (const file of readdirSync(first.cacheDir).filter((name) => name.startsWith('catalogue-'))) rmSync(join(first.cacheDir, file));
      await upstream.up();
      upstream.on(row.documentPath, { status: 500 }).on(row.promisePath, { status: 500 });
      const house = await open({ home: first.home });
      expectRefused(await house.get(row.file));
      expect((await house.why(row.file)).entry).toBeNull();
      upstream.on(row.filePath, { body });
      expectWhole(await house.get(row.file));
      expect((await house.kept(row.file)).pin).toMatch(/^(?:sha|md5|gittree)/);
    });
  });

  it('without room on the disk everything is served, and nothing stored', async () => {
    const house = await open({ env: { MIN_FREE: '1000TB' } });
    await until('the disk was looked at', async () => (await house.appliance.status()).notStoring !== undefined);
    row.offer(upstream, { body });
    for (let times = 0; times < 2; times++) {
      expectWhole(await house.get(row.file));
      expect(row.revision((await house.get(row.document)).body)).toBe('1.0.0');
    }
    expect((await house.why(row.file)).entry).toBeNull();
  });

  it('OFFLINE: what is held is served, nobody is asked', async () => {
    const first = await open();
    row.offer(upstream, { body });
    await hold(first);
    upstream.forget();
    const house = await open({ home: first.home, env: { OFFLINE: 'yes' } });
    clock.advance(1000 * SECOND);
    expectWhole(await house.get(row.file));
    expect(row.revision((await house.get(row.document)).body)).toBe('1.0.0');
    expect((await house.get(row.noFile)).status).toBe(row.fileFailure === 'close' ? 0 : 504);
    expect((await house.get(row.noDocument)).status).toBe(row.hasStandIn ? 200 : row.failure === 'close' ? 0 : 504);
    expect(upstream.requests).toHaveLength(0);
  });

  it('of two processes on one store, what one has fetched is a hit in the other, and what one renews is new for both', async () => {
    const first = await open();
    const beside = await open({ home: first.home });
    row.offer(upstream, { body });
    await hold(first);
    upstream.forget();
    expect((await beside.get(row.file)).headers['x-cache']).toBe('hit');
    expect(row.revision((await beside.get(row.document)).body)).toBe('1.0.0');
    expect(upstream.requests).toHaveLength(0);
    row.offer(upstream, { body, revision: '2.0.0' });
    clock.advance(1000 * SECOND);
    await until('one has the new one', async () => row.revision((await beside.get(row.document)).body) === '2.0.0');
    await upstream.down();
    // What is passed on as it comes is held a moment later.
    if (row.unjudged !== undefined) await until('it is held', async () => row.revision((await first.get(row.document)).body) === '2.0.0');
    expect(row.revision((await first.get(row.document)).body)).toBe('2.0.0');
  });
});
