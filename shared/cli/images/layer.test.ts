import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadModules } from '../modules';
import { LAYER, writeLayer } from './layer';

/** What stands in for the programs: prints its name, its arguments and what leads it. */
const PROGRAM = `#!/bin/sh
echo "$(basename "$0")($*)"
env | grep -E '^(XDG_CONFIG_DIRS|NPM_CONFIG_GLOBALCONFIG|JULIA_PKG_SERVER|REMOTE_STORE|no_proxy|NO_PROXY)=' | sort
`;
const CACHES = ['pip', 'npm', 'composer', 'julia', 'alice', 'apt'];
/** The system's own, where sh finds what every image has. */
const SYSTEM = '/usr/local/bin:/usr/bin:/bin';

interface Outcome {
  readonly status: number | null;
  readonly out: string[];
  readonly err: string;
}

let root: string;
let layer: string;
let cache: Server;
let base: string;
let asked: string[];
let answer: number;

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'larder-layer-'));
  layer = join(root, LAYER);
  [asked, answer] = [[], 200];
  cache = createServer((request, response) => {
    asked.push(request.url ?? '');
    response.writeHead(answer).end();
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => cache.once('listening', resolve));
  base = `http://127.0.0.1:${(cache.address() as AddressInfo).port}`;
  mkdirSync(join(root, 'own'));
  mkdirSync(join(root, 'home'));
  lay([base]);
});
afterEach(async () => {
  await close();
  rmSync(root, { recursive: true });
});

async function close(): Promise<void> {
  await new Promise((resolve) => cache.close(resolve));
}

/** Lays down the layer of an image that has every program, at these addresses. */
function lay(bases: readonly string[]): void {
  rmSync(join(root, 'usr'), { recursive: true, force: true });
  const caches = loadModules().flatMap(({ name, image }) =>
    image && CACHES.includes(name) ? [{ name, image, bases, programs: image.programs }] : [],
  );
  expect(caches.map(({ name }) => name).sort()).toEqual([...CACHES].sort());
  writeLayer(root, caches, layer);
  // Not this machine's own.
  const lead = join(layer, '0/npm/lead.sh');
  writeFileSync(
    lead,
    readFileSync(lead, 'utf8')
      .replaceAll(' /etc/npmrc', ` ${root}/npmrc`)
      .replaceAll(/ \/usr\S*npmrc/g, ''),
  );
  for (const program of caches.flatMap(({ programs }) => programs)) writeFileSync(join(root, 'own', program), PROGRAM, { mode: 0o755 });
}

function run(command: readonly string[], env: Record<string, string> = {}): Promise<Outcome> {
  const [program = '', ...args] = command;
  const child = spawn(program, args, { env: { PATH: `${layer}/bin:${join(root, 'own')}:${SYSTEM}`, HOME: join(root, 'home'), ...env } });
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  return new Promise((resolve) =>
    child.once('close', (status) => resolve({ status, out: out.split('\n').filter((line) => line !== ''), err })),
  );
}

/** Runs a program by its name, as a shell finds it. */
function call(text: string, env: Record<string, string> = {}): Promise<Outcome> {
  return run(['/bin/sh', '-c', text], env);
}

/** Runs a text as a RUN of a Dockerfile does. */
function runText(text: string, env: Record<string, string> = {}): Promise<Outcome> {
  return run([join(layer, 'shell'), '/bin/sh', '-c', text], env);
}

