/** Rosters that are forged, replayed, broken or absurd: what is held stays, nothing wrong is shown, and the next right one is taken. */
import { testClock, type TestClock } from '../../testing/clock';
import type { FakeArchive, Generation } from '../../testing/apt-archive';
import type { Got, LocalHouse } from '../../testing/house';
import { describeSigned, keyOfFile } from '../../testing/signed';
import { digestIn, sha256 } from '../../testing/suite-client';
import { suiteStage } from '../../testing/suite-stage';
import { until } from '../../testing/until';
import type { Reply } from '../../testing/upstream';

const FOLDER = '/dists/stable/';
const ROSTER = `${FOLDER}InRelease`;
const INDEX = 'main/binary-amd64/Packages.gz';
const SECOND = 1000;
const DAY = 24 * 3600 * SECOND;
const NOBODY = ['/nonexistent'];

jest.setTimeout(60_000);
const [key, stranger] = [keyOfFile(), keyOfFile()];

let clock: TestClock;
beforeEach(() => (clock = testClock(Date.now())));
const { archive, house } = suiteStage({
  archive: { key },
  env: { STALE_WAIT: '20s' },
  house: () => ({ keyrings: [key.keyring], now: clock.now }),
});

let number = 0;
function next(upstream: FakeArchive): Generation {
  return upstream.addPackage({ name: `more${++number}`, version: '1' }).prepare();
}

const rosterOf = (generation: Generation): Buffer => generation.files.get('dists/stable/InRelease')?.body ?? Buffer.alloc(0);

/** What is shown after the roster's lifetime: what is held may be shown once more while a newer one is fetched. */
async function shown(cache: LocalHouse, roster = ROSTER): Promise<Got> {
  clock.advance(121 * SECOND);
  return cache.get(roster);
}

function answer(upstream: FakeArchive, reply: Reply): void {
  upstream.upstream.on(/\/dists\/stable\/InRelease$/, reply);
}

const FUTURE = new Date(Date.now() + 3000 * DAY);

/** A roster of the archive with a date in the future, and with other digests. */
function forgedText(upstream: FakeArchive): string {
  const [text = ''] = /^Origin:[^]*?^(?=-----BEGIN PGP SIGNATURE)/m.exec(rosterOf(upstream.newest).toString()) ?? [];
  return text
    .replace(/^Date: .*$/m, `Date: ${FUTURE.toUTCString().replace('GMT', 'UTC')}`)
    .replace(/^ [0-9a-f]{64}/gm, ` ${'6'.repeat(64)}`);
}

const FORGERIES: ReadonlyArray<readonly [string, (upstream: FakeArchive) => Buffer]> = [
  [
    'with the signature of another',
    (upstream) => {
      const text = forgedText(upstream);
      return Buffer.from(
        rosterOf(upstream.newest)
          .toString()
          .replace(/^Origin:[^]*?^(?=-----BEGIN PGP SIGNATURE)/m, () => text),
      );
    },
  ],
  ['signed by a stranger', (upstream) => stranger.clearSign(forgedText(upstream))],
  ['without a signature', (upstream) => Buffer.from(forgedText(upstream))],
];
const WAYS: ReadonlyArray<readonly [string, Reply]> = [
  ['no validators', {}],
  ['a date in the future', { lastModified: FUTURE.toUTCString() }],
  ['the tag of the real one', { etag: '"real"', lastModified: FUTURE.toUTCString() }],
];
const MACHINES: ReadonlyArray<readonly [string, readonly string[]]> = [
  ['whose key the machine has', [key.keyring]],
  ['of which the machine knows no key', NOBODY],
];

