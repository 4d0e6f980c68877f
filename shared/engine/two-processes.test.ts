import { statSync } from 'node:fs';
import { join } from 'node:path';
import { openStore, type LarderStore } from '../store/store';
import { filesBelow } from '../testing/files-below';
import { openHouse, startHouse, type House, type HouseOptions } from '../testing/house';
import { bytes, offer, packument } from '../testing/packages';
import { until } from '../testing/until';
import { startUpstream, type FakeUpstream } from '../testing/upstream';

jest.setTimeout(60_000);

const FILE = '/a/-/a-1.0.0.tgz';
const body = bytes(50_000);
let upstream: FakeUpstream;
let home: string;
const houses: House[] = [];

/** Another process on the same store. */
async function beside(env: Record<string, string> = {}): Promise<House> {
  const house = await startHouse({ upstream: upstream.url, home, env });
  houses.push(house);
  return house;
}

beforeEach(async () => {
  upstream = await startUpstream();
  const options: HouseOptions = { upstream: upstream.url };
  const first = await openHouse(options);
  houses.push(first);
  ({ home } = first);
});
afterEach(async () => {
  // The first one's home goes with it.
  for (const house of houses.splice(0).reverse()) await house.stop();
  await upstream.close();
});

const first = (): House => houses[0] as House;

/** The store as the command line opens it. */
function tool(): LarderStore {
  const log = {
    error: fail,
    warn: () => undefined,
    info: () => undefined,
    debug: () => undefined,
    access: () => undefined,
    flush: () => Promise.resolve(),
  };
  return openStore({
    cacheDir: join(home, 'cache'),
    ledgerFile: join(home, 'state', 'ledger.db'),
    modules: ['npm'],
    sizeBytes: 1e12,
    sizeByModule: {},
    minFreeBytes: 0,
    log,
  });
}

function fail(event: string): never {
  throw new Error(event);
}

it('what one has fetched is a hit in the other', async () => {
  offer(upstream, 'a', { body });
  const second = await beside();
  await first().get(FILE);
  await first().kept(FILE);
  upstream.forget();
  const got = await second.get(FILE);
  expect([got.headers['x-cache'], got.body.equals(body)]).toEqual(['hit', true]);
  expect((await second.get('/a')).headers['x-cache']).toBe('hit');
  expect(upstream.requests).toHaveLength(0);
});

it('what one replaces the other stops serving', async () => {
  offer(upstream, 'a', { body });
  const second = await beside({ TTL_npm: '0' });
  await first().get('/a');
  await first().kept('/a');
  expect((await first().get('/a')).headers['x-cache']).toBe('hit');
  upstream.on('/a', { body: packument(upstream.url, 'a', { '1.0.0': { body }, '2.0.0': { body } }) });
  await until('the second one has the new one', async () => (await second.get('/a')).body.includes('2.0.0'));
  const got = await first().get('/a');
  expect([got.headers['x-cache'], got.body.includes('2.0.0')]).toEqual(['hit', true]);
});

it('what is purged, by another process or by the command line, is not served any more', async () => {
  offer(upstream, 'a', { body });
  const second = await beside();
  for (const house of [first(), second]) {
    await house.get(FILE);
    await house.kept(FILE);
    expect((await house.get(FILE)).headers['x-cache']).toBe('hit');
  }
  const store = tool();
  expect(await store.removePrefix('npm|registry|/a')).toBeGreaterThan(0);
  await store.close();
  await upstream.down();
  for (const house of [first(), second]) {
    expect((await house.why(FILE)).entry).toBeNull();
    expect((await house.get(FILE)).status).toBe(502);
  }
});

it('a digest change that one has learnt of is refused by the other', async () => {
  offer(upstream, 'a', { body });
  const second = await beside({ TTL_npm: '0' });
  await first().get('/a');
  await first().get(FILE);
  await first().kept(FILE);
  expect((await first().get(FILE)).headers['x-cache']).toBe('hit');
  offer(upstream, 'a', { body: bytes(50_000, 'other') });
  await second.get('/a');
  expect((await second.get(FILE)).status).toBe(502);
  expect((await first().get(FILE)).status).toBe(502);
  const store = tool();
  expect(await store.digestChanges()).toHaveLength(1);
  await store.close();
});

it('a start does not sweep what another process is filling; its download goes on', async () => {
  const large = bytes(3_000_000);
  offer(upstream, 'a', { body: large });
  let release!: () => void;
  const released = new Promise<void>((resolve) => (release = resolve));
  upstream.on(FILE, async (_request, response) => {
    response.writeHead(200, { 'content-length': String(large.length) }).write(large.subarray(0, 1_500_000));
    await released;
    response.end(large.subarray(1_500_000));
  });
  const asked = first().ask(FILE);
  await until('half of it has come', () => asked.received > 1_000_000);
  const second = await openHouse({ upstream: upstream.url, home });
  houses.push(second);
  await until('it has swept', () => second.said('swept').length === 1);
  expect(second.said('swept')[0]?.facts).toMatchObject({ parked: 0, removed: 0 });
  expect(spools()).toContain(1_500_000);
  release();
  const got = await asked.whole;
  expect([got.complete, got.body.equals(large)]).toEqual([true, true]);
  expect((await second.kept(FILE)).size).toBe(large.length);
});

function spools(): number[] {
  return filesBelow(join(home, 'cache', 'spool')).map((file) => statSync(file, { throwIfNoEntry: false })?.size ?? 0);
}
