/**
 * Many clients of one suite while it changes: at every request that the upstream sees, in two processes, several at one address. Whatever a
 * client is given whole is what the roster that it was given says; where that cannot be, it is given nothing.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ArchiveOptions, FakeArchive, Generation } from '../../testing/apt-archive';
import { digestIn, generator, sha256, type SuiteClient } from '../../testing/suite-client';
import { suiteStage } from '../../testing/suite-stage';
import type { Reply } from '../../testing/upstream';

const SUITE = '/dists/stable/';
const [FIRST, RARE] = ['main/binary-amd64/Packages.gz', 'main/Contents-amd64.gz'] as const;
const INDEXES = [FIRST, 'main/i18n/Translation-en.gz', RARE];
/** No package here has a source: it never changes. */
const SAME = 'main/source/Sources.gz';
/** Decides who does what next; another one explores other orders. */
const SEED = Number(process.env['LARDER_SEED'] ?? 20260101);

jest.setTimeout(240_000);

const { archive, house, client, later } = suiteStage({ archive: { byHash: false } });

/** Where a cache has the suite of an archive. */
function folderOf({ host, root }: FakeArchive): string {
  return `/${host}${root}${SUITE}`;
}

function sharedHome(): string {
  return later(mkdtempSync(join(tmpdir(), 'sisters-')), (home) => rmSync(home, { recursive: true, force: true }));
}

let number = 0;
function next(upstream: FakeArchive): Generation {
  return upstream.addPackage({ name: `more${++number}`, version: '1' }).prepare();
}

interface Round {
  readonly whole: number;
  readonly wrong: readonly string[];
}

/** One update as apt does it: what came whole, and what of that the roster does not say. */
async function update(one: SuiteClient, folder: string, pause: () => Promise<unknown> = () => Promise.resolve()): Promise<Round> {
  const roster = await one.get(`${folder}Release`);
  const wrong: string[] = [];
  let whole = 0;
  if (roster.status !== 200) return { whole, wrong };
  for (const name of INDEXES) {
    await pause();
    const { status, body } = await one.get(folder + name);
    if (status !== 200) continue;
    whole++;
    if (sha256(body) !== digestIn(roster.body, name)) wrong.push(name);
  }
  return { whole, wrong };
}

/** Matches the n-th request of an archive from now on. @param then what else happens at it */
function nth(n: number, then: () => void = () => undefined): RegExp {
  let seen = 0;
  return Object.assign(/^/, {
    test: () => {
      const isDue = seen++ === n;
      if (isDue) then();
      return isDue;
    },
  });
}

/** From now on an archive changes again and again, each time after so many answers; a whole generation takes a cold process about six. */
function keepChanging(upstream: FakeArchive, random: () => number, least = 2): void {
  const after = Math.floor(least + 4 * random());
  upstream.switchAfter(
    nth(after, () => keepChanging(upstream, random, least)),
    next(upstream),
  );
}

describe.each<[string, ArchiveOptions]>([
  ['by name', {}],
  ['by name, without validators', { bare: true }],
  ['by digest too', { byHash: true }],
])('an archive %s', (_what, options) => {
  test.each([
    ['before anything is held', false],
    ['while the generation before is held', true],
  ])('that switches at any of its answers, %s', async (_when, isWarm) => {
    const cache = await house();
    let reached = true;
    let whole = 0;
    for (let point = 0; reached && point < 40; point++) {
      const upstream = await archive(options);
      const folder = folderOf(upstream);
      const [early, late] = [client(cache.port), client(cache.port)];
      if (isWarm) {
        expect(await update(early, folder)).toEqual({ whole: 3, wrong: [] });
        upstream.show(next(upstream));
      }
      upstream.switchAfter(nth(point), next(upstream));
      const rounds = await Promise.all([update(early, folder), update(late, folder)]);
      reached = upstream.switches > 0;
      expect([point, rounds.flatMap(({ wrong }) => wrong)]).toEqual([point, []]);
      whole += rounds[0]?.whole ?? 0;
      // And whoever comes then gets the newest, whole.
      const after = client(cache.port);
      expect([point, await update(after, folder)]).toEqual([point, { whole: 3, wrong: [] }]);
      if (reached) expect((await after.get(`${folder}Release`)).body.toString()).toContain(`generation ${upstream.newest.number}\n`);
    }
    expect(reached).toBe(false);
    expect(whole).toBeGreaterThan(0);
  });
});

