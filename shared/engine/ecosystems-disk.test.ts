/** What holds for every ecosystem when the disk of CACHE_DIR is full: clients get what they ask for, what was held stays, and storing begins again. */
import { spawnSync } from 'node:child_process';
import { appendFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ecosystems } from '../testing/ecosystems';
import { openHouse, type Got, type LocalHouse } from '../testing/house';
import { bytes as anyBytes } from '../testing/packages';
import { until } from '../testing/until';
import { startUpstream, type FakeUpstream } from '../testing/upstream';

jest.setTimeout(60_000);

const MIB = 1024 * 1024;
const disk = mkdtempSync(join(tmpdir(), 'disk-'));
const run = (command: string, ...args: string[]): boolean => spawnSync(command, args).status === 0;
// At load time, since Jest must know before it begins whether a test is skipped.
const mounted = run('mount', '-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', disk);
afterAll(() => {
  if (mounted) run('umount', '-l', disk);
  rmSync(disk, { recursive: true, force: true });
});

/** Leaves nothing free. */
function fill(): void {
  const file = join(disk, 'ballast');
  writeFileSync(file, '');
  for (;;) {
    const { bavail, bsize } = statfsSync(disk);
    if (bavail === 0) return;
    appendFileSync(file, Buffer.alloc(Math.min(MIB, bavail * bsize)));
  }
}

const drain = (): void => rmSync(join(disk, 'ballast'), { force: true });

const reason = mounted ? '' : ' (skipped where mount is not permitted)';
(mounted ? describe : describe.skip).each(ecosystems.map((row) => [row.module, row] as const))(`%s${reason}`, (_name, row) => {
  const { bytes = anyBytes } = row;
  const body = bytes(300_000);
  const right = (got: Got): boolean => got.status === 200 && got.complete && got.body.equals(body);
  let upstream: FakeUpstream;
  let house: LocalHouse;
  let home: string;

  beforeEach(async () => {
    upstream = await startUpstream();
    home = mkdtempSync(join(tmpdir(), 'house-'));
    mkdirSync(join(disk, 'cache'));
    const mine = row.house(upstream);
    house = await openHouse({
      ...mine,
      home,
      env: { CACHE_DIR: join(disk, 'cache'), MIN_FREE: '1', MEMORY: '1', PIN_WAIT: '20s', ...mine.env },
    });
    row.offer(upstream, { body });
  });
  afterEach(async () => {
    drain();
    await house.stop();
    await upstream.close();
    for (const name of readdirSync(disk)) rmSync(join(disk, name), { recursive: true, force: true });
    rmSync(home, { recursive: true, force: true });
  });

  it('before anything is held: all is served, and held as soon as there is room', async () => {
    fill();
    expect(row.revision((await house.get(row.document)).body)).toBe('1.0.0');
    expect(right(await house.get(row.file))).toBe(true);
    expect((await house.why(row.file)).entry).toBeNull();
    drain();
    await until('it is held at last', async () => {
      expect(right(await house.get(row.file))).toBe(true);
      return (await house.why(row.file)).entry !== null;
    });
  });

  it('what is held is served, without its upstream too', async () => {
    for (const target of [row.document, row.file]) {
      await house.get(target);
      await house.kept(target);
    }
    fill();
    await upstream.down();
    expect(right(await house.get(row.file))).toBe(true);
    expect(row.revision((await house.get(row.document)).body)).toBe('1.0.0');
  });
});
