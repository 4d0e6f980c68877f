/**
 * The scripts of /_cache/setup and the variables of make env, with the real clients: what a user had is in force again afterwards, byte for byte, or by its
 * value where the client wrote its file meanwhile.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { modules } from '../../../caches/index';
import { exportLines } from '../../clients/shell-lines';
import { setupPage } from '../../http/setup-page';
import { installPrograms } from './client-programs';
import { index } from './py-machine';
import { pythonPrograms } from './py-programs';
import { registry } from './reachable';
import { bareEnvironment } from './run';

const TIMEOUT_MS = 240_000;
const BASE = 'http://cache.example:8080';
const OWN = 'https://own.example/r/';

interface Case {
  readonly cache: string;
  /** As /_cache/setup is asked for it. */
  readonly client: string;
  readonly program: string;
  /** Its configuration, below the home (or the project, for `./`), and a text that the client would write otherwise. */
  readonly file: string;
  readonly text: string;
  /** Command that prints what is in force. */
  readonly ask: string;
  readonly ours: string;
  /** Command of the user's between coming and leaving, and what it leaves in the file. */
  readonly meanwhile: readonly [command: string, trace: string];
  /** It knows variables, and `ask` takes notice of them. */
  readonly byEnv: boolean;
  readonly lacks: string;
}

const ofNode = { cache: 'npm', lacks: registry.unreachable ?? '', byEnv: true };
const ofPython = { cache: 'pip', lacks: index.unreachable, byEnv: true };
const hasComposer =
  spawnSync('composer', ['--version'], { env: { PATH: process.env['PATH'], COMPOSER_ALLOW_SUPERUSER: '1' } }).status === 0;
const CASES: readonly Case[] = [
  {
    ...ofNode,
    client: 'npm',
    program: 'npm',
    file: '.npmrc',
    text: `# mine\n  registry = ${OWN}\n; also mine`,
    ask: 'npm config get registry',
    ours: `${BASE}/`,
    meanwhile: ['npm config set fund=false', 'fund=false'],
  },
  {
    ...ofNode,
    client: 'Yarn 1',
    program: 'yarn1',
    file: '.yarnrc',
    text: `# mine\nregistry    "${OWN}"\n`,
    ask: 'yarn config get registry',
    ours: `${BASE}/`,
    meanwhile: ['yarn config set init-license MIT', 'init-license MIT'],
  },
  {
    ...ofNode,
    client: 'yarn',
    program: 'berry',
    file: '.yarnrc.yml',
    text: `# mine\nnpmRegistryServer:   "${OWN}"\n`,
    ask: 'yarn config get npmRegistryServer',
    ours: BASE,
    meanwhile: ['yarn config set --home enableTelemetry false', 'enableTelemetry: false'],
  },
  {
    ...ofNode,
    client: 'pnpm',
    program: 'pnpm',
    file: '.config/pnpm/auth.ini',
    text: `registry   =${OWN}\n`,
    ask: 'pnpm config get registry',
    ours: `${BASE}/`,
    meanwhile: ['pnpm config set "//own.example/:_authToken" x', '_authToken=x'],
  },
  {
    ...ofPython,
    client: 'pip',
    program: 'pip',
    file: '.config/pip/pip.conf',
    text: `# mine\n[global]\nindex-url=${OWN}\n`,
    ask: 'pip config --user get global.index-url',
    ours: `${BASE}/simple/`,
    meanwhile: ['pip config set global.timeout 60', 'timeout = 60'],
    byEnv: false,
  },
  {
    ...ofPython,
    client: 'PDM',
    program: 'pdm',
    file: '.config/pdm/config.toml',
    text: `# mine\n[pypi]\nurl    = "${OWN}"\n`,
    ask: 'pdm config pypi.url',
    ours: `${BASE}/simple/`,
    meanwhile: ['pdm config install.cache false', 'cache = false'],
    byEnv: false,
  },
  {
    ...ofPython,
    client: 'poetry',
    program: 'poetry',
    file: './pyproject.toml',
    text: `[project]\nname    = "p"\nversion = "1"\n\n[[tool.poetry.source]]\nname = "larder"\nurl = "${OWN}" # mine\n`,
    ask: "poetry source show larder | sed -n 's/^ url *: \\([^ ]*\\).*/\\1/p'",
    ours: `${BASE}/simple/`,
    meanwhile: ['poetry source add other https://other.example/', 'other.example'],
    byEnv: false,
  },
  {
    cache: 'composer',
    client: 'composer',
    program: 'composer',
    file: '.config/composer/config.json',
    text: `{"repositories":  {"packagist": {"type": "composer", "url": "${OWN}"}}}\n`,
    ask: `composer config -g repositories | tr -d '\\\\\\\\' | sed 's/.*"url":"\\([^"]*\\)".*/\\1/'`,
    ours: BASE,
    meanwhile: ['composer config -g sort-packages true', '"sort-packages": true'],
    byEnv: false,
    lacks: hasComposer ? '' : 'there is no Composer',
  },
];

