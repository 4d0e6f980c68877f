import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '../../config/load';
import { ROOT } from '../../config/sources';
import { standInModule } from '../../testing/stand-in-systemd';
import { cacheUnits, socketUnit } from './cache-units';
import type { Facts } from './cache-units';
import { commandLine, render, renderUnit, unitWord } from './unit-text';

const modules = [standInModule('one', 7001), standInModule('two', 7002)];
const facts: Facts = {
  scope: 'system',
  node: process.execPath,
  program: ROOT,
  environment: ['Environment=LARDER_ENV_FILE=/etc/larder/larder.env'],
  files: [],
  systemdVersion: 252,
};
const STORE = { CACHE_DIR: '/var/cache/larder', STATE_DIR: '/var/lib/larder' };

function units(settings: Record<string, string> = {}, more: Partial<Facts> = {}): Map<string, string> {
  const config = loadConfig({ env: { HOME: '/nonexistent', LARDER_ENV: 'X=', ...STORE, ...settings }, modules });
  return cacheUnits(config, ['one'], { ...facts, ...more });
}
const lines = (unit: string | undefined, key: string): string[] =>
  (unit ?? '').split('\n').flatMap((line) => (line.startsWith(`${key}=`) ? [line.slice(key.length + 1)] : []));

describe('a template', () => {
  test('is filled: a word in a line, lines for a line, none for a line', () => {
    expect(render('t', 'A={{a}}-{{a}}\n{{b}}\n{{c}}\nD=1', { a: 'x', b: ['B=1', 'B=2'], c: [], more: '' })).toBe('A=x-x\nB=1\nB=2\nD=1');
  });

  test.each<[string, string, Record<string, string | string[]>, RegExp]>([
    ['a place without a value', 'A={{b}}', { a: '' }, /no value for \{\{b\}\}/],
    ['a place with the name of what every object has', 'A={{constructor}}', {}, /no value/],
    ['lines within a line', 'A={{a}}', { a: ['1'] }, /stands within one/],
    ['a line break in a value', 'A={{a}}', { a: 'x\nExecStart=evil' }, /line break/],
    ['a line break in a line', '{{a}}', { a: ['x\ny'] }, /line break/],
    ['a place that is none', 'A={{ a }}', { a: '' }, /not understood/],
  ])('%s is an error', (_what, text, values, said) => {
    expect(() => render('t', text, values)).toThrow(said);
  });

  test('values that look like replacement patterns stay what they are', () => {
    expect(render('t', 'A={{a}}', { a: '$& $1 {{b}}' })).toBe('A=$& $1 {{b}}');
  });

  test('one that does not exist is an error', () => {
    expect(() => renderUnit('none.service', {})).toThrow(/none\.service/);
  });

  test('words are quoted as systemd reads them', () => {
    expect(unitWord('/srv/a b"c\\d%h')).toBe('"/srv/a b\\"c\\\\d%%h"');
    expect(unitWord('/srv/plain-1.x')).toBe('/srv/plain-1.x');
    expect(commandLine('/srv/$a/node', '/srv/$HOME', 'x')).toBe('"/srv/$a/node" "/srv/$$HOME" x');
  });
});

describe('the socket', () => {
  test('has every address, those of IPv6 in brackets', () => {
    const unit = socketUnit('npm', ['127.0.0.1', '::1', 'fe80::1%eth0'], 8080);
    expect(lines(unit, 'ListenStream')).toEqual(['127.0.0.1:8080', '[::1]:8080', '[fe80::1%%eth0]:8080']);
    expect(lines(unit, 'FileDescriptorName')).toEqual(['cache-npm']);
    expect(lines(unit, 'BindIPv6Only')).toEqual([]);
  });

  test('leaves the IPv4 addresses to others where both families have all', () => {
    expect(lines(socketUnit('npm', ['0.0.0.0', '::'], 1), 'BindIPv6Only')).toEqual(['ipv6-only']);
    expect(lines(socketUnit('npm', ['::'], 1), 'BindIPv6Only')).toEqual([]);
  });

  test('waits for its address, and queues', () => {
    const unit = socketUnit('npm', ['127.0.0.1'], 1);
    expect([lines(unit, 'FreeBind'), lines(unit, 'Backlog'), lines(unit, 'NoDelay')]).toEqual([['yes'], ['4096'], ['yes']]);
  });
});

