import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openHouse, type LocalHouse } from '../../testing/house';
import { bytes, flipped, offer, packument, sri } from '../../testing/packages';
import { startUpstream, type FakeUpstream, type Reply } from '../../testing/upstream';

const FILE = '/a/-/a-1.0.0.tgz';
const body = bytes(100_000);
let upstream: FakeUpstream;
let house: LocalHouse;
let home: string;

beforeEach(async () => {
  upstream = await startUpstream();
  home = mkdtempSync(join(tmpdir(), 'recall-'));
  house = await openHouse({ upstream: upstream.url, home });
});
afterEach(async () => {
  await house.stop();
  await upstream.close();
  rmSync(home, { recursive: true, force: true });
});

/** Starts again with the catalogue deleted; what is held stays. */
async function loseCatalogue(): Promise<void> {
  await house.stop();
  const files = readdirSync(house.cacheDir).filter((name) => name.startsWith('catalogue-'));
  expect(files.length).toBeGreaterThan(0);
  for (const file of files) rmSync(join(house.cacheDir, file));
  house = await openHouse({ upstream: upstream.url, home });
}

async function expectJudged(): Promise<void> {
  const wrong = await house.get(FILE);
  expect(wrong.complete && wrong.status === 200).toBe(false);
  expect((await house.why(FILE)).entry).toBeNull();
  upstream.on(FILE, { body });
  expect((await house.get(FILE)).body.equals(body)).toBe(true);
  expect((await house.kept(FILE)).pin).toBe(sri(body));
}

describe('a held packument still judges when the catalogue was lost', () => {
  it.each<[string, Reply]>([
    ['and the upstream confirms it by its ETag', { etag: '"one"' }],
    ['and the upstream sends the same bytes', {}],
    ['and it is held compressed', { gzip: true }],
  ])('%s', async (_what, document) => {
    offer(upstream, 'a', { body }, { body: flipped(body) }, document);
    expect((await house.get('/a')).status).toBe(200);
    await house.kept('/a');
    await loseCatalogue();
    await expectJudged();
  });

  it('and the upstream has no packument any more', async () => {
    offer(upstream, 'a', { body }, { body: flipped(body) });
    await house.get('/a');
    await house.kept('/a');
    upstream.on('/a', { status: 500 });
    await loseCatalogue();
    await expectJudged();
  });

  it('and many files are asked for at once: it is read once', async () => {
    const files = Array.from({ length: 20 }, (_, n) => `/a/-/a-1.0.${n}.tgz`);
    upstream.on('/a', {
      body: packument(upstream.url, 'a', Object.fromEntries(files.map((_, n) => [`1.0.${n}`, { body: bytes(1000, `${n}`) }]))),
    });
    for (const [n, file] of files.entries()) upstream.on(file, { body: bytes(1000, `${n}`) });
    await house.get('/a');
    await house.kept('/a');
    await loseCatalogue();
    const gots = await Promise.all(files.map((file) => house.get(file)));
    expect(gots.map((got) => got.status)).toEqual(files.map(() => 200));
    for (const [n, file] of files.entries()) expect((await house.kept(file)).pin).toBe(sri(bytes(1000, `${n}`)));
    expect(house.said('promises-recalled')).toHaveLength(1);
  });
});

it('a packument whose promises are known is not read again for a file that it does not name', async () => {
  offer(upstream, 'b', { body });
  upstream.on('/b/-/b-2.0.0.tgz', { body });
  await house.get('/b');
  await house.kept('/b');
  expect((await house.get('/b/-/b-2.0.0.tgz')).status).toBe(200);
  expect(house.said('promises-recalled')).toHaveLength(0);
});
