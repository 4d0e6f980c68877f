/** Parts, confirmations and digests of a suite across a change: never are two generations glued, never is an old one confirmed as the new. */
import type { ArchiveOptions, FakeArchive } from '../../testing/apt-archive';
import { digestIn, sha256 } from '../../testing/suite-client';
import { suiteStage } from '../../testing/suite-stage';
import { until } from '../../testing/until';

const FOLDER = '/dists/stable/';
const ROSTER = `${FOLDER}Release`;
const INDEX = 'main/binary-amd64/Packages.gz';
/** Nobody foresees that somebody asks for it. */
const RARE = 'main/Contents-amd64.gz';

jest.setTimeout(60_000);

const { archive, house, client } = suiteStage({ archive: { byHash: false, crowd: 50 } });

let number = 0;
function change(upstream: FakeArchive): void {
  upstream.addPackage({ name: `more${++number}`, version: '1' }).publish();
}

const bodyOf = (upstream: FakeArchive, name: string): Buffer => upstream.newest.files.get(`dists/stable/${name}`)?.body ?? Buffer.alloc(0);

/** What a client makes of the part that it has and of what it got when it wanted the rest. */
function joined(had: Buffer, got: { status: number; body: Buffer }): Buffer | undefined {
  if (got.status === 200) return got.body;
  return got.status === 206 ? Buffer.concat([had, got.body]) : undefined;
}

describe.each<[string, ArchiveOptions]>([
  ['dates and tags', {}],
  ['no validators at all', { bare: true }],
])('an upstream with %s', (_what, options) => {
  describe.each([INDEX, RARE])('the rest of %s', (name) => {
    test.each<[string, (validators: { etag: string; date: string }) => Record<string, string>]>([
      ['with no If-Range', () => ({})],
      ['with the date as If-Range', ({ date }) => ({ 'if-range': date })],
      ['with the tag as If-Range', ({ etag }) => ({ 'if-range': etag })],
      ['with a date in the future', () => ({ 'if-range': new Date(Date.now() + 1e9).toUTCString() })],
    ])('%s, of a generation that is not shown any more', async (_how, condition) => {
      const upstream = await archive(options);
      const cache = await house(upstream);
      const before = client(cache.port);
      await before.get(ROSTER);
      const old = await before.get(FOLDER + name);
      const had = old.body.subarray(0, 50);
      const validators = { etag: old.headers.etag ?? '"?"', date: old.headers['last-modified'] ?? '' };
      change(upstream);
      // Once while the new one is not held yet, once when it is.
      for (const _ of [1, 2]) {
        const one = client(cache.port);
        const roster = await one.get(ROSTER);
        expect(digestIn(roster.body, name)).not.toBe(sha256(old.body));
        const got = await one.get(FOLDER + name, { range: 'bytes=50-', ...condition(validators) });
        const whole = joined(had, got);
        expect([got.status, whole && sha256(whole)]).toEqual([200, digestIn(roster.body, name)]);
        await until('it is held', async () => (await one.get(FOLDER + name)).headers['x-cache'] === 'hit');
      }
    });
  });

  test('the rest by its own tag is the rest', async () => {
    const upstream = await archive(options);
    const cache = await house(upstream);
    const one = client(cache.port);
    await one.get(ROSTER);
    const { body, headers } = await one.get(FOLDER + INDEX);
    await until('it is held', async () => (await one.get(FOLDER + INDEX)).headers['x-cache'] === 'hit');
    const rest = await one.get(FOLDER + INDEX, { range: 'bytes=50-', 'if-range': headers.etag ?? '' });
    expect([rest.status, rest.body.equals(body.subarray(50))]).toEqual([206, true]);
  });

  test('the rest of a roster is never that of another', async () => {
    const upstream = await archive(options);
    const cache = await house(upstream);
    const one = client(cache.port);
    const old = await one.get(ROSTER);
    change(upstream);
    for (const condition of [{}, { 'if-range': old.headers['last-modified'] ?? '' }, { 'if-range': old.headers.etag ?? '' }]) {
      const got = await one.get(ROSTER, { range: 'bytes=100-', ...condition });
      expect([got.status, got.body.toString().startsWith('Origin:')]).toEqual([200, true]);
    }
  });

  test('what a client has of an older roster is not confirmed', async () => {
    const upstream = await archive(options);
    const cache = await house(upstream);
    const one = client(cache.port);
    const old = await one.get(ROSTER);
    const date = old.headers['last-modified'] ?? '';
    expect((await one.get(ROSTER, { 'if-modified-since': date })).status).toBe(304);
    change(upstream);
    const later = new Date(Date.parse(date) + 3600_000).toUTCString();
    for (const since of [date, later, new Date(Date.now() + 1e10).toUTCString()]) {
      const got = await one.get(ROSTER, { 'if-modified-since': since });
      expect([since, got.status, got.body.toString().includes(`generation ${upstream.newest.number}\n`)]).toEqual([since, 200, true]);
    }
    const tagged = await one.get(ROSTER, { 'if-none-match': old.headers.etag ?? '' });
    expect(tagged.status).toBe(200);
    expect((await one.get(ROSTER, { 'if-none-match': tagged.headers.etag ?? '' })).status).toBe(304);
  });

  test.each([INDEX, RARE])('HEAD of %s tells what GET gives, held or not, of the generation that the client saw', async (name) => {
    const upstream = await archive(options);
    const cache = await house(upstream);
    const one = client(cache.port);
    await one.get(ROSTER);
    const cold = await one.get(FOLDER + name, {}, 'HEAD');
    expect([cold.status, cold.headers['content-length']]).toEqual([200, String(bodyOf(upstream, name).length)]);
    const old = await one.get(FOLDER + name);
    await until('it is held', async () => (await one.get(FOLDER + name)).headers['x-cache'] === 'hit');
    const roster = await one.get(ROSTER, {}, 'HEAD');
    expect([roster.status, roster.body.length]).toEqual([200, 0]);
    upstream.addPackage({ name: `longer-${'x'.repeat(40)}`, version: '1' }).publish();
    await client(cache.port).get(ROSTER);
    const still = await one.get(FOLDER + name, {}, 'HEAD');
    expect([still.status, still.headers['content-length']]).toEqual([200, String(old.body.length)]);
  });
});

