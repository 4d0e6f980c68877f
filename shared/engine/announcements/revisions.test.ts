/** Which revisions are shown and stay when things are scarce: a tiny store, a server that lags for long, one that has no flavours, no verdict. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TreeThreads } from '../../documents/trees/tree-threads';
import { LarderError } from '../../errors';
import { testClock, type TestClock } from '../../testing/clock';
import { openHouse, type Got, type LocalHouse } from '../../testing/house';
import { GENERAL, PRIVATE, offerRegistry, registryArchive, registryTarget } from '../../testing/julia-storage';
import { bytes } from '../../testing/packages';
import { until } from '../../testing/until';
import { startUpstream, type FakeUpstream } from '../../testing/upstream';
import { planTarget, type Plan } from '../plan';
import type { EngineRooms } from '../rooms';
import { julia } from '../../../caches/julia/julia';
import { AnnouncementMemory, noteListed, type SeenRevision } from './announcement-memory';

jest.setTimeout(60_000);

const LIST = '/registries.eager';
const MINUTE = 60_000;

let one: FakeUpstream;
let two: FakeUpstream;
let clock: TestClock;
const houses: LocalHouse[] = [];

beforeEach(async () => {
  one = await startUpstream();
  two = await startUpstream();
  clock = testClock(Date.now());
});
afterEach(async () => {
  jest.restoreAllMocks();
  for (const house of houses.splice(0)) await house.stop();
  await one.close();
  await two.close();
});

async function open(env: Readonly<Record<string, string>>): Promise<LocalHouse> {
  const house = await openHouse({ module: 'julia', upstream: one.url, now: clock.now, env: { STALE_WAIT: '60s', ...env } });
  houses.push(house);
  return house;
}

const listed = async (house: LocalHouse, list = LIST): Promise<string> => String((await house.get(list)).body);

it('the newest stay however small the store is: each of them is larger than CACHE_SIZE', async () => {
  const house = await open({ CACHE_SIZE: '20000' });
  const revisions = ['a', 'b', 'c'].map((name) => registryArchive(name, GENERAL, { data: bytes(60_000, name) }));
  for (const revision of revisions) {
    offerRegistry(one, revision, { lists: [LIST] });
    expect(await listed(house)).toBe(`${registryTarget(revision)}\n`);
    clock.advance(2 * MINUTE);
  }
  await one.down();
  expect(await listed(house)).toBe(`${registryTarget(revisions[2] as (typeof revisions)[0])}\n`);
  for (const revision of revisions) {
    const got = await house.get(registryTarget(revision));
    expect([got.status, got.body.equals(revision.body)]).toEqual([200, true]);
  }
});

it('one that cannot be verified now is not shown, and the one before is', async () => {
  const [old, young] = ['old', 'young'].map((name) => registryArchive(name)) as [
    ReturnType<typeof registryArchive>,
    ReturnType<typeof registryArchive>,
  ];
  offerRegistry(one, old);
  const house = await open({});
  expect(await listed(house)).toBe(`${registryTarget(old)}\n`);
  offerRegistry(one, young);
  jest.spyOn(TreeThreads.prototype, 'open').mockImplementation(() => {
    throw new LarderError('internal', { reason: 'no thread can be had' });
  });
  clock.advance(2 * MINUTE);
  expect(await listed(house)).toBe(`${registryTarget(old)}\n`);
  expect(house.said('announcement-held-back')).toHaveLength(1);
  jest.restoreAllMocks();
  clock.advance(2 * MINUTE);
  expect(await listed(house)).toBe(`${registryTarget(young)}\n`);
});

it('a default upstream without flavours and a second registry: the plain list has both, and no flavour has one alone', async () => {
  const [general, own] = [registryArchive('a'), registryArchive('s', PRIVATE)];
  offerRegistry(one, general, { lists: ['/registries'] });
  offerRegistry(two, own, { uuid: PRIVATE, lists: ['/registries'] });
  const house = await open({ UPSTREAM_julia_corp: two.url, REGISTRIES_julia: `${GENERAL} ${PRIVATE}@corp` });
  const got = await house.get('/registries');
  expect([got.status, String(got.body)]).toEqual([200, `${registryTarget(general)}\n${registryTarget(own, PRIVATE)}\n`]);
  expect((await house.get('/registries.conservative')).status).toBe(404);
});

it('a flavour that nobody asked for before the outage: the other one is shown, which names what is held', async () => {
  const made = registryArchive('a');
  offerRegistry(one, made);
  const house = await open({});
  expect(await listed(house, '/registries.conservative')).toBe(`${registryTarget(made)}\n`);
  await one.down();
  const led = await house.get('/registries', { headers: { 'julia-ci-variables': 'CI=t' } });
  expect([led.status, led.headers.location]).toEqual([302, LIST]);
  const got = await house.get(LIST);
  expect([got.status, String(got.body), got.headers['x-cache']]).toEqual([200, `${registryTarget(made)}\n`, 'stale']);
  await one.up();
  one.on(LIST, { status: 404 });
  // That the upstream has no such flavour is another thing than that it cannot be asked.
  await until('it is asked again', async () => (await house.get(LIST)).status === 404);
});

it('a list that never ends is given up, whether something is held or not', async () => {
  const made = registryArchive('a');
  offerRegistry(one, made);
  const list = await open({ CONNECT_TIMEOUT: '500ms', HEADERS_TIMEOUT: '1s', IDLE_TIMEOUT: '1s' });
  const drips = (target: string): void =>
    void one.on(target, (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/plain' });
      const timer = setInterval(() => response.write('/'), 50);
      response.on('close', () => clearInterval(timer));
      return new Promise((resolve) => response.on('close', resolve));
    });
  drips('/registries.conservative');
  expect((await list.get('/registries.conservative')).status).toBe(504);
  expect(await listed(list)).toBe(`${registryTarget(made)}\n`);
  drips(LIST);
  clock.advance(2 * MINUTE);
  const got = await list.get(LIST);
  expect([String(got.body), got.headers['x-cache']]).toEqual([`${registryTarget(made)}\n`, 'stale']);
  await until('nothing is asked any more', () => one.active.now === 0);
});

it('on waking, a list that is young is shown without a look; one that is old waits for one, but not for long', async () => {
  const home = mkdtempSync(join(tmpdir(), 'larder-waking-'));
  try {
    const made = registryArchive('a');
    offerRegistry(one, made);
    const wake = async (): Promise<{ readonly got: Got; readonly asked: number }> => {
      const house = await openHouse({ module: 'julia', upstream: one.url, now: clock.now, home, env: { STALE_WAIT: '300ms' } });
      try {
        return { got: await house.get(LIST), asked: one.count(LIST) };
      } finally {
        await house.stop();
      }
    };
    expect((await wake()).got.headers['x-cache']).toBe('miss');
    one.on(LIST, { stallHeaders: true });
    clock.advance(MINUTE / 2);
    const young = await wake();
    expect([String(young.got.body), young.asked]).toEqual([`${registryTarget(made)}\n`, 1]);
    clock.advance(5 * MINUTE);
    const { got, asked } = await wake();
    expect([String(got.body), got.headers['x-cache'], asked]).toEqual([`${registryTarget(made)}\n`, 'stale', 2]);
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
});

describe('what is remembered of revisions', () => {
  const notes = new Map<string, string>();
  const store = {
    note: (name: string) => Promise.resolve(notes.get(name)),
    setNote: (name: string, value: string) => Promise.resolve(void notes.set(name, value)),
  };
  const origin = { name: 'registry', bases: ['https://storage.example'] };
  const list = planTarget(julia, { origins: [origin] } as never, origin as never, 'GET', LIST) as Plan;
  const memory = new AnnouncementMemory({ store } as unknown as EngineRooms);

  it('a server that lags by hundreds of revisions is never taken for newer, as long as it lists the old one', async () => {
    for (let n = 0; n < 700; n++) {
      const history: SeenRevision[] = await memory.of(list, GENERAL);
      if (noteListed(history, n % 2 === 0 ? [`r${n}`, 'old'] : ['old'], n * 10 * MINUTE)) await memory.write(list, GENERAL, history);
    }
    const history = await memory.of(list, GENERAL);
    expect([history[0]?.target, history.at(-1)?.target]).toEqual(['old', 'r698']);
    expect(history.length).toBeLessThanOrEqual(300);
    expect(history.map(({ target }) => target).slice(1)).toEqual(
      history.slice(1).map((_one, index) => `r${698 - 2 * (history.length - 2 - index)}`),
    );
  });
});
