/** Hosts that documents and clients name: which of them may be reached, and what they may leave behind. */
import dns from 'node:dns';
import type { Config, Origin } from '../config/config';
import { testFetcher, type Fetcher, type FetcherOptions } from '../testing/fetcher';
import { startUpstream, type FakeUpstream } from '../testing/upstream';
import { createHealth } from './health';
import { LarderError } from '../errors';

let one: FakeUpstream;
const open: Fetcher[] = [];
const fetcher = (bases: string[], options?: FetcherOptions): Fetcher => {
  const made = testFetcher(bases, options);
  open.push(made);
  return made;
};
/** Names of this test's own; every look-up is counted. */
const zone = new Map<string, string[]>();
const asked: string[] = [];

beforeEach(async () => {
  one = await startUpstream();
  one.on(/./, (request, response) => response.end(request.headers.host));
  zone.clear();
  asked.length = 0;
  jest.spyOn(dns, 'lookup').mockImplementation(((host: string, _options: unknown, callback: (...found: unknown[]) => void) => {
    asked.push(host);
    const addresses = zone.get(host)?.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
    setImmediate(() => (addresses ? callback(null, addresses) : callback(Object.assign(new Error('no such name'), { code: 'ENOTFOUND' }))));
  }) as typeof dns.lookup);
});
afterEach(async () => {
  jest.restoreAllMocks();
  for (const each of open.splice(0)) each.room.close();
  await one.close();
});

const archive = (host: string, scheme = 'http'): Origin => ({ name: host, bases: [`${scheme}://${host}`], operatorNamed: false });

describe('a host that a document names', () => {
  test('may be where a configured base of the origin is: same address, same port', async () => {
    zone.set('index.example', ['127.0.0.1']).set('files.example', ['127.0.0.1']);
    const { text } = fetcher([`http://index.example:${one.port}/simple`]);
    expect(await text(`http://files.example:${one.port}/x.whl`)).toBe(`200 files.example:${one.port}`);
    // The address literally, and a base that is an address.
    expect(await text(`http://127.0.0.1:${one.port}/x.whl`)).toBe(`200 127.0.0.1:${one.port}`);
    expect(await fetcher([one.url]).text(`http://files.example:${one.port}/x.whl`)).toBe(`200 files.example:${one.port}`);
  });

  test('also over a redirect', async () => {
    zone.set('index.example', ['127.0.0.1']).set('files.example', ['127.0.0.1']);
    one.on('/r', { status: 302, headers: { location: `http://files.example:${one.port}/x` } });
    expect(await fetcher([`http://index.example:${one.port}`]).text('/r')).toBe(`200 files.example:${one.port}`);
  });

  test.each([
    ['at another port', 'http://index.example:1', 'files.example', ['127.0.0.1']],
    ['at another address', 'http://index.example:PORT', 'files.example', ['127.0.0.2']],
    ['of an origin whose base cannot be resolved', 'http://gone.example:PORT', 'files.example', ['127.0.0.1']],
    ['which is a literal address elsewhere', 'http://index.example:1', '127.0.0.1', []],
  ])('is refused %s', async (_what, base, host, addresses) => {
    zone.set('index.example', ['127.0.0.1']).set('files.example', addresses);
    const { failure } = fetcher([base.replace('PORT', String(one.port))]);
    expect((await failure(`http://${host}:${one.port}/x`)).code).toBe('address-refused');
    expect(one.connections.total).toBe(0);
  });

  test('is not trusted for what another origin has configured, nor lent its connections', async () => {
    zone.set('index.example', ['127.0.0.1']).set('files.example', ['127.0.0.1']).set('other.example', ['192.0.2.1']);
    const other: Origin = { name: 'other', bases: ['http://other.example:9'], operatorNamed: true };
    const first: Origin = { name: 'registry', bases: [`http://index.example:${one.port}`], operatorNamed: true };
    const caches = [{ name: 'pip', port: 0, origins: [first, other], clientAuth: 'strip', changed: 'refuse' }] as Config['caches'];
    const { room } = fetcher([], { config: { caches } });
    const path = `http://files.example:${one.port}/x`;
    (await room.fetch({ origin: first, path })).body.resume();
    await expect(room.fetch({ origin: other, path })).rejects.toMatchObject({ code: 'address-refused' });
    expect(one.count(/./)).toBe(1);
  });

  test('is judged by the look-up of the connection: no second one, public names cost no more', async () => {
    zone.set('index.example', ['127.0.0.1']).set('files.example', ['192.0.2.9']);
    const { failure } = fetcher([`http://index.example:${one.port}`]);
    await failure(`http://files.example:${one.port}/x`);
    expect(asked.filter((host) => host === 'files.example')).toHaveLength(1);
  });
});