test('HEAD of a file that the upstream has of another generation tells no wrong length', async () => {
  const upstream = await archive();
  const cache = await house(upstream);
  const one = client(cache.port);
  const length = bodyOf(upstream, RARE).length;
  await one.get(ROSTER);
  upstream.addPackage({ name: 'longer-'.repeat(6), version: '1' }).publish();
  const head = await one.get(FOLDER + RARE, {}, 'HEAD');
  expect([undefined, String(length)]).toContain(head.headers['content-length']);
});

describe('by digest', () => {
  const digests = ['MD5Sum', 'SHA256', 'SHA512'];
  const places = (roster: Buffer, name: string): string[] => {
    const folder = FOLDER + name.slice(0, name.lastIndexOf('/'));
    const lines = [...roster.toString().matchAll(new RegExp(`^ ([0-9a-f]+) +\\d+ ${name.replaceAll('.', '\\.')}$`, 'gm'))];
    return lines.flatMap(([, hex = '']) => {
      const algorithm = hex.length === 64 ? 'SHA256' : hex.length === 128 ? 'SHA512' : undefined;
      return algorithm === undefined ? [] : [`${folder}/by-hash/${algorithm}/${hex}`];
    });
  };

  test('superseded generations stay, in both algorithms, when the upstream has deleted them or is away', async () => {
    const upstream = await archive({ byHash: true, keepByHash: false, digests });
    const cache = await house(upstream);
    const one = client(cache.port);
    const roster = await one.get(ROSTER);
    const old = await one.get(FOLDER + INDEX);
    const ways = places(roster.body, INDEX);
    expect(ways).toHaveLength(2);
    await cache.kept(ways[0] ?? '');
    for (let times = 0; times < 3; times++) {
      change(upstream);
      await client(cache.port).get(ROSTER);
    }
    upstream.upstream.forget();
    const expectAll = async (): Promise<void> => {
      for (const way of ways) {
        const got = await client(cache.port).get(way);
        expect([way, got.status, got.body.equals(old.body)]).toEqual([way, 200, true]);
      }
    };
    await expectAll();
    expect(upstream.upstream.count(/by-hash/)).toBe(0);
    await upstream.upstream.down();
    await expectAll();
  });

  test.each([0, 1])('wrong bytes under a digest (%d) are no answer, and the right ones are one as soon as they come', async (which) => {
    const upstream = await archive({ byHash: true, digests });
    const cache = await house(upstream);
    const one = client(cache.port);
    const roster = await one.get(ROSTER);
    const way = places(roster.body, RARE)[which] ?? '';
    const [right, wrong] = [bodyOf(upstream, RARE), bodyOf(upstream, INDEX)];
    upstream.upstream.on(/by-hash|Contents/, { body: wrong });
    expect((await one.get(way)).status).toBe(0);
    upstream.upstream.on(/by-hash|Contents/, { body: right });
    const got = await one.get(way);
    expect([got.status, got.body.equals(right)]).toEqual([200, true]);
  });

  test('a part of what is not held yet is the part of the right bytes', async () => {
    const upstream = await archive({ byHash: true, digests });
    const cache = await house(upstream);
    const one = client(cache.port);
    const roster = await one.get(ROSTER);
    for (const way of places(roster.body, RARE)) {
      const got = await one.get(way, { range: 'bytes=10-29' });
      expect(got.status === 206 ? got.body.equals(bodyOf(upstream, RARE).subarray(10, 30)) : got.status).toBe(true);
    }
  });
});
