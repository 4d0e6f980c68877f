/** Real pip and uv against indexes of every kind and fault, through the cache. The indexes are local; the pip is this machine's. */
import { openHouse, type LocalHouse } from '../house';
import { startIndex, type FakeIndex, type IndexOptions } from '../python-index';
import { startUpstream, type FakeUpstream } from '../upstream';
import { openOutgoing, type Outgoing } from './outgoing';
import { INSTALLERS, makeDeveloper, type Developer } from './py-clients';
import { tooNew, withIndex, withPip } from './py-machine';
import type { ClientName } from './py-programs';

const TIMEOUT_MS = 120_000;
const CLEANUP_MS = 60_000;
const toStop: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const stop of toStop.splice(0).reverse()) await stop();
}, CLEANUP_MS);

async function begin(options: IndexOptions = {}): Promise<FakeIndex> {
  const index = await startIndex(options);
  toStop.push(index.close);
  return index;
}

async function openCache(upstream: string, env: Readonly<Record<string, string>> = {}): Promise<LocalHouse> {
  const cache = await openHouse({ module: 'pip', upstream, env: { TTL_pip: '1h', ...env } });
  toStop.push(cache.stop);
  return cache;
}

async function develop(indexUrl: string, requirements = ''): Promise<Developer> {
  const developer = await makeDeveloper(indexUrl);
  toStop.push(developer.remove);
  await developer.write('wanted.txt', `${requirements}\n`);
  return developer;
}

/** Installs into the target folder with this machine's pip. */
const INSTALL = ['install', '--no-compile', '--target', 'target', '--upgrade'];

describe('a further index', () => {
  const open = async (): Promise<{ cache: LocalHouse; main: FakeIndex; extra: FakeIndex }> => {
    const main = await begin();
    const extra = await begin({ flat: '/whl/cu121', filesElsewhere: true });
    main.addProject({ name: 'torchy', releases: { '1.0': {} } }).addProject({ name: 'plain', releases: { '1.0': {} } });
    extra.addProject({ name: 'torchy', releases: { '2.0+cu121': { requires: ['plain'] } } });
    extra.addProject({ name: 'only-extra', releases: { '3.0': {} } });
    const cache = await openCache(main.url, { UPSTREAM_pip_extra: extra.url, ALLOW_NETS: '127.0.0.0/8' });
    return { cache, main, extra };
  };

  withPip(
    'is served below its name, with its files from another host, and pip takes a local version from it',
    async () => {
      const { cache, extra } = await open();
      const developer = await develop(`${cache.url}/simple/`);
      await developer.must('machine', ...INSTALL, 'torchy==2.0+cu121', '--extra-index-url', `${cache.url}/extra/simple/`);
      expect(await developer.distributions()).toEqual(['plain-1.0', 'torchy-2.0+cu121']);
      expect(extra.files.count(/torchy.*\.whl$/, 'GET')).toBe(1);

      await extra.files.down();
      await developer.forget();
      await developer.must('machine', ...INSTALL, 'torchy==2.0+cu121', '--extra-index-url', `${cache.url}/extra/simple/`);
    },
    TIMEOUT_MS,
  );

  withPip(
    'is never asked for what the default one lacks, nor are their files offered together',
    async () => {
      const { cache, main, extra } = await open();
      const developer = await develop(`${cache.url}/simple/`);
      const { code, stderr } = await developer.call('machine', ...INSTALL, 'only-extra');
      expect(code).not.toBe(0);
      expect(stderr).toContain('No matching distribution found for only-extra');
      await developer.must('machine', ...INSTALL, 'torchy');
      expect(await developer.distributions()).toEqual(['torchy-1.0']);
      expect(extra.upstream.requests).toEqual([]);

      main.upstream.forget();
      const second = await develop(`${cache.url}/extra/simple/`);
      expect((await second.call('machine', ...INSTALL, 'plain')).code).not.toBe(0);
      await second.must('machine', ...INSTALL, '--no-deps', 'torchy');
      expect(await second.distributions()).toEqual(['torchy-2.0+cu121']);
      expect(main.upstream.requests).toEqual([]);
    },
    TIMEOUT_MS,
  );

  withIndex(
    'is locked by uv, and installed from the lock through a cold cache',
    async () => {
      const { cache, main, extra } = await open();
      const project = (base: string): string => `[project]
name = "demo"
version = "1.0"
requires-python = ">=3.11"
dependencies = ["torchy==2.0+cu121", "only-extra"]
[tool.uv]
package = false
index-strategy = "unsafe-best-match"
[[tool.uv.index]]
url = "${base}/extra/simple/"
`;
      const developer = await develop(`${cache.url}/simple/`);
      await developer.write('pyproject.toml', project(cache.url));
      await developer.must('uv', 'lock', '--quiet');
      const lock = await developer.read('uv.lock');
      const cold = await openCache(main.url, { UPSTREAM_pip_extra: extra.url, ALLOW_NETS: '127.0.0.0/8' });
      await developer.forget();
      await developer.write('pyproject.toml', project(cold.url));
      await developer.write('uv.lock', lock.replaceAll(cache.url, cold.url));
      await developer.must('uv', 'sync', '--frozen', '--quiet');
      expect(await developer.distributions('environment')).toEqual(['only_extra-3.0', 'plain-1.0', 'torchy-2.0+cu121']);
    },
    TIMEOUT_MS,
  );
});

