/** Files for which no digest is promised: the first bytes count, as long as the ledger lives. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { modules } from '../../../caches/index';
import { run } from '../../cli/main';
import { archiveOf, startRepository, type FakeRepository, type ReleaseSpec } from '../../testing/composer-repository';
import { openHouse, type LocalHouse } from '../../testing/house';
import { bytes, sri } from '../../testing/packages';
import { until } from '../../testing/until';
import { makeZip } from '../../testing/wheel';

jest.setTimeout(60_000);

const NAME = 'acme/lamp';
const FIRST: ReleaseSpec = { version: '1.0.0', normalized: '1.0.0.0', body: makeZip({ 'a/composer.json': bytes(30_000, 'first') }) };
const OTHER = makeZip({ 'a/composer.json': bytes(30_000, 'other') });
let home: string;
let repository: FakeRepository;
let house: LocalHouse;
let target: string;

const open = (env: Record<string, string> = {}): Promise<LocalHouse> =>
  openHouse({ module: 'composer', upstream: repository.url, home, env: { ALLOW_NETS: '127.0.0.0/8', ...env } });

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'first-seen-'));
  repository = (await startRepository()).setPackage(NAME, [FIRST]);
  target = repository.target(NAME, FIRST);
  house = await open();
});
afterEach(async () => {
  await house.stop();
  await repository.close();
  rmSync(home, { recursive: true, force: true });
});

/** Holds the file, then loses it with everything else but the ledger. */
async function seenAndGone(env: Record<string, string> = {}): Promise<void> {
  expect((await house.get(target)).body.equals(archiveOf(NAME, FIRST))).toBe(true);
  await until('it is remembered', async () => (await house.why(target)).entry?.pin !== undefined);
  await house.stop();
  rmSync(join(home, 'cache'), { recursive: true });
  house = await open(env);
}

const changeArchive = (body: Buffer): void => void repository.files.on(repository.path(NAME, FIRST), { body, ranges: 'yes' });

it('is what the file is held with as its promise', async () => {
  await house.get(target);
  await until('it is remembered', async () => (await house.why(target)).entry?.pin === sri(archiveOf(NAME, FIRST), 'sha256'));
  expect((await house.get(target)).headers['x-cache']).toBe('hit');
});

it('the same bytes again are the file, after the store was lost', async () => {
  await seenAndGone();
  const got = await house.get(target);
  expect([got.status, got.body.equals(archiveOf(NAME, FIRST))]).toEqual([200, true]);
  expect((await house.kept(target)).pin).toBe(sri(archiveOf(NAME, FIRST), 'sha256'));
  expect(house.said('digest-changed')).toEqual([]);
});

it.each(['refuse', 'keep'])('other bytes are a digest change: CHANGED_composer=%s refuses them, and the ledger knows', async (policy) => {
  await seenAndGone({ CHANGED_composer: policy });
  changeArchive(OTHER);
  const got = await house.get(target);
  expect([got.status, JSON.parse(got.body.toString())]).toMatchObject([502, { code: 'digest-changed' }]);
  expect((await house.why(target)).entry).toBeNull();
  expect(house.said('digest-changed').slice(0, 1)).toMatchObject([
    { level: 'error', facts: { target, held: sri(archiveOf(NAME, FIRST), 'sha256') } },
  ]);
  expect((await house.appliance.status()).digestChanges).toMatchObject({ count: 1 });
});

it('other bytes with CHANGED_composer=follow: taken, reported, and the first ones from then on', async () => {
  await seenAndGone({ CHANGED_composer: 'follow' });
  changeArchive(OTHER);
  const got = await house.get(target);
  expect([got.status, got.body.equals(OTHER)]).toEqual([200, true]);
  await until('it is remembered', async () => (await house.why(target)).entry?.pin === sri(OTHER, 'sha256'));
  expect(house.said('digest-changed')).toHaveLength(1);
  await house.stop();
  rmSync(join(home, 'cache'), { recursive: true });
  house = await open();
  expect((await house.get(target)).body.equals(OTHER)).toBe(true);
});

it.each<[string, number, Buffer | undefined]>([
  ['refuse', 502, undefined],
  ['keep', 200, archiveOf(NAME, FIRST)],
  ['follow', 200, OTHER],
])('a digest that is promised later and is another one is a digest change too: with CHANGED_composer=%s', async (policy, status, bytes) => {
  await house.get(target);
  await until('it is remembered', async () => (await house.why(target)).entry?.pin !== undefined);
  repository.setPackage(NAME, [{ ...FIRST, body: OTHER, isHashed: true }]);
  await house.stop();
  house = await open({ TTL_composer: '0s', CHANGED_composer: policy });
  await house.get(`/p2/${NAME}.json`);
  await until('it is told', () => house.said('digest-changed').length > 0);
  expect((await house.why(target)).entry?.contradicted).toBeDefined();
  const got = await house.get(target);
  expect([got.status, bytes && got.body.equals(bytes)]).toEqual([status, bytes && true]);
});

it.each<[string, Buffer]>([
  ['is no archive at all', Buffer.from('{"message":"API rate limit exceeded"}')],
  ['is cut off', archiveOf(NAME, FIRST).subarray(0, -10)],
  ['has its directory elsewhere than its end says', Buffer.concat([archiveOf(NAME, FIRST).subarray(50)])],
])('what %s is not taken for the file', async (_what, body) => {
  changeArchive(body);
  expect((await house.get(target)).status).toBe(502);
  expect((await house.why(target)).entry).toBeNull();
  changeArchive(archiveOf(NAME, FIRST));
  expect((await house.get(target)).status).toBe(200);
});

it('an archive that would unpack to a million members or 4 GiB is passed on as it is: nothing here unpacks it', async () => {
  const bomb = Buffer.from(archiveOf(NAME, FIRST));
  const end = bomb.lastIndexOf('PK\x05\x06', undefined, 'latin1');
  bomb.writeUInt16LE(0xfffe, end + 8);
  bomb.writeUInt16LE(0xfffe, end + 10);
  bomb.writeUInt32LE(0xfffffffe, bomb.indexOf('PK\x01\x02', 0, 'latin1') + 24);
  changeArchive(bomb);
  const got = await house.get(target);
  expect([got.status, got.body.equals(bomb)]).toEqual([200, true]);
});

it('make purge forgets it', async () => {
  await seenAndGone();
  changeArchive(OTHER);
  await house.stop();
  const folders = { HOME: home, CACHE_DIR: house.cacheDir, STATE_DIR: house.stateDir };
  const env = { ...folders, LARDER_ENV_FILE: '/dev/null', CACHES: 'composer', UPSTREAM_composer: repository.url };
  const said: string[] = [];
  expect(
    await run({ args: ['purge', 'c=composer', `p=${NAME}`], modules, env, out: () => undefined, err: (line) => said.push(line) }),
  ).toBe(0);
  house = await open();
  expect((await house.get(target)).body.equals(OTHER)).toBe(true);
});
