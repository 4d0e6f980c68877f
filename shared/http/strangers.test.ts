/** A whole cache whose clients name the archives: where they may not lead it, and that one thing is held once however it is asked for. */
import { openHouse, type HouseOptions, type LocalHouse } from '../testing/house';
import { bytes } from '../testing/packages';
import { startUpstream, type FakeUpstream } from '../testing/upstream';
import { until } from '../testing/until';

jest.setTimeout(30_000);

const DEB = '/debian/pool/main/a/a/a_1_all.deb';
const body = bytes(10_000, 'a deb');
let upstream: FakeUpstream;
let house: LocalHouse;

async function open(env: HouseOptions['env'] = {}): Promise<void> {
  upstream = await startUpstream();
  upstream.on(DEB, { body });
  house = await openHouse({ module: 'apt', upstream: [], env: { PIN_WAIT: '0s', ...env } });
}

afterEach(async () => {
  await house.stop();
  await upstream.close();
});

test('no target leads to an address that is not public, and nobody is connected to', async () => {
  await open();
  const { port } = new URL(upstream.url);
  const hosts = ['127.0.0.1', 'localhost', '127.1', '0x7f.1', '2130706433', '[::1]', '[::ffff:127.0.0.1]', '0.0.0.0', 'localhost.'];
  const places = [...hosts.map((host) => `${host}:${port}`), '169.254.169.254', '10.0.0.1', '[fd00::1]', '100.64.0.1'];
  for (const place of places) {
    // A file, an index below dists, something that is only passed on, and each as a path.
    for (const path of [DEB, '/debian/dists/stable/InRelease', '/latest/meta-data']) {
      const got = await house.get(`http://${place}${path}`);
      expect([place, path, got.status]).toEqual([place, path, 403]);
      expect(String(got.body)).toContain('ALLOW_NETS');
    }
    if (/[.:]/.test(place)) expect([place, (await house.get(`/${place}${DEB}`)).status]).toEqual([place, 403]);
  }
  // The cache itself, as an archive.
  expect((await house.get(`/127.0.0.1:${house.port}/127.0.0.1:${house.port}${DEB}`)).status).toBe(403);
  expect(upstream.connections.total).toBe(0);
});

test('no tunnel does either', async () => {
  await open();
  for (const host of ['127.0.0.1', 'localhost', '127.1', '[::1]', '[::ffff:127.0.0.1]', '169.254.169.254', '10.0.0.1', '0.0.0.0']) {
    const said = await house.raw(`CONNECT ${host}:443 HTTP/1.1\r\nHost: ${host}:443\r\n\r\n`);
    expect([host, said.slice(0, 12)]).toEqual([host, 'HTTP/1.1 403']);
    expect(said).toContain('ALLOW_NETS');
  }
  expect(house.access.map(({ method, status, outcome }) => [method, status, outcome])).toEqual(Array(8).fill(['CONNECT', 403, 'error']));
});

test('only listed hosts, where they are listed', async () => {
  await open({ APT_HOSTS: 'archive.example', ALLOW_NETS: '127.0.0.0/8' });
  const { port } = new URL(upstream.url);
  const got = await house.get(`http://localhost:${port}${DEB}`);
  expect(got.status).toBe(403);
  expect(String(got.body)).toContain('APT_HOSTS');
  expect(upstream.connections.total).toBe(0);
});

test('what is configured is trusted, and one object by every way', async () => {
  upstream = await startUpstream();
  upstream.on(DEB, { body });
  const { host } = new URL(upstream.url);
  house = await openHouse({ module: 'apt', upstream: [], env: { PIN_WAIT: '0s', UPSTREAM_apt_debian: `${upstream.url}/debian` } });
  const ways = [
    `http://${host}${DEB}`,
    DEB,
    `/${host}${DEB}`,
    `http://${host}/${DEB.replace('/pool', '//pool')}`,
    `http://${house.url.slice(7)}${DEB}`,
  ];
  expect((await house.get(ways[0] ?? '')).body.equals(body)).toBe(true);
  await until('it is held', async () => (await house.get(DEB)).headers['x-cache'] === 'hit');
  for (const way of [...ways, ...ways]) {
    const got = await house.get(way);
    expect([way, got.status, got.headers['x-cache']]).toEqual([way, 200, 'hit']);
    expect(got.body.equals(body)).toBe(true);
  }
  expect(upstream.count(DEB)).toBe(1);
});

test('the probe of auto-apt-proxy', async () => {
  await open();
  const text = await house.raw(`GET / HTTP/1.1\r\nHost: 172.17.0.1:3142\r\nConnection: close\r\n\r\n`);
  expect(text).toMatch(/^HTTP\/1\.1 406 Usage Information\r\n/);
  const report = await house.get('/acng-report.html');
  expect(report.status).toBe(302);
  expect((await house.get(new URL(report.headers.location ?? '').pathname)).status).toBe(200);
});

test('what is only passed on: a redirection is followed by a client that asks in absolute form, and by nobody else', async () => {
  await open({ ALLOW_NETS: '127.0.0.0/8' });
  const to = 'https://elsewhere.example/changelog';
  upstream.on('/changelogs/a', { status: 302, headers: { location: to } });
  const { host } = new URL(upstream.url);
  const got = await house.get(`http://${host}/changelogs/a`);
  expect([got.status, got.headers.location, got.headers['x-cache']]).toEqual([302, to, 'pass']);
  expect((await house.get(`/${host}/changelogs/a`)).status).toBe(502);
});
