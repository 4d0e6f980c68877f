import { spawn } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { suites } from '../clients/apt-machine';
import { index, upstreamSettings } from '../clients/py-machine';
import { registry } from '../clients/reachable';
import type { Outcome } from '../clients/run';
import { until } from '../until';
import { makeClone, type Clone } from './clone';
import { inNetworkOf } from './engine';
import { INNER_NETS, startBuildRegistry, type BuildRegistry } from './registry-here';
import { missing, onMachine, stage, well, withEngine } from './stage';

const TEST_MS = 300_000;
const PROJECT = 'led';
const PORTS = { apt: 13142, npm: 18085, pip: 13141 } as const;
const IMAGE = 'team.example/group/app:1.2';
const unreachable = registry.unreachable ?? index.unreachable;

let packages: BuildRegistry;
let clone: Clone;

const make = (...words: readonly string[]): Promise<string> =>
  clone.makeWell(words, { env: { NPM_CONFIG_REGISTRY: packages.url }, timeoutMs: TEST_MS });
const idOf = (image: string): Promise<string> => well(['docker', 'image', 'inspect', '-f', '{{.Id}}', image]);
/** Runs a script in a new container of an image. */
const inside = (image: string, script: string, ...options: readonly string[]): Promise<Outcome> =>
  onMachine(['docker', 'run', '--rm', ...options, image, 'sh', '-c', script], { timeoutMs: TEST_MS });
const logOf = async (cache: string): Promise<string> => {
  const id = await well([
    'docker',
    'ps',
    '-q',
    '--filter',
    `label=larder.cache=${cache}`,
    '--filter',
    `label=com.docker.compose.project=${PROJECT}`,
  ]);
  const { stdout, stderr } = await onMachine(['docker', 'logs', id]);
  return stdout + stderr;
};

beforeAll(async () => {
  if (missing !== '' || unreachable) return;
  packages = await startBuildRegistry();
  const { proxy, debian } = stage();
  clone = makeClone('clone-images');
  clone.settings({
    COMPOSE_PROJECT_NAME: PROJECT,
    CACHES: 'apt,npm,pip',
    WITH: 'compose',
    BASE_IMAGE: debian,
    LARDER_IMAGE: 'larder-tried',
    GLOBAL_IP: '127.0.0.1 172.17.0.1',
    CLIENT_NETS: INNER_NETS,
    MIN_FREE: '50MB',
    ...Object.fromEntries(Object.entries(PORTS).map(([name, port]) => [`PORT_${name}`, String(port)])),
    UPSTREAM_PROXY: proxy,
    APT_HOSTS: [...new Set(suites.map(({ base }) => new URL(base).host))].join(' '),
    ...(registry.caFile === undefined ? {} : { UPSTREAM_CA_FILE: registry.caFile }),
    UPSTREAM_npm: registry.url,
    ...upstreamSettings(),
  });
  await make('start');
  await well(['docker', 'tag', debian, IMAGE]);
}, TEST_MS);
afterAll(async () => {
  if (missing !== '' || unreachable) return;
  await clone?.make(['destroy', 'yes=1']);
  await packages?.remove();
});

const [suite] = suites;

