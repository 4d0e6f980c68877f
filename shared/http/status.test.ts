/** What a cache says of itself: at once, whatever its store does; and what needs attention. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { testClock } from '../testing/clock';
import { openHouse } from '../testing/house';
import { bytes, offer, tarballTarget } from '../testing/packages';
import { startUpstream, type FakeUpstream } from '../testing/upstream';
import { until } from '../testing/until';

jest.setTimeout(30_000);

let upstream: FakeUpstream;

beforeEach(async () => {
  upstream = await startUpstream();
});
afterEach(() => upstream.close());

test('a store that cannot be opened does not keep the status from being told', async () => {
  const home = mkdtempSync(join(tmpdir(), 'status-'));
  // A folder where the catalogue and the ledger should be: neither can be opened, as on a full disk.
  mkdirSync(join(home, 'cache', 'catalogue-v1.db'), { recursive: true });
  const house = await openHouse({ upstream: upstream.url, home });
  const status = await until('it is told', async () => {
    const told = await house.appliance.status();
    return told.notStoring && told;
  });
  expect(status).toMatchObject({ cache: 'npm', bytesHeld: 0, entries: 0, notStoring: { reason: expect.any(String) as string } });
  expect((await house.get('/_cache/status')).status).toBe(200);
  const { body } = await house.get('/_cache/metrics');
  expect(body.toString()).toContain('larder_storing{cache="npm"} 0');
  await house.stop();
  rmSync(home, { recursive: true });
});

test('the number of digest changes, and the newest, stand in status and metrics', async () => {
  const clock = testClock();
  const house = await openHouse({ upstream: upstream.url, now: clock.now });
  expect((await house.appliance.status()).digestChanges).toBeUndefined();
  offer(upstream, 'a', { body: bytes(1000, 'first') });
  await house.get('/a');
  const got = await house.get(tarballTarget('a', '1.0.0'));
  expect(got.status).toBe(200);
  const { key, integrity } = await house.kept(tarballTarget('a', '1.0.0'));
  offer(upstream, 'a', { body: bytes(1000, 'second') });
  clock.advance(3_600_000);
  await house.get('/a');
  const changes = await until('it is told', async () => (await house.appliance.status()).digestChanges);
  expect(changes).toMatchObject({ count: 1, newest: { key, held: integrity } });
  expect((await house.get('/_cache/metrics')).body.toString()).toContain('larder_digest_changes{cache="npm"} 1');
  await house.stop();
});