describe('a wheel of 30 MB whose metadata the index does not have', () => {
  const WHEEL_BYTES = 30_000_000;
  /** For its metadata and the pages. */
  const MOST_BYTES = 200_000;
  const WHEEL = 'big-1.0-py3-none-any.whl';

  const open = async (): Promise<{ index: FakeIndex; cache: LocalHouse; outgoing: Outgoing }> => {
    const index = await begin({ forms: 'html' });
    index.addProject({ name: 'big', releases: { '1.0': { ballast: WHEEL_BYTES, metadata: 'absent', requires: ['small'] } } });
    index.addProject({ name: 'small', releases: { '1.0': {} } });
    const outgoing = await openOutgoing();
    toStop.push(outgoing.close);
    return { index, cache: await openCache(index.url, { UPSTREAM_PROXY: outgoing.url }), outgoing };
  };
  const expectCheap = ({ index, outgoing }: { index: FakeIndex; outgoing: Outgoing }): void => {
    expect(index.file(WHEEL).body.length).toBeGreaterThan(WHEEL_BYTES);
    expect(index.upstream.count(index.target(WHEEL), 'GET')).toBeGreaterThan(0);
    expect(outgoing.bytesReceived()).toBeLessThan(MOST_BYTES);
  };

  withIndex(
    'costs uv a few ranges of it, as metadata that the cache offers',
    async () => {
      const opened = await open();
      const developer = await develop(`${opened.cache.url}/simple/`, 'big');
      expect((await developer.must('uv', 'pip', 'compile', '--no-header', 'wanted.txt')).stdout).toContain('small==1.0');
      expect(opened.cache.access.map(({ target }) => target)).toContain(`${opened.index.target(WHEEL)}.metadata`);
      expectCheap(opened);
    },
    TIMEOUT_MS,
  );

  withIndex(
    'costs uv a few ranges of it, when it asks by HEAD and ranges itself, before any page',
    async () => {
      const opened = await open();
      const target = opened.index.target(WHEEL);
      const developer = await develop(`${opened.cache.url}/simple/`, `big @ ${opened.cache.url}${target}`);
      expect((await developer.must('uv', 'pip', 'compile', '--no-header', 'wanted.txt')).stdout).toContain('small==1.0');
      const asked = opened.cache.access.filter((line) => line.target === target).map(({ method, status }) => `${method} ${status}`);
      expect([...new Set(asked)].sort()).toEqual(['GET 206', 'HEAD 200']);
      expectCheap(opened);
    },
    TIMEOUT_MS,
  );

  withPip(
    'costs Poetry its last bytes: a suffix range before any page',
    async () => {
      const opened = await open();
      const got = await opened.cache.get(opened.index.target(WHEEL), { headers: { range: 'bytes=-10000' } });
      expect([got.status, got.body.equals(opened.index.file(WHEEL).body.subarray(-10_000))]).toEqual([206, true]);
      expectCheap(opened);
    },
    TIMEOUT_MS,
  );

  withPip(
    'costs pip a few ranges of it, to find out what is needed',
    async () => {
      const opened = await open();
      const developer = await develop(`${opened.cache.url}/simple/`);
      const { stdout } = await developer.must('machine', 'install', '--dry-run', '--ignore-installed', 'big');
      expect(stdout).toContain('Would install big-1.0 small-1.0');
      expectCheap(opened);
    },
    TIMEOUT_MS,
  );
});