describe('an image that make build i= leads to the caches', () => {
  withEngine(
    'installs by apt-get, npm and pip through the caches, with no further settings',
    async () => {
      const began = Date.now();
      const printed = await make('build', `i=${IMAGE}`);
      const seconds = (Date.now() - began) / 1000;
      // A figure to be read (20 s is what it may take): what else the machine does is no fault of it.
      console.log(`make build i= took ${seconds.toFixed(1)} s\n${printed}`);
      expect(printed).not.toContain('Warning');
      const scripts = {
        apt: 'apt-get update && apt-get install -y --no-install-recommends hello && hello',
        npm: 'mkdir /a && cd /a && npm install --no-audit is-number@7.0.0 && node -e "require(\'is-number\')"',
        pip: 'pip install --root-user-action=ignore six==1.16.0 && python3 -c "import six"',
      };
      for (const [name, script] of Object.entries(scripts)) {
        const done = await inside(IMAGE, script);
        expect({ name, ...done }).toMatchObject({ name, code: 0 });
      }
      expect(await logOf('apt')).toMatch(/GET [^\n]*hello[^\n]*\.deb 200/);
      expect(await logOf('npm')).toMatch(/GET [^\n]*is-number-7\.0\.0\.tgz 200/);
      expect(await logOf('pip')).toMatch(/GET [^\n]*six-1\.16\.0[^\n]*whl 200/);
      // A second container is served out of the store.
      for (const script of Object.values(scripts)) expect(await inside(IMAGE, script)).toMatchObject({ code: 0 });
      expect(await logOf('apt')).toMatch(/GET [^\n]*hello[^\n]*\.deb 200 \d+ hit/);
      expect(await logOf('npm')).toMatch(/GET [^\n]*is-number-7\.0\.0\.tgz 200 \d+ hit/);
      expect(await logOf('pip')).toMatch(/GET [^\n]*six-1\.16\.0[^\n]*whl 200 \d+ hit/);
    },
    TEST_MS,
    unreachable,
  );

  withEngine(
    'is led for another user too, in RUN of either builder, and in what is built on it',
    async () => {
      const asNode = await inside(
        IMAGE,
        'cd ~ && npm install --no-audit is-number@7.0.0 && pip install --user six==1.16.0',
        '--user',
        'node',
        '-e',
        'HOME=/home/node',
      );
      expect(asNode).toMatchObject({ code: 0 });
      const folder = join(clone.folder, 'built-on-it');
      mkdirSync(folder);
      writeFileSync(
        join(folder, 'Dockerfile'),
        `FROM ${IMAGE}\nRUN pip install six==1.16.0 && npm install -g is-number@7.0.0\nRUN python3 -m pip download --no-deps six==1.16.0\nCMD ["python3", "-c", "import six; print(six.__version__)"]\n`,
      );
      for (const kit of ['0', '1']) {
        await well(['docker', 'build', '--no-cache', '-t', 'built-on-it', folder], { env: { DOCKER_BUILDKIT: kit }, timeoutMs: TEST_MS });
        expect(await well(['docker', 'run', '--rm', 'built-on-it'])).toBe('1.16.0');
      }
    },
    TEST_MS,
    unreachable,
  );

  withEngine(
    'goes without the caches where LARDER=off says so, and where they do not answer as far as its programs can',
    async () => {
      // Nobody but the caches can be asked here: what does not use them finds nothing.
      const off = await inside(IMAGE, 'npm view is-number@7.0.0 version --fetch-retries=0', '-e', 'LARDER=off');
      expect(off.code).not.toBe(0);
      const update = 'apt-get -o Acquire::Retries=0 update && apt-get install -y hello';
      const hosts = [...new Set(suites.map(({ base }) => new URL(base).hostname))].flatMap((host) => [
        '--add-host',
        `${host}:${stage().engine.machine}`,
      ]);
      const before = (await logOf('apt')).length;
      expect(await inside(IMAGE, update, '-e', 'LARDER=off', ...hosts)).toMatchObject({ code: 0 });
      expect((await logOf('apt')).slice(before)).not.toContain('hello');
      await make('stop', 'c=apt');
      expect(await inside(IMAGE, update, ...hosts)).toMatchObject({ code: 0 });
      await make('start', 'c=apt');
    },
    TEST_MS,
    unreachable || (suite ? '' : 'this machine has no archive over http'),
  );

  withEngine(
    'is what it was after make clean i=, and make rebuild i= leads it again, with the overlay of the clone',
    async () => {
      const original = await idOf(stage().debian);
      expect(await idOf(`${IMAGE}-original`)).toBe(original);
      const overlay = join(clone.folder, 'overlay');
      mkdirSync(join(overlay, 'etc'), { recursive: true });
      writeFileSync(join(overlay, 'etc/of-the-team'), 'hello\n');
      writeFileSync(join(overlay, 'hook'), '#!/bin/sh\necho hooked > /hooked\n', { mode: 0o755 });
      await make('rebuild', `i=${IMAGE}`);
      expect((await inside(IMAGE, 'cat /etc/of-the-team /hooked')).stdout).toBe('hello\nhooked\n');
      expect(await idOf(IMAGE)).not.toBe(original);
      rmSync(overlay, { recursive: true });
      await make('clean', `i=${IMAGE}`);
      expect(await idOf(IMAGE)).toBe(original);
      expect((await onMachine(['docker', 'image', 'inspect', `${IMAGE}-original`])).code).not.toBe(0);
    },
    TEST_MS,
    unreachable,
  );
});

