/** Where an upstream may lead: never into the private parts of the network, to this cache itself, or over a name that resolves to them. */
import { openHouse, type LocalHouse } from '../testing/house';
import { bytes, packument, packumentTarget, tarballTarget } from '../testing/packages';
import { startUpstream, type FakeUpstream } from '../testing/upstream';

jest.setTimeout(30_000);

let upstream: FakeUpstream;
/** What must not be reached: another service of this machine. */
let inner: FakeUpstream;
let house: LocalHouse;
const file = bytes(2000, 'reach');

beforeAll(async () => {
  upstream = await startUpstream();
  inner = await startUpstream();
  inner.on(/.*/, { body: file });
  house = await openHouse({ upstream: upstream.url, env: { NEGATIVE_TTL: '0s', CONNECT_TIMEOUT: '2s' } });
});

beforeEach(() => inner.forget());

afterAll(async () => {
  await house.stop();
  await upstream.close();
  await inner.close();
});

/** Every way to name what must not be reached. */
const PLACES: readonly (readonly [string, () => string])[] = [
  ['loopback, another port', () => `http://127.0.0.1:${inner.port}/x`],
  ['loopback, another address', () => `http://127.9.9.9:${inner.port}/x`],
  ['loopback by name', () => `http://localhost:${inner.port}/x`],
  ['loopback as one number', () => `http://2130706433:${inner.port}/x`],
  ['loopback in octal', () => `http://0177.0.0.1:${inner.port}/x`],
  ['loopback in short', () => `http://127.1:${inner.port}/x`],
  ['IPv6 loopback', () => `http://[::1]:${inner.port}/x`],
  ['IPv4-mapped', () => `http://[::ffff:127.0.0.1]:${inner.port}/x`],
  ['IPv4-mapped in hexadecimal', () => `http://[::ffff:7f00:1]:${inner.port}/x`],
  ['NAT64', () => `http://[64:ff9b::7f00:1]:${inner.port}/x`],
  ['unspecified', () => `http://0.0.0.0:${inner.port}/x`],
  ['private', () => 'http://10.0.0.1/x'],
  ['private, too', () => 'http://192.168.1.1/x'],
  ['carrier-grade NAT', () => 'http://100.64.0.1/x'],
  ['unique-local', () => 'http://[fd00::1]/x'],
  ['cloud metadata', () => 'http://169.254.169.254/latest/meta-data/'],
  ['this cache itself', () => `${house.url}/pad`],
  ['with credentials', () => `http://user:password@127.0.0.1:${inner.port}/x`],
];

async function expectRefused(target: string): Promise<void> {
  const got = await house.get(target);
  expect(got.status).toBe(502);
  expect(got.body.equals(file)).toBe(false);
  expect(JSON.parse(got.body.toString())).toMatchObject({ code: 'address-refused' });
  expect(inner.requests).toHaveLength(0);
  expect(inner.connections.total).toBe(0);
}

let number = 0;
const fresh = (): string => `p${++number}`;

test.each(PLACES)('a redirect to %s is not followed', async (_what, place) => {
  for (const status of [301, 307]) {
    const name = fresh();
    upstream.on(packumentTarget(name), { status, headers: { location: place() } });
    upstream.on(tarballTarget(name, '1.0.0'), { status, headers: { location: place() } });
    await expectRefused(packumentTarget(name));
    await expectRefused(tarballTarget(name, '1.0.0'));
  }
});

test.each(PLACES)('a document that names %s for its file is not believed', async (_what, place) => {
  const name = fresh();
  upstream.on(packumentTarget(name), {
    body: packument(upstream.url, name, { '1.0.0': { body: file, tarball: `${place().replace(/\/$/, '')}/odd-place.tgz` } }),
  });
  await house.get(packumentTarget(name));
  await expectRefused(tarballTarget(name, '1.0.0'));
});

test('a chain of redirects is judged at each hop', async () => {
  const name = fresh();
  upstream
    .on(tarballTarget(name, '1.0.0'), { status: 302, headers: { location: '/hop-1' } })
    .on('/hop-1', { status: 302, headers: { location: `${upstream.url}/hop-2` } });
  upstream.on('/hop-2', { status: 302, headers: { location: `http://127.0.0.1:${inner.port}/x` } });
  await expectRefused(tarballTarget(name, '1.0.0'));
  expect(upstream.count('/hop-2')).toBe(1);
});

test('a redirect within the registry, and into a network that ALLOW_NETS names, is followed', async () => {
  const name = fresh();
  upstream.on(packumentTarget(name), { body: packument(upstream.url, name, { '1.0.0': { body: file } }) });
  upstream.on(tarballTarget(name, '1.0.0'), { status: 302, headers: { location: '/moved.tgz' } }).on('/moved.tgz', { body: file });
  expect((await house.get(tarballTarget(name, '1.0.0'))).body).toEqual(file);
  const lenient = await openHouse({ upstream: upstream.url, env: { ALLOW_NETS: '127.0.0.0/8' } });
  upstream.on(tarballTarget(name, '1.0.0'), { status: 302, headers: { location: `http://127.0.0.1:${inner.port}/elsewhere.tgz` } });
  expect((await lenient.get(tarballTarget(name, '1.0.0'))).body).toEqual(file);
  expect(inner.count('/elsewhere.tgz')).toBe(1);
  await lenient.stop();
});

test('wrong bytes from where a document leads do not become the file', async () => {
  const name = fresh();
  upstream.on(packumentTarget(name), {
    body: packument(upstream.url, name, { '1.0.0': { body: file, tarball: `${upstream.url}/odd/${name}.tgz` } }),
  });
  upstream.on(`/odd/${name}.tgz`, { body: bytes(2000, 'wrong') });
  expect((await house.get(tarballTarget(name, '1.0.0'))).status).toBe(502);
});

test.each(['javascript:alert(1)', 'file:///etc/passwd', 'ftp://127.0.0.1/x', 'gopher://127.0.0.1/x', '//', 'http://', ''])(
  'a redirect to %j leads nowhere',
  async (location) => {
    const name = fresh();
    upstream.on(packumentTarget(name), { status: 302, headers: { location } });
    expect((await house.get(packumentTarget(name))).status).toBe(502);
  },
);
