/** kill -9 at random moments of fills, and by name between the steps of a commit: 200 times, two processes on one store. */
import cacache from 'cacache';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CrashPoint } from '../../store/crash';
import { startUpstream, type FakeUpstream } from '../upstream';
import { Lane, type Struck } from './lane';

jest.setTimeout(600_000);

const KILLS_A_LANE = 100;
const POINTS: readonly CrashPoint[] = ['after-rename', 'after-index', 'before-commit'];
/** Decides sizes, speeds and moments; set it to repeat a run as far as a kill can be repeated. */
const SEED = Number(process.env['CRASH_SEED'] ?? 20260101);

let upstream: FakeUpstream;
let home: string;

beforeEach(async () => {
  upstream = await startUpstream();
  home = mkdtempSync(join(tmpdir(), 'crash-'));
});

afterEach(async () => {
  await upstream.close();
  rmSync(home, { recursive: true, force: true });
});

/** Mulberry32. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

async function drive(lane: Lane): Promise<Struck> {
  for (let round = 0; round < KILLS_A_LANE; round++) {
    const point = round % 3 === 2 ? POINTS[((round - 2) / 3) % POINTS.length] : undefined;
    if (point) await lane.killedAt(round, point);
    else await lane.killedSomewhen(round);
  }
  return lane.struck;
}

test('200 kills of two processes on one store: never a wrong byte, and nothing is left behind', async () => {
  const lanes = ['one', 'two'].map((label, n) => new Lane(label, upstream, home, generator(SEED + n)));
  const struck = await Promise.all(lanes.map(drive));
  for (const lane of lanes) await lane.finish();
  // The kills struck where they should: otherwise all this shows nothing.
  for (const where of struck) {
    expect(where.byName).toBeGreaterThan(30);
    expect(where.inMidBody).toBeGreaterThan(5);
  }
  const stats = await cacache.verify(join(home, 'cache'));
  expect(stats).toMatchObject({ badContentCount: 0, missingContent: 0, rejectedEntries: 0, reclaimedCount: 0 });
  expect(readdirSync(join(home, 'cache', 'spool')).filter((name) => name !== 'parked' && name !== 'committing')).toEqual([]);
  expect(readdirSync(join(home, 'cache', 'spool', 'committing'))).toEqual([]);
});
