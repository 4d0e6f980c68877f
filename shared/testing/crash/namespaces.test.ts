/** Two caches on one store, each as pid 1 of its own pid namespace, as in containers: no pid says anything about who lives. */
import cacache from 'cacache';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Status } from '../../http/status';
import { startHouse, type ChildHouse } from '../house';
import { bytes, offer, tarballTarget } from '../packages';
import { startUpstream, type FakeUpstream } from '../upstream';
import { until } from '../until';

jest.setTimeout(120_000);

const NAMESPACE = ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child'];
const canIsolate = spawnSync(NAMESPACE[0] ?? '', [...NAMESPACE.slice(1), 'true']).status === 0;
const MIB = 1024 * 1024;

let upstream: FakeUpstream;
let home: string;
const running: ChildHouse[] = [];

beforeEach(async () => {
  upstream = await startUpstream();
  home = mkdtempSync(join(tmpdir(), 'namespaces-'));
});

afterEach(async () => {
  for (const house of running.splice(0)) if (house.child.exitCode === null && house.child.signalCode === null) await house.stop();
  await upstream.close();
  rmSync(home, { recursive: true, force: true });
});

/** A cache with a log of its own; resolves when it has looked after what dead processes left. */
async function start(name: string): Promise<ChildHouse> {
  const state = join(home, name);
  const house = await startHouse({ upstream: upstream.url, home, wrap: NAMESPACE, env: { STATE_DIR: state } });
  running.push(house);
  const said = (): string => readFileSync(join(state, 'log', 'npm.log'), 'utf8');
  await until(`${name} has swept`, () => said().split(' listening').pop()?.includes('swept'));
  return house;
}

const statusOf = async (house: ChildHouse): Promise<Status> => JSON.parse((await house.get('/_cache/status')).body.toString()) as Status;

/** Sizes of the files of a store's content. */
function contents(): number[] {
  const root = join(home, 'cache', 'content-v2');
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .map((path) => statSync(join(root, path)))
    .filter((found) => found.isFile())
    .map((found) => found.size);
}

(canIsolate ? test : test.skip)(
  'two caches that are both pid 1 lose nothing and keep one copy (skipped where unshare --pid is not permitted)',
  async () => {
    const large = bytes(6 * MIB, 'large');
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    offer(upstream, 'large', { body: large });
    upstream.on(tarballTarget('large', '1.0.0'), async (_request, response) => {
      response.writeHead(200, { 'content-length': large.length });
      response.write(large.subarray(0, 4 * MIB));
      await gate;
      response.end(large.subarray(4 * MIB));
    });
    const one = await start('one');
    const slow = one.ask(tarballTarget('large', '1.0.0'));
    await until('some of it came', () => slow.received > 2 * MIB);

    // The other one starts, and sweeps, while the first one is filling; then it is killed and starts again.
    let two = await start('two');
    expect([(await statusOf(one)).pid, (await statusOf(two)).pid]).toEqual([1, 1]);
    const other = two.ask(tarballTarget('large', '1.0.0'));
    await until('the other one fills too', () => other.received > 2 * MIB);
    await two.kill();
    two = await start('two');

    const names = Array.from({ length: 30 }, (_, n) => `both-${n}`);
    const bodyOf = (name: string): Buffer => bytes(20_000, name);
    for (const name of names) offer(upstream, name, { body: bodyOf(name) });
    await Promise.all(
      [one, two].flatMap((house) =>
        names.map(async (name) => expect((await house.get(tarballTarget(name, '1.0.0'))).body.equals(bodyOf(name))).toBe(true)),
      ),
    );
    release();
    const whole = await slow.whole;
    expect(whole.complete && whole.body.equals(large)).toBe(true);
    for (const house of [one, two]) {
      const held = async (): Promise<boolean> => (await house.get(tarballTarget('large', '1.0.0'))).headers['x-cache'] === 'hit';
      await until('both have it', held);
    }

    await one.stop();
    await two.stop();
    expect(contents().filter((size) => size === 20_000)).toHaveLength(names.length);
    expect(contents().filter((size) => size === large.length)).toHaveLength(1);
    expect(readdirSync(join(home, 'cache', 'spool')).filter((name) => name !== 'parked' && name !== 'committing')).toEqual([]);
    const stats = await cacache.verify(join(home, 'cache'));
    expect(stats).toMatchObject({ badContentCount: 0, missingContent: 0, rejectedEntries: 0, reclaimedCount: 0 });
    // Documents (31), small files (30) and the large one.
    expect(stats.totalEntries).toBe(62);
  },
);
