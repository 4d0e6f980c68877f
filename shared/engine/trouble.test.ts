import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { modules } from '../../caches/index';
import type { Entry } from '../store/entry';
import { testClock, type TestClock } from '../testing/clock';
import { openHouse, type HouseOptions, type LocalHouse } from '../testing/house';
import { bytes, offer, packument } from '../testing/packages';
import { until } from '../testing/until';
import { startUpstream, type FakeUpstream } from '../testing/upstream';
import type { DocumentDesk } from './documents/document-desk';
import { HeldBodies } from './bodies/held-body';
import { pinSource } from './files/pin-source';
import { planTarget } from './plan';
import type { EngineRooms } from './rooms';
import { Engine } from './serve';

const FILE = '/a/-/a-1.0.0.tgz';
const KEYS = '/-/npm/v1/keys';
const SECOND = 1000;
const body = bytes(5000);
let upstream: FakeUpstream;
let house: LocalHouse | undefined;
let clock: TestClock;

async function open(options: Partial<HouseOptions> = {}): Promise<LocalHouse> {
  house = await openHouse({
    upstream: upstream.url,
    now: clock.now,
    ...options,
    env: { TTL_npm: '100s', MEMORY: '1', ...options.env },
  });
  return house;
}

beforeEach(async () => {
  upstream = await startUpstream();
  clock = testClock(Date.now());
  house = undefined;
});
afterEach(async () => {
  await house?.stop();
  await upstream.close();
});

function fileOf({ cacheDir }: LocalHouse, { integrity }: Entry): string {
  const dash = integrity.indexOf('-');
  const hex = Buffer.from(integrity.slice(dash + 1), 'base64').toString('hex');
  return join(cacheDir, 'content-v2', integrity.slice(0, dash), hex.slice(0, 2), hex.slice(2, 4), hex.slice(4));
}

it('a packument that begins compressed at one mirror and comes plain from another is read as what it is', async () => {
  const second = await startUpstream();
  const { get } = await open({ upstream: [upstream.url, second.url] });
  const document = packument(upstream.url, 'a', { '1.0.0': { body } });
  upstream.on('/a', { body: document, gzip: true, cutAt: 50 });
  second.on('/a', { body: document });
  expect((await get('/a')).status).toBe(200);
  expect([upstream.count('/a'), second.count('/a')]).toEqual([1, 1]);
  await second.close();
});

describe('a plain document whose bytes are', () => {
  const ruin: [string, (file: string) => void][] = [
    ['damaged', (file) => writeFileSync(file, readFileSync(file).subarray(1))],
    ['gone', (file) => rmSync(file)],
  ];
  it.each(ruin)('%s is fetched again, also when it is stale', async (_what, spoil) => {
    const here = await open();
    upstream.on(KEYS, { body: '{"keys":[]}' });
    for (const seconds of [0, 150]) {
      await here.get(KEYS);
      const entry = await here.kept(KEYS);
      clock.advance(seconds * SECOND);
      spoil(fileOf(here, entry));
      const got = await here.get(KEYS);
      expect([got.status, got.body.toString()]).toEqual([200, '{"keys":[]}']);
    }
  });
});

describe('held bytes that cannot be opened', () => {
  it.each([KEYS, '/a', FILE, '/big/-/big-1.0.0.tgz'])('of %s: the upstream is asked, and they stay', async (target) => {
    const here = await open();
    offer(upstream, 'a', { body });
    offer(upstream, 'big', { body: bytes(600_000) });
    upstream.on(KEYS, { body: '{"keys":[]}' });
    const right = await here.get(target);
    const entry = await here.kept(target);
    const file = fileOf(here, entry);
    rmSync(file);
    symlinkSync(file, file);
    const again = await here.get(target);
    expect([again.status, again.complete, again.body.equals(right.body)]).toEqual([200, true, true]);
    expect((await here.why(target)).entry).toEqual(entry);
    expect([here.said('held-bytes-damaged').length, here.said('held-bytes-unreadable').length]).toEqual([0, 1]);
  });
});

it('bytes that were evicted between the look and the opening are no damage', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'evicted-'));
  const log = { error: jest.fn(), warn: jest.fn() };
  const store = { contentPath: () => join(folder, 'none'), find: () => Promise.resolve(undefined), quarantine: jest.fn() };
  const bodies = new HeldBodies({ log, store, now: Date.now } as unknown as EngineRooms);
  const entry = { key: 'k', integrity: 'sha256-x', size: 1, chunks: '' } as Entry;
  await expect(bodies.open(entry)).rejects.toMatchObject({ code: 'integrity' });
  await expect(bodies.readSmall(entry)).rejects.toMatchObject({ code: 'integrity' });
  expect([log.error.mock.calls.length, store.quarantine.mock.calls.length]).toEqual([0, 0]);
  rmSync(folder, { recursive: true });
});

