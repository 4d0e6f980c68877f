import cacache from 'cacache';
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { bucketFile } from './bucket';
import type { CrashPoint } from './crash';
import { bytesOf, StoreFixture } from './store-fixture';

jest.setTimeout(240_000);

let fixture: StoreFixture;
beforeEach(() => (fixture = new StoreFixture()));
afterEach(() => fixture.end());

interface Run {
  readonly name: string;
  readonly rounds: number;
  readonly sizeBytes?: number;
  readonly crashAt?: CrashPoint;
  /** Killed after so many answered rounds. */
  readonly killAfter?: number;
  /** Command and arguments put in front, e.g. unshare. */
  readonly wrap?: readonly string[];
}

/** Runs a process on the fixture's store. @returns how many rounds were answered, and how it ended */
function run({
  name,
  rounds,
  sizeBytes = 1e12,
  crashAt,
  killAfter,
  wrap = [],
}: Run): Promise<{ answered: number; code: number | null; errors: string }> {
  const orders = JSON.stringify({ cacheDir: fixture.cacheDir, ledgerFile: fixture.ledgerFile, name, rounds, sizeBytes });
  const [command = '', ...values] = [...wrap, process.execPath, join(__dirname, 'store-process.js'), orders];
  const env = { ...process.env, NODE_ENV: 'test', ...(crashAt ? { LARDER_CRASH_AT: crashAt } : {}) };
  const child = spawn(command, values, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let answered = 0;
  let errors = '';
  child.stdout.on('data', (text: Buffer) => {
    answered += text.toString().split('\n').length - 1;
    if (killAfter !== undefined && answered >= killAfter) child.kill('SIGKILL');
  });
  child.stderr.on('data', (text: Buffer) => (errors += text.toString()));
  return new Promise((resolve) => child.on('close', (code) => resolve({ answered, code, errors })));
}

/** Nothing wrong is found, every own key of an answered round is held, and cacache finds nothing bad, missing, rejected or orphaned. */
async function expectNothingLost(rounds: Readonly<Record<string, number>>): Promise<void> {
  const store = fixture.store();
  for (const [name, answered] of Object.entries(rounds)) {
    for (let round = 0; round < answered; round++) {
      const entry = await store.find(`npm|own|/${name}/${round}`);
      expect(entry).toBeDefined();
      if (entry) bytesOf(store, entry);
    }
  }
  const { entries } = await store.counts('npm');
  await fixture.closeAll();
  const stats = await cacache.verify(fixture.cacheDir);
  expect(stats).toMatchObject({ badContentCount: 0, missingContent: 0, rejectedEntries: 0, reclaimedCount: 0, totalEntries: entries });
}

/** Lets a new catalogue get through its first build, which would sweep away what the kills leave behind. */
async function finishFirstBuild(): Promise<void> {
  await fixture.store().gc();
  await fixture.closeAll();
}

it('two processes write the same and different keys, and compact the same buckets: nothing is lost, one copy is kept', async () => {
  const [one, two] = await Promise.all([run({ name: 'one', rounds: 60 }), run({ name: 'two', rounds: 60 })]);
  expect([one, two]).toEqual(Array(2).fill({ answered: 60, code: 0, errors: '' }));
  for (let common = 0; common < 5; common++) {
    const bucket = readFileSync(bucketFile(fixture.cacheDir, `npm|common|/${common}`), 'utf8');
    expect(bucket.trim().split('\n').length).toBeLessThan(12);
  }
  const store = fixture.store();
  const contents = new Set<string>();
  for (let round = 0; round < 10; round++) {
    for (const name of ['one', 'two']) {
      const entry = await store.find(`npm|same|/${name}/${round}`);
      if (entry) contents.add(store.contentPath(entry.integrity));
    }
  }
  expect(contents.size).toBeLessThanOrEqual(10);
  await expectNothingLost({ one: 60, two: 60 });
});

const isolated = ['unshare', '--pid', '--fork', '--kill-child'];
const canIsolate = spawnSync(isolated[0] ?? '', [...isolated.slice(1), 'true']).status === 0;
(canIsolate ? it : it.skip)(
  'the same with each process as pid 1 of its own namespace (skipped where unshare --pid is not permitted)',
  async () => {
    const runs = await Promise.all(['one', 'two'].map((name) => run({ name, rounds: 40, wrap: isolated })));
    expect(runs).toEqual(Array(2).fill({ answered: 40, code: 0, errors: '' }));
    await expectNothingLost({ one: 40, two: 40 });
  },
);

it('one process evicts beside another that writes: what is there is whole', async () => {
  const runs = await Promise.all([
    run({ name: 'one', rounds: 60, sizeBytes: 50_000 }),
    run({ name: 'two', rounds: 60, sizeBytes: 50_000 }),
  ]);
  expect(runs.map(({ code }) => code)).toEqual([0, 0]);
  const store = fixture.store({ sizeBytes: 50_000 });
  await store.gc();
  const { bytes } = await store.counts('npm');
  expect(bytes).toBeLessThanOrEqual(50_000);
  expect(bytes).toBeGreaterThan(30_000);
  await expectNothingLost({});
});

it.each<CrashPoint>(['after-rename', 'after-index', 'before-commit'])(
  '20 kills %s leave no wrong entry, and nothing behind',
  async (crashAt) => {
    const rounds: Record<string, number> = { first: (await run({ name: 'first', rounds: 3 })).answered };
    await finishFirstBuild();
    for (let kill = 0; kill < 20; kill++) {
      const { answered, code } = await run({ name: `killed${kill % 4}`, rounds: 3, crashAt });
      expect({ answered, code }).toEqual({ answered: 0, code: null });
      if (kill % 5 === 4) rounds[`between${kill}`] = (await run({ name: `between${kill}`, rounds: 2 })).answered;
    }
    rounds['last'] = (await run({ name: 'last', rounds: 3 })).answered;
    await expectNothingLost(rounds);
  },
);

it('20 kills at any moment of two writing processes lose nothing that was answered', async () => {
  const rounds: Record<string, number> = {};
  await finishFirstBuild();
  for (let kill = 0; kill < 10; kill++) {
    const names = [`a${kill}`, `b${kill}`];
    const runs = await Promise.all(names.map((name, index) => run({ name, rounds: 1000, killAfter: 1 + ((kill * 7 + index * 5) % 13) })));
    names.forEach((name, index) => (rounds[name] = runs[index]?.answered ?? 0));
  }
  await run({ name: 'last', rounds: 1 });
  await expectNothingLost(rounds);
});