describe('what goes wrong', () => {
  withIndex(
    'a project that does not exist is missing for everybody',
    async () => {
      const index = await begin();
      const cache = await openCache(index.url);
      const developer = await develop(`${cache.url}/simple/`, 'nothing-here');
      expect((await developer.call('pip', ...INSTALL, 'nothing-here')).stderr).toContain('No matching distribution found for nothing-here');
      expect((await developer.call('uv', 'pip', 'compile', 'wanted.txt')).stderr).toContain('was not found in the package registry');
      expect(new Set(cache.access.map(({ status }) => status))).toEqual(new Set([404]));
    },
    TIMEOUT_MS,
  );

  withIndex(
    'an upstream that cannot be reached is not a project that does not exist',
    async () => {
      const index = await begin();
      index.addProject({ name: 'left', releases: { '1.0': {} } });
      const cache = await openCache(index.url);
      await index.upstream.down();
      const developer = await develop(`${cache.url}/simple/`, 'left');
      const uv = await developer.call('uv', 'pip', 'compile', 'wanted.txt');
      expect(uv.stderr).toContain('502');
      expect(uv.stderr).not.toContain('not found');
      expect((await openCache(index.url, { OFFLINE: 'yes' }).then((offline) => offline.get(index.page('left')))).status).toBe(504);
      // pip itself says so only when asked to say all.
      const pip = await developer.call('pip', ...INSTALL, '-vvv', 'left');
      expect(pip.code).not.toBe(0);
      expect(pip.stdout + pip.stderr).toMatch(/502/);
      expect(new Set(cache.access.map(({ status }) => status))).toEqual(new Set([502]));
    },
    TIMEOUT_MS,
  );

  withIndex(
    'a released file with other bytes is refused, and the client can read why',
    async () => {
      const index = await begin();
      index.addProject({ name: 'left', releases: { '1.0': { ballast: 10 } } });
      const wheel = 'left-1.0-py3-none-any.whl';
      const cache = await openCache(index.url, { TTL_pip: '0s' });
      const developer = await develop(`${cache.url}/simple/`, 'left');
      await developer.must('machine', ...INSTALL, 'left');

      const other = await begin();
      other.addProject({ name: 'left', releases: { '1.0': { ballast: 11 } } });
      const { body, sha256, metadata, metadataSha256 } = other.file(wheel);
      index.alter(wheel, { body, sha256, metadata, metadataSha256, size: body.length });
      const refusal = async (client: ClientName, ...args: readonly string[]): Promise<string> => {
        await developer.forget();
        const { code, stderr } = await developer.call(client, ...args);
        expect(code).not.toBe(0);
        return stderr;
      };
      // Newer pips show of a 502 no more than that it is one, as uv does.
      expect(await refusal('pip', ...INSTALL, 'left')).toContain('too many 502 error responses');
      expect(await refusal('uv', ...INSTALLERS.uv.install('wanted.txt'))).toContain('502');
      if (tooNew === '') expect(await refusal('oldPip', ...INSTALL, 'left')).toContain('was released with other bytes before');
      const target = index.target(wheel);
      expect((await cache.get(target)).body.toString()).toMatch(/was released with other bytes before .*\n.*CHANGED_pip=follow/);
      expect(cache.access.filter((line) => line.target === target && line.status === 200)).toHaveLength(1);
    },
    TIMEOUT_MS,
  );
});

describe('a private index', () => {
  const [USER, PASSWORD] = ['reader', 'aSecretThatMustStayHere'];
  const SECRET = Buffer.from(`${USER}:${PASSWORD}`).toString('base64');

  /** An index that answers only who gives the password. */
  const lock = async (): Promise<{ url: string; gate: FakeUpstream }> => {
    const index = await begin({ links: 'relative' });
    index.addProject({ name: 'left', releases: { '1.0': {} } });
    const gate = await startUpstream();
    toStop.push(gate.close);
    gate.on(/^/, async (request, response, { path }) => {
      if (request.headers.authorization !== `Basic ${SECRET}`)
        return response.writeHead(401, { 'www-authenticate': 'Basic realm="private"' }).end('who are you?');
      const accept = request.headers.accept;
      const answer = await fetch(index.upstream.url + path, accept === undefined ? {} : { headers: { accept } });
      const type = answer.headers.get('content-type') ?? '';
      return response.writeHead(answer.status, { 'content-type': type }).end(Buffer.from(await answer.arrayBuffer()));
    });
    return { url: `${gate.url}/simple`, gate };
  };
  const asUser = (cache: LocalHouse, password: string): string => `${cache.url.replace('://', `://${USER}:${password}@`)}/simple/`;

  withPip(
    'gets no credentials of clients unless they are forwarded',
    async () => {
      const { url, gate } = await lock();
      const cache = await openCache(url);
      const developer = await develop(asUser(cache, PASSWORD));
      const { code } = await developer.call('machine', ...INSTALL, 'left');
      expect(code).not.toBe(0);
      expect(gate.requests.length).toBeGreaterThan(0);
      expect(gate.requests.filter(({ headers }) => headers.authorization !== undefined)).toEqual([]);
    },
    TIMEOUT_MS,
  );

  withPip(
    'serves who has the password with CLIENT_AUTH_pip=forward, and nobody else afterwards',
    async () => {
      const { url } = await lock();
      const cache = await openCache(url, { CLIENT_AUTH_pip: 'forward' });
      const reader = await develop(asUser(cache, PASSWORD));
      await reader.must('machine', ...INSTALL, 'left');
      expect(await reader.distributions()).toEqual(['left-1.0']);
      for (const stranger of [`${cache.url}/simple/`, asUser(cache, 'wrong')]) {
        const developer = await develop(stranger);
        expect((await developer.call('machine', '--no-input', ...INSTALL, 'left')).code).not.toBe(0);
      }
      const target = cache.access.find((line) => line.target.endsWith('.whl'))?.target ?? 'none';
      expect((await cache.get(target)).status).toBe(401);
      await reader.forget();
      await reader.must('machine', ...INSTALL, 'left');
    },
    TIMEOUT_MS,
  );
});
