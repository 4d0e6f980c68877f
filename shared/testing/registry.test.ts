import { execFile } from 'node:child_process';
import { createHash, createPublicKey, createVerify } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { startRegistry, type FakeRegistry, type RegistryOptions } from './registry';
import { testFetcher } from './fetcher';

const ABBREVIATED = 'application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8, */*';
const open: FakeRegistry[] = [];
async function start(options?: RegistryOptions): Promise<FakeRegistry> {
  const registry = await startRegistry(options);
  open.push(registry);
  registry.addPackage({
    name: 'left',
    versions: {
      '1.0.0': { attested: true },
      '1.1.0': { dependencies: { '@demo/right': '^2.0.0' }, manifest: { scripts: { install: 'true' } } },
    },
    tags: { old: '1.0.0' },
  });
  return registry.addPackage({ name: '@demo/right', versions: { '2.0.0': { tarballPath: '/odd/place/right.tgz' } } });
}
afterEach(async () => {
  for (const each of open.splice(0)) await each.close();
});
interface Any {
  readonly [field: string]: Any | undefined;
}
async function read(
  registry: FakeRegistry,
  path: string,
  headers = {},
  method = 'GET',
  body?: Buffer,
): Promise<{ status: number; headers: Record<string, string>; json: Any }> {
  const { room, get } = testFetcher([registry.url]);
  const response = await get(path, { headers, method, single: true, ...(body ? { body } : {}) });
  const text = Buffer.concat(await response.body.toArray()).toString();
  room.close();
  return { status: response.status, headers: response.headers, json: (text.startsWith('{') ? JSON.parse(text) : {}) as Any };
}

test('full and abbreviated packuments, by Accept, with validators', async () => {
  const registry = await start();
  const full = await read(registry, '/left');
  expect(full.headers['content-type']).toBe('application/json');
  expect(Object.keys(full.json['time'] ?? {})).toEqual(['created', 'modified', '1.0.0', '1.1.0']);
  const short = await read(registry, '/left', { accept: ABBREVIATED });
  expect(short.headers['content-type']).toBe('application/vnd.npm.install-v1+json');
  expect([short.json['time'], short.json['readme'], short.json['modified']]).toEqual([undefined, undefined, '2020-01-02T00:00:00.000Z']);
  expect(short.json['versions']?.['1.1.0']).toMatchObject({ hasInstallScript: true, dependencies: { '@demo/right': '^2.0.0' } });
  expect(short.headers['etag']).not.toBe(full.headers['etag']);
  expect((await read(registry, '/left', { 'if-none-match': full.headers['etag'] })).status).toBe(304);
  expect((await read(registry, '/left', { 'accept-encoding': 'gzip' })).headers['content-encoding']).toBe('gzip');
  for (const path of ['/@demo%2fright', '/@demo%2Fright', '/@demo/right']) expect((await read(registry, path)).status).toBe(200);
  expect((await read(registry, '/left/old')).json['version']).toBe('1.0.0');
  expect(await read(registry, '/left/9.9.9')).toMatchObject({ status: 404 });
  expect(await read(registry, '/none')).toMatchObject({ status: 404, json: { error: 'Not found' } });
  expect((await read(registry, '/-/package/left/dist-tags')).json).toEqual({ latest: '1.1.0', old: '1.0.0' });
  expect((await read(registry, '/-/package/@demo%2fright/dist-tags')).json).toEqual({ latest: '2.0.0' });
});

test('signatures hold, attestations only where there are some', async () => {
  const registry = await start();
  const { keys } = (await read(registry, '/-/npm/v1/keys')).json as unknown as { keys: { key: string; keyid: string }[] };
  const { dist } = (await read(registry, '/left/1.0.0')).json as unknown as {
    dist: { integrity: string; signatures: { sig: string; keyid: string }[] };
  };
  const key = createPublicKey({ key: Buffer.from(keys[0]?.key ?? '', 'base64'), format: 'der', type: 'spki' });
  const verify = createVerify('SHA256').update(`left@1.0.0:${dist.integrity}`);
  expect(verify.verify(key, dist.signatures[0]?.sig ?? '', 'base64')).toBe(true);
  const bytes = createHash('sha512').update(registry.tarball('left', '1.0.0')).digest('base64');
  expect(dist.integrity).toBe(`sha512-${bytes}`);
  expect((await read(registry, '/-/npm/v1/attestations/left@1.0.0')).status).toBe(200);
  expect((await read(registry, '/-/npm/v1/attestations/left@1.1.0')).status).toBe(404);
});

