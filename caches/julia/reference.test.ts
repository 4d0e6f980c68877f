/** What the test sets of the reference server (PkgServer.jl, test/tests.jl) look at, here: over HTTP, as clients of today ask. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { createHash } from 'node:crypto';
import { openHouse, type Got, type LocalHouse } from '../../shared/testing/house';
import { EXAMPLE, GENERAL, gitTree, offerRegistry, registryArchive, registryTarget, treeArchive } from '../../shared/testing/julia-storage';
import { makeTar, packed } from '../../shared/testing/tarball';
import { startUpstream, type FakeUpstream } from '../../shared/testing/upstream';
import { bytes } from '../../shared/testing/packages';
import { sendReply } from '../../shared/testing/reply';
import { hasZstd, storedZstd } from '../../shared/testing/zstd';
import { parseToml } from '../parsers/toml';

jest.setTimeout(60_000);

const registry = registryArchive('one');
const files = { 'src/Example.jl': 'module Example end\n', 'test/data.bin': bytes(3000) };
const example = treeArchive(files);
const target = `/package/${EXAMPLE}/${example.tree}`;
const artifact = treeArchive({ 'lib/libx.so': bytes(5000, 'lib') });
const artifactTarget = `/artifact/${artifact.tree}`;
const itZstd = hasZstd ? it : it.skip;

let storage: FakeUpstream;
let house: LocalHouse;
const more: LocalHouse[] = [];

beforeEach(async () => {
  storage = await startUpstream();
  offerRegistry(storage, registry);
  storage.on(target, { body: example.body, ranges: 'yes' }).on(artifactTarget, { body: artifact.body, ranges: 'yes' });
  house = await openHouse({ module: 'julia', upstream: storage.url });
});
afterEach(async () => {
  for (const each of more.splice(0)) await each.stop();
  await house.stop();
  await storage.close();
});

/** The fields that Pkg sends, by its version: https://github.com/JuliaLang/Pkg.jl, src/PlatformEngines.jl (`get_metadata_headers`). */
function fieldsOf(version: string, server: string, preference?: string): Record<string, string> {
  const [, minor = '0'] = version.split('.');
  return {
    'Julia-Pkg-Protocol': '1.0',
    'Julia-Version': version,
    'Julia-System': 'x86_64-linux-gnu-libgfortran5-cxx11-libstdcxx30-julia_version+1.13.0',
    'Julia-CI-Variables': 'APPVEYOR=n;CI=n;CI_SERVER=n;GITHUB_ACTIONS=n;TF_BUILD=n',
    'Julia-Interactive': 'true',
    'User-Agent': 'curl/8.6.0 julia/1.13',
    Accept: '*/*',
    ...(Number(minor) >= 6 ? { 'Julia-Pkg-Server': server } : {}),
    ...(Number(minor) >= 8 && preference !== undefined ? { 'Julia-Registry-Preference': preference } : {}),
  };
}

/** A client of a version: goes where it is led, tries three times, tells the form of a file by its first bytes, and checks its tree. */
async function client(
  version: string,
  preference?: string,
  of = house,
): Promise<{ get(path: string): Promise<Got>; files(path: string): Promise<string> }> {
  const fields = fieldsOf(version, of.url, preference);
  const takesZstd = Number(version.split('.')[1]) >= 13;
  const get = async (path: string): Promise<Got> => {
    const coding = takesZstd && /^\/(?:registry|package|artifact)\//.test(path) ? { 'Accept-Encoding': 'zstd, gzip' } : undefined;
    for (let attempt = 1; ; attempt++) {
      const got = await of.get(path, { headers: { ...fields, ...coding } });
      if (got.status === 302) return get(got.headers.location ?? '');
      if ((got.status === 200 && got.complete) || attempt === 3) return got;
    }
  };
  return { get, files: async (path) => listed(await get(path)) };
}