describe('in its second lifetime', () => {
  it('a packument whose upstream fails is not asked for, and complained of, with every request', async () => {
    const here = await open();
    offer(upstream, 'a', { body });
    await here.get('/a');
    clock.advance(101 * SECOND);
    upstream.on('/a', { status: 500 });
    await here.get('/a');
    await until('it was complained of', () => here.said('revalidation-failed').length > 0);
    const detail = async (): Promise<string> => String((await here.get('/a')).headers['cache-status']);
    await until('the upstream is known to fail', async () => (await detail()).includes('upstream-down'));
    const asked = upstream.count('/a');
    for (let n = 0; n < 10; n++) expect(await detail()).toContain('upstream-down');
    expect([upstream.count('/a'), here.said('revalidation-failed').length]).toEqual([asked, 1]);
  });

  it('a packument that is gone upstream is gone here, and that is remembered', async () => {
    const here = await open();
    offer(upstream, 'a', { body });
    await here.get('/a');
    clock.advance(101 * SECOND);
    upstream.on('/a', { status: 404 });
    expect((await here.get('/a')).status).toBe(200);
    await until('its absence is known', async () => (await here.get('/a')).status === 404);
    const asked = upstream.count('/a');
    expect([(await here.get('/a')).status, (await here.get('/a')).status]).toEqual([404, 404]);
    expect(upstream.count('/a')).toBe(asked);
  });
});

describe('a write', () => {
  it('is seen by who wrote, though an older answer was on its way', async () => {
    const here = await open({ env: { CLIENT_AUTH_npm: 'forward' } });
    const version = (one: string): string => packument(upstream.url, 'a', { [one]: { body } });
    let release!: () => void;
    const released = new Promise<void>((resolve) => (release = resolve));
    upstream.on('/a', async (request, response) => {
      if (request.method === 'PUT') return void response.writeHead(201).end('{}');
      await released;
      response.end(version('1.0.0'));
    });
    const early = here.ask('/a');
    await until('the packument is asked for', () => upstream.count('/a') === 1);
    const put = await here.get('/a', { method: 'PUT', body: '{}', headers: { authorization: 'Bearer x' } });
    expect(put.status).toBe(201);
    release();
    expect((await early.whole).status).toBe(200);
    await here.kept('/a');
    upstream.on('/a', { body: version('2.0.0') });
    expect((await here.get('/a')).body.toString()).toContain('"2.0.0"');
  });

  it('that the store cannot note is none the less done', async () => {
    const { engine, rooms } = stubbed({ amend: () => Promise.reject(new Error('full')), find: () => Promise.resolve({ key: 'k' }) });
    await engine.wrote(planTarget(rooms.module, rooms.cache, rooms.cache.origins[0] ?? fail(), 'PUT', '/a'));
    expect(rooms.log.warn).toHaveBeenCalledTimes(1);
  });
});

it('a file is asked for without its pin when the store takes long to answer', async () => {
  const { rooms } = stubbed({});
  const desk = { pin: () => new Promise(() => undefined) } as unknown as DocumentDesk;
  const plan = planTarget(rooms.module, rooms.cache, rooms.cache.origins[0] ?? fail(), 'GET', FILE);
  const source = await pinSource(rooms, desk, plan);
  expect([source.known(), source.willJudge]).toEqual([undefined, true]);
});

it('a document that is served by a rendering made anew counts as used', async () => {
  const entry = { key: 'npm|registry|/a', integrity: 'sha256-x', checkedAt: clock.now() };
  const used = jest.fn();
  const find = (key: string): unknown => Promise.resolve(key === entry.key ? entry : undefined);
  const { engine, rooms } = stubbed({ find, used, contentPath: () => '/none' });
  const rendered = { contentType: 'application/json', identity: Buffer.from('{}'), integrity: 'sha256-y' };
  Object.assign(rooms, { pool: { render: () => Promise.resolve({ rendered }) } });
  await engine.answer({ method: 'GET', target: '/a', base: 'http://cache', gzip: false });
  expect(used.mock.calls).toEqual([[entry.key]]);
});

function stubbed(store: object): { engine: Engine; rooms: EngineRooms } {
  const rooms = {
    config: { negativeTtlSeconds: 60 },
    cache: { name: 'npm', origins: [{ name: 'registry', bases: ['http://127.0.0.1:9'] }] },
    module: modules[0],
    store,
    log: { warn: jest.fn() },
    now: clock.now,
  } as unknown as EngineRooms;
  return { engine: new Engine(rooms), rooms };
}

function fail(): never {
  throw new Error('no origin');
}
