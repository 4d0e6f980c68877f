/** kill -9 in the middle of a fill and between the steps of a commit, of every ecosystem: the next life has what is right, or nothing. */
import cacache from 'cacache';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CrashPoint } from '../../store/crash';
import { ecosystems, type Ecosystem } from '../ecosystems';
import { startHouse, type ChildHouse, type Got } from '../house';
import { bytes as anyBytes } from '../packages';
import { generator } from '../suite-client';
import { until } from '../until';
import { startUpstream, type FakeUpstream } from '../upstream';

jest.setTimeout(600_000);

const POINTS: readonly CrashPoint[] = ['after-rename', 'after-index', 'before-commit'];
/** Of moments; each is followed by one at a named point. */
const KILLS = 6;
const SIZE = 2_000_000;
const BYTES_PER_SECOND = 8_000_000;
const random = generator(Number(process.env['CRASH_SEED'] ?? 20260101));

let upstream: FakeUpstream;
let home: string;
let lives: ChildHouse[] = [];

beforeEach(async () => {
  upstream = await startUpstream();
  home = mkdtempSync(join(tmpdir(), 'crash-'));
});
afterEach(async () => {
  for (const { child } of lives) child.kill('SIGKILL');
  lives = [];
  await upstream.close();
  rmSync(home, { recursive: true, force: true });
});

async function start(row: Ecosystem, env: Record<string, string> = {}): Promise<ChildHouse> {
  const { module, upstream: bases, env: mine } = row.house(upstream);
  const settings = { ...mine, [`TTL_${row.module}`]: '0s', PIN_WAIT: '20s', NEGATIVE_TTL: '0s', ...env };
  const house = await startHouse({ ...(module === undefined ? {} : { module }), upstream: bases, home, env: settings });
  lives.push(house);
  return house;
}

const isGone = ({ child }: ChildHouse): boolean => child.exitCode !== null || child.signalCode !== null;

test.each(ecosystems.map((row) => [row.module, row] as const))('%s', async (_name, row) => {
  const { bytes = anyBytes } = row;
  const struck = { inMidBody: 0, byName: 0 };
  /** Short is what a kill makes of it; whole and wrong is never. */
  const expectNothingWrong = (got: Got, body: Buffer): void => {
    if (got.status === 200) expect([got.body.equals(body.subarray(0, got.body.length)), !got.complete || got.body.length === body.length]).toEqual([true, true]); // prettier-ignore
  };
  for (let kill = 0; kill < 2 * KILLS; kill++) {
    const point = kill % 2 === 1 ? POINTS[((kill - 1) / 2) % POINTS.length] : undefined;
    const body = bytes(SIZE, `${row.module}${kill}`);
    const revision = `${kill + 1}.0.0`;
    row.offer(upstream, { body, revision, file: { ranges: 'yes', etag: `"${kill}"`, bytesPerSecond: BYTES_PER_SECOND } });
    const house = await start(row, point ? { NODE_ENV: 'test', LARDER_CRASH_AT: point } : {});
    const [file, document] = [house.ask(row.file), house.ask(row.document)];
    if (point) await until(`${point} kills it`, () => isGone(house));
    else {
      await until('it arrives', () => file.received > 0 || isGone(house));
      await new Promise((resolve) => setTimeout(resolve, random() * 200));
      if (file.received < SIZE) struck.inMidBody++;
      await house.kill();
    }
    if (point) struck.byName++;
    expectNothingWrong(await file.whole, body);
    await document.whole;
    // What there is without the upstream is right, or an error.
    await upstream.down();
    const alone = await start(row);
    expectNothingWrong(await alone.get(row.file), body);
    const shown = await alone.get(row.document);
    if (shown.status === 200 && shown.complete) expect(row.revision(shown.body)).toMatch(/^\d+\.0\.0$/);
    await alone.stop();
    await upstream.up();
    row.offer(upstream, { body, revision, file: { ranges: 'yes', etag: `"${kill}"` } });
    const next = await start(row);
    await until('the right ones come', async () => {
      const got = await next.get(row.file);
      expectNothingWrong(got, body);
      return got.status === 200 && got.complete;
    });
    await until('the document comes', async () => row.revision((await next.get(row.document)).body) === revision);
    await next.kept(row.file);
    await next.stop();
  }
  // The kills struck where they should: otherwise all this shows nothing.
  expect(struck.byName).toBe(KILLS);
  expect(struck.inMidBody).toBeGreaterThan(0);
  expect(await cacache.verify(join(home, 'cache'))).toMatchObject({
    badContentCount: 0,
    missingContent: 0,
    rejectedEntries: 0,
    reclaimedCount: 0,
  });
  expect(readdirSync(join(home, 'cache', 'spool')).filter((name) => name !== 'parked' && name !== 'committing')).toEqual([]);
});
