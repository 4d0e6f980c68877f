/** A mirror and the origin behind it, for tests of the whole way: what the origin answers is said piece by piece. */
import { openHouse, type AskOptions, type Got, type HouseOptions, type LocalHouse } from './house';
import { testClock, type TestClock } from './clock';
import { until } from './until';
import { startUpstream, type FakeUpstream, type SeenRequest } from './upstream';

/** What the tests of a file share. */
export interface MirrorStage {
  readonly house: LocalHouse;
  readonly origin: FakeUpstream;
  readonly clock: TestClock;
  /** Asks for a path below the mirror. */
  get(path: string, headers?: Readonly<Record<string, string>>, more?: AskOptions): Promise<Got>;
  /** The origin answers a path with these fields and this body; later calls replace it. */
  says(path: string, headers: Readonly<Record<string, string | string[]>>, body?: string | Buffer, status?: number): void;
  /** What the origin was asked for a path. */
  asked(path: string): readonly SeenRequest[];
  /** Seconds pass. */
  pass(seconds: number): void;
  /** Waits until nothing is being kept or confirmed any more. */
  idle(): Promise<void>;
  close(): Promise<void>;
}

/** @param env further settings */
export async function openMirror(env: Readonly<Record<string, string>> = {}, options: Partial<HouseOptions> = {}): Promise<MirrorStage> {
  const origin = await startUpstream();
  const clock = testClock(Date.now());
  const upstreams = { UPSTREAM_http_m: `${origin.url}/base`, METHODS_http_m: 'all' };
  const house = await openHouse({ module: 'http', upstream: [], now: clock.now, ...options, env: { ...upstreams, ...env } });
  return {
    house,
    origin,
    clock,
    get: (path, headers = {}, more = {}) => house.get(`/mirror/m${path}`, { ...more, headers }),
    says(path, headers, body = 'body', status = 200) {
      const date = { Date: new Date(clock.now()).toUTCString() };
      origin.on(`/base${path}`, { status, headers: { ...date, ...headers }, body });
    },
    asked: (path) => origin.requests.filter((each) => each.path === `/base${path}`),
    pass: (seconds) => clock.advance(seconds * 1000),
    idle: async () => {
      await until(
        'all is kept',
        async () => (JSON.parse(String((await house.get('/_cache/why?url=/mirror/m/')).body)) as { arriving: number }).arriving === 0,
      );
    },
    async close() {
      await house.stop();
      await origin.close();
    },
  };
}
