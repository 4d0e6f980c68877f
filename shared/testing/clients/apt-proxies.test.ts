/** How a real apt finds the cache, and how it gets at https archives through it: cached by the mark `HTTPS///`, or uncached by tunnels. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { FakeArchive } from '../apt-archive';
import { hex } from '../apt-indexes';
import type { AptRoot } from '../apt-root';
import { createAuthority, type TestAuthority } from '../certificates';
import { confLines, sourcesLines, withArchives } from './apt-machine';
import { expectKept } from './apt-packages';
import { aptOf, archiveOf, cacheOf, clientOf, declare, said, useScene, well } from './apt-scene';
import { removeFolder, temporaryFolder } from './folder';
import { run } from './run';

/** The only port that tunnels lead to; an address of its own, so that nobody else is in the way. */
const TUNNEL_PORT = 443;
const ADDRESS = `127.${process.pid % 250}.77.9`;

const noOpenssl = canRun('openssl', 'version') ? '' : 'there is no openssl';
const listen = `require('net').createServer().on('error', () => process.exit(1)).listen(${TUNNEL_PORT}, '${ADDRESS}', () => process.exit(0))`;
const noPort = noOpenssl || (canRun(process.execPath, '-e', listen) ? '' : `port ${TUNNEL_PORT} cannot be listened on`);
let folder = '';
let authority: TestAuthority | undefined;

useScene();
beforeAll(async () => {
  folder = await temporaryFolder('proxies');
  if (noOpenssl === '') authority = createAuthority(folder);
});
afterAll(() => removeFolder(folder));

