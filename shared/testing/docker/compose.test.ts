import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { registry } from '../clients/reachable';
import { bytes, offer, packumentTarget, sri, tarballTarget } from '../packages';
import { startIndex, type FakeIndex } from '../python-index';
import { until } from '../until';
import { startUpstream, type FakeUpstream } from '../upstream';
import { makeClone, type Clone } from './clone';
import { INNER_NETS, startBuildRegistry, type BuildRegistry } from './registry-here';
import { folderFor, missing, onMachine, stage, well, withEngine } from './stage';

const TEST_MS = 300_000;
/** Whoever has the clone in the second case. */
const UID = 4321;
const PROJECT = 'tried';

let packages: BuildRegistry;
let upstream: FakeUpstream;
let index: FakeIndex;
beforeAll(async () => {
  if (missing !== '' || registry.unreachable !== undefined) return;
  packages = await startBuildRegistry();
  upstream = await startUpstream({ host: stage().engine.machine });
  index = await startIndex({ host: stage().engine.machine });
});
afterAll(async () => {
  await Promise.all([packages?.remove(), upstream?.close(), index?.close()]);
});

/** Which Compose a user has: one finds the plugin in his home, the other has only the old program. */
const TOOLS = [
  { tool: 'docker compose', hasPlugin: true, uid: UID, ports: { npm: 18081, pip: 18082 } },
  { tool: 'docker-compose 1.29', hasPlugin: false, uid: 0, ports: { npm: 18083, pip: 18084 } },
] as const;

/** Why a user cannot have just that one; '' if he can. */
function noTool(hasPlugin: boolean): string {
  if (missing !== '') return missing;
  const found = spawnSync('docker', ['compose', 'version'], { env: { PATH: process.env['PATH'], HOME: homeOf(hasPlugin) } });
  if (hasPlugin) return found.status === 0 ? '' : 'there is no plugin of Compose';
  if (found.status === 0) return 'here everybody has the plugin of Compose';
  return spawnSync('docker-compose', ['version']).status === 0 ? '' : 'there is no docker-compose';
}

/** A home with or without the plugins. */
function homeOf(hasPlugin: boolean): string {
  const home = folderFor(hasPlugin ? 'home-compose' : 'home-old-compose');
  const [from, to] = [join(stage().engine.folder, 'home'), home].map((folder) => join(folder, '.docker/cli-plugins')) as [string, string];
  mkdirSync(to, { recursive: true });
  for (const name of readdirSync(from)) if (hasPlugin || name !== 'docker-compose') cpSync(join(from, name), join(to, name));
  execFileSync('chown', ['-R', String(UID), home]);
  return home;
}

/** What an engine knows of a container that is as tight as compose.yaml says, and that a reverse proxy finds. */
function asComposeSays(service: string): object {
  const name = `cache-${service}.lan.test`;
  return {
    Config: {
      StopTimeout: 30,
      Labels: {
        'larder.cache': service,
        'larder.host': name,
        'traefik.enable': 'true',
        'traefik.docker.network': 'lb',
        [`traefik.http.routers.cache-${service}.rule`]: `Host(\`${name}\`)`,
      },
    },
    HostConfig: {
      ReadonlyRootfs: true,
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges:true'],
      PidsLimit: 256,
      Memory: 700_000_000,
      RestartPolicy: { Name: 'unless-stopped' },
      Tmpfs: { '/tmp': '' },
      LogConfig: { Type: 'json-file', Config: { 'max-size': '20m', 'max-file': '5' } },
    },
    NetworkSettings: { Networks: { lb: { Aliases: expect.arrayContaining([`cache-${service}`, name]) as unknown } } },
  };
}