test('clients of one address, each with its connection, while everything changes: many orders', async () => {
  const random = generator(SEED);
  const upstream = await archive();
  const cache = await house();
  const everybody = Array.from({ length: 6 }, () => client(cache.port));
  const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, random() * 30));
  keepChanging(upstream, random);
  const rounds = await Promise.all(
    everybody.map(async (one) => {
      const own: Round[] = [];
      for (let round = 0; round < 25; round++) own.push(await update(one, folderOf(upstream), pause));
      return own;
    }),
  );
  expect(upstream.switches).toBeGreaterThan(5);
  expect(rounds.flat().flatMap(({ wrong }) => wrong)).toEqual([]);
  expect(rounds.flat().filter(({ whole }) => whole === 3).length).toBeGreaterThan(10);
});

test('two processes, clients of different addresses that change between them in mid-update: many orders', async () => {
  const random = generator(SEED + 1);
  const home = sharedHome();
  const upstream = await archive();
  const ports = [(await house(undefined, { home })).port, (await house(undefined, { home })).port];
  const port = (): number => ports[Math.floor(random() * 2)] as number;
  // Two cold processes ask at the same time: with fewer, neither might ever have a whole generation.
  keepChanging(upstream, random, 6);
  const rounds = await Promise.all(
    [2, 3, 4, 5].map(async (last) => {
      const one = client(port(), `127.0.0.${last}`);
      const own: Round[] = [];
      for (let round = 0; round < 20; round++)
        own.push(
          await update(one, folderOf(upstream), async () => {
            if (random() < 0.4) {
              one.leave();
              one.move(port());
            }
            await new Promise((resolve) => setTimeout(resolve, random() * 30));
          }),
        );
      return own;
    }),
  );
  expect(upstream.switches).toBeGreaterThan(3);
  expect(rounds.flat().flatMap(({ wrong }) => wrong)).toEqual([]);
  expect(rounds.flat().filter(({ whole }) => whole === 3).length).toBeGreaterThan(10);
});

test('nothing can be stored: a client that saw a generation gets its files or nothing, while others get the next one', async () => {
  const upstream = await archive();
  const cache = await house(undefined, { env: { MIN_FREE: '1000TB' } });
  const [early, late] = [client(cache.port), client(cache.port)];
  const [name = ''] = INDEXES;
  const first = await early.get(`${folderOf(upstream)}Release`);
  expect(first.status).toBe(200);
  upstream.show(next(upstream));
  const second = await late.get(`${folderOf(upstream)}Release`);
  expect(digestIn(second.body, name)).not.toBe(digestIn(first.body, name));
  const [mine, theirs] = [await early.get(folderOf(upstream) + name), await late.get(folderOf(upstream) + name)];
  expect([mine.status, sha256(theirs.body)]).toEqual([0, digestIn(second.body, name)]);
});

describe('a client that is cut off and comes back over another connection is given nothing of what others at its address saw', () => {
  /** A package of which the half comes, whoever asks. */
  const half: Reply = { body: Buffer.alloc(600_000, 7), cutAt: 300_000 };

  test.each<[string, Reply, (one: SuiteClient, folder: string, pool: string) => Promise<number>]>([
    ['a file of its generation is gone', {}, async (one, folder) => (await one.get(folder + RARE)).status],
    ['a package breaks off', half, async (one, _folder, pool) => (await one.get(pool)).status],
    [
      'it leaves in the middle of an answer',
      { stallHeaders: true },
      async (one, _folder, pool) => {
        const answer = one.get(pool);
        setTimeout(() => one.leave(), 300);
        return (await answer).status;
      },
    ],
  ])('%s', async (_what, reply, cutOff) => {
    const upstream = await archive();
    const cache = await house();
    const folder = folderOf(upstream);
    const pool = `/${upstream.host}${upstream.root}/pool/main/o/other/other_1.0_all.deb`;
    upstream.upstream.on(/other_1\.0/, reply);
    const [early, late] = [client(cache.port), client(cache.port)];
    const old = await early.get(`${folder}Release`);
    expect((await early.get(folder + FIRST)).status).toBe(200);
    upstream.show(next(upstream));
    const young = await late.get(`${folder}Release`);
    expect(digestIn(young.body, FIRST)).not.toBe(digestIn(old.body, FIRST));
    expect(await cutOff(early, folder, pool)).toBe(0);
    const again = await early.get(folder + FIRST);
    expect([again.status, again.body.length]).toEqual([0, 0]);
    // What is the same in both is given; others go on, and so does whoever begins anew.
    expect(sha256((await early.get(folder + SAME)).body)).toBe(digestIn(old.body, SAME));
    expect(sha256((await late.get(folder + RARE)).body)).toBe(digestIn(young.body, RARE));
    expect(await update(early, folder)).toEqual({ whole: 3, wrong: [] });
  });
});
