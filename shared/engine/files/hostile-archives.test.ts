/**
 * Archives that were made to do harm, through a whole cache of Julia's: one error that names the archive and what is wrong with it, nothing of it
 * is kept, others are verified and served meanwhile by the only thread there is, and the right archive is taken as soon as it is offered.
 */
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { filesBelow } from '../../testing/files-below';
import { openHouse, type LocalHouse } from '../../testing/house';
import { treeArchive, type TreeArchive } from '../../testing/julia-storage';
import { tarEntry, tarOf, type TarEntry } from '../../testing/tar-entries';
import { until } from '../../testing/until';
import { startUpstream, type FakeUpstream } from '../../testing/upstream';

jest.setTimeout(400_000);

const RIGHT = treeArchive({ 'Project.toml': 'name = "Right"\n' });
const TARGET = `/artifact/${RIGHT.tree}`;
const MIB = 2 ** 20;
const header = (entry: TarEntry): Buffer => tarEntry(entry).subarray(0, 512);

let upstream: FakeUpstream;
let house: LocalHouse;

beforeEach(async () => {
  upstream = await startUpstream();
  house = await openHouse({ module: 'julia', upstream: upstream.url, env: { WORKERS: '1', NEGATIVE_TTL: '0s' } });
});
afterEach(async () => {
  await house.stop();
  await upstream.close();
});

/** Members of gzip one after the other are one stream. */
const zeros = (mebibytes: number): Buffer[] => new Array<Buffer>(mebibytes / 64).fill(gzipSync(Buffer.alloc(64 * MIB)));

const hostile: [string, () => Buffer, RegExp][] = [
  [
    'a bomb: 4 GiB of zeros in some megabytes',
    () => Buffer.concat([gzipSync(header({ name: 'zeros', size: '40000000000\0' })), ...zeros(4096)]),
    /unpacks to more than \d+ bytes/,
  ],
  [
    '../',
    () => gzipSync(tarOf({ name: 'Project.toml', body: 'x' }, { name: '../evil', body: 'x' })),
    /leads out of the archive: "\.\.\/evil"/,
  ],
  ['an absolute name', () => gzipSync(tarOf({ name: '/etc/cron.d/evil', body: 'x' })), /absolute: "\/etc\/cron\.d\/evil"/],
  ['a file behind a link that leads out', () => gzipSync(tarOf({ name: 'l', type: '2', link: '/etc' }, { name: 'l/passwd', body: 'x' })), /behind a symbolic link/], // prettier-ignore
  ['names without end', () => gzipSync(tarOf(...Array.from({ length: 120 }, (_, n) => ({ name: `${n}/${'d/'.repeat(15_000)}f` })))), /it has more than \d+ names/], // prettier-ignore
];

it.each(hostile)('%s', async (_what, archive, reason) => {
  upstream.on(TARGET, { body: archive() });
  const bad = house.get(TARGET);
  await until('it is asked for', () => upstream.count(TARGET) > 0);
  await expectServed(1);
  const got = await bad;
  expect(got.status === 200 && got.complete).toBe(false);
  if (got.status !== 200) expect([got.status, String(got.body)]).toEqual([502, expect.stringMatching(reason)]);
  expect(house.said('integrity').map(({ facts }) => [facts['target'], String(facts['got'])])).toContainEqual([
    TARGET,
    expect.stringMatching(reason),
  ]);
  await expectRightAgain();
});

it('what is no archive from its beginning is not read to its end', async () => {
  const piece = Buffer.alloc(65_536, 'no archive');
  upstream.on(TARGET, (_request, response) => {
    const more = (): void => {
      while (!response.destroyed && response.write(piece));
    };
    response.on('drain', more);
    more();
  });
  const got = await house.get(TARGET);
  expect(got.status === 200 && got.complete).toBe(false);
  expect(house.said('integrity')[0]?.facts).toMatchObject({
    target: TARGET,
    got: expect.stringContaining('neither with gzip nor') as string,
  });
  await until('the upstream is left alone', () => upstream.active.now === 0);
  await expectRightAgain();
});

it('1,000,000 entries: what they unpack to is found out, and others do not wait for that', async () => {
  upstream.on(TARGET, { body: manyEntries(1_000_000) });
  let isOver = false;
  const bad = house.get(TARGET).finally(() => (isOver = true));
  await until('it is asked for', () => upstream.count(TARGET) > 0);
  await expectServed(3);
  expect(isOver).toBe(false);
  const got = await bad;
  expect(got.status === 200 && got.complete).toBe(false);
  expect(house.said('integrity')[0]?.facts).toMatchObject({
    target: TARGET,
    got: expect.stringMatching(/^gittree-[0-9a-f]{40}$/) as string,
  });
  await expectRightAgain();
});

/** Archives that nobody has asked for yet come whole, and are held. */
async function expectServed(count: number): Promise<void> {
  for (let n = 0; n < count; n++) {
    const other: TreeArchive = treeArchive({ 'Project.toml': `name = "Other${n}"\n` });
    const target = `/artifact/${other.tree}`;
    upstream.on(target, { body: other.body });
    const got = await house.get(target);
    expect([got.status, got.complete, got.body.equals(other.body)]).toEqual([200, true, true]);
    expect((await house.kept(target)).pin).toBe(`gittree-${other.tree}`);
  }
}

async function expectRightAgain(): Promise<void> {
  await until('the download is over', () => filesBelow(join(house.cacheDir, 'spool')).length === 0);
  expect((await house.why(TARGET)).entry).toBeNull();
  upstream.on(TARGET, { body: RIGHT.body });
  const got = await house.get(TARGET);
  expect([got.status, got.complete, got.body.equals(RIGHT.body)]).toEqual([200, true, true]);
  expect((await house.kept(TARGET)).pin).toBe(`gittree-${RIGHT.tree}`);
}

/** Empty files in 1,000 folders. */
function manyEntries(files: number): Buffer {
  const pieces: Buffer[] = [];
  const model = header({ name: '000/0000000' });
  const sumOf = (block: Buffer): number => block.reduce((sum, byte) => sum + byte, 0);
  const digits = (block: Buffer): number => sumOf(block.subarray(0, 11));
  const rest = parseInt(model.toString('latin1', 148, 156), 8) - digits(model);
  for (let from = 0; from < files; from += 10_000) {
    const blocks = Buffer.alloc(512 * 10_000);
    for (let n = 0; n < 10_000; n++) {
      const block = blocks.subarray(n * 512, (n + 1) * 512);
      model.copy(block);
      block.write(`${String((from + n) % 1000).padStart(3, '0')}/${String(from + n).padStart(7, '0')}`);
      block.write((rest + digits(block)).toString(8).padStart(7, '0'), 148);
    }
    pieces.push(gzipSync(blocks, { level: 1 }));
  }
  return Buffer.concat([...pieces, gzipSync(Buffer.alloc(1024))]);
}