test('audit with a gzip body, search, login, publish, tags', async () => {
  const registry = await start();
  registry.advise('left', ['1.0.0']);
  const body = gzipSync(JSON.stringify({ left: ['1.0.0'], '@demo/right': ['2.0.0'] }));
  const audit = await read(registry, '/-/npm/v1/security/advisories/bulk', { 'content-encoding': 'gzip' }, 'POST', body);
  expect(audit.json).toEqual({ left: [expect.objectContaining({ severity: 'high', vulnerable_versions: '1.0.0' })] });
  expect((await read(registry, '/-/v1/search?text=righ')).json).toMatchObject({
    total: 1,
    objects: [{ package: { name: '@demo/right' } }],
  });
  expect((await read(registry, '/-/whoami')).status).toBe(401);
  const authorization = `Bearer ${registry.token}`;
  expect((await read(registry, '/-/whoami', { authorization })).json).toEqual({ username: 'tester' });
  const tarball = registry.tarball('left', '1.0.0').toString('base64');
  const sent = {
    name: 'new',
    'dist-tags': { latest: '0.1.0' },
    versions: { '0.1.0': { name: 'new', version: '0.1.0' } },
    _attachments: { 'new-0.1.0.tgz': { data: tarball } },
  };
  const put = (headers: Record<string, string>): ReturnType<typeof read> =>
    read(registry, '/new', headers, 'PUT', Buffer.from(JSON.stringify(sent)));
  expect((await put({})).status).toBe(401);
  expect((await put({ authorization })).status).toBe(201);
  expect((await put({ authorization })).status).toBe(403);
  expect(registry.tarball('new', '0.1.0').equals(registry.tarball('left', '1.0.0'))).toBe(true);
  await read(registry, '/-/package/left/dist-tags/next', { authorization }, 'PUT', Buffer.from('"1.0.0"'));
  expect((await read(registry, '/left/next')).json['version']).toBe('1.0.0');
});

test('a bare one has neither validators nor abbreviated documents nor services', async () => {
  const registry = await start({ bare: true });
  const document = await read(registry, '/left', { accept: ABBREVIATED, 'accept-encoding': 'gzip' });
  expect(document.headers['content-type']).toBe('application/json');
  expect(['etag', 'last-modified', 'cache-control', 'vary', 'content-encoding'].filter((name) => name in document.headers)).toEqual([]);
  expect((await read(registry, '/-/v1/search?text=x')).status).toBe(404);
});

test.each([{}, { prefix: '/repository/npm', filesElsewhere: true }])(
  'npm installs, audits and verifies from it %j',
  async (options) => {
    const registry = await start(options);
    registry.advise('@demo/right', ['2.0.0']);
    const directory = mkdtempSync(join(tmpdir(), 'larder-registry-'));
    try {
      writeFileSync(
        join(directory, 'package.json'),
        JSON.stringify({ name: 'project', version: '1.0.0', dependencies: { left: '^1.0.0' } }),
      );
      const npm = (...words: string[]): Promise<{ stdout: string }> =>
        promisify(execFile)(
          'npm',
          [...words, '--registry', `${registry.url}/`, '--cache', join(directory, 'cache'), '--no-update-notifier'],
          {
            cwd: directory,
            env: { PATH: process.env['PATH'], HOME: directory },
          },
        );
      await npm('install', '--ignore-scripts');
      expect(readFileSync(join(directory, 'node_modules/@demo/right/index.js'), 'utf8')).toContain('@demo/right@2.0.0');
      await expect(npm('audit')).rejects.toMatchObject({ stdout: expect.stringContaining('Trouble in @demo/right') });
      expect(registry.files.count(/odd\/place\/right\.tgz$/)).toBe(1);
    } finally {
      rmSync(directory, { recursive: true });
    }
  },
  60_000,
);
