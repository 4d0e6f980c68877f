/** A download that breaks off in the middle is no success in any log. */
import { openHouse } from '../testing/house';
import { bytes, offer, tarballTarget } from '../testing/packages';
import { startUpstream } from '../testing/upstream';
import { until } from '../testing/until';

jest.setTimeout(30_000);

test('every client it fails is logged and counted as an error; the log tells of the download once', async () => {
  const upstream = await startUpstream();
  const house = await openHouse({ upstream: upstream.url });
  offer(upstream, 'a', { body: bytes(3_000_000) }, { cutAt: 1_000_000, bytesPerSecond: 2_000_000 });
  const askers = Array.from({ length: 3 }, () => house.ask(tarballTarget('a', '1.0.0')));
  for (const asker of askers) expect((await asker.whole).complete).toBe(false);
  const lines = await until('all are noted', () => house.access.length === 3 && house.access);
  expect(lines.map(({ status, outcome }) => [status, outcome])).toEqual(askers.map(() => [200, 'error']));
  expect((await house.appliance.status()).counters).toMatchObject({ misses: 0, errors: 3 });
  await until('it is told', () => house.said('download-failed').length > 0);
  expect(house.said('download-failed')).toHaveLength(1);
  expect(house.said('download-failed')[0]).toMatchObject({ level: 'warn', facts: { bytes: expect.any(Number) as number } });
  await house.stop();
  await upstream.close();
});
