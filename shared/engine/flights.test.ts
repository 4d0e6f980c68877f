import { startUpstream, type FakeUpstream } from '../testing/upstream';
import { openHouse, type LocalHouse } from '../testing/house';
import { bytes, offer } from '../testing/packages';

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

it('a cold tarball and its packument are fetched once, then are hits', async () => {
  const body = bytes(300_000);
  offer(upstream, 'a', { body });
  const got = await house.get('/a/-/a-1.0.0.tgz');
  expect([got.status, got.complete, got.headers['x-cache']]).toEqual([200, true, 'miss']);
  expect(got.body.equals(body)).toBe(true);
  await house.kept('/a/-/a-1.0.0.tgz');
  const again = await house.get('/a/-/a-1.0.0.tgz');
  expect([again.status, again.complete, again.headers['x-cache']]).toEqual([200, true, 'hit']);
  expect(again.body.equals(body)).toBe(true);
  expect(upstream.count('/a/-/a-1.0.0.tgz')).toBe(1);
});