describe('the service', () => {
  test('never takes its socket down by a start limit, whatever IDLE_EXIT is; a crash loop has its pace', () => {
    const unit = units({ IDLE_EXIT: '200ms' }).get('cache-one.service');
    expect(lines(unit, 'StartLimitIntervalSec')).toEqual(['0']);
    expect([lines(unit, 'Restart'), lines(unit, 'RestartSec'), lines(unit, 'RestartSteps')]).toEqual([['on-failure'], ['2s'], []]);
    const newer = units({}, { systemdVersion: 254 }).get('cache-one.service');
    expect([lines(newer, 'RestartSteps'), lines(newer, 'RestartMaxDelaySec')]).toEqual([['6'], ['60s']]);
  });

  test('has limits and watchdog of the settings', () => {
    const unit = units({ MEMORY_MAX: '300MiB', WATCHDOG: '90s' }).get('cache-one.service');
    expect([lines(unit, 'MemoryMax'), lines(unit, 'WatchdogSec')]).toEqual([[String(300 * 1024 ** 2)], ['90s']]);
    expect(lines(units().get('cache-one.service'), 'WatchdogSec')).toEqual([]);
  });

  test('may write its store, wherever that is, and sees nothing of homes but what is needed', () => {
    const usual = units().get('cache-one.service');
    expect([lines(usual, 'CacheDirectory'), lines(usual, 'StateDirectory'), lines(usual, 'ProtectHome')]).toEqual([
      ['larder'],
      ['larder'],
      ['yes'],
    ]);
    expect(lines(usual, 'ReadWritePaths')).toEqual([]);
    const elsewhere = units({ CACHE_DIR: '/mnt/big disk' }).get('larder-housekeeping.service');
    expect([lines(elsewhere, 'ReadWritePaths'), lines(elsewhere, 'CacheDirectory')]).toEqual([['"-/mnt/big disk"'], []]);
    const inHome = units({ CACHE_DIR: '/home/a/store' }, { files: ['/root/token', '/etc/larder/token'] }).get('cache-one.service');
    expect([lines(inHome, 'BindPaths'), lines(inHome, 'BindReadOnlyPaths')]).toEqual([['-/home/a/store'], ['-/root/token']]);
    expect(lines(inHome, 'ProtectHome')).toEqual(['tmpfs']);
  });

  test('of a store or a file that a link leads to in a home, it sees that place too', () => {
    const folder = mkdtempSync('/var/tmp/larder-links-');
    try {
      symlinkSync('/root', join(folder, 'link'));
      const link = join(folder, 'link');
      const unit = units({ CACHE_DIR: link }).get('cache-one.service');
      expect([lines(unit, 'BindPaths'), lines(unit, 'ProtectHome')]).toEqual([[`-${link}`, '-/root'], ['tmpfs']]);
      const file = units({}, { files: [link] }).get('cache-one.service');
      expect([lines(file, 'BindReadOnlyPaths'), lines(file, 'ProtectHome')]).toEqual([[`-${link}`, '-/root'], ['tmpfs']]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('paths with a colon are one path', () => {
    const unit = units({ CACHE_DIR: '/home/a/b:c' }, { files: ['/home/x/a :b'] }).get('cache-one.service');
    expect([lines(unit, 'BindPaths'), lines(unit, 'BindReadOnlyPaths')]).toEqual([['"-/home/a/b:c"'], ['"-/home/x/a :b"']]);
  });

  test('in user scope has nothing that a manager without privileges cannot do', () => {
    const unit = units({}, { scope: 'user' }).get('cache-one.service') ?? '';
    expect(unit).toContain('NoNewPrivileges=yes');
    expect(unit).not.toMatch(/^(?:User|Group|ProtectSystem|Private\w+|CapabilityBoundingSet|StateDirectory)=/m);
  });
});

const ANALYZE = spawnSync('systemd-analyze', ['--version']).status === 0;
const analyzed = ANALYZE ? test : test.skip;
const why = ANALYZE ? '' : ' (not here: systemd-analyze is not installed)';

describe('as systemd reads them', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'larder-verify-'))));
  afterEach(() => rmSync(folder, { recursive: true }));

  function verify(made: ReadonlyMap<string, string>, ...options: string[]): string {
    for (const [name, text] of made) writeFileSync(join(folder, name), text);
    const files = readdirSync(folder).map((name) => join(folder, name));
    const done = spawnSync('systemd-analyze', [...options, 'verify', ...files], {
      encoding: 'utf8',
      env: { ...process.env, XDG_RUNTIME_DIR: folder },
    });
    return `${done.stdout}${done.stderr}`
      .split('\n')
      .filter((line) => line.includes(folder) || /cache-|larder-/.test(line))
      .join('\n');
  }
  // Its program must be there, or that is all that is said.
  const program = existsSync(join(ROOT, 'dist/shared/main.js')) ? ROOT : '/';
  const all = { WATCHDOG: '1m', GLOBAL_IP: '0.0.0.0 ::', CACHE_DIR: '/srv/a b', UPSTREAM_one: 'http://upstream.test' };

  analyzed(`every unit of the system is right${why}`, () => {
    expect(verify(units(all, { program, files: ['/home/x/a token'] }))).toBe('');
  });

  analyzed(`every unit of a user is right${why}`, () => {
    expect(verify(units(all, { program, scope: 'user' }), '--user')).toBe('');
  });

  analyzed(`a wrong one is noticed${why}`, () => {
    const made = units(all, { program });
    const wrong = (made.get('cache-one.service') ?? '').replace('ProtectSystem=strict', 'ProtectSystem=stern');
    expect(verify(new Map([...made, ['cache-one.service', wrong]]))).toMatch(/stern/);
  });

  analyzed.each(['cache-one.service', 'larder-housekeeping.service'])(`the exposure of %s is 2.5 at most${why}`, (name) => {
    for (const [unit, text] of units(all, { files: ['/home/x/token'] })) writeFileSync(join(folder, unit), text);
    const said = execFileSync('systemd-analyze', ['security', '--offline=true', '--no-pager', join(folder, name)], { encoding: 'utf8' });
    expect(Number(/exposure level for \S+ ([\d.]+)/.exec(said)?.[1])).toBeLessThanOrEqual(2.5);
  });
});
