/** A process that may open no more files for a while: whoever asks is answered or refused, and afterwards all is as it was. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { ecosystems } from '../testing/ecosystems';
import { startHouse, type ChildHouse, type Got } from '../testing/house';
import { bytes } from '../testing/packages';
import { until } from '../testing/until';
import { startUpstream, type FakeUpstream } from '../testing/upstream';

jest.setTimeout(120_000);

const LONGEST_MS = 20_000;
/** Beyond what is open already: connections get them, what these need does not. */
const SHORTAGES = [1, 3];
/** More than there are connections to one upstream at a time. */
const MANY = 17;

const canLimit = spawnSync('prlimit', ['--version']).status === 0;
const where = canLimit ? describe : describe.skip;

let upstream: FakeUpstream;
let house: ChildHouse | undefined;
beforeEach(async () => (upstream = await startUpstream()));
afterEach(async () => {
  await house?.stop();
  house = undefined;
  await upstream.close();
});

const pidOf = ({ child }: ChildHouse): number => child.pid ?? 0;
const openIn = (of: ChildHouse): number => readdirSync(`/proc/${pidOf(of)}/fd`).length;

/** @param more files may be opened from now on; undefined: as many as usual */
function allow(of: ChildHouse, more: number | undefined): void {
  const taken = new Set(readdirSync(`/proc/${pidOf(of)}/fd`).map(Number));
  // A new descriptor gets the lowest free number, which must be below the limit.
  const free = Array.from({ length: taken.size + 100 }, (_, number) => number).filter((number) => !taken.has(number));
  const limit = more === undefined ? 4096 : (free[more] ?? 0);
  expect(spawnSync('prlimit', ['--pid', String(pidOf(of)), `--nofile=${limit}:`]).status).toBe(0);
}

/** @throws Error if there is no end of it */
function inTime(asked: Promise<Got>): Promise<Got | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => (timer = setTimeout(() => reject(new Error('no answer, and no end')), LONGEST_MS)));
  // A connection that cannot be accepted ends without an answer.
  return Promise.race([asked.catch(() => undefined), late]).finally(() => clearTimeout(timer));
}

where('too few descriptors (skipped where there is no prlimit)', () => {
  test.each(ecosystems.map((row) => [row.module, row] as const))('%s', async (_name, row) => {
    const body = (row.bytes ?? bytes)(300_000);
    row.offer(upstream, { body });
    const { env, ...rest } = row.house(upstream);
    const opened = (house = await startHouse({ ...rest, env: { ...env, [`TTL_${row.module}`]: '0s', NEGATIVE_TTL: '0s' } }));
    // What every process loads soon after its start is there.
    await until('it has begun its log', () => existsSync(`${opened.stateDir}/log/${row.module}.log`) && / listening /.test(opened.log()));
    const counts: number[] = [];
    for (const more of SHORTAGES) {
      allow(opened, more);
      const ask = async (target: string): Promise<void> => {
        const got = await inTime(opened.get(target));
        if (target === row.file && got?.complete && got.status === 200) expect(got.body.equals(body)).toBe(true);
      };
      const targets = [row.document, row.file, row.noFile, '/_cache/status'];
      // At once most are not let in; one after the other they come as far as what there is allows.
      for (let times = 0; times < MANY; times++) for (const target of targets) await ask(target);
      await Promise.all(Array.from({ length: 8 }, () => targets.map(ask)).flat());
      allow(opened, undefined);
      await until(`all is well after ${more}`, async () => {
        const answers = await Promise.all([...row.reads, row.file, '/_cache/status'].map((target) => inTime(opened.get(target))));
        return answers.every((one) => one?.complete && one.status === 200);
      });
      expect((await opened.get(row.file)).body.equals(body)).toBe(true);
      await opened.kept(row.file);
      upstream.cutAll();
      counts.push(await until('nothing is under way', () => quiet(opened)));
    }
    // The first of them opened what stays open.
    expect(Math.max(...counts.slice(1)) - (counts[0] ?? 0)).toBeLessThan(4);
    expect(opened.log()).not.toMatch(/ (?:uncaught|unhandled) /);
  });
});

/** How many are open, as soon as that has not changed for a while. */
async function quiet(of: ChildHouse): Promise<number | undefined> {
  const before = openIn(of);
  await new Promise((resolve) => setTimeout(resolve, 300));
  return openIn(of) === before ? before : undefined;
}
