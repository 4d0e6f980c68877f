/** A developer with slow internet: a large cold page over 200 KB/s arrives, with the timeouts that pip has by itself. */
import { openHouse, type LocalHouse } from '../house';
import { startIndex, type FakeIndex } from '../python-index';
import { makeDeveloper, type Developer } from './py-clients';
import { withPip } from './py-machine';

const PAGE_BYTES = 10_000_000;
const BYTES_PER_SECOND = 200_000;
const CROWD = 25_000;
/** Fifty seconds on the line, and room for a busy machine. */
const TIMEOUT_MS = 240_000;

let index: FakeIndex;
let cache: LocalHouse;
let developer: Developer | undefined;

beforeAll(async () => {
  index = await startIndex({ forms: 'html', bare: true, bytesPerSecond: BYTES_PER_SECOND });
  cache = await openHouse({ module: 'pip', upstream: index.url });
}, TIMEOUT_MS);

afterAll(async () => {
  await developer?.remove();
  await cache?.stop();
  await index?.close();
}, TIMEOUT_MS);

withPip(
  'pip installs a project whose cold page of 10 MB comes at 200 KB/s',
  async () => {
    index.addCrowd('broad', CROWD).addProject({ name: 'broad', releases: { '1.0': {} } });
    developer = await makeDeveloper(`${cache.url}/simple/`);
    await developer.must('machine', 'install', '--no-compile', '--target', 'target', 'broad==1.0');
    expect(await developer.distributions()).toEqual(['broad-1.0']);
    expect(index.upstream.count(index.page('broad'))).toBe(1);
    expect((await cache.kept(index.page('broad'))).size).toBeGreaterThanOrEqual(PAGE_BYTES);
  },
  TIMEOUT_MS,
);
