/**
 * Real pip (with and without metadata beside wheels) and uv install a real project through the cache: from a cold store, a warm one, and
 * without any upstream. Each time with an empty client, against digests that the index itself gave, and each time the same files.
 */
import { openHouse, type LocalHouse } from '../house';
import { differences, removeFolder, temporaryFolder } from './folder';
import { openOutgoing, type Outgoing } from './outgoing';
import { INSTALLERS, makeDeveloper, type Developer, type Installer } from './py-clients';
import { index, isLong, tooNew, upstreamSettings, withIndex } from './py-machine';

/** With all that they need: over 60 distributions, among them wheels of 10 MB and more. */
const LARGE = ['ipykernel', 'jupyter-client', 'nbconvert', 'matplotlib', 'pandas', 'requests', 'flask', 'pytest'];
/** And these beside them, where there is time. */
const LARGER = ['scipy', 'scikit-learn', 'jupyterlab', 'django', 'sqlalchemy', 'boto3', 'mypy', 'black'];
const LARGE_COUNT = 60;
/** The same in small, for clients that would take long for the other one. */
const SMALL = ['flask', 'requests', 'pyyaml'];
const SMALL_COUNT = 12;
const TIMEOUT_MS = isLong ? 1_500_000 : 300_000;
const CLEANUP_MS = 60_000;

const ROWS: readonly { readonly title: string; readonly installer: Installer; readonly missing: string }[] = [
  { title: 'uv', installer: INSTALLERS.uv, missing: '' },
  { title: 'pip', installer: INSTALLERS.pip, missing: '' },
  { title: 'pip of 2022', installer: INSTALLERS.oldPip, missing: tooNew },
];

describe.each(ROWS)('$title', ({ installer, missing }) => {
  const isLarge = isLong || installer === INSTALLERS.uv;
  let home = '';
  let developer: Developer | undefined;
  let outgoing: Outgoing | undefined;
  let cache: LocalHouse | undefined;
  /** What the cold install gave: all later ones must give the same. */
  let cold: ReadonlyMap<string, string> | undefined;

  afterAll(async () => {
    await cache?.stop();
    await outgoing?.close();
    await developer?.remove();
    if (home !== '') await removeFolder(home);
  }, CLEANUP_MS);

  const open = async (settings: Readonly<Record<string, string>>): Promise<LocalHouse> => {
    await cache?.stop();
    if (home === '') home = await temporaryFolder('python-store');
    return (cache = await openHouse({ module: 'pip', upstream: [], home, env: { ...upstreamSettings(), ...settings } }));
  };

  const compile = ['pip', 'compile', '--quiet', '--generate-hashes', '--only-binary', ':all:', 'wanted.txt', '--output-file'];

  /** New machines install what is pinned, and find out themselves what that is. */
  const installs = async (house: LocalHouse): Promise<readonly string[]> => {
    if (developer === undefined) throw new Error('there is no project');
    developer.configure(`${house.url}/simple/`);
    await developer.forget();
    await developer.must(installer.client, ...installer.install('pinned.txt', '--require-hashes'));
    const installed = await developer.installed();
    cold ??= installed;
    expect(differences(cold, installed)).toEqual([]);

    const distributions = await developer.distributions();
    await developer.forget();
    if (installer === INSTALLERS.uv) {
      await developer.must('uv', ...compile, 'again.txt');
      expect(withoutComments(await developer.read('again.txt'))).toBe(withoutComments(await developer.read('pinned.txt')));
    } else {
      await developer.must(installer.client, ...installer.install('wanted.txt'));
      expect(await developer.distributions()).toEqual(distributions);
    }
    expect(house.access.filter(({ status }) => status !== 200 && status !== 206)).toEqual([]);
    return distributions;
  };

  withIndex(
    'installs from a cold store what the index itself promised',
    async () => {
      developer = await makeDeveloper(index.url);
      await developer.write('wanted.txt', `${[...(isLarge ? LARGE : SMALL), ...(isLong ? LARGER : [])].join('\n')}\n`);
      await developer.must('uv', ...compile, 'pinned.txt');

      outgoing = await openOutgoing();
      const distributions = await installs(await open({ UPSTREAM_PROXY: outgoing.url, TTL_pip: '1h' }));
      expect(outgoing.asked()).toBeGreaterThan(0);
      expect(distributions.length).toBeGreaterThanOrEqual(isLarge ? LARGE_COUNT : SMALL_COUNT);
    },
    TIMEOUT_MS,
    missing,
  );

  withIndex(
    'installs it again without one request for what is held',
    async () => {
      const asked = outgoing?.asked();
      const house = await open({ UPSTREAM_PROXY: outgoing?.url ?? '', TTL_pip: '1h' });
      await installs(house);
      expect([...new Set(house.access.map(({ outcome }) => outcome))]).toEqual(['hit']);
      expect(outgoing?.asked()).toBe(asked);
    },
    TIMEOUT_MS,
    missing,
  );

  withIndex(
    'installs it with OFFLINE=yes and every page past its time',
    async () => {
      const asked = outgoing?.asked();
      await installs(await open({ UPSTREAM_PROXY: outgoing?.url ?? '', TTL_pip: '0s', OFFLINE: 'yes' }));
      expect(outgoing?.asked()).toBe(asked);
    },
    TIMEOUT_MS,
    missing,
  );

  withIndex(
    'installs it with an upstream that cannot be reached and every page past its time',
    async () => {
      const { url = '' } = outgoing ?? {};
      await outgoing?.close();
      const house = await open({ UPSTREAM_PROXY: url, TTL_pip: '0s' });
      await installs(house);
      expect(house.access.map(({ outcome }) => outcome)).toContain('stale');
    },
    TIMEOUT_MS,
    missing,
  );
});

/** In the first of them is the command line. */
function withoutComments(requirements: string): string {
  return requirements.replace(/^#.*\n/gm, '');
}