let [root, home, project, bin]: [string, string, string, string] = ['', '', '', ''];
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'larder-setup-clients-'));
  [home, project, bin] = [join(root, 'home'), join(root, 'project'), join(root, 'bin')];
  for (const folder of [home, project, bin]) mkdirSync(folder);
});
afterEach(() => rmSync(root, { recursive: true }));

/** Puts the client on PATH under the name that users call it by. */
async function install({ program }: Case): Promise<void> {
  const commands: Record<string, readonly [name: string, () => Promise<readonly string[]>]> = {
    yarn1: ['yarn', async () => (await installPrograms()).yarn],
    berry: ['yarn', async () => (await installPrograms()).berry],
    pnpm: ['pnpm', async () => (await installPrograms()).pnpm],
    pip: ['pip', async () => (await pythonPrograms()).pip],
    pdm: ['pdm', async () => (await pythonPrograms()).pdm],
    poetry: ['poetry', async () => (await pythonPrograms()).poetry],
  };
  const [name, command] = commands[program] ?? [];
  if (name === undefined || command === undefined) return;
  writeFileSync(join(bin, name), `#!/bin/sh\nexec ${(await command()).map((word) => `'${word}'`).join(' ')} "$@"\n`);
  chmodSync(join(bin, name), 0o755);
}

describe('piped to sh', () => {
  function sh(script: string): string {
    const bare = bareEnvironment(home);
    const env = { ...bare, PATH: `${bin}:${bare['PATH'] ?? ''}`, FAKEROOTKEY: '1', PDM_CHECK_UPDATE: '0', COMPOSER_ALLOW_SUPERUSER: '1' };
    const { status, stdout, stderr } = spawnSync('sh', { input: script, cwd: project, env, encoding: 'utf8', timeout: TIMEOUT_MS });
    if (status !== 0) throw new Error(`sh ended with ${String(status)}\n${script.slice(0, 300)}\n${stdout}\n${stderr}`);
    return stdout.trim();
  }

  for (const one of CASES) {
    const declare = one.lacks === '' ? it : it.skip;
    declare(
      `${one.client} goes to the cache and back${one.lacks === '' ? '' : ` (${one.lacks})`}`,
      async () => {
        await install(one);
        const module = modules.find(({ name }) => name === one.cache);
        if (!module) throw new Error(`there is no cache ${one.cache}`);
        const path = one.file.startsWith('./') ? join(project, one.file) : join(home, one.file);
        const script = (undo: string): string => setupPage(module, BASE, { client: one.client, undo }).text;
        const read = (): string => readFileSync(path, 'utf8');
        mkdirSync(dirname(path), { recursive: true });
        writeFileSync(path, one.text);
        expect(sh(one.ask)).toBe(OWN);

        for (let times = 0; times < 2; times++) {
          expect(sh(script(''))).toMatch(/goes to http:\/\/cache\.example:8080 now/);
          expect(sh(one.ask)).toBe(one.ours);
        }
        expect(sh(script('1'))).toMatch(/is as it was before/);
        expect(read()).toBe(one.text);

        sh(script(''));
        sh(one.meanwhile[0]);
        sh(script('1'));
        expect(sh(one.ask)).toBe(OWN);
        expect(read()).toContain(one.meanwhile[1]);
        expect(read()).not.toContain('cache.example');
        expect(existsSync(join(home, '.local/state/larder'))).toBe(false);

        if (!one.byEnv) return;
        const values = new Map(module.clients(BASE).flatMap(({ env = {} }) => Object.entries(env)));
        expect(sh(`${exportLines(values)}${one.ask}`)).toBe(one.ours);
      },
      TIMEOUT_MS,
    );
  }
});
