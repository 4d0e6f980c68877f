/**
 * Real apt against an archive that changes under its hands: at named points, in the middle of bodies, and behind a load balancer that answers
 * from two generations. Every update ends well, and what a client holds afterwards is of one generation.
 */
import { startArchive, type ArchiveOptions, type FakeArchive, type Generation } from '../apt-archive';
import { MARK } from '../apt-indexes';
import { makeAptRoot, noApt, type AptRoot } from '../apt-root';
import { openHouse, type LocalHouse } from '../house';
import { canSign, makeSigningKey, type SigningKey } from '../signing-key';

/** Updates of each kind; `make e2e` runs as many as the whole claim takes. */
const UPDATES = Number(process.env['LARDER_APT_UPDATES'] ?? 6);
const INDEXES = { components: ['main', 'contrib'], compressions: ['gz'] };
const why = noApt() || (canSign() ? '' : 'there is no gpg');

jest.setTimeout(600_000);
/** What this machine cannot run is skipped, and says why by name. */
const declare = (name: string, body: () => Promise<void>): void =>
  why === '' ? it(name, body) : it.skip(`${name} (skipped: ${why})`, body);

let key: SigningKey | undefined;
let total = 0;
let switched = 0;
let closing: Array<() => unknown> = [];
beforeAll(() => {
  if (why === '') key = makeSigningKey();
});
afterEach(async () => {
  for (const close of closing.reverse()) await close();
  closing = [];
});
afterAll(() => {
  key?.close();
  if (why === '') process.stdout.write(`apt-get update: ${total} runs, ${switched} of them hit a switch\n`);
});

interface Scene {
  readonly archive: FakeArchive;
  readonly cache: LocalHouse;
  readonly apt: AptRoot;
}

async function scene(options: ArchiveOptions): Promise<Scene> {
  const archive = await startArchive({ ...INDEXES, ...(key ? { key } : {}), ...options });
  closing.push(() => archive.close());
  for (let index = 0; index < 3; index++)
    archive.addPackage({ name: `p${index}`, version: '1', component: index === 0 ? 'main' : 'contrib' });
  archive.publish();
  const cache = await openHouse({
    module: 'apt',
    upstream: [],
    env: { TTL_apt: '0s', STALE_WAIT: '10s', NEGATIVE_TTL: '0s', ALLOW_NETS: '127.0.0.0/8' },
  });
  closing.push(() => cache.stop());
  const apt = makeAptRoot({
    sources: [`deb [${archive.trust}] ${archive.url} stable main contrib`, `deb-src [${archive.trust}] ${archive.url} stable main`],
    conf: [`Acquire::http::Proxy "${cache.url}/";`],
  });
  closing.push(() => apt.close());
  return { archive, cache, apt };
}

/** One more package, so that every index of the next generation is another one. */
function next({ archive }: Scene, number: number): Generation {
  archive.addPackage({ name: `more${number}`, version: '1' }).addPackage({ name: `other${number}`, version: '1', component: 'contrib' });
  return archive.prepare();
}

async function update(scene: Scene, isSwitched: () => boolean): Promise<void> {
  const { code, stdout, stderr } = await scene.apt.apt('update');
  const output = stdout + stderr;
  total++;
  if (isSwitched()) switched++;
  expect(output).not.toMatch(/Hash Sum mismatch|unexpected size/);
  if (code !== 0) throw new Error(`apt-get update ended with ${code}:\n${output}`);
  const generations = new Set(scene.apt.versions(MARK).values());
  expect([...generations]).toHaveLength(generations.size === 0 ? 0 : 1);
}

const LAYOUTS: ReadonlyArray<readonly [string, ArchiveOptions]> = [
  ['with by-hash', { byHash: true }],
  ['with by-hash, old files deleted at once', { byHash: true, keepByHash: false }],
  ['without by-hash', { byHash: false }],
  ['without by-hash and validators', { byHash: false, bare: true }],
  ['with a detached signature', { byHash: false, signatures: 'detached' }],
];

const POINTS: ReadonlyArray<readonly [string, (scene: Scene, to: Generation) => void]> = [
  ['after the roster', ({ archive }, to) => archive.switchAfter(/\/(?:InRelease|Release)$/, to)],
  ['between two indexes', ({ archive }, to) => archive.switchAfter(/Packages|by-hash/, to)],
  ['in mid-body, cut', ({ archive }, to) => archive.switchWithin(/Packages|by-hash/, to, 100, 'cut')],
  ['in mid-body, glued', ({ archive }, to) => archive.switchWithin(/Packages|by-hash/, to, 100, 'glue')],
];

describe.each(LAYOUTS)('an archive %s', (_title, options) => {
  declare('switches at every named point, for clients with and without lists', async () => {
    const here = await scene(options);
    await update(here, () => false);
    for (let round = 0; round < UPDATES; round++) {
      const [, arm] = POINTS[round % POINTS.length] as (typeof POINTS)[number];
      if (round % 3 !== 0) here.apt.clean();
      // Something newer is there for the cache to fetch, so that the point is met at all.
      here.archive.show(next(here, 2 * round));
      const before = here.archive.switches;
      arm(here, next(here, 2 * round + 1));
      await update(here, () => here.archive.switches > before);
      here.archive.disarm();
      // And whoever comes after that has the newest, whole.
      here.archive.show(here.archive.newest);
      await update(here, () => false);
    }
    const newest = [...new Set(here.apt.versions(MARK).values())];
    expect(newest).toEqual([String(here.archive.newest.number)]);
  });

  declare('a load balancer that answers from two generations', async () => {
    const here = await scene(options);
    for (let round = 0; round < UPDATES; round++) {
      const old = here.archive.newest;
      const young = next(here, round);
      if (round % 2 === 1) here.apt.clean();
      here.archive.show(young, old);
      await update(here, () => true);
      here.archive.show(young);
    }
  });
});

declare('a cold cache and a cold client while the archive switches: nothing mixed, and all is well the next time', async () => {
  for (const [, arm] of POINTS) {
    const here = await scene({ byHash: false });
    arm(here, next(here, 1));
    await update(here, () => here.archive.switches > 0);
    await update(here, () => false);
    expect([...new Set(here.apt.versions(MARK).values())]).toEqual([String(here.archive.newest.number)]);
  }
});
