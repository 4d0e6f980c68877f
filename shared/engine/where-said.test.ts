/** Files and services whose place only a document tells: which document, what if it does not, and who may be reached then. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { archiveOf, referenceOf, startRepository, type FakeRepository, type ReleaseSpec } from '../testing/composer-repository';
import { openHouse, type Got, type LocalHouse } from '../testing/house';
import { bytes } from '../testing/packages';
import { startUpstream } from '../testing/upstream';

jest.setTimeout(60_000);

const NAME = 'acme/lamp';
const RELEASE: ReleaseSpec = { version: '1.0.0', normalized: '1.0.0.0', isHashed: true };
const BRANCH: ReleaseSpec = { version: 'dev-main', normalized: 'dev-main' };
const ARCHIVE = archiveOf(NAME, RELEASE);
let home: string;
let repository: FakeRepository;
let house: LocalHouse;

async function open(env: Record<string, string> = {}): Promise<LocalHouse> {
  await (house as LocalHouse | undefined)?.stop();
  return (house = await openHouse({ module: 'composer', upstream: repository.url, home, env: { ALLOW_NETS: '127.0.0.0/8', ...env } }));
}

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'where-said-'));
  repository = (await startRepository()).setPackage(NAME, [RELEASE, BRANCH]);
  await open();
});
afterEach(async () => {
  await house.stop();
  await repository.close();
  rmSync(home, { recursive: true, force: true });
});

const paths = ({ requests }: FakeRepository['upstream']): string[] => requests.map(({ path }) => path);
const codeOf = (got: Got): unknown => (JSON.parse(got.body.toString()) as { code?: unknown }).code;

describe('a file', () => {
  it('on a cold store: its document first, and nobody is asked for the path that only mirrors have', async () => {
    const got = await house.get(repository.target(NAME, RELEASE));
    expect([got.status, got.body.equals(ARCHIVE)]).toEqual([200, true]);
    expect([paths(repository.upstream), paths(repository.files)]).toEqual([
      ['/packages.json', `/p2/${NAME}.json`],
      [repository.path(NAME, RELEASE)],
    ]);
  });

  it('of a branch: the document of branches', async () => {
    const got = await house.get(repository.target(NAME, BRANCH));
    expect([got.status, got.body.equals(archiveOf(NAME, BRANCH))]).toEqual([200, true]);
    expect(paths(repository.upstream)).toEqual(['/packages.json', `/p2/${NAME}~dev.json`]);
  });

  it('of a branch that stands among the releases, as some repositories have it', async () => {
    const dist = { type: 'zip', url: repository.files.url + repository.path(NAME, BRANCH), reference: referenceOf(NAME, BRANCH) };
    repository.upstream.on(`/p2/${NAME}~dev.json`, { status: 404 });
    repository.upstream.on(`/p2/${NAME}.json`, { body: JSON.stringify({ packages: { [NAME]: [{ version: 'dev-main', dist }] } }) });
    expect((await house.get(repository.target(NAME, BRANCH))).body.equals(archiveOf(NAME, BRANCH))).toBe(true);
  });

  it('of a package that stands in the root document', async () => {
    const dist = { type: 'zip', url: repository.files.url + repository.path(NAME, RELEASE), reference: referenceOf(NAME, RELEASE) };
    for (const stage of ['', '~dev']) repository.upstream.on(`/p2/${NAME}${stage}.json`, { status: 404 });
    repository.upstream.on('/packages.json', { body: JSON.stringify({ packages: { [NAME]: { '1.0.0': { version: '1.0.0', dist } } } }) });
    expect((await house.get(repository.target(NAME, RELEASE))).body.equals(ARCHIVE)).toBe(true);
  });

  it('of a commit that no document names (any more): where the others of its repository are', async () => {
    const old: ReleaseSpec = { ...BRANCH, reference: 'ab'.repeat(20), body: archiveOf(NAME, { version: 'old', normalized: '' }) };
    repository.files.on(repository.path(NAME, old), { body: archiveOf(NAME, old) });
    const got = await house.get(repository.target(NAME, old));
    expect([got.status, got.body.equals(archiveOf(NAME, old))]).toEqual([200, true]);
    const never = { ...BRANCH, reference: 'cd'.repeat(20) };
    expect((await house.get(repository.target(NAME, never))).status).toBe(404);
  });

  it('that no document names is 404; not as long as a document cannot be had', async () => {
    const unknown = repository.target('acme/none', { version: '1.0.0', normalized: '1.0.0.0' });
    expect((await house.get(unknown)).status).toBe(404);
    await repository.upstream.down();
    const other = repository.target('acme/other', { version: '1.0.0', normalized: '1.0.0.0' });
    expect([(await house.get(other)).status, (await house.get(other, { method: 'HEAD' })).status]).toEqual([502, 502]);
  });

  it('of a private repository: its own host gets the token, nobody else does, and no line names it', async () => {
    const dist = { type: 'zip', url: `${repository.url}/private/lamp.zip`, reference: referenceOf(NAME, RELEASE) };
    repository.upstream.on(`/p2/${NAME}.json`, { body: JSON.stringify({ packages: { [NAME]: [{ version: '1.0.0', dist }] } }) });
    repository.upstream.on('/private/lamp.zip', { status: 302, headers: { location: `${repository.files.url}/kept.zip?signed=secret-1` } });
    repository.files.on('/kept.zip?signed=secret-1', { body: ARCHIVE });
    await open({ UPSTREAM_composer_AUTH: 'secret-token' });
    const target = repository.target(NAME, RELEASE);
    const got = await house.get(target);
    expect(got.body.equals(ARCHIVE)).toBe(true);
    expect([...new Set(repository.upstream.requests.map(({ headers }) => headers.authorization))]).toEqual(['Bearer secret-token']);
    expect(repository.files.requests.map(({ headers }) => headers.authorization)).toEqual([undefined]);
    await house.kept(target);
    const told = [house.events, house.access, await house.appliance.status(), got.headers];
    expect(JSON.stringify(told)).not.toContain('secret-');
    expect(JSON.stringify(await house.why(target))).not.toContain('secret-token');
  });

  it('is one, whether as mirrors have it or as rewritten documents name it', async () => {
    await open({ DIST_URLS_composer: 'rewrite' });
    const document = JSON.parse((await house.get(`/p2/${NAME}.json`)).body.toString()) as {
      packages: Record<string, { dist: { url: string } }[]>;
    };
    const { pathname, search } = new URL(document.packages[NAME]?.[0]?.dist.url ?? '');
    expect(pathname).toBe(`/dist/${new URL(repository.files.url).host}${repository.path(NAME, RELEASE)}`);
    expect((await house.get(pathname + search)).body.equals(ARCHIVE)).toBe(true);
    await house.kept(repository.target(NAME, RELEASE));
    expect((await house.get(repository.target(NAME, RELEASE))).headers['x-cache']).toBe('hit');
    expect(repository.files.requests).toHaveLength(1);
    const root = JSON.parse((await house.get('/packages.json')).body.toString()) as object;
    expect(Object.keys(root)).not.toContain('mirrors');
  });

  it('of a named repository: below its name, and by its documents only', async () => {
    const corp = (await startRepository()).setPackage(NAME, [
      { ...RELEASE, reference: 'ef'.repeat(20), body: bytes(1000), isHashed: true },
    ]);
    await open({ UPSTREAM_composer_corp: corp.url });
    const root = JSON.parse((await house.get('/corp/packages.json')).body.toString()) as Record<string, unknown>;
    expect(root['metadata-url']).toBe(`${house.url}/corp/p2/%package%.json`);
    expect((await house.get(`/corp/dists/${NAME}/1.0.0.0/${'ef'.repeat(20)}.zip`)).body.equals(bytes(1000))).toBe(true);
    expect((await house.get(`/corp/dists/${NAME}/1.0.0.0/${referenceOf(NAME, RELEASE)}.zip`)).status).not.toBe(200);
    await corp.close();
  });

  it('of a package with 5,000 versions', async () => {
    const many = Array.from({ length: 5000 }, (_, n) => ({ version: `1.${n}.0`, normalized: `1.${n}.0.0`, body: ARCHIVE, isHashed: true }));
    repository.setPackage('acme/many', many);
    const asked = house.get('/p2/acme/many.json');
    expect((await house.get(`/p2/${NAME}.json`)).status).toBe(200);
    const got = await asked;
    expect([
      got.status,
      (JSON.parse(got.body.toString()) as { packages: Record<string, unknown[]> }).packages['acme/many']?.length,
    ]).toEqual([200, 5000]);
    for (const release of [many[0], many[4999]]) {
      const file = repository.target('acme/many', release as ReleaseSpec);
      expect((await house.get(file)).body.equals(ARCHIVE)).toBe(true);
      expect((await house.kept(file)).pin).toMatch(/^sha1-/);
    }
  });
});

describe('mirrors that the repository names itself', () => {
  const offered = (mirrors: unknown[]): void =>
    void repository.upstream.on('/packages.json', { body: JSON.stringify({ 'metadata-url': '/p2/%package%.json', mirrors }) });
  const PATH = `/m/${NAME}/${referenceOf(NAME, RELEASE)}.zip`;

  it.each([true, false])('have files too (preferred: %s): these first, those if a file is not at its own host', async (preferred) => {
    const mirror = await startUpstream();
    mirror.on(PATH, { body: ARCHIVE });
    offered([{ 'dist-url': `${mirror.url}/m/%package%/%reference%.%type%`, preferred }]);
    expect((await house.get(repository.target(NAME, RELEASE))).body.equals(ARCHIVE)).toBe(true);
    expect([paths(mirror), repository.files.requests.length]).toEqual(preferred ? [[PATH], 0] : [[], 1]);
    await repository.files.down();
    await open({ CACHE_DIR: join(home, 'again') });
    expect((await house.get(repository.target(NAME, RELEASE))).body.equals(ARCHIVE)).toBe(true);
    // What the mirror has not, or has in another form, is at its own host; what is at neither is nowhere.
    mirror.on(PATH, { body: '<html>no' });
    await repository.files.up();
    await open({ CACHE_DIR: join(home, 'third') });
    expect((await house.get(repository.target(NAME, RELEASE))).body.equals(ARCHIVE)).toBe(true);
    expect((await house.get(repository.target(NAME, BRANCH))).body.equals(archiveOf(NAME, BRANCH))).toBe(true);
    await mirror.close();
  });

  it('that cannot be filled in, or are no addresses, are none', async () => {
    offered([{ 'dist-url': 'ftp://files.example/%reference%' }, { 'dist-url': '/x/%prettyVersion%' }, { 'dist-url': '/x/all.zip' }, 7, {}]);
    expect((await house.get(repository.target(NAME, RELEASE))).body.equals(ARCHIVE)).toBe(true);
    expect(paths(repository.upstream).filter((path) => path.startsWith('/x'))).toEqual([]);
  });
});

describe('a document', () => {
  const FAR = '/files/8/p2';
  const rootAt = (metadata: string): string => JSON.stringify({ packages: [], 'metadata-url': metadata });
  /** The package is at this repository, and its documents only where the root document says. */
  const moved = async (to: FakeRepository['upstream']): Promise<void> => {
    for (const stage of ['', '~dev']) {
      const path = `/p2/${NAME}${stage}.json`;
      const body = (await house.get(path)).body.toString();
      to.on(`${FAR}/${NAME}${stage}.json`, { body });
      repository.upstream.on(path, { status: 404 });
    }
    await open({ CACHE_DIR: join(home, 'moved') });
  };

  it('is where the root document says, also on a cold store; so are its files', async () => {
    await moved(repository.upstream);
    repository.upstream.on('/packages.json', { body: rootAt(`${FAR}/%package%.json`) });
    expect((await house.get(repository.target(NAME, RELEASE))).body.equals(ARCHIVE)).toBe(true);
    expect(paths(repository.upstream).slice(-2)).toEqual(['/packages.json', `${FAR}/${NAME}.json`]);
    expect((await house.get(repository.target(NAME, BRANCH))).status).toBe(200);
    expect((await house.get(`/p2/acme/none.json`)).body.toString()).toBe('{"packages":[]}');
    await repository.upstream.down();
    await open({ CACHE_DIR: join(home, 'moved'), TTL_composer: '0s' });
    expect((await house.get(`/p2/${NAME}.json`)).headers['x-cache']).toBe('stale');
  });

  it('at another host gets no credentials of the repository, and is refused if that host may not be reached', async () => {
    const elsewhere = await startUpstream();
    await moved(elsewhere);
    repository.upstream.on('/packages.json', { body: rootAt(`${elsewhere.url}${FAR}/%package%.json`) });
    const env = { CACHE_DIR: join(home, 'moved'), UPSTREAM_composer_AUTH: 'secret-token' };
    await open(env);
    expect((await house.get(`/p2/${NAME}.json`)).status).toBe(200);
    expect(elsewhere.requests.map(({ headers }) => headers.authorization)).toEqual([undefined]);
    await open({ ...env, CACHE_DIR: join(home, 'limited'), FILE_HOSTS_composer: 'files.example' });
    const got = await house.get(`/p2/${NAME}.json`);
    expect([got.status, codeOf(got), elsewhere.requests.length]).toEqual([403, 'host-refused', 1]);
    await elsewhere.close();
  });

  it('is at its own path as long as the root document cannot be had', async () => {
    repository.upstream.on('/packages.json', { status: 503 });
    expect((await house.get(`/p2/${NAME}.json`)).status).toBe(200);
  });
});

