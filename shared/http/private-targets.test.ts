/**
 * Clients, names and redirections that would lead a cache of archives into the private parts of the network: refused, and nobody there is
 * connected to. One listener on loopback stands for all that must not be reached.
 */
import dns from 'node:dns';
import { isIP } from 'node:net';
import { openHouse, type HouseOptions, type LocalHouse } from '../testing/house';
import { startUpstream, type FakeUpstream } from '../testing/upstream';

jest.setTimeout(60_000);

const ROSTER = '/debian/dists/stable/InRelease';
const DIGEST = '5'.repeat(64);
/** One of each kind of thing that an archive has. */
const PATHS = [
  ROSTER,
  '/debian/dists/stable/main/binary-amd64/Packages.gz',
  `/debian/dists/stable/main/binary-amd64/by-hash/SHA256/${DIGEST}`,
  '/debian/pool/main/a/a/a_1_all.deb',
  '/debian/README',
];

/** What must not be reached. */
let inner: FakeUpstream;
let house: LocalHouse;
/** Names of this test's own: what each look-up is answered, in turn, the last one from then on. */
const zone = new Map<string, string[][]>();
let lookedUp: string[] = [];

beforeEach(async () => {
  inner = await startUpstream();
  inner.on(/./, { body: 'secret' });
  zone.clear();
  lookedUp = [];
  const { lookup } = dns;
  jest.spyOn(dns, 'lookup').mockImplementation(((host: string, ...more: unknown[]) => {
    // What listens is looked up too.
    if (isIP(host) !== 0) return (lookup as (...all: unknown[]) => void)(host, ...more);
    lookedUp.push(host);
    const callback = more.at(-1) as (...found: unknown[]) => void;
    const turns = zone.get(host);
    const found = turns && turns.length > 1 ? turns.shift() : turns?.[0];
    const addresses = found?.map((address) => ({ address, family: isIP(address) }));
    setImmediate(() => (addresses ? callback(null, addresses) : callback(Object.assign(new Error('no such name'), { code: 'ENOTFOUND' }))));
  }) as typeof dns.lookup);
});

afterEach(async () => {
  await house.stop();
  await inner.close();
  jest.restoreAllMocks();
});

async function open(env: HouseOptions['env'] = {}): Promise<void> {
  house = await openHouse({ module: 'apt', upstream: [], env: { PIN_WAIT: '0s', NEGATIVE_TTL: '0s', CONNECT_TIMEOUT: '2s', ...env } });
}

/** The status line's number; 0 for a closed connection. */
async function statusOf(request: string): Promise<number> {
  const said = await house.raw(Buffer.from(request, 'latin1'));
  return Number(/^HTTP\/1\.1 (\d{3}) /.exec(said)?.[1] ?? 0);
}

const plain = (target: string): string => `GET ${target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`;

/** Spellings of loopback. `PORT` is the listener's. */
const LOOPBACK = [
  '127.0.0.1:PORT',
  '127.0.0.1.:PORT',
  '127.1:PORT',
  '127.0.1:PORT',
  '0177.0.0.1:PORT',
  '0177.1:PORT',
  '017700000001:PORT',
  '0x7f.0.0.1:PORT',
  '0x7f000001:PORT',
  '0X7F000001:PORT',
  '2130706433:PORT',
  '127.0.0.01:PORT',
  '127.000.000.001:PORT',
  '127.8.9.10:PORT',
  '0:PORT',
  '0.0.0.0:PORT',
  'localhost:PORT',
  'LocalHost:PORT',
  'localhost.:PORT',
  '[::1]:PORT',
  '[0:0:0:0:0:0:0:1]:PORT',
  '[::]:PORT',
  '[::ffff:127.0.0.1]:PORT',
  '[::ffff:7f00:1]:PORT',
  '[::127.0.0.1]:PORT',
  '[::ffff:0:127.0.0.1]:PORT',
  '[64:ff9b::127.0.0.1]:PORT',
  '[2002:7f00:1::]:PORT',
  'inner.example:PORT',
  'INNER.example.:PORT',
  'mixed.example:PORT',
];
const ELSEWHERE = [
  '10.1.2.3',
  '172.16.0.1',
  '192.168.0.1',
  '169.254.169.254',
  '100.64.0.1',
  '[fe80::1]',
  '[fd00::1]',
  '[fc00::1]',
  '224.0.0.1',
];
/** No places at all. */
const ODD = [
  'user@127.0.0.1:PORT',
  'archive.example@127.0.0.1:PORT',
  'archive.example:80@127.0.0.1:PORT',
  'user:pw@127.0.0.1:PORT',
  '127.0.0.1:PORT#@archive.example',
  '127.0.0.1:PORT\\@archive.example',
  '127.0.0.1:99999',
  '127.0.0.1:PORT:80',
  '127.0.0.1:+PORT',
  '127.0.0.1:-1',
  '127.0.0.1%00.archive.example:PORT',
  '%31%32%37.0.0.1:PORT',
  '127%2e0%2e0%2e1:PORT',
  '[::1%25lo]:PORT',
  '[::1]x:PORT',
  '[127.0.0.1]:PORT',
  '127.0.0.1,archive.example:PORT',
  '\u00bd.0.0.1:PORT',
  '..:PORT',
];