describe.each(TOOLS)('make … with=compose, by $tool', ({ hasPlugin, uid, ports }) => {
  const lacking = noTool(hasPlugin) || (registry.unreachable ?? '');
  let clone: Clone;
  let env: Readonly<Record<string, string>>;
  const at = (cache: 'npm' | 'pip'): string => `http://${stage().engine.address}:${ports[cache]}`;
  const make = (...words: readonly string[]): Promise<string> => clone.makeWell(words, { env, timeoutMs: TEST_MS });
  const idOf = (service: string): Promise<string> =>
    well([
      'docker',
      'ps',
      '-aq',
      '--filter',
      `label=com.docker.compose.project=${PROJECT}`,
      '--filter',
      `label=com.docker.compose.service=${service}`,
    ]);
  const state = (id: string, what: string): Promise<string> => well(['docker', 'inspect', '-f', `{{.${what}}}`, id]);
  const volumes = (): Promise<string> => well(['docker', 'volume', 'ls', '-q', '--filter', `label=com.docker.compose.project=${PROJECT}`]);
  const file = async (name: string): Promise<Buffer> => {
    const answer = await fetch(at('npm') + tarballTarget(name, '1.0.0'));
    if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
    return Buffer.from(await answer.arrayBuffer());
  };

  withEngine(
    'starts caches that are healthy, as the owner of the clone, who is not root',
    async () => {
      const { engine, debian } = stage();
      clone = makeClone('clone-compose', { uid });
      env = { HOME: homeOf(hasPlugin), NPM_CONFIG_REGISTRY: packages.url, XDG_STATE_HOME: join(clone.folder, 'state') };
      clone.settings({
        COMPOSE_PROJECT_NAME: PROJECT,
        CACHES: 'npm,pip',
        WITH: 'compose',
        BASE_IMAGE: debian,
        LARDER_IMAGE: 'larder-tried',
        GLOBAL_IP: engine.address,
        CLIENT_NETS: INNER_NETS,
        MIN_FREE: '50MB',
        DOMAIN: 'lan.test',
        MEMORY_MAX: '700MB',
        PORT_npm: String(ports.npm),
        PORT_pip: String(ports.pip),
        UPSTREAM_npm: upstream.url,
        UPSTREAM_pip: index.url,
      });
      // Looked at every second, so that the test need not wait a minute.
      const health = ['npm', 'pip'].map((name) => `  ${name}: { healthcheck: { interval: 1s, timeout: 2s, retries: 2 } }\n`);
      writeFileSync(join(clone.folder, 'compose.override.yaml'), `${uid === 0 ? "version: '2.4'\n" : ''}services:\n${health.join('')}`);

      const printed = await make('start', 'c=npm');
      expect(printed).toContain(at('npm'));
      await make('start');
      for (const service of ['npm', 'pip']) {
        const id = await idOf(service);
        await until('it is healthy', async () => (await state(id, 'State.Health.Status')) === 'healthy', { mostMs: 60_000, lookMs: 200 });
        const owner = await well(['docker', 'exec', id, 'node', '-p', '`${process.getuid()}:${process.getgid()}`']);
        expect(owner).toBe(uid === 0 ? '1000:1000' : `${UID}:${UID}`);
        expect(JSON.parse(await well(['docker', 'inspect', id]))).toMatchObject([asComposeSays(service)]);
      }
      const status = await make('status');
      expect(status).toMatch(/npm[^\n]*up[^]*pip[^\n]*up/);
    },
    TEST_MS,
    lacking,
  );

  withEngine(
    'lets two services work on one volume at once, each hit while the other stores',
    async () => {
      const body = bytes(50_000, 'both');
      for (let count = 0; count < 30; count++) offer(upstream, `both-${count}`, { body });
      for (let count = 0; count < 30; count++) index.addProject({ name: `both${count}`, releases: { '1.0': {} } });
      const npm = async (count: number): Promise<string> => sri(await file(`both-${count}`));
      const pip = async (count: number): Promise<string> => {
        const page = await (await fetch(`${at('pip')}/simple/both${count}/`, { headers: { accept: 'text/html' } })).text();
        const [, link = ''] = /href="([^"]+)"/.exec(page) ?? [];
        const answer = await fetch(new URL(link.replaceAll('&amp;', '&'), `${at('pip')}/simple/both${count}/`));
        await answer.arrayBuffer();
        return `${answer.status}`;
      };
      const all = Array.from({ length: 30 }, (_, count) => count);
      const [tarballs, wheels] = await Promise.all([Promise.all(all.map(npm)), Promise.all(all.map(pip))]);
      expect(new Set(tarballs)).toEqual(new Set([sri(body)]));
      expect(new Set(wheels)).toEqual(new Set(['200']));
      // With nobody to ask both have everything: in the one volume nothing of the other was lost.
      await Promise.all([upstream.down(), index.upstream.down()]);
      const [again, againWheels] = await Promise.all([Promise.all(all.map(npm)), Promise.all(all.map(pip))]);
      expect(new Set(again)).toEqual(new Set([sri(body)]));
      expect(new Set(againWheels)).toEqual(new Set(['200']));
      await Promise.all([upstream.up(), index.upstream.up()]);
    },
    TEST_MS,
    lacking,
  );

  withEngine(
    'notices a process that hangs, and brings back one that is killed with what it held',
    async () => {
      const id = await idOf('npm');
      const inside = ['nsenter', `--pid=/proc/${stage().engine.pid}/ns/pid`, `--mount=/proc/${stage().engine.pid}/ns/mnt`, '--'];
      const signal = async (name: string): Promise<string> =>
        well([...inside, 'sh', '-c', `kill -s ${name} ${await state(id, 'State.Pid')}`]);
      await signal('STOP');
      try {
        await until('it is unhealthy', async () => (await state(id, 'State.Health.Status')) === 'unhealthy', {
          mostMs: 60_000,
          lookMs: 200,
        });
      } finally {
        await signal('CONT');
      }
      await until('it is healthy again', async () => (await state(id, 'State.Health.Status')) === 'healthy', {
        mostMs: 60_000,
        lookMs: 200,
      });
      await signal('KILL');
      await until('it is back', async () => (await state(id, 'RestartCount')) === '1', { mostMs: 60_000, lookMs: 200 });
      await until('it answers', async () => (await fetch(`${at('npm')}/_cache/health`).catch(() => undefined))?.ok === true, {
        mostMs: 60_000,
        lookMs: 100,
      });
      upstream.forget();
      expect(sri(await file('both-0'))).toBe(sri(bytes(50_000, 'both')));
      expect(upstream.count(tarballTarget('both-0', '1.0.0'))).toBe(0);
    },
    TEST_MS,
    lacking,
  );

  withEngine(
    'is updated without a failed request for those who come by the network, as a reverse proxy does',
    async () => {
      const load = 'load-process.js';
      const url = `http://cache-npm.lan.test:${ports.npm}${tarballTarget('both-1', '1.0.0')}`;
      await onMachine(['docker', 'rm', '-f', 'proxy']);
      const mounted = ['-v', `${join(__dirname, load)}:/${load}:ro`];
      await well(['docker', 'run', '-d', '--name', 'proxy', '--network', 'lb', ...mounted, stage().small, 'node', `/${load}`, url]);
      const before = await idOf('npm');
      // Another image of the same code: a label is added to the clone's Dockerfile.
      const { folder } = clone;
      await well(['sh', '-c', `echo 'LABEL tried.update=${ports.npm}' >> '${folder}/Dockerfile'`]);
      const printed = await make('update');
      expect(printed).toContain('npm');
      expect(await idOf('npm')).not.toBe(before);
      await well(['docker', 'stop', '-t', '20', 'proxy']);
      const { requests, failures } = JSON.parse(await well(['docker', 'logs', 'proxy'])) as { requests: number; failures: string[] };
      console.log(`updated under ${requests} requests`);
      expect(failures).toEqual([]);
      expect(requests).toBeGreaterThan(100);
      expect(sri(await file('both-2'))).toBe(sri(bytes(50_000, 'both')));
    },
    TEST_MS,
    lacking,
  );

  withEngine(
    'stops when what is under way is finished, and starts again with what it held',
    async () => {
      const body = bytes(300_000, 'slow');
      offer(upstream, `slow-${ports.npm}`, { body }, { bytesPerSecond: 100_000 });
      await (await fetch(at('npm') + packumentTarget(`slow-${ports.npm}`))).arrayBuffer();
      const running = await fetch(at('npm') + tarballTarget(`slow-${ports.npm}`, '1.0.0'));
      const [, whole] = await Promise.all([make('stop', 'c=npm'), running.arrayBuffer()]);
      expect(sri(Buffer.from(whole))).toBe(sri(body));
      await expect(fetch(`${at('npm')}/_cache/health`)).rejects.toThrow();
      expect((await fetch(`${at('pip')}/_cache/health`)).status).toBe(200);
      await make('start', 'c=npm');
      upstream.forget();
      expect(sri(await file('both-3'))).toBe(sri(bytes(50_000, 'both')));
      expect(upstream.count(/./)).toBe(0);
    },
    TEST_MS,
    lacking,
  );

  withEngine(
    'goes down without its volumes, and is destroyed with them only when somebody says so',
    async () => {
      await make('down');
      expect([await idOf('npm'), await idOf('pip')]).toEqual(['', '']);
      expect((await volumes()).split('\n')).toHaveLength(2);
      const refused = await clone.make(['destroy'], { env });
      expect(refused.code).not.toBe(0);
      expect(`${refused.stdout}${refused.stderr}`).toContain('nothing was destroyed');
      expect((await volumes()).split('\n')).toHaveLength(2);
      await make('destroy', 'yes=1');
      expect(await volumes()).toBe('');
    },
    TEST_MS,
    lacking,
  );
});