describe('names of images', () => {
  withEngine(
    'may have slashes, a tag, a port: what its registry has is pulled, and taken back as it was',
    async () => {
      await withRegistry(async (host) => {
        const name = `${host}/team/app`;
        await well(['docker', 'tag', stage().small, `${name}:2`]);
        await well(['docker', 'push', `${name}:2`]);
        const digest = await well(['docker', 'image', 'inspect', '-f', '{{index .RepoDigests 0}}', `${name}:2`]);
        await well(['docker', 'image', 'rm', `${name}:2`]);
        await make('build', `i=${name}:2`);
        expect(await idOf(`${name}:2-original`)).toBe(await idOf(stage().small));
        expect(await idOf(`${name}:2`)).not.toBe(await idOf(stage().small));
        await make('clean', `i=${name}:2`);
        expect(await idOf(`${name}:2`)).toBe(await idOf(stage().small));
        const printed = await make('build', `i=${digest}`);
        const [, layered = ''] = /FROM (\S+)/.exec(printed) ?? [];
        expect(layered).toContain(`${name}:sha256-`);
        expect(await inside(layered, 'npm view is-number@7.0.0 version')).toMatchObject({ code: 0, stdout: '7.0.0\n' });
        await make('clean', `i=${digest}`);
      });
    },
    TEST_MS,
    unreachable,
  );

  withEngine(
    'that name nothing, and an engine that is not there, get one line and leave no image behind',
    async () => {
      const images = async (): Promise<string[]> => (await well(['docker', 'images', '-q'])).split('\n').sort();
      const before = await images();
      const env = { NPM_CONFIG_REGISTRY: packages.url };
      for (const [words, there, text] of [
        [['build', 'i=127.0.0.1:9/of/that:name'], env, 'i=127.0.0.1:9/of/that:name'],
        [['build', 'i=UPPER::x'], env, 'i=UPPER::x names no image'],
        [['rebuild'], env, 'an image is needed'],
        [['clean', 'i=never.example/led:1'], env, 'never.example/led:1'],
        [['build', `i=${IMAGE}`], { ...env, DOCKER_HOST: 'unix:///nowhere/engine.sock' }, 'engine'],
      ] as const) {
        const { code, stderr } = await clone.make(words, { env: there });
        expect(code).not.toBe(0);
        const lines = stderr.split('\n').filter((line) => line.startsWith('larder: '));
        expect(lines).toEqual([expect.stringContaining(text)]);
      }
      expect(await images()).toEqual(before);
    },
    TEST_MS,
    unreachable,
  );
});

/** A registry on the engine's machine, as Debian has it. */
async function withRegistry(body: (host: string) => Promise<void>): Promise<void> {
  const { folder, programs } = stage().engine;
  const conf = join(folder, 'registry.yml');
  const host = '127.0.0.1:5055';
  writeFileSync(conf, `version: 0.1\nstorage: { filesystem: { rootdirectory: ${join(folder, 'registry')} } }\nhttp: { addr: '${host}' }\n`);
  const [program = '', ...args] = inNetworkOf(stage().engine, [join(programs, 'docker-registry'), 'serve', conf]);
  const child = spawn(program, args, { stdio: 'ignore' });
  try {
    const ask = `fetch('http://${host}/v2/').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))`;
    await until('the registry answers', async () => (await onMachine([process.execPath, '-e', ask])).code === 0, {
      mostMs: 60_000,
      lookMs: 100,
    });
    await body(host);
  } finally {
    child.kill();
  }
}
