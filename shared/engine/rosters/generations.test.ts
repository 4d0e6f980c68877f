/** A suite is one generation: whatever the upstream does meanwhile, and in every process. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sri } from '../../testing/packages';
import { describeSigned, keyOfFile } from '../../testing/signed';
import { digestIn, sha256 } from '../../testing/suite-client';
import { suiteStage } from '../../testing/suite-stage';
import { until } from '../../testing/until';

const ROSTER = '/dists/stable/InRelease';
const FOLDER = '/dists/stable/';
const INDEX = 'main/binary-amd64/Packages.gz';
/** Nobody foresees that somebody asks for it. */
const RARE = 'main/Contents-amd64.gz';

jest.setTimeout(30_000);
const key = keyOfFile();

const { archive, house, client, later } = suiteStage({ archive: { key }, ballast: 500 });

describeSigned('a suite', () => {
  test('a plain name and its digest are one object, fetched once', async () => {
    const upstream = await archive();
    const cache = await house(upstream);
    const roster = await cache.get(ROSTER);
    expect(roster.status).toBe(200);
    const digest = digestIn(roster.body, INDEX);
    const plain = await cache.get(FOLDER + INDEX);
    expect(sha256(plain.body)).toBe(digest);
    const byHash = `${FOLDER}main/binary-amd64/by-hash/SHA256/${digest}`;
    await cache.kept(byHash);
    const hashed = await cache.get(byHash);
    expect(hashed.body).toEqual(plain.body);
    expect(hashed.headers['x-cache']).toBe('hit');
    expect(upstream.upstream.count(new RegExp(`binary-amd64/(?:Packages|by-hash/.*${digest})`))).toBe(1);
  });

  test('a weak digest is another name of the same bytes, judged by the strong one', async () => {
    const upstream = await archive();
    const cache = await house(upstream);
    const roster = (await cache.get(ROSTER)).body.toString();
    const md5 = new RegExp(`^ ([0-9a-f]{32}) +\\d+ ${INDEX}$`, 'm').exec(roster)?.[1] ?? '';
    const plain = await cache.get(FOLDER + INDEX);
    const found = await cache.get(`${FOLDER}main/binary-amd64/by-hash/MD5Sum/${md5}`);
    expect(found.body).toEqual(plain.body);
    expect(upstream.upstream.count(/MD5Sum/)).toBe(0);
  });

  test('a new roster is shown only when what clients use of it is held', async () => {
    const upstream = await archive({ byHash: false });
    const cache = await house(upstream);
    const old = await cache.get(ROSTER);
    await cache.get(FOLDER + INDEX);
    const before = upstream.newest;
    upstream.addPackage({ name: 'more', version: '1' });
    const next = upstream.prepare();
    // In the middle of a mirror's update: the new roster, the old index.
    upstream.show(next);
    const stale = before.files.get(`dists/stable/${INDEX}`)?.body ?? Buffer.alloc(0);
    upstream.upstream.on(new RegExp(`${INDEX}$`), { body: stale });
    const torn = await cache.get(ROSTER);
    expect(torn.body).toEqual(old.body);
    expect(torn.headers['x-cache']).toBe('stale');
    expect(cache.said('generation-incomplete')).toHaveLength(1);
    expect(sha256((await cache.get(FOLDER + INDEX)).body)).toBe(digestIn(old.body, INDEX));
    // Now the mirror is done.
    upstream.upstream.on(new RegExp(`${INDEX}$`), { body: next.files.get(`dists/stable/${INDEX}`)?.body ?? Buffer.alloc(0) });
    const shown = await cache.get(ROSTER);
    expect(digestIn(shown.body, INDEX)).not.toBe(digestIn(old.body, INDEX));
    upstream.upstream.forget();
    expect(sha256((await cache.get(FOLDER + INDEX)).body)).toBe(digestIn(shown.body, INDEX));
    expect(upstream.upstream.count(new RegExp(INDEX))).toBe(0);
  });

  test('a client gets the files of the generation that it saw, others the newest', async () => {
    const upstream = await archive({ byHash: false });
    const cache = await house(upstream);
    const early = client(cache.port);
    const late = client(cache.port);
    const first = await early.get(ROSTER);
    expect((await early.get(FOLDER + INDEX)).status).toBe(200);
    upstream.addPackage({ name: 'more', version: '1' }).publish();
    const second = await late.get(ROSTER);
    expect(digestIn(second.body, INDEX)).not.toBe(digestIn(first.body, INDEX));
    expect(sha256((await early.get(FOLDER + INDEX)).body)).toBe(digestIn(first.body, INDEX));
    expect(sha256((await late.get(FOLDER + INDEX)).body)).toBe(digestIn(second.body, INDEX));
  });

  test('roster of one process, index of another, while the generation changes: one generation', async () => {
    const home = later(mkdtempSync(join(tmpdir(), 'sisters-')), (one) => rmSync(one, { recursive: true, force: true }));
    const upstream = await archive({ byHash: false });
    const one = await house(upstream, { home });
    const other = await house(upstream, { home });
    await one.get(ROSTER);
    await one.get(FOLDER + INDEX);
    let mixed = 0;
    const seen = new Set<string>();
    for (let round = 0; round < 12; round++) {
      const [asked, served] = round % 2 === 0 ? [one, other] : [other, one];
      if (round % 3 === 0) upstream.addPackage({ name: `p${round}`, version: '1' }).publish();
      const roster = await asked.get(ROSTER);
      // Somebody else makes the next generation the current one, behind this client's back; as another client, by another address.
      if (round % 3 === 1) upstream.addPackage({ name: `q${round}`, version: '1' }).publish();
      const index = await served.get(FOLDER + INDEX);
      seen.add(sha256(index.body));
      if (sha256(index.body) !== digestIn(roster.body, INDEX)) mixed++;
    }
    expect(mixed).toBe(0);
    expect(seen.size).toBeGreaterThan(4);
  });

  test('an index that the upstream cannot give as the roster says: the connection is closed, no wrong byte is sent whole', async () => {
    const upstream = await archive({ byHash: false });
    const cache = await house(upstream);
    upstream.switchAfter(/Translation-en/, (upstream.addPackage({ name: 'more', version: '1' }), upstream.prepare()));
    const roster = await cache.get(ROSTER);
    const index = await cache.get(FOLDER + RARE);
    expect(index.complete && sha256(index.body) !== digestIn(roster.body, RARE)).toBe(false);
    expect(index.status).toBe(0);
    expect(upstream.switches).toBe(1);
    // The next client is served the new generation.
    const again = client(cache.port);
    const newer = await again.get(ROSTER);
    expect(sha256((await again.get(FOLDER + RARE)).body)).toBe(digestIn(newer.body, RARE));
  });

  test('what nearly every client asks for is had before a cold roster is shown: an archive that changes in between is asked anew', async () => {
    const upstream = await archive({ byHash: false });
    const cache = await house(upstream);
    upstream.switchAfter('InRelease', (upstream.addPackage({ name: 'more', version: '1' }), upstream.prepare()));
    const roster = await cache.get(ROSTER);
    expect(sha256((await cache.get(FOLDER + INDEX)).body)).toBe(digestIn(roster.body, INDEX));
    expect(upstream.upstream.count(/InRelease/)).toBe(2);
  });

  test('nothing held and the upstream away: no status is sent at all', async () => {
    const upstream = await archive();
    const cache = await house(upstream);
    await upstream.upstream.down();
    expect(await cache.raw(`GET ${ROSTER} HTTP/1.1\r\nHost: localhost:${cache.port}\r\n\r\n`)).toBe('');
  });

  test('the upstream away: the generation that is held is served whole, also past its Valid-Until', async () => {
    const upstream = await archive();
    upstream.publish({ validUntil: Date.now() - 1000 });
    const cache = await house(upstream);
    const roster = await cache.get(ROSTER);
    const index = await cache.get(FOLDER + INDEX);
    await upstream.upstream.down();
    const stale = await cache.get(ROSTER);
    expect(stale.body).toEqual(roster.body);
    expect(stale.headers['x-cache']).toBe('stale');
    expect((await cache.get(FOLDER + INDEX)).body).toEqual(index.body);
  });

  test('what no roster lists is passed on; what the roster lists and the upstream lacks is 404 at once', async () => {
    const upstream = await archive();
    const cache = await house(upstream);
    upstream.upstream.on(/\/dists\/stable\/main\/extra\.txt$/, { body: 'extra' });
    await cache.get(ROSTER);
    const extra = await cache.get(`${FOLDER}main/extra.txt`);
    expect([extra.status, extra.body.toString(), extra.headers['x-cache']]).toEqual([200, 'extra', 'pass']);
    expect((await cache.get(`${FOLDER}main/binary-amd64/Packages`)).status).toBe(404);
  });

  test('rosters carry a Last-Modified of ours where the upstream gives none, and answer 304 to it', async () => {
    const upstream = await archive({ bare: true });
    const cache = await house(upstream);
    const roster = await cache.get(ROSTER);
    const modified = roster.headers['last-modified'] ?? '';
    expect(modified).toMatch(/GMT$/);
    expect((await cache.get(ROSTER, { headers: { 'if-modified-since': modified } })).status).toBe(304);
  });

  test('Release and its detached signature are of one generation', async () => {
    const upstream = await archive({ signatures: 'detached' });
    const cache = await house(upstream);
    expect((await cache.get(ROSTER)).status).toBe(404);
    const early = client(cache.port);
    await early.get(`${FOLDER}Release`);
    const signature = upstream.newest.files.get('dists/stable/Release.gpg')?.body ?? Buffer.alloc(0);
    upstream.addPackage({ name: 'more', version: '1' }).publish();
    await cache.get(`${FOLDER}Release`);
    expect((await early.get(`${FOLDER}Release.gpg`)).body).toEqual(signature);
    const late = client(cache.port);
    await late.get(`${FOLDER}Release`);
    expect((await late.get(`${FOLDER}Release.gpg`)).body).toEqual(upstream.newest.files.get('dists/stable/Release.gpg')?.body);
  });

  test('an index is learnt, and judges what comes from the pool', async () => {
    const upstream = await archive();
    const cache = await house(upstream);
    await cache.get(ROSTER);
    await cache.get(FOLDER + INDEX);
    await until('the index is learnt', () => cache.said('promises-learnt').length > 0);
    const deb = await cache.get(upstream.pool('hello'));
    expect(deb.body).toEqual(upstream.deb('hello'));
    expect((await cache.kept(upstream.pool('hello'))).pin).toBe(sri(upstream.deb('hello'), 'sha256'));
  });

  test('wrong bytes from the pool are never a complete answer, also when the index comes after the file', async () => {
    const upstream = await archive();
    upstream.upstream.on(new RegExp('/pool/.*hello.*\\.deb$'), { body: Buffer.alloc(2000, 1) });
    const cache = await house(upstream);
    const deb = await cache.get(upstream.pool('hello'));
    expect(deb.status).toBe(502);
    expect(cache.said('promises-learnt')).toHaveLength(1);
  });

  test('a file that was uploaded anew under its old name is followed', async () => {
    const upstream = await archive();
    const cache = await house(upstream);
    const path = upstream.pool('hello');
    await cache.get(ROSTER);
    await cache.get(FOLDER + INDEX);
    await until('the index is learnt', () => cache.said('promises-learnt').length > 0);
    const old = await cache.get(path);
    await cache.kept(path);
    expect((await cache.get(path)).headers['x-cache']).toBe('hit');
    upstream.addPackage({ name: 'hello', version: '1.0', ballast: 500, seed: 'again' }).publish();
    await cache.get(ROSTER);
    const fresh = await cache.get(path);
    expect(fresh.body).toEqual(upstream.deb('hello'));
    expect(fresh.body.equals(old.body)).toBe(false);
  });

  test('without an upstream, a file that the index does not mean any more is no answer', async () => {
    const upstream = await archive();
    const cache = await house(upstream);
    const path = upstream.pool('hello');
    await cache.get(ROSTER);
    await cache.get(FOLDER + INDEX);
    await cache.get(path);
    await cache.kept(path);
    upstream.addPackage({ name: 'hello', version: '1.0', ballast: 500, seed: 'again' }).publish();
    await cache.get(ROSTER);
    await until('the new index is learnt', async () => (await cache.why(path)).pin?.integrity !== (await cache.why(path)).entry?.pin);
    await upstream.upstream.down();
    expect((await cache.get(path)).status).toBe(502);
    expect(cache.said('file-replaced')).toHaveLength(1);
  });

  test('old packages stay when the upstream has deleted them', async () => {
    const upstream = await archive();
    const cache = await house(upstream);
    const path = upstream.pool('hello');
    await cache.get(ROSTER);
    await cache.get(FOLDER + INDEX);
    const deb = await cache.get(path);
    await cache.kept(path);
    upstream.withdraw('hello').publish();
    await cache.get(ROSTER);
    expect((await cache.get(path)).body).toEqual(deb.body);
  });

  test('a suite that has no InRelease is served whole while nobody can be asked: InRelease is what does not exist, not what failed', async () => {
    const upstream = await archive({ signatures: 'detached' });
    const home = later(mkdtempSync(join(tmpdir(), 'detached-')), (one) => rmSync(one, { recursive: true, force: true }));
    const first = await house(upstream, { home });
    for (const [name, status] of [
      ['InRelease', 404],
      ['Release', 200],
      ['Release.gpg', 200],
    ] as const)
      expect((await first.get(FOLDER + name)).status).toBe(status);
    await upstream.upstream.down();
    expect((await first.get(ROSTER)).status).toBe(404);
    expect((await first.get('/dists/testing/InRelease')).status).toBe(0);
    await first.stop();
    const offline = await house(upstream, { home, env: { OFFLINE: 'yes' } });
    for (const [name, status] of [
      ['InRelease', 404],
      ['Release', 200],
      ['Release.gpg', 200],
    ] as const)
      expect((await offline.get(FOLDER + name)).status).toBe(status);
  });

  test('"not modified" confirms only what it is about: neither a forged date nor an older machine of the mirror keeps a roster shown', async () => {
    const upstream = await archive({ bare: true });
    const cache = await house(upstream);
    const body = (upstream.newest.files.get('dists/stable/InRelease')?.body ?? Buffer.alloc(0)).toString();
    const say = (version: string, lastModified: string): void =>
      void upstream.upstream.on(/InRelease$/, { body: body.replace('Date:', `X-Version: ${version}\nDate:`), lastModified });
    const shown = async (): Promise<[string | undefined, string | undefined]> => {
      const { body: roster, headers } = await cache.get(ROSTER);
      return [/^X-Version: (.*)$/m.exec(roster.toString())?.[1], headers['last-modified']];
    };
    say('forged', 'Thu, 01 Jan 2099 00:00:00 GMT');
    expect((await shown())[0]).toBe('forged');
    say('first', 'Tue, 02 Jan 2024 00:00:00 GMT');
    expect(await shown()).toEqual(['first', 'Tue, 02 Jan 2024 00:00:00 GMT']);
    // Forged with a date that is not in the future; the real one, which was there all the time, is older.
    say('forged', 'Wed, 03 Jan 2024 00:00:00 GMT');
    expect((await shown())[0]).toBe('forged');
    say('second', 'Tue, 02 Jan 2024 12:00:00 GMT');
    expect(await shown()).toEqual(['second', 'Tue, 02 Jan 2024 12:00:00 GMT']);
    expect(await shown()).toEqual(['second', 'Tue, 02 Jan 2024 12:00:00 GMT']);
  });

  test('a file of a flat repository on a cold store: its index is looked for in its folder, and in no suites below it', async () => {
    const upstream = await archive({ suites: ['flat/'] });
    const cache = await house(upstream);
    const path = `/flat/${upstream.pool('hello').replace(/^.*\//, '')}`;
    expect((await cache.get(path)).status).toBe(200);
    expect((await cache.kept(path)).pin).toMatch(/^sha256-/);
    expect(upstream.upstream.count(/InRelease/)).toBe(1);
  });
});
