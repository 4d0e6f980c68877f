/** The dates under which clients get rosters and signatures: no two revisions have one, whatever dates the upstream gives. */
import type { FakeArchive } from '../../testing/apt-archive';
import { testClock } from '../../testing/clock';
import type { LocalHouse } from '../../testing/house';
import { describeSigned, keyOfFile } from '../../testing/signed';
import { suiteStage } from '../../testing/suite-stage';

const SIGNED = '/dists/stable/InRelease';
const clock = testClock();
const DAY = 24 * 3600_000;

jest.setTimeout(60_000);
const key = keyOfFile();

const { archive, house } = suiteStage({ archive: { key, bare: true }, house: () => ({ keyrings: [key.keyring], now: clock.now }) });

/** Its next generation, of which the roster has this date. @param honours whether the upstream confirms by dates */
function publish(upstream: FakeArchive, name: string, date: number, honours = true): void {
  const { files } = upstream.addPackage({ name, version: '1' }).publish();
  const body = files.get('dists/stable/InRelease')?.body ?? Buffer.alloc(0);
  const lastModified = new Date(date).toUTCString();
  upstream.upstream.on(/InRelease$/, honours ? { body, lastModified } : { body, headers: { 'last-modified': lastModified } });
}

/** What a client gets that has a roster of that date. */
async function since(cache: LocalHouse, date: string | undefined): Promise<{ status: number; generation: string; date: string }> {
  const got = await cache.get(SIGNED, date === undefined ? {} : { headers: { 'If-Modified-Since': date } });
  const [, generation = ''] = /^Description: generation (\d+)$/m.exec(got.body.toString()) ?? [];
  return { status: got.status, generation, date: String(got.headers['last-modified']) };
}

describeSigned('dates of rosters', () => {
  describe.each([
    ['confirms by dates', true],
    ['never confirms anything', false],
  ])('rosters of one date, from an upstream that %s', (_what, honours) => {
    test('who has the one is given the other', async () => {
      const upstream = await archive();
      const date = clock.now() - DAY;
      publish(upstream, 'a', date, honours);
      const cache = await house(upstream);
      const first = await since(cache, undefined);
      expect([first.generation, first.date]).toEqual(['2', new Date(date).toUTCString()]);
      // A second later, by the upstream's date.
      publish(upstream, 'b', date + 1000, honours);
      expect(await since(cache, first.date)).toMatchObject({ status: 200, generation: '3' });
      publish(upstream, 'c', date + 1000, false);
      const third = await since(cache, new Date(date + 1000).toUTCString());
      expect(third).toMatchObject({ status: 200, generation: '4' });
      // Also when what is held was confirmed, with its date, by the upstream.
      for (const _ of [1, 2])
        expect(await since(cache, new Date(date + 1000).toUTCString())).toMatchObject({ status: 200, generation: '4' });
      expect(await since(cache, third.date)).toMatchObject({ status: 304 });
      // The upstream is not asked by the date that clients have: it would confirm what it replaces in that very second.
      publish(upstream, 'd', Date.parse(third.date), honours);
      const fourth = await since(cache, third.date);
      expect(fourth).toMatchObject({ status: 200, generation: '5' });
      // And if it goes back to an earlier date.
      publish(upstream, 'e', date, false);
      const fifth = await since(cache, fourth.date);
      expect(fifth).toMatchObject({ status: 200, generation: '6' });
      expect(Date.parse(fifth.date)).toBeGreaterThan(Date.parse(fourth.date));
    });
  });

  test('signatures of rosters that came within one second', async () => {
    const upstream = await archive();
    const cache = await house(upstream);
    const read = async (headers = {}): Promise<{ status: number; signature: Buffer; date: string }> => {
      await cache.get('/dists/stable/Release');
      const got = await cache.get('/dists/stable/Release.gpg', { headers });
      return { status: got.status, signature: got.body, date: String(got.headers['last-modified']) };
    };
    const first = await read();
    expect(await read({ 'If-Modified-Since': first.date })).toMatchObject({ status: 304 });
    upstream.addPackage({ name: 'more', version: '1' }).publish();
    // Or from elsewhere, with a later date.
    for (const date of [first.date, new Date(clock.now() + DAY).toUTCString()]) {
      const second = await read({ 'If-Modified-Since': date });
      expect([second.status, second.signature.equals(first.signature)]).toEqual([200, false]);
    }
  });
});