describe('a client that names', () => {
  test.each(LOOPBACK)('loopback as %s', async (written) => {
    await open();
    zone
      .set('localhost', [['127.0.0.1', '::1']])
      .set('inner.example', [['127.0.0.1']])
      .set('mixed.example', [['127.0.0.1', '10.0.0.1']]);
    const place = written.replace('PORT', String(inner.port));
    for (const path of PATHS) {
      expect([path, await statusOf(plain(`http://${place}${path}`))]).toEqual([path, 403]);
      expect([path, await statusOf(plain(`http://HTTPS///${place}${path}`))]).toEqual([path, 403]);
      expect([path, await statusOf(plain(`/HTTPS///${place}${path}`))]).toEqual([path, 403]);
      expect([403, 404]).toContain(await statusOf(plain(`/${place}${path}`)));
    }
    expect(inner.connections.total).toBe(0);
    const host = written.replace(':PORT', '');
    expect(await statusOf(`CONNECT ${host}:443 HTTP/1.1\r\nHost: x\r\n\r\n`)).toBe(403);
    expect(await statusOf(`CONNECT ${place} HTTP/1.1\r\nHost: x\r\n\r\n`)).toBe(403);
    expect(inner.connections.total).toBe(0);
  });

  test.each(ELSEWHERE)('the private place %s', async (place) => {
    await open();
    for (const path of PATHS) expect([path, await statusOf(plain(`http://${place}${path}`))]).toEqual([path, 403]);
    expect(await statusOf(`CONNECT ${place}:443 HTTP/1.1\r\nHost: x\r\n\r\n`)).toBe(403);
  });

  test.each(ODD)('what is no place: %s', async (written) => {
    await open();
    const place = written.replace('PORT', String(inner.port));
    for (const [, path = ''] of Object.entries(PATHS)) expect([400, 403]).toContain(await statusOf(plain(`http://${place}${path}`)));
    expect([400, 403]).toContain(await statusOf(`CONNECT ${place} HTTP/1.1\r\nHost: x\r\n\r\n`));
    expect([400, 403, 404]).toContain(await statusOf(plain(`/${place}${ROSTER}`)));
    expect(inner.connections.total).toBe(0);
  });

  test('a name that resolves to another address the second time: only what was judged is connected to', async () => {
    // 127.0.0.5 stands for the public address: nobody listens there.
    await open({ ALLOW_NETS: '127.0.0.5/32' });
    for (const path of PATHS) {
      zone.set('rebind.example', [['127.0.0.5'], ['127.0.0.1']]);
      const first = await statusOf(plain(`http://rebind.example:${inner.port}${path}`));
      expect([0, 403, 502, 504]).toContain(first);
      const second = await statusOf(plain(`http://rebind.example:${inner.port}${path}`));
      expect([0, 403, 502, 504]).toContain(second);
    }
    zone.set('rebind.example', [['127.0.0.5'], ['127.0.0.1']]);
    for (const _ of [1, 2]) expect([403, 502, 504]).toContain(await statusOf('CONNECT rebind.example:443 HTTP/1.1\r\nHost: x\r\n\r\n'));
    // Of several addresses only the public ones are tried.
    zone.set('both.example', [['127.0.0.1', '127.0.0.5']]);
    for (const path of PATHS) await statusOf(plain(`http://both.example:${inner.port}${path}`));
    expect(inner.connections.total).toBe(0);
    expect(lookedUp.length).toBeGreaterThan(PATHS.length);
  });

  test('the same address as an archive of the operator, at another port', async () => {
    const outer = await startUpstream();
    await open({ UPSTREAM_apt_demo: `${outer.url}/debian` });
    for (const path of PATHS) expect([path, await statusOf(plain(`${inner.url}${path}`))]).toEqual([path, 403]);
    expect(inner.connections.total).toBe(0);
    await outer.close();
  });
});

