/** That there is no such document, where that means something to clients and is kept: packages of Composer, and their branches. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { testClock, type TestClock } from '../../testing/clock';
import { startRepository, type FakeRepository, type ReleaseSpec } from '../../testing/composer-repository';
import { openHouse, type Got, type LocalHouse } from '../../testing/house';

jest.setTimeout(60_000);

const NAME = 'acme/lamp';
const RELEASE: ReleaseSpec = { version: '1.0.0', normalized: '1.0.0.0', isHashed: true };
const VERSIONS = `/p2/${NAME}.json`;
const BRANCHES = `/p2/${NAME}~dev.json`;
const NOTHING = '{"packages":[]}';
const DAY = 86_400_000;
let home: string;
let repository: FakeRepository;
let clock: TestClock;
let house: LocalHouse;

async function open(env: Record<string, string> = {}): Promise<LocalHouse> {
  await (house as LocalHouse | undefined)?.stop();
  const settings = { ALLOW_NETS: '127.0.0.0/8', NEGATIVE_TTL: '30s', ...env };
  return (house = await openHouse({ module: 'composer', upstream: repository.url, home, env: settings, now: clock.now }));
}

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'absent-'));
  clock = testClock(Date.now());
  repository = (await startRepository()).setPackage(NAME, [RELEASE]);
  repository.upstream.on(BRANCHES, { status: 404 });
  await open();
});
afterEach(async () => {
  await house.stop();
  await repository.close();
  rmSync(home, { recursive: true, force: true });
});

const told = ({ status, headers, body }: Got): unknown[] => [status, headers['x-cache'], body.toString()];
const asked = (path: string): number => repository.upstream.requests.filter((request) => request.path === path).length;

it('is a document without packages, kept for NEGATIVE_TTL however long documents live, then asked for first', async () => {
  await open({ TTL_composer: '1d' });
  const first = await house.get(BRANCHES);
  expect([...told(first), first.headers['content-type'], first.headers['cache-control']]).toEqual([
    200,
    'miss',
    NOTHING,
    'application/json',
    'public, max-age=30',
  ]);
  clock.advance(29_000);
  expect(told(await house.get(BRANCHES))).toEqual([200, 'hit', NOTHING]);
  expect(asked(BRANCHES)).toBe(1);
  clock.advance(2_000);
  expect(told(await house.get(BRANCHES))).toEqual([200, 'revalidated', NOTHING]);
  repository.setPackage(NAME, [RELEASE, { version: 'dev-main', normalized: 'dev-main' }]);
  clock.advance(31_000);
  expect(told(await house.get(BRANCHES))).toEqual([200, 'miss', expect.stringContaining('dev-main')]);
});

it('is confirmed by its date, as clients of Composer ask', async () => {
  const date = (await house.get(BRANCHES)).headers['last-modified'];
  expect((await house.get(BRANCHES, { headers: { 'if-modified-since': String(date) } })).status).toBe(304);
});

it('outlives an outage and a restart: what was not there yesterday is no failure today', async () => {
  for (const path of [VERSIONS, BRANCHES, '/p2/acme/interface.json']) await house.get(path);
  await repository.upstream.down();
  clock.advance(DAY);
  await open();
  expect((await house.get(VERSIONS)).status).toBe(200);
  for (const path of [BRANCHES, '/p2/acme/interface.json']) expect(told(await house.get(path))).toEqual([200, 'stale', NOTHING]);
  await open({ OFFLINE: 'yes' });
  expect(told(await house.get(BRANCHES))).toEqual([200, 'hit', NOTHING]);
});

it('is nothing that an upstream could say which is down, refuses or fails', async () => {
  for (const status of [401, 403, 429, 500, 503]) {
    const path = `/p2/acme/status-${status}.json`;
    repository.upstream.on(path, { status });
    expect([status, (await house.get(path)).status]).toEqual([status, expect.any(Number)]);
    expect((await house.get(path)).status).toBeGreaterThanOrEqual(400);
    expect((await house.why(path)).entry).toBeNull();
  }
  await repository.upstream.down();
  expect((await house.get(BRANCHES)).status).toBe(502);
});

it('displaces nothing that is held: a repository that is built anew is empty for a moment', async () => {
  const before = (await house.get(VERSIONS)).body.toString();
  repository.upstream.on(VERSIONS, { status: 404 });
  clock.advance(DAY);
  expect(told(await house.get(VERSIONS)).slice(0, 1)).toEqual([200]);
  expect((await house.get(VERSIONS)).body.toString()).toBe(NOTHING);
  await repository.upstream.down();
  clock.advance(DAY);
  expect(told(await house.get(VERSIONS))).toEqual([200, 'stale', before]);
});

it('names no file: that is 404, and 502 as long as nobody can tell', async () => {
  const file = repository.target('acme/none', RELEASE);
  expect((await house.get(file)).status).toBe(404);
  await repository.upstream.down();
  clock.advance(DAY);
  expect((await house.get(file)).status).toBe(502);
});
