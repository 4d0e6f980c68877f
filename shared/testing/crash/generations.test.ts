/** kill -9 in the middle of a change of generations: whatever was on its way, the next life has one generation, whole, without its upstream. */
import cacache from 'cacache';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CrashPoint } from '../../store/crash';
import { startArchive, type FakeArchive } from '../apt-archive';
import { startHouse, type ChildHouse } from '../house';
import { digestIn, generator, sha256, suiteClient } from '../suite-client';
import { until } from '../until';

jest.setTimeout(600_000);

const KILLS = Number(process.env['LARDER_KILLS'] ?? 30);
const POINTS: readonly CrashPoint[] = ['after-rename', 'after-index', 'before-commit'];
/** Of so many kills one is at a named point instead of a moment. */
const NAMED = 5;
const FOLDER = '/dists/stable/';
const INDEXES = ['main/binary-amd64/Packages.gz', 'main/i18n/Translation-en.gz', 'main/Contents-amd64.gz', 'main/source/Sources.gz'];
const random = generator(Number(process.env['CRASH_SEED'] ?? 20260101));

let upstream: FakeArchive;
let home: string;
/** All lives; of those of a test that failed one may still go on. */
let lives: ChildHouse[] = [];

beforeEach(async () => {
  upstream = await startArchive({ key: 'none', compressions: ['gz'], byHash: false, crowd: 200 });
  upstream.addPackage({ name: 'hello', version: '1.0', source: true }).publish();
  home = mkdtempSync(join(tmpdir(), 'crash-'));
});
afterEach(async () => {
  for (const { child } of lives) child.kill('SIGKILL');
  lives = [];
  await upstream.close();
  rmSync(home, { recursive: true, force: true });
});

async function start(env: Record<string, string> = {}): Promise<ChildHouse> {
  const house = await startHouse({
    module: 'apt',
    upstream: upstream.url,
    home,
    env: { TTL_apt: '0s', STALE_WAIT: '20s', NEGATIVE_TTL: '0s', ...env },
  });
  lives.push(house);
  return house;
}

/** An update of one client. @returns the number of the generation @throws Error if anything is missing or of another generation */
async function update({ port }: ChildHouse): Promise<number> {
  const client = suiteClient(port);
  try {
    const roster = await client.get(`${FOLDER}Release`);
    if (roster.status !== 200) throw new Error(`no roster: ${roster.status}`);
    for (const name of INDEXES) {
      const { status, body } = await client.get(FOLDER + name);
      if (status !== 200) throw new Error(`no ${name}: ${status}`);
      if (sha256(body) !== digestIn(roster.body, name)) throw new Error(`${name} is of another generation`);
    }
    return Number(/^Description: generation (\d+)$/m.exec(roster.body.toString())?.[1]);
  } finally {
    client.leave();
  }
}

test(`${KILLS} kills: one generation each time, and nothing is left behind`, async () => {
  let house = await start();
  let held = await update(house);
  await house.stop();
  const seen = { old: 0, young: 0, named: 0 };
  // It is sought where a kill decides which of the two generations there is.
  let delayMs = 60;
  for (let kill = 0; kill < KILLS; kill++) {
    const point = kill % NAMED === NAMED - 1 ? POINTS[Math.floor(kill / NAMED) % POINTS.length] : undefined;
    const young = upstream.addPackage({ name: `more${kill}`, version: '1', source: true }).publish().number;
    house = await start(point ? { NODE_ENV: 'test', LARDER_CRASH_AT: point } : {});
    const asked = house.ask(`${FOLDER}Release`);
    if (point) await until(`${point} kills it`, () => house.child.exitCode !== null || house.child.signalCode !== null);
    else {
      await new Promise((resolve) => setTimeout(resolve, delayMs * (0.5 + random())));
      await house.kill();
    }
    await asked.whole;
    // All that there is now is what is held.
    await upstream.upstream.down();
    house = await start();
    const found = await update(house);
    expect([held, young]).toContain(found);
    if (point) seen.named++;
    else if (found === young) seen.young++;
    else seen.old++;
    if (!point) delayMs *= found === young ? 0.7 : 1.3;
    held = found;
    await upstream.upstream.up();
    // And the new one comes, whole.
    if (kill % 3 === 0) held = await until('the new one is shown', async () => ((await update(house)) === young ? young : undefined));
    await house.stop();
  }
  expect(seen.old).toBeGreaterThan(0);
  expect(seen.young).toBeGreaterThan(0);
  expect(seen.named).toBe(Math.floor(KILLS / NAMED));
  const stats = await cacache.verify(join(home, 'cache'));
  expect(stats).toMatchObject({ badContentCount: 0, missingContent: 0, rejectedEntries: 0, reclaimedCount: 0 });
});