function canRun(...[command = '', ...args]: readonly string[]): boolean {
  try {
    execFileSync(command, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** An https archive with one package. */
async function secure(place: { readonly host: string; readonly port?: number }): Promise<FakeArchive> {
  const tls = authority?.issue(`archive-${place.host}-${place.port ?? 0}`, { altNames: `IP:${place.host}` });
  if (!tls) throw new Error('there is no authority');
  const archive = await archiveOf({ ...place, tls });
  archive.addPackage({ name: 'sealed', version: '1', ballast: 50_000 }).publish();
  return archive;
}

async function gets(apt: AptRoot, archive: FakeArchive): Promise<void> {
  await well(apt, 'update');
  await well(apt, 'install', '-d', 'sealed');
  expect([...expectKept(apt)]).toEqual([['sealed_1_all', hex('sha256', archive.deb('sealed'))]]);
}

describe('https archives by the mark HTTPS///', () => {
  const asProxy = (archive: FakeArchive): string => `http://HTTPS///${archive.host}${archive.root}`;

  declare(
    'as proxy and by path they are one archive, which is cached, and there when it is away',
    async () => {
      const archive = await secure({ host: '127.0.0.1' });
      const cache = await cacheOf({ UPSTREAM_CA_FILE: authority?.file ?? '' });
      const [proxy, path] = [
        () =>
          aptOf({
            sources: [`deb [${archive.trust}] ${asProxy(archive)} stable main`],
            conf: [`Acquire::http::Proxy "${cache.url}/";`],
          }),
        () => aptOf({ sources: [`deb [${archive.trust}] ${cache.url}/HTTPS///${archive.host}${archive.root} stable main`] }),
      ];
      await gets(proxy(), archive);
      const fetched = archive.upstream.count(/by-hash|\.deb$/);
      expect(fetched).toBeGreaterThan(1);
      await gets(path(), archive);
      expect(archive.upstream.count(/by-hash|\.deb$/)).toBe(fetched);
      await archive.upstream.down();
      for (const client of [proxy, path]) await gets(client(), archive);
    },
    noOpenssl,
  );

  declare(
    'an archive whose certificate nobody vouches for is not believed',
    async () => {
      const archive = await secure({ host: '127.0.0.1' });
      const cache = await cacheOf();
      const apt = aptOf({
        sources: [`deb [${archive.trust}] ${asProxy(archive)} stable main`],
        conf: [`Acquire::http::Proxy "${cache.url}/";`, 'Acquire::Retries "0";'],
      });
      expect((await said(apt, 'update')).output).toMatch(/^(?:W|E): /m);
      expect(apt.lists().size).toBe(0);
      expect(archive.upstream.requests).toEqual([]);
    },
    noOpenssl,
  );
});

describe('https sources through the proxy', () => {
  const through = (archive: FakeArchive, url: string): AptRoot =>
    aptOf({
      sources: [`deb [${archive.trust}] ${archive.url} stable main`],
      conf: [`Acquire::http::Proxy "${url}/";`, `Acquire::https::CaInfo "${authority?.file ?? ''}";`, 'Acquire::Retries "0";'],
    });

  declare(
    'go through a tunnel to an allowed host, of which nothing is kept',
    async () => {
      const archive = await secure({ host: ADDRESS, port: TUNNEL_PORT });
      const cache = await cacheOf({ APT_HOSTS: ADDRESS });
      await gets(through(archive, cache.url), archive);
      expect(new Set(cache.access.map(({ method }) => method))).toEqual(new Set(['CONNECT']));
      await archive.upstream.down();
      expect((await said(through(archive, cache.url), 'update')).output).toMatch(/^(?:W|E): /m);
    },
    noPort,
  );

  const refusals: ReadonlyArray<readonly [string, Readonly<Record<string, string>>, number?]> = [
    ['another host', { APT_HOSTS: 'archive.example' }],
    ['another port', { APT_HOSTS: 'any' }, 0],
    ['a private address', { APT_HOSTS: 'any', ALLOW_NETS: '10.9.8.0/24' }],
  ];
  for (const [what, env, port = TUNNEL_PORT] of refusals)
    declare(
      `are refused, which apt shows: ${what}`,
      async () => {
        const archive = await secure({ host: ADDRESS, port });
        const cache = await cacheOf(env);
        const { output } = await said(through(archive, cache.url), 'update');
        expect(output).toMatch(/^(?:W|E): .*403/m);
        expect(archive.upstream.connections.total).toBe(0);
      },
      noPort,
    );
});

describe('being found', () => {
  declare('the probe reads the status line that it looks for', async () => {
    const cache = await cacheOf();
    const apt = aptOf({ sources: [] });
    const probe = ['/usr/lib/apt/apt-helper', '-o', 'Acquire::http::Proxy=DIRECT', '-o', 'Acquire::Retries=0', 'download-file', cache.url];
    const { stdout, stderr } = await run([...probe, join(apt.folder, 'probe')], { cwd: apt.folder, env: apt.env });
    expect(stdout + stderr).toMatch(/406.*Usage Information/);
  });

  declare('Proxy-Auto-Detect: apt asks a program for each archive', async () => {
    const archive = await archiveOf();
    archive.addPackage({ name: 'found', version: '1' }).publish();
    const cache = await cacheOf();
    const finder = join(folder, 'finder');
    writeFileSync(finder, `#!/bin/sh\necho "$1" >> '${folder}/asked'\necho '${cache.url}'\n`);
    chmodSync(finder, 0o755);
    const conf = [`Acquire::http::Proxy-Auto-Detect "${finder}";`];
    const apt = aptOf({ sources: [`deb [${archive.trust}] ${archive.url} stable main`], conf });
    await well(apt, 'update');
    await well(apt, 'install', '-d', 'found');
    expect(readFileSync(join(folder, 'asked'), 'utf8')).toContain(archive.url);
    expect(cache.access.map(({ target }) => target).filter((target) => target.endsWith('.deb'))).toHaveLength(1);
  });

  withArchives(
    'auto-apt-proxy, as its package has it, finds the cache and apt uses it',
    async () => {
      const cache = await cacheOf({ APT_SOURCES: 'yes', TTL_apt: '1h' });
      const first = aptOf({ sources: sourcesLines('path', cache.url), conf: confLines('path', cache.url) });
      await well(first, 'update');
      await well(first, 'download', 'auto-apt-proxy');
      const into = join(first.folder, 'unpacked');
      mkdirSync(into);
      execFileSync('sh', ['-c', 'dpkg-deb -x ./auto-apt-proxy_*.deb unpacked'], { cwd: first.folder });
      // It knows one port only, which another cache may have here; nothing else of it is changed.
      const program = join(into, 'usr/bin/auto-apt-proxy');
      const text = readFileSync(program, 'utf8');
      expect(text).toContain(':3142');
      writeFileSync(program, text.replaceAll(':3142', `:${cache.port}`));
      // The package's own line of apt.conf names the installed program.
      const line = readFileSync(join(into, 'etc/apt/apt.conf.d/auto-apt-proxy.conf'), 'utf8').replace('/usr/bin/auto-apt-proxy', program);
      const second = aptOf({ sources: sourcesLines('proxy', ''), conf: [line], env: { AUTO_APT_PROXY_NO_CACHE: '1', TMPDIR: into } });
      const found = await run([program], { cwd: into, env: second.env });
      expect(found.stdout).toBe(`http://127.0.0.1:${cache.port}\n`);
      const before = cache.access.length;
      await well(second, 'update');
      await well(second, 'install', '-d', 'auto-apt-proxy');
      expectKept(second);
      const rest = cache.access.slice(before).filter(({ target }) => /^http:.*\.deb$/.test(target));
      expect(rest.length).toBeGreaterThan(0);
    },
    120_000,
  );
});

declare('pages for people who know apt-cacher-ng lead to ours', async () => {
  const cache = await cacheOf();
  const { status, headers } = await cache.get('/acng-report.html');
  expect([status, headers.location]).toEqual([302, expect.stringContaining('/_cache/setup')]);
});

declare('an archive that may not be asked is a 403 that apt shows, as proxy and by path', async () => {
  const archive = await archiveOf();
  archive.addPackage({ name: 'p', version: '1' }).publish();
  const cache = await cacheOf({ APT_HOSTS: 'archive.example' });
  for (const apt of [clientOf(cache, archive), aptOf({ sources: [`deb ${cache.url}/${archive.host}/debian stable main`] })])
    expect((await said(apt, 'update')).output).toMatch(/^(?:W|E): .*403/m);
  expect(archive.upstream.connections.total).toBe(0);
});
