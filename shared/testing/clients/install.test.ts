/** Real package managers install real projects through Larder: from a cold store, a warm one, and with the upstream switched off. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { CLIENTS, makeProject, type Client, type Project } from './clients';
import { differences } from './folder';
import { startLarder, type Larder } from './larder';
import { openOutgoing, type Outgoing } from './outgoing';
import { LARGE, LARGE_COUNT, PLATFORM, SCOPED, type Manifest } from './projects';
import { whenReachable } from './reachable';

const PROJECTS: Readonly<Record<string, Manifest>> = { large: LARGE, scoped: SCOPED, platform: PLATFORM };
/** For three installs of one client, the slowest beside other tests. */
const TIMEOUT_MS = 240_000;
const CLEANUP_MS = 60_000;

/**
 * Bytes that may come from the upstream during a warm install. For all: the goodbyes of idle TLS connections (RFC 8446 §6.1, 24 bytes
 * each); the smallest answer to a request is longer than that for every connection together. For pnpm also short answers: it asks for the
 * attestations of each locked package when its own cache is empty, and did not when it made the lock.
 */
const GOODBYES = 500;
const SHORT_ANSWERS = 0.02;

type Fingerprint = ReadonlyMap<string, string>;

describe.each(Object.values(CLIENTS))('$name', (client: Client) => {
  let outgoing: Outgoing | undefined;
  let larder: Larder | undefined;
  const projects = new Map<string, Project>();
  /** What the cold install put into node_modules: all later installs must give the same. */
  const installed = new Map<string, Fingerprint>();

  afterAll(async () => {
    await Promise.all([...projects.values()].map((project) => project.remove()));
    await larder?.remove();
    await outgoing?.close();
  }, CLEANUP_MS);

  const isComplete = async (name: string, project: Project): Promise<void> => {
    expect([name, ...differences(installed.get(name) ?? new Map(), await project.installed())]).toEqual([name]);
  };
  const installFrozen = async (names: readonly string[]): Promise<void> => {
    for (const [name, project] of projects) {
      if (!names.includes(name)) continue;
      await project.forget();
      await project.must(...client.frozen);
      await isComplete(name, project);
    }
  };

  whenReachable(
    'installs a large, a scoped and a platform project from a cold store',
    async () => {
      outgoing = await openOutgoing();
      larder = await startLarder({ UPSTREAM_PROXY: outgoing.url, TTL_npm: '1h' });
      for (const [name, manifest] of Object.entries(PROJECTS)) {
        const project = await makeProject(client, manifest, larder.url);
        projects.set(name, project);
        await project.must(...client.install);
        installed.set(name, await project.installed());
      }
      expect(outgoing.asked()).toBeGreaterThan(0);
      expect((await projects.get('large')?.packages())?.length).toBeGreaterThanOrEqual(LARGE_COUNT);
      expect(await esbuildVersion(projects.get('platform'))).toBe('0.21.5');
    },
    TIMEOUT_MS,
  );

  whenReachable(
    'installs them again from the warm store without asking the upstream for what it has',
    async () => {
      const before = outgoing?.bytesReceived() ?? 0;
      await installFrozen(['large', 'scoped', 'platform']);
      const fetched = (outgoing?.bytesReceived() ?? 0) - before;
      expect(fetched).toBeLessThanOrEqual(GOODBYES + (client === CLIENTS.pnpm ? before * SHORT_ANSWERS : 0));
    },
    TIMEOUT_MS,
  );

  whenReachable(
    'installs them with an empty client cache while the upstream is off and every document is past its time',
    async () => {
      await outgoing?.close();
      await larder?.restart({ TTL_npm: '1s' });
      await installFrozen(['large']);
      for (const name of ['scoped', 'platform']) {
        const project = projects.get(name);
        await project?.dropLock();
        await project?.forget();
        await project?.must(...client.install);
        if (project !== undefined) await isComplete(name, project);
      }
    },
    TIMEOUT_MS,
  );

  whenReachable(
    'installs with OFFLINE=yes',
    async () => {
      await larder?.restart({ OFFLINE: 'yes' });
      await installFrozen(['scoped', 'platform']);
    },
    TIMEOUT_MS,
  );
});

/** Runs the program that only the optional package of this platform brings. */
async function esbuildVersion(project: Project | undefined): Promise<string> {
  const program = join(project?.folder ?? '', 'node_modules', 'esbuild', 'bin', 'esbuild');
  const { stdout } = await promisify(execFile)(process.execPath, [program, '--version'], { timeout: 20_000 });
  return stdout.trim();
}
