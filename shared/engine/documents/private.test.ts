import { openHouse, type LocalHouse } from '../../testing/house';
import { bytes, packument } from '../../testing/packages';
import { startUpstream, type FakeUpstream } from '../../testing/upstream';

const FILE = '/@me/a/-/a-1.0.0.tgz';
const DOCUMENT = '/@me%2fa';
const body = bytes(5000);
const mine = { authorization: 'Bearer mine' };
let upstream: FakeUpstream;
let elsewhere: FakeUpstream;
let house: LocalHouse;

beforeEach(async () => {
  upstream = await startUpstream();
  elsewhere = await startUpstream();
  house = await openHouse({ upstream: upstream.url, env: { CLIENT_AUTH_npm: 'forward', ALLOW_NETS: '127.0.0.0/8' } });
});
afterEach(async () => {
  await house.stop();
  await upstream.close();
  await elsewhere.close();
});

function offer(host: FakeUpstream, place: string): void {
  upstream.on(DOCUMENT, (request, response) => {
    const known = request.headers.authorization !== undefined;
    response
      .writeHead(known ? 200 : 401)
      .end(known ? packument(upstream.url, '@me/a', { '1.0.0': { body, tarball: host.url + place } }) : '{}');
  });
  host.on(place, { body });
}

it('a private tarball at another path is found after its packument was read, with the credentials', async () => {
  offer(upstream, '/download/@me/a/1.0.0/abcdef');
  expect((await house.get(DOCUMENT, { headers: mine })).status).toBe(200);
  const got = await house.get(FILE, { headers: mine });
  expect([got.status, got.body.equals(body)]).toEqual([200, true]);
  expect(upstream.requests.at(-1)).toMatchObject({ path: '/download/@me/a/1.0.0/abcdef', headers: mine });
  // Whoever brings others is told nothing by it.
  expect((await house.get(FILE, { headers: { authorization: 'Bearer other' } })).status).toBe(404);
});

it('a private tarball on another host is asked for without the credentials', async () => {
  offer(elsewhere, '/files/a.tgz');
  await house.get(DOCUMENT, { headers: mine });
  expect((await house.get(FILE, { headers: mine })).body.equals(body)).toBe(true);
  expect(elsewhere.requests.at(-1)?.headers.authorization).toBeUndefined();
});

it('who comes without credentials is asked for some, where they are passed on', async () => {
  offer(upstream, FILE);
  upstream.on(FILE, { status: 401 });
  for (const target of [DOCUMENT, FILE]) {
    const got = await house.get(target);
    expect([got.status, got.headers['www-authenticate']]).toEqual([401, expect.stringMatching(/\bBearer\b.*\bBasic realm=/)]);
  }
  const stripping = await openHouse({ upstream: upstream.url });
  try {
    for (const target of [DOCUMENT, FILE]) expect((await stripping.get(target)).status).toBe(403);
  } finally {
    await stripping.stop();
  }
});
