import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openHouse, type LocalHouse } from '../../testing/house';
import { bytes } from '../../testing/packages';
import { startIndex, type FakeIndex } from '../../testing/python-index';
import { until } from '../../testing/until';
import type { Reply } from '../../testing/upstream';

jest.setTimeout(60_000);

const LEFT = 'left-1.0-py3-none-any.whl';
const RIGHT = 'right-1.0-py3-none-any.whl';
/** More than what is kept back until a file is judged. */
const BALLAST = 200_000;
let home: string;
let index: FakeIndex;
let house: LocalHouse;

const open = (env: Record<string, string> = {}): Promise<LocalHouse> =>
  openHouse({ module: 'pip', upstream: index.url, home, env: { ALLOW_NETS: '127.0.0.0/8', ...env } });

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'places-'));
  index = await startIndex({ filesElsewhere: true });
  // The index itself has pages only.
  index.upstream.on(/^\/packages\//, { status: 404 });
  for (const name of ['left', 'right']) index.addProject({ name, releases: { '1.0': { ballast: BALLAST } } });
  house = await open();
});
afterEach(async () => {
  await house.stop();
  await index.close();
  rmSync(home, { recursive: true, force: true });
});

const paths = (upstream: FakeIndex['upstream']): string[] => upstream.requests.map(({ path }) => path);

/** A page that does not come before it is let go. */
function holdPage(name: string): () => void {
  let release!: () => void;
  const released = new Promise<void>((resolve) => (release = resolve));
  const anchor = `<a href="${index.files.url}${index.target(`${name}-1.0-py3-none-any.whl`)}#sha256=${
    index.file(`${name}-1.0-py3-none-any.whl`).sha256
  }">${name}-1.0-py3-none-any.whl</a>`;
  index.upstream.on(index.page(name), async (_request, response) => {
    await released;
    response.writeHead(200, { 'content-type': 'text/html' }).end(`<!DOCTYPE html><html><body>${anchor}</body></html>`);
  });
  return release;
}

describe('a file that is asked before its page', () => {
  it('on a cold store: the origin is asked, the page beside it, then the place that the page names', async () => {
    const got = await house.get(index.target(LEFT));
    expect([got.status, got.complete, got.body.equals(index.file(LEFT).body)]).toEqual([200, true, true]);
    expect(paths(index.upstream).sort()).toEqual([index.target(LEFT), index.page('left')].sort());
    expect(paths(index.files)).toEqual([index.target(LEFT)]);
    expect((await house.kept(index.target(LEFT))).pin).toMatch(/^sha256-/);
  });

  it('is asked at once of the host that another page named; the tail waits for its own page', async () => {
    await house.get(index.page('left'));
    const release = holdPage('right');
    const asked = house.ask(index.target(RIGHT));
    await until('the file host is asked', () => index.files.count(index.target(RIGHT)) === 1);
    await until('its beginning arrives', () => asked.received > 100_000);
    expect(asked.received).toBeLessThan(index.file(RIGHT).body.length);
    await until('its own page is asked for', () => paths(index.upstream).length > 1);
    expect(paths(index.upstream)).toEqual([index.page('left'), index.page('right')]);
    release();
    expect((await asked.whole).body.equals(index.file(RIGHT).body)).toBe(true);
    expect(paths(index.files)).toEqual([index.target(RIGHT)]);
  });

  it('so also after a restart', async () => {
    await house.get(index.page('left'));
    await house.stop();
    house = await open();
    index.upstream.forget();
    const got = await house.get(index.target(RIGHT));
    expect([got.status, got.body.equals(index.file(RIGHT).body)]).toEqual([200, true]);
    expect([paths(index.upstream), paths(index.files)]).toEqual([[index.page('right')], [index.target(RIGHT)]]);
  });

  it.each<[string, Reply]>([
    ['does not have it', { status: 404 }],
    ['has a page for people there', { body: '<p>moved</p>', headers: { 'content-type': 'text/html' } }],
    ['fails', { hangUp: true }],
    ['has other bytes', { body: bytes(BALLAST) }],
  ])('is found where its own page says, when the guessed host %s', async (_what, reply) => {
    await house.get(index.page('left'));
    index.alter(RIGHT, { href: index.upstream.url + index.target(RIGHT) });
    index.upstream.on(index.target(RIGHT), { body: index.file(RIGHT).body });
    index.files.on(index.target(RIGHT), reply);
    // A client that was sent bytes which turned out wrong is cut off; it asks again.
    const first = await house.get(index.target(RIGHT));
    const got = first.complete ? first : await house.get(index.target(RIGHT));
    expect([got.status, got.complete, got.body.equals(index.file(RIGHT).body)]).toEqual([200, true, true]);
    expect(index.files.count(index.target(RIGHT))).toBeGreaterThan(0);
  });

  it('is not taken from the guessed host if its page gives no digest and names another place', async () => {
    index.addProject({ name: 'bare', releases: { '1.0': { unhashed: true } } });
    const file = 'bare-1.0-py3-none-any.whl';
    await house.get(index.page('left'));
    index.alter(file, { href: index.upstream.url + index.target(file) });
    index.upstream.on(index.target(file), { body: index.file(file).body });
    index.files.on(index.target(file), { body: 'something else' });
    const got = await house.get(index.target(file));
    expect([got.status, got.body.equals(index.file(file).body)]).toEqual([200, true]);
  });

  it('a range and HEAD are asked of the guessed host too, and cost no page', async () => {
    await house.get(index.page('left'));
    const got = await house.get(index.target(RIGHT), { headers: { range: 'bytes=10-19' } });
    expect([got.status, got.body.equals(index.file(RIGHT).body.subarray(10, 20))]).toEqual([206, true]);
    expect((await house.get(index.target(RIGHT), { method: 'HEAD' })).headers['content-length']).toBe(
      String(index.file(RIGHT).body.length),
    );
    expect([paths(index.upstream), paths(index.files).length]).toEqual([[index.page('left')], 2]);
  });
});