describe('a program', () => {
  test.each([
    ['pip', 'pip install "a b"', () => ['pip(install a b)', `XDG_CONFIG_DIRS=${layer}/0:/etc/xdg`]],
    ['npm', 'npm ci', () => ['npm(ci)', `NPM_CONFIG_GLOBALCONFIG=${layer}/0/npm/npmrc`]],
    ['julia', 'julia -e 1', () => ['julia(-e 1)', `JULIA_PKG_SERVER=${base}`]],
    ['aliBuild', 'aliBuild build O2', () => [`aliBuild(build --remote-store ${base} O2)`, `REMOTE_STORE=${base}`]],
    ['aliBuild', 'aliBuild doctor', () => ['aliBuild(doctor)', `REMOTE_STORE=${base}`]],
  ])('%s is led while its cache answers, and as it was with LARDER=off', async (name, text, led) => {
    expect(await call(text)).toEqual({ status: 0, out: led(), err: '' });
    expect(asked).toEqual(['/_cache/health']);
    const plain = (await call(text, { LARDER: 'off' })).out;
    expect(plain).toEqual([(led()[0] ?? '').replace(` --remote-store ${base}`, '')]);
    expect(plain[0]).toContain(`${name}(`);
    expect(asked).toHaveLength(1);
  });

  test('what it is led by names the cache', () => {
    expect(readFileSync(join(layer, '0/pip/pip.conf'), 'utf8')).toBe(
      `[global]\nindex-url = ${base}/simple/\ntrusted-host = ${new URL(base).host}\n`,
    );
    expect(readFileSync(join(layer, '0/npm/npmrc'), 'utf8')).toBe(`registry=${base}/\n`);
    expect(statSync(join(layer, '0/npm/npmrc')).mode & 0o777).toBe(0o644);
  });

  test('with TLS nothing is trusted beyond it', () => {
    lay(['https://cache.example']);
    expect(readFileSync(join(layer, '0/pip/pip.conf'), 'utf8')).toContain('trusted-host = \n');
    expect(JSON.parse(readFileSync(join(layer, '0/composer/config.json'), 'utf8'))).toMatchObject({ config: { 'secure-http': true } });
  });

  test('goes without, and says so, where no cache answers', async () => {
    answer = 503;
    const { out, err } = await call('npm ci');
    expect(out).toEqual(['npm(ci)']);
    expect(err).toBe(`larder: no npm cache answers at ${base}: it goes without (LARDER=off: do not ask)\n`);
    await close();
    expect((await call('npm ci')).out).toEqual(['npm(ci)']);
    cache.listen(0);
  });

  test('takes the first address that answers', async () => {
    lay(['http://127.0.0.1:1', 'http://cache-x.invalid:1', base]);
    expect((await call('julia x')).out).toEqual(['julia(x)', `JULIA_PKG_SERVER=${base}`]);
    expect((await call('pip x')).out).toEqual(['pip(x)', `XDG_CONFIG_DIRS=${layer}/2:/etc/xdg`]);
  });

  test('is led by what its user has set, if anything', async () => {
    expect((await call('npm x', { NPM_CONFIG_GLOBALCONFIG: '/mine' })).out).toContain('NPM_CONFIG_GLOBALCONFIG=/mine');
    expect((await call('npm x', { npm_config_globalconfig: '/mine' })).out).toEqual(['npm(x)']);
    expect((await call('julia x', { JULIA_PKG_SERVER: '' })).out).toContain('JULIA_PKG_SERVER=');
    expect((await call('aliBuild build --remote-store=/mine O2')).out[0]).toBe('aliBuild(build --remote-store=/mine O2)');
    expect((await call('aliBuild build --no-remote-store O2')).out[0]).toBe('aliBuild(build --no-remote-store O2)');
    expect((await call('pip x', { XDG_CONFIG_DIRS: '/mine' })).out).toContain(`XDG_CONFIG_DIRS=${layer}/0:/mine`);
  });

  test('asks once for itself and all that it starts', async () => {
    writeFileSync(join(root, 'own/npm'), '#!/bin/sh\nif [ "$1" = inner ]; then env | grep GLOBALCONFIG; else npm inner; fi\n', {
      mode: 0o755,
    });
    expect((await call('npm outer')).out).toEqual([`NPM_CONFIG_GLOBALCONFIG=${layer}/0/npm/npmrc`]);
    expect(asked).toHaveLength(1);
  });

  test('passes a proxy for the outside by', async () => {
    const { out } = await call('julia x', { http_proxy: 'http://127.0.0.1:1', no_proxy: 'a.example' });
    expect(out).toEqual(['julia(x)', `JULIA_PKG_SERVER=${base}`, 'NO_PROXY=a.example,127.0.0.1', 'no_proxy=a.example,127.0.0.1']);
    expect((await call('julia x')).out).toHaveLength(2);
  });

  test('that is gone is not found', async () => {
    expect(await run([join(layer, 'bin/npm')], { PATH: `${layer}/bin`, LARDER: 'off' })).toEqual({
      status: 127,
      out: [],
      err: 'npm: not found\n',
    });
  });

  test('npm keeps a file of its image', async () => {
    writeFileSync(join(root, 'npmrc'), 'cafile=/mine');
    expect((await call('npm x')).out).toEqual(['npm(x)']);
  });
});

