import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { modules } from '../../../caches/index';
import type { Module } from '../../../caches/module';
import { runCommand, type Said } from '../../testing/command-line';

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'larder-clients-'));
  writeFileSync(join(home, '.env'), '');
});
afterEach(() => rmSync(home, { recursive: true }));

async function cli(args: string[], settings: Record<string, string> = {}, known: readonly Module[] = modules): Promise<Said> {
  const env = {
    HOME: home,
    PATH: process.env['PATH'] ?? '',
    LARDER_ENV_FILE: join(home, '.env'),
    CACHE_DIR: join(home, 'store'),
    STATE_DIR: join(home, 'state'),
    APT_SOURCES: 'no',
    ...settings,
  };
  return runCommand({ args, env, modules: known });
}

/** A cache with a value that means something to every shell. */
const NASTY = `a'b "$(touch x)" \`touch x\` $HOME ; & \\ é`;
const nasty: Module = {
  name: 'demo',
  title: 'demo',
  defaultPort: 1,
  routes: [],
  purge: () => ({ documents: [], prefix: '' }),
  error: () => ({ contentType: '', body: Buffer.alloc(0) }),
  clients: () => [{ client: 'Tool', on: 'on', off: 'off', env: { TOOL_INDEX: NASTY, TOOL_PLAIN: 'http://h.example:1/x' } }],
};

const shells = ['sh', 'dash', 'bash', 'zsh', 'ksh'].map((shell) => [shell, spawnSync(shell, ['-c', ':']).status === 0] as const);
for (const [shell, isThere] of shells) {
  (isThere ? it : it.skip)(
    `${shell} takes what make env prints, and forgets it again by make unenv${isThere ? '' : ' (it is not installed)'}`,
    async () => {
      const settings = { UPSTREAM_demo: 'https://h.example' };
      const [on, off] = [await cli(['env'], settings, [nasty]), await cli(['unenv'], settings, [nasty])];
      expect([on.status, off.status, on.err, off.err]).toEqual([0, 0, '', '']);
      const script = `set -u; eval "$ON"; printf '%s|%s\\n' "$TOOL_INDEX" "$(printenv TOOL_PLAIN)"; eval "$OFF"; echo "\${TOOL_INDEX-gone}"; echo "\${TOOL_PLAIN-gone}"`;
      const { stdout, stderr } = spawnSync(shell, ['-c', script], {
        cwd: home,
        env: { PATH: process.env['PATH'], HOME: home, ON: on.out, OFF: off.out },
        encoding: 'utf8',
      });
      expect([stdout, stderr]).toEqual([`${NASTY}|http://h.example:1/x\ngone\ngone\n`, '']);
      expect(existsSync(join(home, 'x'))).toBe(false);
    },
  );
}

test('make env prints assignments and nothing else, of the caches that are configured', async () => {
  const { status, out, err } = await cli(['env'], { PORT_npm: '9001', CACHES: 'npm pip apt http' });
  expect([status, err]).toEqual([0, '']);
  const lines = out.split('\n');
  expect(lines.filter((line) => !/^export [A-Z_]+=[\w./:@%+=,-]+$/.test(line))).toEqual([]);
  expect(lines).toEqual(
    expect.arrayContaining(['export NPM_CONFIG_REGISTRY=http://127.0.0.1:9001/', 'export UV_DEFAULT_INDEX=http://127.0.0.1:3141/simple/']),
  );
  expect(out).not.toMatch(/http_proxy|JULIA|REMOTE_STORE/i);
  const [, path = ''] = /^export APT_CONFIG=(.*)$/m.exec(out) ?? [];
  expect(readFileSync(path, 'utf8')).toBe('Acquire::http::Proxy "http://127.0.0.1:3142/";\n');
  expect((await cli(['unenv'], { CACHES: 'npm pip apt http' })).out.split('\n')).toEqual(
    lines.map((line) => line.replace('export', 'unset').replace(/=.*/, '')),
  );
});

test.each([
  [
    ['env', 'client=yarn'],
    'export YARN_REGISTRY=http://127.0.0.1:8080/\nexport YARN_NPM_REGISTRY_SERVER=http://127.0.0.1:8080\nexport YARN_UNSAFE_HTTP_WHITELIST=127.0.0.1',
  ],
  [['env', 'c=pip', 'client=UV'], 'export UV_DEFAULT_INDEX=http://127.0.0.1:3141/simple/'],
  [['unenv', 'c=julia'], 'unset JULIA_PKG_SERVER'],
])('%j', async (args, expected) => {
  expect(await cli(args)).toEqual({ status: 0, out: expected, err: '' });
});

test.each([
  [['env', 'client=nix'], /^larder: no cache here has a client "nix"; there are npm, .*Julia.*$/],
  [['env', 'c=npm', 'client=uv'], /^larder: no cache here has a client "uv"; there are npm, Yarn 1, .*$/],
  [['env', 'client=debootstrap'], /^larder: debootstrap: there is no variable for it; make client, or .*$/],
  [['client', 'client=debootstrap'], /^larder: debootstrap: there is nothing that a script could set; .*$/],
  [['env', 'c=http'], /^larder: none of these caches is configured; see make config$/],
])('%j is one line and an error', async (args, line) => {
  expect(await cli(args)).toEqual({ status: 1, out: '', err: expect.stringMatching(line) as string });
});

test('what needs root is asked of root alone, so that it sets nothing else for root', async () => {
  const { out } = await cli(['client']);
  expect(out).toContain("which needs root: make -s client c=apt client=apt | sudo sh'\n");
  expect(out).toContain("  back='sudo make unclient c=apt client=apt'\n");
  expect((await cli(['client', 'c=apt', 'client=apt'])).out.match(/^ {2}client=.* cache=/gm)).toEqual(["  client='apt (as proxy)' cache="]);
});

test('make client prints a script that make unclient takes back', async () => {
  const profile = join(home, '.profile');
  writeFileSync(profile, 'mine=1\n');
  const { status, out } = await cli(['client', 'client=ci']);
  expect(status).toBe(0);
  expect(out).toMatch(/^#!\/bin\/sh\n# Larder: .*\n#   make -s client client=ci \| sh\n.*\n#   make unclient client=ci\n/);
  const { stdout } = spawnSync('sh', { input: out, env: { HOME: home, PATH: process.env['PATH'] }, encoding: 'utf8' });
  expect(stdout).toMatch(/^larder: CI scripts of ALICE goes to http:\/\/127\.0\.0\.1:8181 now .*Back: make unclient client=ci\n$/);
  expect(readFileSync(profile, 'utf8')).toBe('mine=1\nexport REMOTE_STORE=http://127.0.0.1:8181 # larder\n');
  expect(await cli(['unclient', 'client=ci'])).toMatchObject({ status: 0, err: '' });
  expect(readFileSync(profile, 'utf8')).toBe('mine=1\n');
  mkdirSync(join(home, 'bin'));
  symlinkSync('/bin/sh', join(home, 'bin', 'sh'));
  const { status: failed, err } = await cli(['unclient', 'client=npm'], { PATH: join(home, 'bin') });
  expect([failed, err]).toEqual([1, 'larder: not every client could be taken back; see what is said above']);
});
