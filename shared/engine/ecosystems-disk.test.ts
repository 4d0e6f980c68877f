/** What holds for every ecosystem when the disk of CACHE_DIR is full: clients get what they ask for, what was held stays, and storing begins again. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ecosystems } from '../testing/ecosystems';
import { openHouse, type Got, type LocalHouse } from '../testing/house';
import { bytes as anyBytes } from '../testing/packages';
import { smallDisk } from '../testing/small-disk';
import { until } from '../testing/until';
import { startUpstream, type FakeUpstream } from '../testing/upstream';

jest.setTimeout(60_000);

const disk = smallDisk();

disk.describe.each(ecosystems.map((row) => [row.module, row] as const))(`%s${disk.why}`, (_name, row) => {
  const { bytes = anyBytes } = row;
  const body = bytes(300_000);
  const right = (got: Got): boolean => got.status === 200 && got.complete && got.body.equals(body);
  let upstream: FakeUpstream;
  let house: LocalHouse;
  let home: string;

  beforeEach(async () => {
    upstream = await startUpstream();
    home = mkdtempSync(join(tmpdir(), 'house-'));
    mkdirSync(join(disk.folder, 'cache'));
    const mine = row.house(upstream);
    house = await openHouse({
      ...mine,
      home,
      env: { CACHE_DIR: join(disk.folder, 'cache'), MIN_FREE: '1', MEMORY: '1', PIN_WAIT: '20s', ...mine.env },
    });
    row.offer(upstream, { body });
  });
  afterEach(async () => {
    disk.drain();
    await house.stop();
    await upstream.close();
    disk.empty();
    rmSync(home, { recursive: true, force: true });
  });

  it('before anything is held: all is served, and held as soon as there is room', async () => {
    disk.fill();
    expect(row.revision((await house.get(row.document)).body)).toBe('1.0.0');
    expect(right(await house.get(row.file))).toBe(true);
    expect((await house.why(row.file)).entry).toBeNull();
    disk.drain();
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
    disk.fill();
    await upstream.down();
    expect(right(await house.get(row.file))).toBe(true);
    expect(row.revision((await house.get(row.document)).body)).toBe('1.0.0');
  });
});
