/**
 * No connection is lost by a cache that comes and goes: a client at random moments around 300 idle exits. LARDER_EXITS is another number of them; with a
 * real systemd: testing/systemd/idle-exits.test.ts.
 */
import { activate } from '../testing/activation/activated';
import { visitAtRandom, type Tally } from '../testing/activation/random-client';
import { bytes, offer, tarballTarget } from '../testing/packages';
import { startUpstream } from '../testing/upstream';

const EXITS = Number(process.env['LARDER_EXITS'] ?? 300);
/** Caches that come and go beside each other, so that starts and ends meet a machine that has other things to do. */
const CACHES = 3;

jest.setTimeout(900_000);

test(`${EXITS} idle exits, and every request is answered`, async () => {
  const upstream = await startUpstream();
  offer(upstream, 'pad', { body: bytes(100_000, 'pad') });
  const one = async (idle: string): Promise<{ tally: Tally; statuses: Array<number | undefined>; log: string }> => {
    const cache = await activate({ upstream: upstream.url, env: { IDLE_EXIT: idle } });
    try {
      const ends = (): Array<number | undefined> => cache.events.filter(({ event }) => event === 'ended').map(({ status }) => status);
      const url = `http://127.0.0.1:${cache.port}${tarballTarget('pad', '1.0.0')}`;
      const tally = await visitAtRandom({ url, pauseMs: 300, isOver: () => ends().length >= EXITS / CACHES });
      await cache.ended();
      return { tally, statuses: ends(), log: cache.errors() };
    } finally {
      await cache.close();
    }
  };
  const all = await Promise.all(['50ms', '100ms', '200ms'].map(one));
  await upstream.close();
  expect(all.flatMap(({ tally }) => tally.failures)).toEqual([]);
  expect(all.map(({ log }) => log)).toEqual(['', '', '']);
  const statuses = all.flatMap((each) => each.statuses);
  expect(statuses.length).toBeGreaterThanOrEqual(EXITS);
  expect(statuses.filter((status) => status !== 0)).toEqual([]);
  // It was no test of new connections alone.
  const sum = (of: (tally: Tally) => number): number => all.reduce((total, { tally }) => total + of(tally), 0);
  expect(sum(({ answers }) => answers)).toBeGreaterThan(EXITS);
  expect(sum(({ reused }) => reused)).toBeGreaterThan(EXITS / 4);
});