describe('who may be reached', () => {
  const target = (): string => repository.target(NAME, RELEASE);

  it('a host that is not in FILE_HOSTS: one clear error, and others are served', async () => {
    await open({ FILE_HOSTS_composer: 'files.example *.other.example' });
    const got = await house.get(target());
    expect([got.status, codeOf(got)]).toEqual([403, 'host-refused']);
    expect(got.body.toString()).toContain(`add it to FILE_HOSTS_composer`);
    expect([repository.files.requests, (await house.why(target())).entry]).toEqual([[], null]);
    expect((await house.get(`/p2/${NAME}.json`)).status).toBe(200);
    await open({ FILE_HOSTS_composer: new URL(repository.files.url).host });
    expect((await house.get(target())).status).toBe(200);
  });

  it('a Location that leads to a host which is not in the list', async () => {
    const elsewhere = await startUpstream();
    elsewhere.on('/x.zip', { body: ARCHIVE });
    repository.files.on(repository.path(NAME, RELEASE), { status: 302, headers: { location: `${elsewhere.url}/x.zip` } });
    await open({ FILE_HOSTS_composer: new URL(repository.files.url).host });
    const got = await house.get(target());
    expect([got.status, codeOf(got), elsewhere.requests.length]).toEqual([403, 'host-refused', 0]);
    expect((await house.why(target())).entry).toBeNull();
    expect((await house.get(`/p2/${NAME}.json`)).status).toBe(200);
    await open({ FILE_HOSTS_composer: `${new URL(repository.files.url).host} 127.0.0.1:${elsewhere.port}` });
    expect((await house.get(target())).body.equals(ARCHIVE)).toBe(true);
    await elsewhere.close();
  });

  it('a private address that only a document names, without ALLOW_NETS', async () => {
    await open({ ALLOW_NETS: '' });
    const got = await house.get(target());
    expect([got.status, codeOf(got), repository.files.requests.length]).toEqual([502, 'address-refused', 0]);
  });
});

