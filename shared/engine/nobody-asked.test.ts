/** Where the operator or the client wants nobody asked, the upstream hears nothing. */
import { openHouse } from '../testing/house';
import { bytes, offer, tarballTarget } from '../testing/packages';
import { startUpstream, type FakeUpstream } from '../testing/upstream';

const FILE = tarballTarget('a', '1.0.0');
let upstream: FakeUpstream;

beforeEach(async () => {
  upstream = await startUpstream();
  offer(upstream, 'a', { body: bytes(1000) });
  upstream.on('/-/ping', { body: '{}' });
});
afterEach(() => upstream.close());

test('offline: what would be passed on, and what is asked with own credentials', async () => {
  const house = await openHouse({ upstream: upstream.url, env: { OFFLINE: 'yes', CLIENT_AUTH_npm: 'forward' } });
  const asked = [
    await house.get('/-/ping'),
    await house.get('/-/npm/v1/security/advisories/bulk', { method: 'POST', body: '{}' }),
    await house.get('/a', { method: 'PUT', body: '{}' }),
    await house.get('/a', { headers: { authorization: 'Bearer x' } }),
    await house.get(FILE, { headers: { authorization: 'Bearer x' } }),
  ];
  for (const got of asked) {
    expect(got.status).toBe(504);
    expect(JSON.parse(got.body.toString())).toMatchObject({ code: 'offline-pass' });
  }
  expect(upstream.requests).toHaveLength(0);
  await house.stop();
});

test('only-if-cached: what is not held', async () => {
  const house = await openHouse({ upstream: upstream.url });
  const headers = { 'cache-control': 'max-stale=60, only-if-cached' };
  for (const target of ['/a', FILE, '/-/ping']) {
    const got = await house.get(target, { headers });
    expect(got.status).toBe(504);
    expect(JSON.parse(got.body.toString())).toMatchObject({ code: 'only-if-cached' });
  }
  expect(upstream.requests).toHaveLength(0);
  for (const target of ['/a', FILE]) {
    await house.get(target);
    await house.kept(target);
    const got = await house.get(target, { headers });
    expect([got.status, got.headers['x-cache']]).toEqual([200, 'hit']);
  }
  await house.stop();
});