describe('composer', () => {
  const file = (): string => join(root, 'home/.composer/config.json');

  test('has its file while the cache answers', async () => {
    await call('composer install');
    expect(JSON.parse(readFileSync(file(), 'utf8'))).toEqual({
      config: { 'secure-http': false },
      repositories: { packagist: { type: 'composer', url: base } },
    });
    answer = 500;
    await call('composer install');
    expect(existsSync(file())).toBe(false);
    answer = 200;
    await call('composer install');
    await call('composer install', { LARDER: 'off' });
    expect(existsSync(file())).toBe(false);
  });

  test('keeps a file of its user', async () => {
    mkdirSync(join(root, 'home/.config/composer'), { recursive: true });
    const own = join(root, 'home/.config/composer/config.json');
    writeFileSync(own, '{}');
    await call('composer install');
    await call('composer install', { LARDER: 'off' });
    expect([readFileSync(own, 'utf8'), existsSync(file())]).toEqual(['{}', false]);
    await call('composer install', { COMPOSER_HOME: join(root, 'elsewhere') });
    expect(existsSync(join(root, 'elsewhere/config.json'))).toBe(true);
  });
});

describe('the text of a RUN', () => {
  test('is led in what it names, whoever starts it', async () => {
    const { out } = await runText(`"${join(root, 'own/pip')}" x; env | grep -c -E '^(NPM_CONFIG|JULIA|REMOTE)'`);
    expect(out).toEqual(['pip(x)', `XDG_CONFIG_DIRS=${layer}/0:/etc/xdg`, '0']);
    expect(asked).toHaveLength(1);
  });

  test('wakes no cache that it does not name', async () => {
    expect((await runText('echo "$0 done"')).out).toEqual(['/bin/sh done']);
    expect((await runText('exit 3')).status).toBe(3);
    expect(asked).toEqual([]);
  });

  test('that switches the layer off is left alone, but for programs that it does not mean', async () => {
    expect((await runText('LARDER=off npm x; pip x')).out).toEqual(['npm(x)', 'pip(x)', `XDG_CONFIG_DIRS=${layer}/0:/etc/xdg`]);
    expect((await runText('npm x; pip x', { LARDER: 'off' })).out).toEqual(['npm(x)', 'pip(x)']);
  });
});

describe('apt', () => {
  const proxy = (env: Record<string, string> = {}): Promise<Outcome> => run([join(layer, 'apt-proxy'), 'http://archive.example/'], env);
  const config = (text: string): void => writeFileSync(join(root, 'own/apt-config'), `#!/bin/sh\n${text}\n`, { mode: 0o755 });

  test('is told its proxy while the cache answers', async () => {
    config('exit 0');
    expect(readFileSync(join(root, 'etc/apt/apt.conf.d/00larder'), 'utf8')).toContain(`Proxy-Auto-Detect "${layer}/apt-proxy";`);
    expect(await proxy()).toEqual({ status: 0, out: [base], err: '' });
    expect((await proxy({ LARDER: 'off' })).out).toEqual(['DIRECT']);
    answer = 404;
    expect(await proxy()).toEqual({ status: 0, out: ['DIRECT'], err: '' });
  });

  test('is told nothing where its user has a proxy', async () => {
    config('exit 0');
    expect((await proxy({ http_proxy: 'http://mine.example' })).out).toEqual([]);
    expect((await run(['/bin/sh', '-c', `"${layer}/apt-proxy" x; :`, 'Acquire::http::Proxy=mine'])).out).toEqual([]);
    config(`echo "own='http://mine.example'"`);
    expect((await proxy()).out).toEqual([]);
    expect(asked).toEqual([]);
  });
});

describe('whether a cache answers is found out', () => {
  const first = (command: string): string => spawnSync('/bin/sh', ['-c', command], { encoding: 'utf8' }).stdout.trim();
  // The program itself, where there is a script before it that needs others.
  const found = (tool: string): string =>
    first(tool === 'python3' ? "python3 -c 'import sys; print(sys.executable)'" : `command -v ${tool}`);

  for (const tool of ['curl', 'perl', 'python3', 'node', 'php', 'wget']) {
    const place = found(tool);
    (place === '' ? it.skip : it)(`by ${tool}${place === '' ? ' (not on this machine)' : ''}`, async () => {
      const only = join(root, `only-${tool}`);
      mkdirSync(only);
      symlinkSync(place, join(only, tool));
      if (tool === 'wget') symlinkSync(first('command -v timeout'), join(only, 'timeout'));
      const reaches = (url: string): Promise<Outcome> =>
        run(['/bin/sh', '-c', `. "${layer}/reach.sh"; reaches "$1"`, 'sh', url], { PATH: only, http_proxy: 'http://127.0.0.1:1' });
      expect(await reaches(`${base}/_cache/health`)).toEqual({ status: 0, out: [], err: '' });
      expect(asked).toEqual(['/_cache/health']);
      answer = 503;
      expect((await reaches(`${base}/_cache/health`)).status).toBe(1);
      expect((await reaches('http://127.0.0.1:1/_cache/health')).status).toBe(1);
    });
  }
});
