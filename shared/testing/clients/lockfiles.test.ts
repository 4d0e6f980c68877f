/** Lockfiles are the same with and without the cache, and either one installs the same bytes with and without it. */
import { CLIENTS, makeProject, type Client, type Project } from './clients';
import { differences } from './folder';
import { startLarder, type Larder } from './larder';
import { throughCache, withoutCache } from './lock-prefix';
import { EVERYTHING, SCOPED } from './projects';
import { defaultRegistry, registry, whenReachable } from './reachable';

const TIMEOUT_MS = 240_000;
const CLEANUP_MS = 60_000;

const toRemove: { remove(): Promise<void> }[] = [];

afterAll(async () => {
  await Promise.all(toRemove.map((one) => one.remove()));
}, CLEANUP_MS);

function removedLater<T extends { remove(): Promise<void> }>(one: T): T {
  toRemove.push(one);
  return one;
}

/** The locks of one project, written directly (`direct`) and through the cache at `cacheUrl` (`cached`). */
interface Locks {
  readonly direct: string;
  readonly cached: string;
  readonly cacheUrl: string;
}

async function makeLocks(client: Client): Promise<Locks> {
  const larder = removedLater(await startLarder());
  const direct = removedLater(await makeProject(client, EVERYTHING, registry.url));
  const cached = removedLater(await makeProject(client, EVERYTHING, larder.url));
  await Promise.all([direct.must(...client.lock), cached.must(...client.lock)]);
  await larder.stop();
  return { direct: await direct.readLock(), cached: await cached.readLock(), cacheUrl: larder.url };
}

/** A new project with a given lock, installed from it; the lock must stay as it is. */
async function installFrom(client: Client, lock: string, registryUrl: string, ...args: string[]): Promise<Project> {
  const project = removedLater(await makeProject(client, EVERYTHING, registryUrl));
  await project.writeLock(lock);
  await project.must(...client.frozen, ...args);
  expect(await project.readLock()).toBe(lock);
  return project;
}

describe.each(Object.values(CLIENTS))('$name', (client: Client) => {
  let locks: Locks | undefined;
  let direct: Project | undefined;

  whenReachable(
    'writes the same lockfile with and without the cache, but for its address',
    async () => {
      locks = await makeLocks(client);
      // A package may be published between the two; it will not happen twice.
      if (withoutCache(locks.cached, locks.cacheUrl, client) !== locks.direct) locks = await makeLocks(client);
      expect(withoutCache(locks.cached, locks.cacheUrl, client)).toBe(locks.direct);
      if (client === CLIENTS.pnpm || client === CLIENTS.berry) expect(locks.cached).not.toContain('127.0.0.1');
    },
    TIMEOUT_MS,
  );

  whenReachable(
    'installs from the lockfile that was written through the cache, without it',
    async () => {
      if (locks === undefined) throw new Error('there is no lockfile');
      direct = await installFrom(client, withoutCache(locks.cached, locks.cacheUrl, client), registry.url);
    },
    TIMEOUT_MS,
  );

  whenReachable(
    'installs the same bytes from the lockfile that was written without the cache, through a cold one',
    async () => {
      if (locks === undefined || direct === undefined) throw new Error('there is nothing to compare with');
      const larder = removedLater(await startLarder());
      const lock = client === CLIENTS.yarn ? throughCache(locks.direct, larder.url) : locks.direct;
      const project = await installFrom(client, lock, larder.url);
      expect(differences(await direct.installed(), await project.installed())).toEqual([]);
      await larder.stop();
    },
    TIMEOUT_MS,
  );
});

describe('npm ci', () => {
  let larder: Larder;

  const scoped = async (registryUrl: string, ...settings: string[]): Promise<Project> =>
    removedLater(await makeProject(CLIENTS.npm, SCOPED, registryUrl, settings));

  whenReachable(
    'takes a lock that names the default registry through the cache, and a lock that names the cache past it',
    async () => {
      larder = removedLater(await startLarder());
      const cached = await scoped(larder.url);
      await cached.must(...CLIENTS.npm.lock);
      const lock = await cached.readLock();
      expect(lock).toContain(larder.url);

      // npm's own replace-registry-host, at its default: URLs of the default registry go to the configured one.
      const named = await scoped(larder.url);
      const defaultLock = lock.replaceAll(larder.url, defaultRegistry());
      await named.writeLock(defaultLock);
      await named.must(...CLIENTS.npm.frozen);
      expect(await named.readLock()).toBe(defaultLock);

      // The other way needs replace-registry-host=always, as the cache is not the default registry. It is off meanwhile.
      await larder.stop();
      const past = await scoped(registry.url, 'replace-registry-host=always');
      await past.writeLock(lock);
      await past.must(...CLIENTS.npm.frozen);
      expect(differences(await named.installed(), await past.installed())).toEqual([]);
    },
    TIMEOUT_MS,
  );

  whenReachable(
    'works through the cache with a lock that leaves the URLs out',
    async () => {
      larder = removedLater(await startLarder());
      const project = await scoped(larder.url, 'omit-lockfile-registry-resolved=true');
      await project.must(...CLIENTS.npm.lock);
      expect(await project.readLock()).not.toContain(larder.url);
      await larder.stop();
      const cold = removedLater(await startLarder());
      await project.configure(cold.url, ['omit-lockfile-registry-resolved=true']);
      await project.forget();
      await project.must(...CLIENTS.npm.frozen);
    },
    TIMEOUT_MS,
  );
});