describeSigned('rosters', () => {
  describe.each(MACHINES)('an archive %s', (_machine, keyrings) => {
    test.each(FORGERIES)(
      'a roster of the future, %s: the next real one is shown, whatever was said of the forged one',
      async (how, forge) => {
        const cache = await house(undefined, { keyrings });
        for (const [way, validators] of WAYS) {
          for (const isHeld of [true, false]) {
            const upstream = await archive();
            const roster = `/${upstream.host}${upstream.root}${ROSTER}`;
            if (isHeld) expect((await cache.get(roster)).status).toBe(200);
            answer(upstream, { body: forge(upstream), ...validators });
            const forged = await shown(cache, roster);
            // Where it can be told, nobody is shown it.
            if (isHeld && keyrings !== NOBODY && how === 'with the signature of another')
              expect(forged.body.equals(rosterOf(upstream.newest))).toBe(true);
            // The real archive again: as a server does that goes by dates alone, if it has no tags.
            const real = next(upstream);
            upstream.show(real);
            const { etag } = validators;
            const modified = new Date(Date.now() - 3600 * SECOND).toUTCString();
            answer(upstream, { body: rosterOf(real), lastModified: modified, ...(etag === undefined ? {} : { etag }) });
            const got = await shown(cache, roster);
            expect([way, isHeld, got.status, got.body.equals(rosterOf(real))]).toEqual([way, isHeld, 200, true]);
          }
        }
      },
    );
  });

  describe('a replay', () => {
    test('of a verified older roster is not shown, held or not, and not again after a restart', async () => {
      const upstream = await archive();
      const old = upstream.newest;
      const first = await house(upstream);
      const young = next(upstream);
      upstream.show(young);
      expect((await first.get(ROSTER)).body.equals(rosterOf(young))).toBe(true);
      upstream.show(old);
      expect((await shown(first)).body.equals(rosterOf(young))).toBe(true);
      expect(first.said('roster-older')).toHaveLength(1);
      await first.appliance.close();
      // The store was lost; what is known of the archive was not.
      const cache = await house(upstream, { home: first.home, env: { CACHE_DIR: `${first.home}/other` } });
      expect((await cache.get(ROSTER)).status).toBe(0);
      upstream.show(young);
      expect((await shown(cache)).body.equals(rosterOf(young))).toBe(true);
    });

    test('is what nobody can tell where no key is known: the suite is one generation all the same', async () => {
      const upstream = await archive({ byHash: false });
      const old = upstream.newest;
      const cache = await house(upstream, { keyrings: NOBODY });
      upstream.show(next(upstream));
      await cache.get(ROSTER);
      upstream.show(old);
      const roster = await shown(cache);
      expect(sha256((await cache.get(FOLDER + INDEX)).body)).toBe(digestIn(roster.body, INDEX));
    });
  });

  const FRAMES: ReadonlyArray<readonly [string, (roster: string) => string | Buffer]> = [
    ['text before what is signed', (roster) => `SHA256:\n ${'6'.repeat(64)} 1 a\n${roster}`],
    ['a line before what is signed', (roster) => `x\n${roster}`],
    ['text behind the signature', (roster) => `${roster}\nDate: Mon, 01 Jan 2035 00:00:00 UTC\n`],
    ['a second message', (roster) => roster + roster],
    ['its end missing', (roster) => roster.slice(0, -60)],
    ['nothing in it', () => ''],
    ['a page for people', () => '<!DOCTYPE html><html><body>Please log in</body></html>'],
    ['a field that is none', (roster) => roster.replace('\nOrigin:', '\nOrigin')],
    ['a digest that is none', (roster) => roster.replace(/^ [0-9a-f]{64}/m, ' zz')],
    ['a NUL in it', (roster) => roster.replace('\nSuite', '\n\0Suite')],
  ];

  test('a roster that is broken is not shown; what is held is, else nothing; the next right one is taken', async () => {
    const cache = await house(undefined, { keyrings: NOBODY });
    for (const [what, spoil] of FRAMES) {
      const upstream = await archive();
      const folder = `/${upstream.host}${upstream.root}${FOLDER}`;
      const roster = `${folder}InRelease`;
      const good = rosterOf(upstream.newest);
      const expectShown = async (body: Buffer): Promise<void> =>
        expect([what, (await shown(cache, roster)).body.equals(body)]).toEqual([what, true]);
      answer(upstream, { body: spoil(good.toString()) });
      expect([what, (await cache.get(roster)).status]).toEqual([what, 0]);
      answer(upstream, { body: good });
      await expectShown(good);
      const later = next(upstream);
      upstream.show(later);
      answer(upstream, { body: spoil(rosterOf(later).toString()) });
      for (let times = 0; times < 3; times++) await expectShown(good);
      expect([what, (await cache.get(folder + INDEX)).status]).toEqual([what, 200]);
      answer(upstream, { body: rosterOf(later) });
      await expectShown(rosterOf(later));
    }
  });

  test('a roster of 64 MiB is not read to its end, and what is held is shown', async () => {
    const upstream = await archive();
    const cache = await house(upstream);
    const block = Buffer.alloc(256 * 1024, ' ');
    let sent = 0;
    upstream.upstream.on(/\/dists\/stable\/InRelease$/, async (_request, response) => {
      response.writeHead(200);
      while (sent < 64 * 1024 * 1024 && !response.destroyed) {
        sent += block.length;
        if (!response.write(block)) await new Promise((go) => response.once('drain', go).once('close', go));
      }
      response.end();
    });
    expect((await cache.get(ROSTER)).status).toBe(0);
    expect(sent).toBeLessThan(56 * 1024 * 1024);
    answer(upstream, { body: rosterOf(upstream.newest) });
    expect((await shown(cache)).status).toBe(200);
    answer(upstream, { body: block, repeat: 256 });
    expect((await shown(cache)).body.equals(rosterOf(upstream.newest))).toBe(true);
  });

  describe('names', () => {
    const digest = (digit: string): string => digit.repeat(64);
    const listing = (lines: readonly string[]): Buffer =>
      Buffer.from(`Date: Sat, 10 Feb 2024 11:07:25 UTC\nSHA256:\n${lines.map((line) => ` ${line}\n`).join('')}`);

    test('that climb, are absolute or stand twice lead nowhere else, whatever clients ask for', async () => {
      const upstream = await archive();
      const cache = await house(upstream, { keyrings: NOBODY });
      const body = Buffer.from('secret');
      upstream.upstream.on(/secret|passwd/, { body });
      const names = [
        '../../secret',
        '/etc/passwd',
        'main/../../../secret',
        './main/../secret',
        'http://other.example/secret',
        '%2e%2e/secret',
      ];
      answer(upstream, {
        body: listing([
          ...names.map((name) => `${sha256(body)} ${body.length} ${name}`),
          `${digest('1')} 5 ${INDEX}`,
          `${digest('2')} 6 ${INDEX}`,
        ]),
      });
      expect((await cache.get(ROSTER)).status).toBe(200);
      upstream.upstream.forget();
      for (const name of names) await cache.get(FOLDER + name);
      await cache.get(FOLDER + INDEX);
      await cache.get(`${FOLDER}main/by-hash/SHA256/${sha256(body)}`);
      const folder = `${upstream.root}${FOLDER}`;
      for (const { path } of upstream.upstream.requests)
        expect([path, path.startsWith(folder) && !path.includes('..')]).toEqual([path, true]);
    });

    test('100,000 of them are a roster like others', async () => {
      const upstream = await archive();
      const cache = await house(upstream, { keyrings: NOBODY });
      const content = upstream.newest.files.get(`dists/stable/${INDEX}`)?.body ?? Buffer.alloc(0);
      const lines = Array.from({ length: 100_000 }, (_, at) => `${sha256(Buffer.from(String(at)))} ${at} main/file-${at}`);
      answer(upstream, { body: listing([...lines, `${sha256(content)} ${content.length} ${INDEX}`]) });
      expect((await cache.get(ROSTER)).status).toBe(200);
      expect((await cache.get(FOLDER + INDEX)).body.equals(content)).toBe(true);
      expect((await cache.get(`${FOLDER}main/file-5`)).status).toBe(404);
    });

    test.each([-1, 1])('a size that is wrong by %d: nothing is given whole', async (error) => {
      const upstream = await archive({ byHash: false });
      const cache = await house(upstream, { keyrings: NOBODY });
      const content = upstream.newest.files.get(`dists/stable/${INDEX}`)?.body ?? Buffer.alloc(0);
      answer(upstream, { body: listing([`${sha256(content)} ${content.length + error} ${INDEX}`]) });
      await cache.get(ROSTER);
      const got = await cache.get(FOLDER + INDEX);
      expect(got.complete && got.status === 200 && !got.body.equals(content)).toBe(false);
    });
  });

  describe('time', () => {
    test('a roster past its Valid-Until is shown while the upstream has no other, and its files are of it', async () => {
      const upstream = await archive({ byHash: false });
      upstream.publish({ validUntil: Date.now() - 30 * DAY });
      const cache = await house(upstream);
      for (let times = 0; times < 2; times++) {
        const roster = await shown(cache);
        expect([roster.status, roster.body.equals(rosterOf(upstream.newest))]).toEqual([200, true]);
        expect(sha256((await cache.get(FOLDER + INDEX)).body)).toBe(digestIn(roster.body, INDEX));
      }
    });

    test('a clock that goes back keeps nothing fresh: newer rosters are shown, and what did not exist is asked for again', async () => {
      const upstream = await archive();
      const cache = await house(upstream, { env: { NEGATIVE_TTL: '60s' } });
      await cache.get(ROSTER);
      await cache.get(FOLDER + INDEX);
      await until('the index is learnt', () => cache.said('promises-learnt').length > 0);
      const missing = '/pool/main/n/new/new_1_all.deb';
      expect((await cache.get(missing)).status).toBe(404);
      clock.advance(-30 * DAY);
      upstream.addPackage({ name: 'new', version: '1' }).publish();
      expect((await cache.get(ROSTER)).body.equals(rosterOf(upstream.newest))).toBe(true);
      clock.advance(61 * SECOND);
      expect((await cache.get(missing)).body.equals(upstream.deb('new'))).toBe(true);
      expect((await cache.get(upstream.pool('hello'))).status).toBe(200);
    });
  });
});