describe('an archive of the operator that redirects', () => {
  let outer: FakeUpstream;
  beforeEach(async () => (outer = await startUpstream()));
  afterEach(() => outer.close());

  const places = [...LOOPBACK.map((place) => `http://${place}/debian/x`), ...ELSEWHERE.map((place) => `https://${place}/x`)];

  test('to a private place: nobody is sent there, by GET, HEAD and in parts', async () => {
    await open({ UPSTREAM_apt_demo: `${outer.url}/debian` });
    zone
      .set('localhost', [['127.0.0.1', '::1']])
      .set('inner.example', [['127.0.0.1']])
      .set('mixed.example', [['127.0.0.1', '10.0.0.1']]);
    for (const place of places) {
      outer.on(/^\/debian\//, { status: 302, headers: { location: place.replace('PORT', String(inner.port)) } });
      for (const path of PATHS) {
        const target = path.replace('/debian', '/demo');
        for (const options of [{}, { method: 'HEAD' }, { headers: { range: 'bytes=0-9' } }]) {
          const got = await house.get(target, options);
          // What is below dists has no answer at all; what is passed on is refused as what the client asked for.
          expect([place, path, [0, 403, 502].includes(got.status)]).toEqual([place, path, true]);
          expect(got.body.toString()).not.toContain('secret');
        }
      }
    }
    expect(inner.connections.total).toBe(0);
  });

  test('in a chain, from host to host', async () => {
    const between = await startUpstream();
    await open({ UPSTREAM_apt_demo: `${outer.url}/debian`, UPSTREAM_apt_other: between.url });
    outer.on(/^\/debian\//, { status: 307, headers: { location: `${between.url}/hop` } });
    between.on('/hop', { status: 301, headers: { location: `${inner.url}/x` } });
    for (const path of PATHS) expect([0, 403, 502]).toContain((await house.get(path.replace('/debian', '/demo'))).status);
    expect(inner.connections.total).toBe(0);
    await between.close();
  });
});

describe('who may connect', () => {
  test('nobody beyond CLIENT_NETS gets anything, in any form', async () => {
    await open({ CLIENT_NETS: '192.0.2.0/24', ALLOW_NETS: '127.0.0.0/8' });
    const host = `127.0.0.1:${inner.port}`;
    const requests = [
      plain(`http://${host}${ROSTER}`),
      plain(`/${host}${ROSTER}`),
      `CONNECT ${host} HTTP/1.1\r\nHost: x\r\n\r\n`,
      'CONNECT archive.example:443 HTTP/1.1\r\nHost: x\r\n\r\n',
      plain('/_cache/status'),
      plain('/'),
    ];
    for (const request of requests) expect([request.split('\r')[0], await statusOf(request)]).toEqual([request.split('\r')[0], 403]);
    expect(inner.connections.total).toBe(0);
    expect(lookedUp).toEqual([]);
  });

  test('APT_HOSTS decides before any name is looked up', async () => {
    await open({ APT_HOSTS: 'archive.example *.mirrors.example', ALLOW_NETS: '127.0.0.0/8' });
    for (const host of [
      'evil.example',
      'archive.example.evil.example',
      'mirrors.example',
      'xmirrors.example',
      'archive.example:8080',
      `127.0.0.1:${inner.port}`,
    ]) {
      for (const path of PATHS) expect([host, await statusOf(plain(`http://${host}${path}`))]).toEqual([host, 403]);
      expect([
        host,
        await statusOf(`CONNECT ${host.split(':')[0]}${host.includes(':') ? ':8443' : ':443'} HTTP/1.1\r\nHost: x\r\n\r\n`),
      ]).toEqual([host, 403]);
    }
    expect(lookedUp).toEqual([]);
    expect(inner.connections.total).toBe(0);
    // Those of the list are asked for.
    zone.set('a.mirrors.example', [['127.0.0.1']]);
    await statusOf(plain(`http://a.mirrors.example${ROSTER}`));
    expect(lookedUp).toContain('a.mirrors.example');
  });
});
