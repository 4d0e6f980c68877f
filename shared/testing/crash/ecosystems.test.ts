/** kill -9 in the middle of a fill and between the steps of a commit, of the other ecosystems: the next life has what is right, or nothing. */
import cacache from 'cacache';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CrashPoint } from '../../store/crash';
import type { Ecosystem } from '../ecosystem-row';
import { ecosystems } from '../ecosystems';
import { startHouse, type ChildHouse, type Got } from '../house';
import { bytes as anyBytes } from '../packages';
import { generator } from '../suite-client';
import { until } from '../until';
import { startUpstream, type FakeUpstream } from '../upstream';

jest.setTimeout(600_000);

const POINTS: readonly CrashPoint[] = ['after-rename', 'after-index', 'before-commit'];
/** At a moment, each followed by one at a named point. */
const KILLS = POINTS.length;
const LONGEST_MS = 200;
const SIZE = 2_000_000;
const BYTES_PER_SECOND = 8_000_000;
const random = generator(Number(process.env['CRASH_SEED'] ?? 20260101));

let upstream: FakeUpstream;
let homes: string;
let home: string;
let lives: ChildHouse[] = [];

beforeEach(async () => {
  upstream = await startUpstream();
  homes = mkdtempSync(join(tmpdir(), 'crash-'));
});
afterEach(async () => {
  for (const { child } of lives) child.kill('SIGKILL');
  lives = [];
  await upstream.close();
  rmSync(homes, { recursive: true, force: true });
});

async function start(row: Ecosystem, env: Record<string, string> = {}): Promise<ChildHouse> {
  const { module, upstream: bases, env: mine } = row.house(upstream);
  const settings = { ...mine, [`TTL_${row.module}`]: '0s', PIN_WAIT: '20s', NEGATIVE_TTL: '0s', ...env };
  const house = await startHouse({ ...(module === undefined ? {} : { module }), upstream: bases, home, env: settings });
  lives.push(house);
  return house;
}

const isGone = ({ child }: ChildHouse): boolean => child.exitCode !== null || child.signalCode !== null;

/** npm and apt are killed oftener elsewhere in this folder. */
const others = ecosystems.filter(({ module }) => module !== 'npm' && module !== 'apt');

test.each(others.map((row) => [row.module, row] as const))('%s', async (_name, row) => {
  const { bytes = anyBytes } = row;
  const body = bytes(SIZE);
  const ranges = { ranges: 'yes', etag: '"e"' } as const;
  /** Short is what a kill makes of it; whole and wrong is never. */
  const expectNothingWrong = (got: Got): void => {
    if (got.status !== 200) return;
    expect(got.body.equals(body.subarray(0, got.body.length))).toBe(true);
    if (got.complete) expect(got.body.length).toBe(SIZE);
  };
  let inMidBody = 0;
  for (let kill = 0; kill < 2 * KILLS; kill++) {
    const point = kill % 2 === 1 ? POINTS[(kill - 1) / 2] : undefined;
    home = join(homes, String(kill));
    mkdirSync(home);
    row.offer(upstream, { body, file: { ...ranges, bytesPerSecond: BYTES_PER_SECOND } });
    const house = await start(row, point ? { NODE_ENV: 'test', LARDER_CRASH_AT: point } : {});
    const [file, document] = [house.ask(row.file), house.ask(row.document)];
    if (point) await until(`${point} kills it`, () => isGone(house));
    else {
      await until('it arrives', () => file.received > 0);
      await new Promise((resolve) => setTimeout(resolve, random() * LONGEST_MS));
      if (file.received < SIZE) inMidBody++;
      await house.kill();
    }
    expectNothingWrong(await file.whole);
    await document.whole;
    // What there is without the upstream is right, or an error.
    await upstream.down();
    const alone = await start(row);
    expectNothingWrong(await alone.get(row.file));
    const shown = await alone.get(row.document);
    if (shown.status === 200 && shown.complete) expect(row.revision(shown.body)).toBe('1.0.0');
    await alone.stop();
    await upstream.up();
    row.offer(upstream, { body, file: ranges });
    const next = await start(row);
    for (const target of [row.file, row.document])
      await until(`${target} comes`, async () => {
        const got = await next.get(target);
        if (target === row.file) expectNothingWrong(got);
        return got.status === 200 && got.complete && (target === row.file || row.revision(got.body) === '1.0.0');
      });
    for (const target of [row.file, row.document]) await next.kept(target);
    await until('it has swept', () => next.log().split(' listening').pop()?.includes('swept'));
    await next.stop();
    const stats = await cacache.verify(join(home, 'cache'));
    expect(stats).toMatchObject({ badContentCount: 0, missingContent: 0, rejectedEntries: 0, reclaimedCount: 0 });
    expect(readdirSync(join(home, 'cache', 'spool')).filter((name) => name !== 'parked' && name !== 'committing')).toEqual([]);
  }
  // The kills struck where they should: otherwise all this shows nothing.
  expect(inMidBody).toBeGreaterThan(0);
});
