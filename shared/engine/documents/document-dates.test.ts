/** Last-Modified of documents whose clients revalidate by nothing else (RFC 9110 §8.8.2, §13.1.3). */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { testClock, type TestClock } from '../../testing/clock';
import { startRepository, type FakeRepository, type ReleaseSpec } from '../../testing/composer-repository';
import { openHouse, type Got, type LocalHouse } from '../../testing/house';
import { revisionDate } from './document-dates';

jest.setTimeout(60_000);

const SECOND = 1000;
const NAME = 'acme/lamp';
const PATH = `/p2/${NAME}.json`;
const ONE: ReleaseSpec = { version: '1.0.0', normalized: '1.0.0.0' };
const TWO: ReleaseSpec = { version: '2.0.0', normalized: '2.0.0.0' };
let home: string;
let repository: FakeRepository;
let clock: TestClock;
const houses: LocalHouse[] = [];

async function open(env: Record<string, string> = {}): Promise<LocalHouse> {
  const all = { ALLOW_NETS: '127.0.0.0/8', TTL_composer: '0s', PUBLIC_URL_composer: 'http://composer.example', ...env };
  const house = await openHouse({ module: 'composer', upstream: repository.url, home, env: all, now: clock.now });
  houses.push(house);
  return house;
}

const since = (house: LocalHouse, date: string | undefined): Promise<Got> =>
  house.get(PATH, { headers: { 'if-modified-since': date ?? '' } });
const dateOf = ({ headers }: Got): number => Date.parse(headers['last-modified'] ?? '');

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'dates-'));
  clock = testClock(Date.parse('2026-01-06T10:00:00.300Z'));
  repository = (await startRepository()).setPackage(NAME, [ONE]);
});
afterEach(async () => {
  for (const house of houses.splice(0)) await house.stop();
  await repository.close();
  rmSync(home, { recursive: true, force: true });
});

it('is told although the upstream has none, and confirmed by 304 without a body', async () => {
  const house = await open();
  const first = await house.get(PATH);
  expect(first.headers['last-modified']).toBe('Tue, 06 Jan 2026 10:00:00 GMT');
  const again = await since(house, first.headers['last-modified']);
  expect([again.status, again.body.length]).toEqual([304, 0]);
  expect((await since(house, 'Mon, 05 Jan 2026 10:00:00 GMT')).status).toBe(200);
});

it('stays while the content does, whatever date the upstream gives it', async () => {
  const house = await open();
  const first = await house.get(PATH);
  repository.upstream.on(PATH, { body: first.body, lastModified: 'Tue, 06 Jan 2026 12:00:00 GMT' });
  clock.advance(1000 * SECOND);
  expect((await house.get(PATH)).headers['last-modified']).toBe(first.headers['last-modified']);
  expect((await since(house, first.headers['last-modified'])).status).toBe(304);
});

it('moves with every revision, also within a second, and with an older date of the upstream', async () => {
  const house = await open();
  const dates = [dateOf(await house.get(PATH))];
  for (const releases of [[TWO, ONE], [ONE], [TWO]]) {
    repository.setPackage(NAME, releases);
    const last = new Date(dates.at(-1) ?? 0).toUTCString();
    const got = await since(house, last);
    expect(got.status).toBe(200);
    dates.push(dateOf(got));
  }
  expect(dates.map((date) => date - (dates[0] ?? 0))).toEqual([0, SECOND, 2 * SECOND, 3 * SECOND]);
});

it('is the same of every process, and after a restart', async () => {
  const house = await open();
  const first = await house.get(PATH);
  clock.advance(5 * SECOND);
  const second = await open();
  expect((await since(second, first.headers['last-modified'])).status).toBe(304);
  await house.stop();
  expect((await since(await open(), first.headers['last-modified'])).status).toBe(304);
});

it('moves when a setting makes other renderings of the same document', async () => {
  const house = await open();
  const first = await house.get(PATH);
  await house.stop();
  clock.advance(5 * SECOND);
  const strict = await open({ DIST_URLS_composer: 'rewrite' });
  const got = await since(strict, first.headers['last-modified']);
  expect([got.status, dateOf(got) > dateOf(first), got.body.equals(first.body)]).toEqual([200, true, false]);
  expect((await since(strict, got.headers['last-modified'])).status).toBe(304);
  await strict.stop();
  clock.advance(5 * SECOND);
  expect(dateOf(await (await open()).get(PATH))).toBeGreaterThan(dateOf(got));
});

it('a date that was never told is not confirmed, even a later one: clocks go wrong', async () => {
  const house = await open();
  await house.get(PATH);
  expect((await since(house, 'Tue, 06 Jan 2037 10:00:00 GMT')).status).toBe(200);
});

it('a clock that went backwards makes no earlier date', () => {
  expect(revisionDate(5_500, { storedAt: 9_999, revisedAt: 9_000 })).toBe(10_000);
  expect(revisionDate(5_500, { storedAt: 9_999 })).toBe(10_000);
  expect(revisionDate(15_500, { storedAt: 9_999 })).toBe(15_000);
  expect(revisionDate(15_500, undefined)).toBe(15_000);
});