/** Names of what an archive unpacks to. */
function listed({ body }: Got): string {
  const folder = mkdtempSync(join(tmpdir(), 'unpack-'));
  try {
    const isZstd = body.readUInt32LE(0) === 0xfd2fb528;
    writeFileSync(join(folder, 'archive'), body);
    const done = spawnSync('tar', [isZstd ? '--zstd' : '-z', '-tf', 'archive'], { cwd: folder, encoding: 'utf8' });
    return done.stdout;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const json = async (path: string): Promise<Record<string, never>> =>
  JSON.parse(String((await house.get(path)).body)) as Record<string, never>;

describe('direct HTTP requests', () => {
  it('registries in every flavour, then the registry itself, whose tree is right', async () => {
    for (const list of ['/registries', '/registries.eager', '/registries.conservative']) {
      const got = await (await client('1.12.0')).get(list);
      expect([list, got.status, String(got.body)]).toEqual([list, 200, `${registryTarget(registry)}\n`]);
    }
    expect((await house.get('/registries')).status).toBe(302);
    const got = await house.get(registryTarget(registry));
    expect([got.status, got.headers['content-type'], got.headers['content-encoding'], got.headers['content-length']]).toEqual([
      200,
      'application/x-gzip',
      undefined,
      String(registry.body.length),
    ]);
    expect(gunzipSync(got.body).equals(gunzipSync(registry.body))).toBe(true);
  });

  it('/meta and what is below', async () => {
    expect(await json('/meta')).toMatchObject({ pkgserver_version: expect.stringMatching(/^larder-\d/), pkgserver_url: house.url });
    expect((await json('/meta'))['last_registry_update']).toBeNull();
    await house.get('/registries.eager');
    expect(Date.parse((await json('/meta'))['last_registry_update'] ?? '')).toBeGreaterThan(Date.parse('2026-01-01'));
    expect([await json('/meta/siblings'), await json('/meta/children'), await json('/meta/parents')]).toEqual([[], [], [storage.url]]);
  });

  it('/robots.txt; 404 for what is not there, as text; 405 for other methods', async () => {
    expect(String((await house.get('/robots.txt')).body)).toBe('User-agent: *\nDisallow: /\n');
    for (const path of ['/docs', '/meta/', '/meta/x', '/registries.lazy', `/artifact/${'0'.repeat(39)}`]) {
      const got = await house.get(path);
      expect([path, got.status, got.headers['content-type']]).toEqual([path, 404, 'text/plain; charset=utf-8']);
    }
    expect((await house.get(target, { method: 'POST' })).status).toBe(405);
    expect(storage.requests).toHaveLength(0);
  });

  it('pages about itself know HEAD, and only names that are ours', async () => {
    const head = await house.get('/metrics', { method: 'HEAD' });
    expect([head.status, head.body.length]).toEqual([200, 0]);
    expect((await house.get('/meta', { headers: { host: 'evil.example' } })).status).toBe(421);
  });

  it('an Artifacts.toml that is made of the archive', async () => {
    const got = await house.get(`${artifactTarget}/Xorg_xineramaproto`);
    expect([got.status, got.headers['content-type']]).toEqual([200, 'application/toml']);
    const sha256 = createHash('sha256').update(artifact.body).digest('hex');
    expect(parseToml(String(got.body))).toEqual({
      Xorg_xineramaproto: { 'git-tree-sha1': artifact.tree, download: [{ sha256, url: `${house.url}${artifactTarget}.tar.gz` }] },
    });
    // It was fetched for that, once.
    expect((await house.get(artifactTarget)).headers['x-cache']).toBe('hit');
    expect((await house.get(`/artifact/${'0'.repeat(40)}/x`)).status).toBe(404);
    storage.on(`/artifact/${'1'.repeat(40)}`, { body: artifact.body });
    expect((await house.get(`/artifact/${'1'.repeat(40)}/x`)).status).toBe(502);
  });

  it('an Artifacts.toml is right for who accepts Zstandard, too: its digest is of one file', async () => {
    const other = storedZstd(gunzipSync(artifact.body));
    storage.on(artifactTarget, (request, response) => {
      const takesZstd = /\bzstd\b/.test(String(request.headers['accept-encoding']));
      return sendReply(request, response, { body: takesZstd ? other : artifact.body });
    });
    const young = await client('1.13.0');
    const toml = parseToml(String((await young.get(`${artifactTarget}/Fonts`)).body)) as {
      Fonts: { download: { url: string; sha256: string }[] };
    };
    for (const { url, sha256 } of toml.Fonts.download) {
      const got = await young.get(new URL(url).pathname);
      expect([got.status, createHash('sha256').update(got.body).digest('hex')]).toEqual([200, sha256]);
    }
    // Asked as an artifact it is the other one.
    expect((await young.get(artifactTarget)).body.equals(other)).toBe(true);
  });
});

describe('installation, by what clients of each version send', () => {
  it.each(['1.5.3', '1.6.7', '1.8.5', '1.12.0', '1.13.0'])('%s', async (version) => {
    const pkg = await client(version, 'eager');
    const line = String((await pkg.get('/registries')).body).trim();
    expect(line).toBe(registryTarget(registry));
    const isEager = Number(version.split('.')[1]) >= 8;
    expect(storage.count('/registries.eager')).toBe(isEager ? 1 : 0);
    expect(await pkg.files(line)).toContain('Registry.toml');
    expect(await pkg.files(target)).toBe('src/Example.jl\ntest/data.bin\n');
    expect(await pkg.files(artifactTarget)).toBe('lib/libx.so\n');
    const said = house.access.map((line) => line.said ?? '');
    expect(said.every((text) => text.includes(`julia-version=${version}`) && text.includes('julia-interactive=true'))).toBe(true);
    expect(said.some((text) => text.includes('julia-registry-preference=eager'))).toBe(isEager);
  });

  itZstd('zstd only to who asked for it, and both are right (skipped where there is no zstd command)', async () => {
    const body = spawnSync('zstd', ['-q', '-c'], { input: gunzipSync(example.body) }).stdout;
    storage.on(target, (request, response) => {
      const takesZstd = /\bzstd\b/.test(String(request.headers['accept-encoding']));
      const file = takesZstd ? body : example.body;
      response.writeHead(200, {
        'content-length': String(file.length),
        'content-type': takesZstd ? 'application/zstd' : 'application/x-gzip',
      });
      response.end(file);
    });
    const [old, young] = [await client('1.12.0'), await client('1.13.0')];
    for (let times = 0; times < 3; times++) {
      const [gzip, zstd] = [await old.get(target), await young.get(target)];
      expect([gzip.status, gzip.body.equals(example.body), gzip.headers['content-type']]).toEqual([200, true, 'application/x-gzip']);
      expect([zstd.status, zstd.body.equals(body), zstd.headers['content-type']]).toEqual([200, true, 'application/zstd']);
      expect([gzip.headers['content-encoding'], zstd.headers['content-encoding']]).toEqual([undefined, undefined]);
      await house.kept(target);
    }
    expect(storage.count(target)).toBe(2);
    expect(listed(await young.get(target))).toBe(listed(await old.get(target)));
  });
});

it('access tracking: what is held, how often it was served, and the bytes', async () => {
  for (const path of ['/registries.eager', target, artifactTarget]) await house.get(path);
  for (const path of [target, artifactTarget]) await house.kept(path);
  for (let times = 0; times < 5; times++) await house.get(artifactTarget);
  // Pages about itself count for nothing.
  for (const path of ['/meta', '/meta/stats', '/metrics']) await house.get(path);
  const stats = (await json('/meta/stats')) as unknown as {
    lru: Record<string, { size: number; num_accessed: number; last_accessed: string }>;
  };
  expect(stats).toMatchObject({ packages_cached: 1, artifacts_cached: 1, cached_hits: 5, total_misses: 0 });
  expect(stats.lru[artifactTarget.slice(1)]).toMatchObject({ size: artifact.body.length, num_accessed: 6 });
  expect(stats.lru[registryTarget(registry).slice(1)]).toMatchObject({ size: registry.body.length });
  const { payload_bytes_received: received, payload_bytes_transmitted: sent } = stats as unknown as Record<string, number>;
  expect(received).toBe(registry.body.length + example.body.length + artifact.body.length + `${registryTarget(registry)}\n`.length);
  expect(sent).toBe(6 * artifact.body.length + example.body.length + `${registryTarget(registry)}\n`.length);
});

it('metrics: requests by target, files and bytes held by type', async () => {
  for (const path of ['/registries.eager', target, target, artifactTarget, '/metrics']) await house.get(path);
  for (const path of [target, artifactTarget]) await house.kept(path);
  const metrics = String((await house.get('/metrics')).body);
  expect(metrics).toMatch(/pkgserver_http_request_duration_seconds_count\{target="\/metrics"\} 1\n/);
  expect(metrics).toMatch(/pkgserver_http_request_duration_seconds_count\{target="\/package"\} 2\n/);
  for (const [type, { length }] of [
    ['registry', registry.body],
    ['package', example.body],
    ['artifact', artifact.body],
  ] as const) {
    expect(metrics).toContain(`pkgserver_cached_resource_files{resource_type="${type}"} 1\n`);
    expect(metrics).toContain(`pkgserver_cached_resource_bytes{resource_type="${type}"} ${length}\n`);
  }
});

it('an archive with an empty folder is good under both of its names: empty folders counted, and not', async () => {
  const body = packed(makeTar({ 'a.txt': 'a\n', 'empty/': '' }));
  const skipped = gitTree({ 'a.txt': 'a\n' });
  const counted = treeWithEmptyFolder();
  expect(counted).not.toBe(skipped);
  for (const tree of [skipped, counted]) {
    storage.on(`/artifact/${tree}`, { body });
    const got = await house.get(`/artifact/${tree}`);
    expect([tree, got.status, got.body.equals(body)]).toEqual([tree, 200, true]);
    expect((await house.get(`/artifact/${tree}`, { method: 'HEAD' })).status).toBe(200);
  }
});

/** As git says it, of a tree that has the tree of nothing in it. */
function treeWithEmptyFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'empty-'));
  const git = (args: readonly string[], input = ''): string => {
    const env = { PATH: process.env['PATH'], HOME: folder, GIT_CONFIG_NOSYSTEM: '1' };
    return spawnSync('git', args, { cwd: folder, input, encoding: 'utf8', env }).stdout.trim();
  };
  try {
    git(['init', '-q', '--bare']);
    const blob = git(['hash-object', '-w', '--stdin'], 'a\n');
    const empty = git(['mktree']);
    return git(['mktree'], `100644 blob ${blob}\ta.txt\n040000 tree ${empty}\tempty\n`);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe.each(['cold', 'warm'])('partial content, %s', (state) => {
  const { body } = example;
  const size = body.length;

  beforeEach(async () => {
    if (state === 'cold') return;
    await house.get(target);
    await house.kept(target);
  });

  it.each([
    ['bytes=0-1023', 0, 1023],
    ['bytes=1024-', 1024, size - 1],
    ['bytes=-2047', size - 2047, size - 1],
    ['bytes=0-10000', 0, size - 1],
  ])('%s', async (range, first, last) => {
    const got = await house.get(target, { headers: { range } });
    expect([got.status, got.headers['content-range'], got.headers['content-length']]).toEqual([
      206,
      `bytes ${first}-${last}/${size}`,
      String(last - first + 1),
    ]);
    expect(got.body.equals(body.subarray(first, last + 1))).toBe(true);
  });

  // RFC 9110 §14.1.1: such a range is invalid, and so ignored; the reference server says 416.
  it('bytes=2-1 means nothing', async () => {
    const got = await house.get(target, { headers: { range: 'bytes=2-1' } });
    expect([got.status, got.body.equals(body)]).toEqual([200, true]);
  });
});

it('flavourless: /registries is the list itself, and there are no others', async () => {
  const plain = await startUpstream();
  offerRegistry(plain, registry, { lists: ['/registries'] });
  const other = await openHouse({ module: 'julia', upstream: plain.url });
  more.push(other);
  const got = await other.get('/registries');
  expect([got.status, String(got.body)]).toEqual([200, `/registry/${GENERAL}/${registry.tree}\n`]);
  for (const list of ['/registries.eager', '/registries.conservative']) expect((await other.get(list)).status).toBe(404);
  await plain.close();
});

// There is no /admin here, and so no password: what it is for is below /_cache/ (for who may connect), and in the log.
describe('administration', () => {
  const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;

  it.each(['', 'Bearer abc123', 'Basic xyz123', basic('admin'), basic('admin:hunter1'), basic(':hunter1'), basic('admin:hunter2')])(
    '/admin does not exist, whoever says %j; nobody is asked, and no credential is logged',
    async (authorization) => {
      for (const path of ['/admin', '/admin/', '/admin/logs']) {
        const got = await house.get(path, { headers: { authorization } });
        expect([path, got.status, got.headers['www-authenticate']]).toEqual([path, 404, undefined]);
      }
      expect(storage.requests).toHaveLength(0);
      if (authorization !== '') expect(JSON.stringify([house.access, house.events])).not.toContain(authorization.split(' ')[1]);
    },
  );

  it('the page that says what there is, and the status', async () => {
    expect(String((await house.get('/_cache/nothing')).body)).toMatch(/health, status, metrics, why\?url=, setup\?client=/);
    await house.get(target);
    await house.kept(target);
    const status = await json('/_cache/status');
    expect(Object.keys(status['counters'] ?? {})).toEqual(['hits', 'misses', 'stale', 'revalidated', 'errors', 'bytesSent', 'passes']);
    expect(status).toMatchObject({
      cache: 'julia',
      entries: 1,
      bytesHeld: example.body.length,
      mirrors: [{ base: storage.url, healthy: true }],
    });
    expect((await json(`/_cache/why?url=${target}`))['entry']).toMatchObject({ pin: `gittree-${example.tree}` });
    expect(String((await house.get('/_cache/setup?client=Julia')).body)).toContain(`export JULIA_PKG_SERVER=${house.url}`);
    expect((await house.get('/_cache/status', { headers: { host: 'evil.example' } })).status).toBe(421);
  });

  it('the log: who asked for what, and what became of it; wrong bytes by name', async () => {
    await house.get(target);
    expect(house.access.at(-1)).toMatchObject({ method: 'GET', target, status: 200, outcome: 'miss' });
    storage.on(`/artifact/${example.tree}`, { body: artifact.body });
    expect((await house.get(`/artifact/${example.tree}`)).status).toBe(502);
    expect(JSON.stringify(house.said('integrity'))).toContain(example.tree);
  });
});
