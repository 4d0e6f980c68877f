/** A house of ALICE's cache before one scripted upstream, for flow tests: opened when asked for, closed after each test. */
import { testClock, type TestClock } from './clock';
import { openHouse, type Got, type HouseOptions, type LocalHouse } from './house';
import { startUpstream, type FakeUpstream } from './upstream';

/** What the tests of a file share. */
export interface AliceStage {
  readonly upstream: FakeUpstream;
  /** Of the house; it stands still by itself. */
  readonly clock: TestClock;
  /** @param base path of the upstream's base URL; '' unless given */
  open(base?: string, options?: Partial<HouseOptions>): Promise<LocalHouse>;
}

/** Registers what is to be done before and after each test; call it at the top level of a test file. */
export function aliceStage(): AliceStage {
  const houses: LocalHouse[] = [];
  let upstream: FakeUpstream;
  let clock: TestClock;
  beforeEach(async () => {
    upstream = await startUpstream();
    clock = testClock(Date.now());
  });
  afterEach(async () => {
    // The first one's home goes with it.
    for (const house of houses.splice(0).reverse()) await house.stop();
    await upstream.close();
  });
  return {
    get upstream() {
      return upstream;
    },
    get clock() {
      return clock;
    },
    async open(base = '', options = {}) {
      const env = { IDLE_TIMEOUT: '2s', ...options.env };
      const house = await openHouse({ module: 'alice', upstream: upstream.url + base, now: clock.now, ...options, env });
      houses.push(house);
      return house;
    },
  };
}

/** The names that a listing has. @throws Error if it is none */
export function namesIn({ status, complete, headers, body }: Got): string[] {
  expect([status, complete, headers['content-type'], headers['content-encoding']]).toEqual([200, true, 'application/json', undefined]);
  return (JSON.parse(body.toString()) as { name: string }[]).map(({ name }) => name);
}

/** Whether nothing came but the end of the connection. */
export function expectClosed(got: Got): void {
  expect([got.status, got.complete, got.body.length]).toEqual([0, false, 0]);
}