describe('a service', () => {
  it("gets the client's credentials only at the repository's own host, and what is passed on as it is too", async () => {
    await open({ CLIENT_AUTH_composer: 'forward' });
    const given = { headers: { authorization: 'Bearer of-the-client' } };
    repository.services.on(/./, { body: '{}' });
    repository.upstream.on(/^\/packages\/list\.json/, { body: '{}' });
    for (const path of ['/search.json?q=a', '/packages/list.json']) expect((await house.get(path, given)).status).toBe(200);
    expect(repository.services.requests.map(({ headers }) => headers.authorization)).toEqual([undefined]);
    const listed = repository.upstream.requests.find(({ path }) => path.startsWith('/packages/list.json'));
    expect(listed?.headers.authorization).toBe('Bearer of-the-client');
  });

  it('is where the root document says, with the question as it was asked', async () => {
    repository.services.on(/^\/search\.json/, { body: '{"results":[]}' }).on('/providers/psr/log.json', { body: '{"providers":[]}' });
    repository.upstream.on(/^\/packages\/list\.json/, { body: '{"packageNames":[]}' });
    for (const path of ['/search.json?q=a%20b&type=', '/providers/psr/log.json', '/packages/list.json?filter=a/*'])
      expect([path, (await house.get(path)).status]).toEqual([path, 200]);
    expect(paths(repository.services)).toEqual(['/search.json?q=a%20b&type=', '/providers/psr/log.json']);
    expect(paths(repository.upstream)).toEqual(['/packages.json', '/packages/list.json?filter=a/*']);
  });

  it('gets what is posted, and no credentials of the repository', async () => {
    await open({ UPSTREAM_composer_AUTH: 'secret-token' });
    const questions = [
      ['/api/security-advisories/', 'packages%5B0%5D=acme%2Flamp', 'application/x-www-form-urlencoded'],
      ['/api/filter/', '{"packages":["pkg:composer/acme/lamp@1.0.0"]}', 'application/json'],
      ['/downloads/', '{"downloads":[{"name":"acme/lamp","version":"1.0.0.0"}]}', 'application/json'],
    ] as const;
    for (const [path, body, type] of questions) {
      repository.services.on(path, { body: `{"answer":"${path}"}` });
      const got = await house.get(path, { method: 'POST', body, headers: { 'content-type': type } });
      expect([got.status, JSON.parse(got.body.toString())]).toEqual([200, { answer: path }]);
    }
    const seen = repository.services.requests;
    expect(await Promise.all(seen.map(async ({ path, body }) => [path, (await body).toString()]))).toEqual(
      questions.map(([path, body]) => [path, body]),
    );
    expect(seen.map(({ headers }) => headers.authorization)).toEqual([undefined, undefined, undefined]);
    expect(repository.upstream.requests[0]?.headers.authorization).toBe('Bearer secret-token');
    expect(JSON.stringify(house.events) + JSON.stringify(house.access)).not.toContain('secret-token');
  });

  it('that the root document does not name is 404; 502 if it cannot be had; nobody is asked with OFFLINE', async () => {
    repository.upstream.on('/packages.json', { body: '{"packages":[],"metadata-url":"/p2/%package%.json"}' });
    expect((await house.get('/search.json?q=x')).status).toBe(404);
    await open({ CACHE_DIR: join(home, 'empty') });
    await repository.upstream.down();
    expect((await house.get('/search.json?q=x')).status).toBe(502);
    await open({ OFFLINE: 'yes' });
    expect((await house.get('/search.json?q=x')).status).toBe(504);
  });

  it('at a host that may not be reached is refused', async () => {
    await open({ FILE_HOSTS_composer: 'files.example' });
    const got = await house.get('/search.json?q=x');
    expect([got.status, codeOf(got), repository.services.requests.length]).toEqual([403, 'host-refused', 0]);
  });
});