describe('a host that a client names', () => {
  test('is refused on a private address, to the client, and leaves no mark', async () => {
    zone.set('evil.example', ['127.0.0.1']);
    const { room } = fetcher([]);
    for (const host of [`evil.example:${one.port}`, `127.0.0.1:${one.port}`, '169.254.169.254', '[::1]:80', '[::ffff:10.0.0.1]']) {
      const error = await room.fetch({ origin: archive(host), path: '/a' }).catch((each: unknown) => each);
      expect([host, (error as LarderError).code, (error as LarderError).status]).toEqual([host, 'target-refused', 403]);
      await expect(room.wayTo(archive('127.0.0.1:9'), '/a')).rejects.toMatchObject({ code: 'target-refused' });
    }
    expect(one.connections.total).toBe(0);
    expect(room.health()).toEqual([]);
  });

  test('is trusted where a configured origin of the cache has it; its neighbours then are too', async () => {
    zone.set('mirror.example', ['127.0.0.1']).set('other.example', ['127.0.0.1']);
    const { room } = fetcher([`http://mirror.example:${one.port}/debian`]);
    const named = archive(`mirror.example:${one.port}`);
    expect((await room.fetch({ origin: named, path: '/elsewhere' })).status).toBe(200);
    await expect(room.fetch({ origin: archive(`other.example:${one.port}`), path: '/' })).rejects.toMatchObject({ code: 'target-refused' });
    one.on('/r', { status: 302, headers: { location: `http://other.example:${one.port}/x` } });
    expect((await room.fetch({ origin: named, path: '/r' })).url).toContain('other.example');
  });

  test('only the cache of this process counts', async () => {
    zone.set('mirror.example', ['127.0.0.1']);
    const cache = { name: 'apt', port: 0, origins: [], clientAuth: 'strip', changed: 'refuse' } as unknown as Config['caches'][number];
    const { room } = fetcher([`http://mirror.example:${one.port}`], { cache });
    const asking = room.fetch({ origin: archive(`mirror.example:${one.port}`), path: '/a' });
    await expect(asking).rejects.toMatchObject({ code: 'target-refused' });
    expect(room.health()).toEqual([]);
  });

  test('that redirects into the private network is an upstream that failed', async () => {
    zone.set('mirror.example', ['127.0.0.1']);
    one.on('/r', { status: 302, headers: { location: 'http://169.254.169.254/' } });
    const { room } = fetcher([`http://mirror.example:${one.port}`]);
    const asking = room.fetch({ origin: archive(`mirror.example:${one.port}`), path: '/r' });
    await expect(asking).rejects.toMatchObject({ code: 'address-refused', status: 502 });
  });

  test('status shows the configured mirrors and some of the others', async () => {
    const { room } = fetcher([one.url]);
    for (let n = 0; n < 40; n++)
      await expect(room.fetch({ origin: archive(`gone-${n}.example`), path: '/a' })).rejects.toMatchObject({
        code: 'upstream-unreachable',
      });
    const shown = room.health().map(({ base }) => base);
    expect(shown).toHaveLength(17);
    expect(shown).toEqual(expect.arrayContaining([one.url, 'http://gone-39.example']));
  });
});

test('what is known of failing hosts is bounded, and the configured ones are remembered', async () => {
  const health = createHealth({ now: () => 0, random: () => 0.5, isConfigured: (base) => base === 'http://ours.example' });
  const failure = { error: new LarderError('upstream-unreachable', { host: 'x', reason: 'y' }), hard: true };
  (await health.turn('http://ours.example')).failed(failure);
  for (let n = 0; n < 100_000; n++) (await health.turn(`http://h${n}.example`)).failed(failure);
  const bases = health.resting().map(({ base }) => base);
  expect(bases).toHaveLength(1000);
  expect(bases).toEqual(expect.arrayContaining(['http://ours.example', 'http://h99999.example']));
});
