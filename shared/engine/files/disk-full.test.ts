import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openHouse, type Got, type HouseOptions, type LocalHouse } from '../../testing/house';
import { bytes, flipped, offer } from '../../testing/packages';
import { smallDisk } from '../../testing/small-disk';
import { until } from '../../testing/until';
import { startUpstream, type FakeUpstream } from '../../testing/upstream';

jest.setTimeout(60_000);

const KIB = 1024;
const MIB = 1024 * KIB;
const disk = smallDisk();
let upstream: FakeUpstream;
let house: LocalHouse;
let homes = 0;

beforeEach(async () => {
  upstream = await startUpstream();
});
afterEach(async () => {
  await house.stop();
  await upstream.close();
  disk.empty();
});

async function open(options: Partial<HouseOptions> = {}): Promise<void> {
  const home = join(disk.folder, `home${homes++}`);
  mkdirSync(home);
  house = await openHouse({ upstream: upstream.url, home, ...options, env: { MIN_FREE: '1', MEMORY: '1', ...options.env } });
}

function expectRight(got: Got, body: Buffer): void {
  expect([got.status, got.complete, got.body.equals(body)]).toEqual([200, true, true]);
}

const file = (name: string): string => `/${name}/-/${name}-1.0.0.tgz`;

async function hold(name: string, size: number): Promise<Buffer> {
  const body = bytes(size, name);
  offer(upstream, name, { body });
  await house.get(file(name));
  await house.kept(file(name));
  return body;
}

disk.describe(`a full disk${disk.why}`, () => {
  it.each([
    ['before the first byte', 0],
    ['in mid-body', 2 * MIB],
    ['at the commit: there is room for the bytes, none for their record', 6 * MIB + 16 * KIB],
  ])('%s: the client gets the bytes; what was held stays', async (_when, room) => {
    await open();
    const old = await hold('old', 500 * KIB);
    const body = bytes(6 * MIB, 'new');
    offer(upstream, 'new', { body });
    await house.get('/new');
    await house.kept('/new');
    disk.fill(room);
    expectRight(await house.get(file('new')), body);
    if (room < body.length) expect(house.said('not-storing').length).toBeGreaterThan(0);
    expectRight(await house.get(file('old')), old);
    expect((await house.get('/old')).status).toBe(200);
    // When there is room again, all is as ever.
    disk.drain();
    await until('it is stored', async () => {
      expectRight(await house.get(file('new')), body);
      return (await house.why(file('new'))).entry !== null;
    });
  });

  it('a file asked before its packument, which promises SHA-1: not called wrong when it can only be judged the next time', async () => {
    await open();
    const body = bytes(6 * MIB, 'new');
    offer(upstream, 'new', { body, promises: 'sha1' });
    disk.fill(2 * MIB);
    await house.get(file('new'));
    expectRight(await house.get(file('new')), body);
    expect(house.said('integrity')).toHaveLength(0);
  });

  it('wrong bytes are never complete, stored or not', async () => {
    await open();
    const body = bytes(6 * MIB, 'new');
    for (const room of [0, 2 * MIB]) {
      offer(upstream, 'new', { body }, { body: flipped(body) });
      disk.fill(room);
      const got = await house.get(file('new'));
      expect(got.complete && got.status === 200).toBe(false);
      disk.drain();
    }
  });

  it('many clients of one file that cannot be stored all get it, whenever they come and however slowly they read', async () => {
    await open();
    const body = bytes(8 * MIB, 'new');
    offer(upstream, 'new', { body });
    await house.get('/new');
    await house.kept('/new');
    disk.fill(2 * MIB);
    const slow = house.ask(file('new'));
    slow.pause(true);
    const quick = house.ask(file('new'));
    await until('the quick one reads', () => quick.received > MIB);
    const late = house.get(file('new'));
    slow.pause(false);
    expectRight(await quick.whole, body);
    expectRight(await slow.whole, body);
    expectRight(await late, body);
  });

  it('packuments are rendered and served, and the pins of those that are not stored still judge', async () => {
    await open();
    disk.fill(0);
    const body = bytes(20 * KIB, 'new');
    offer(upstream, 'new', { body }, { body: flipped(body) });
    expect((await house.get('/new')).status).toBe(200);
    expect((await house.get(file('new'))).status).toBe(502);
    offer(upstream, 'new', { body });
    expectRight(await house.get(file('new')), body);
  });

  it('no wrong entry is left: after all that, what the store says it holds is right', async () => {
    await open();
    const bodies = new Map<string, Buffer>();
    disk.fill(3 * MIB);
    for (let index = 0; index < 12; index++) {
      const name = `p${index}`;
      const body = bytes(700 * KIB, name);
      bodies.set(name, body);
      offer(upstream, name, { body });
      expectRight(await house.get(file(name)), body);
    }
    disk.drain();
    for (const [name, body] of bodies) expectRight(await house.get(file(name)), body);
  });
});

describe('below MIN_FREE', () => {
  it('nothing new is stored; bytes are passed through, verified; what is held is served', async () => {
    await openPlain('1MB');
    const old = await hold('old', 100 * KIB);
    const { home } = house;
    await house.appliance.close();
    house = await openHouse({ upstream: upstream.url, home, env: { MIN_FREE: '100%' } });
    await until('it notices', async () => (await house.appliance.status()).notStoring !== undefined);
    expect((await house.appliance.status()).notStoring).toMatchObject({
      reason: 'disk',
      remedy: expect.stringContaining('MIN_FREE') as string,
    });
    const body = bytes(300 * KIB, 'new');
    offer(upstream, 'new', { body });
    expectRight(await house.get(file('new')), body);
    expect((await house.why(file('new'))).entry).toBeNull();
    expect((await house.why('/new')).entry).toBeNull();
    offer(upstream, 'bad', { body }, { body: flipped(body) });
    const bad = await house.get(file('bad'));
    expect(bad.complete && bad.status === 200).toBe(false);
    upstream.forget();
    expectRight(await house.get(file('old')), old);
    expect(upstream.requests).toHaveLength(0);
    expect(spooled()).toBe(0);
    rmSync(home, { recursive: true, force: true });
  });

  async function openPlain(minFree: string): Promise<void> {
    const home = mkdtempSync(join(tmpdir(), 'house-'));
    house = await openHouse({ upstream: upstream.url, home, env: { MIN_FREE: minFree } });
  }

  function spooled(): number {
    return readdirSync(join(house.cacheDir, 'spool'), { recursive: true }).filter((name) =>
      statSync(join(house.cacheDir, 'spool', String(name))).isFile(),
    ).length;
  }
});
