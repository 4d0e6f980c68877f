/** Archives with a package, caches of apt before them and clients, for flow tests: each is closed after its test, the latest first. */
import { startArchive, type ArchiveOptions, type FakeArchive } from './apt-archive';
import { closing, type Later } from './closing';
import { openHouse, type HouseOptions, type LocalHouse } from './house';
import { suiteClient, type SuiteClient } from './suite-client';

/** What a test opens. */
export interface SuiteStage {
  /** Its first generation has the package `hello`. */
  archive(options?: ArchiveOptions): Promise<FakeArchive>;
  /** @param upstream of which it is the cache; undefined: of any that clients name */
  house(upstream?: FakeArchive, options?: Partial<HouseOptions>): Promise<LocalHouse>;
  /** @param address this machine's loopback address that it comes from */
  client(port: number, address?: string): SuiteClient;
  readonly later: Later;
}

/** What all archives and caches of a file have, unless a test says otherwise. */
export interface SuiteStageOptions {
  /** Unsigned ones compressed by gzip unless given. */
  readonly archive?: ArchiveOptions;
  /** Of the package, so many bytes. */
  readonly ballast?: number;
  /** EAGER unless given. */
  readonly env?: Readonly<Record<string, string>>;
  readonly house?: () => Partial<HouseOptions>;
}

/** The upstream is asked each time, and its answer is waited for. */
const EAGER = { TTL_apt: '0s', STALE_WAIT: '20s', NEGATIVE_TTL: '0s' };

/** Call it once, at the top level of a test file. */
export function suiteStage({ archive, ballast, env = EAGER, house }: SuiteStageOptions = {}): SuiteStage {
  const later = closing();
  return {
    later,
    archive: async (options) => {
      const made = later(await startArchive({ key: 'none', compressions: ['gz'], ...archive, ...options }), (one) => one.close());
      made.addPackage({ name: 'hello', version: '1.0', ...(ballast !== undefined && { ballast }) }).publish();
      return made;
    },
    house: async (upstream, options) => {
      const all = { upstream: upstream?.url ?? [], ...house?.(), ...options };
      const settings = { ...(upstream ? {} : { ALLOW_NETS: '127.0.0.0/8' }), ...env, ...all.env };
      return later(await openHouse({ module: 'apt', ...all, env: settings }), (one) => one.stop());
    },
    client: (port, address) => later(suiteClient(port, address), (one) => one.leave()),
  };
}