describe('where a page leads', () => {
  it('a refused address is not asked; the origin may have the file', async () => {
    await house.stop();
    index.alter(LEFT, { href: `http://10.255.255.1${index.target(LEFT)}` });
    index.upstream.on(index.target(LEFT), { body: index.file(LEFT).body });
    house = await open();
    await house.get(index.page('left'));
    const got = await house.get(index.target(LEFT));
    expect([got.status, got.body.equals(index.file(LEFT).body)]).toEqual([200, true]);
  });

  it('if nobody else has it, that it is refused is what is told', async () => {
    index.alter(LEFT, { href: `http://10.255.255.1${index.target(LEFT)}` });
    await house.get(index.page('left'));
    const got = await house.get(index.target(LEFT));
    expect([got.status, got.body.toString('latin1').slice(0, 500)]).toEqual([502, expect.stringContaining('10.255.255.1')]);
  });
});

describe('what cannot be reached is never "not found"', () => {
  it('the index', async () => {
    await index.upstream.down();
    for (const target of [index.page('left'), index.target(LEFT), `${index.target(LEFT)}.metadata`])
      expect([502, 504]).toContain((await house.get(target)).status);
    expect([502, 504]).toContain((await house.get(index.target(LEFT), { method: 'HEAD' })).status);
    expect([502, 504]).toContain((await house.get(index.target(LEFT), { headers: { range: 'bytes=-5' } })).status);
  });

  it('the host of the files', async () => {
    await house.get(index.page('left'));
    await index.files.down();
    expect([502, 504]).toContain((await house.get(index.target(LEFT))).status);
    expect([502, 504]).toContain((await house.get(index.target(RIGHT))).status);
    await index.files.up();
    expect((await house.get(index.target(RIGHT))).status).toBe(200);
  });

  it('the page that would say where the file is', async () => {
    index.upstream.on(index.page('left'), { status: 500 });
    expect([502, 504]).toContain((await house.get(index.target(LEFT))).status);
  });

  it('what nobody has, is', async () => {
    const target = index.target(LEFT).replace('left', 'other');
    expect((await house.get(target)).status).toBe(404);
    await house.get(index.page('left'));
    expect((await house.get(target.replace('other', 'another'))).status).toBe(404);
  });
});

describe('what a page promises', () => {
  it('nothing: then the file is served and kept without a pin', async () => {
    index.addProject({ name: 'bare', releases: { '1.0': { unhashed: true, ballast: BALLAST } } });
    const target = index.target('bare-1.0-py3-none-any.whl');
    const got = await house.get(target);
    expect([got.status, got.complete, got.body.equals(index.file('bare-1.0-py3-none-any.whl').body)]).toEqual([200, true, true]);
    expect((await house.kept(target)).pin).toBeUndefined();
    expect((await house.get(target)).headers['x-cache']).toBe('hit');
  });

  it('other bytes of the metadata: they are refused and not kept, before and after the page', async () => {
    index.addProject({ name: 'odd', releases: { '1.0': { metadata: 'wrong' } } });
    const target = `${index.target('odd-1.0-py3-none-any.whl')}.metadata`;
    for (let round = 0; round < 2; round++) expect((await house.get(target)).status).toBe(502);
    expect((await house.why(target)).entry).toBeNull();
  });

  it('the digest of the metadata: they are verified by it', async () => {
    const target = `${index.target(LEFT)}.metadata`;
    expect((await house.get(target)).body.toString()).toContain('Name: left');
    expect((await house.kept(target)).pin).toMatch(/^sha256-/);
  });
});
