import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadConfig } from '../../config/load';
import { loadModules } from '../modules';
import { behindPort } from '../containers/woken-places';
import { cacheUnits } from './cache-units';
import { filterLines } from './container-units';

const modules = loadModules();
const facts = {
  scope: 'system',
  node: '/usr/bin/node',
  program: '/opt/larder',
  environment: ['Environment=A=b'],
  files: [],
  systemdVersion: 252,
} as const;

function config(settings: Readonly<Record<string, string>> = {}): ReturnType<typeof loadConfig> {
  return loadConfig({ env: { HOME: '/nonexistent', LARDER_ENV: 'APT_SOURCES=no', ...settings }, modules });
}

const hasProxy = existsSync('/usr/lib/systemd/systemd-socket-proxyd');
const where = hasProxy ? test : test.skip;

where(
  'a container has three units: a socket, the proxy that leaves when idle, and the container that goes with it (needs systemd-socket-proxyd)',
  () => {
    const units = cacheUnits(config({ IDLE_EXIT: '7m', CLIENT_NETS: '192.0.2.0/24 ::1/128' }), ['npm'], {
      ...facts,
      containers: ['Environment=CONTAINER_USER=5:6'],
    });
    expect([...units.keys()].filter((name) => name.startsWith('cache-'))).toEqual([
      'cache-npm.socket',
      'cache-npm.service',
      'cache-npm-container.service',
    ]);
    const [socket, proxy, container] = [...units.values()].map((text) => text.split('\n'));
    // Behind the proxy the cache sees one address only.
    expect(socket).toEqual(
      expect.arrayContaining(['ListenStream=127.0.0.1:8080', 'IPAddressDeny=any', 'IPAddressAllow=192.0.2.0/24 ::1/128']),
    );
    expect(proxy).toEqual(
      expect.arrayContaining([
        'BindsTo=cache-npm-container.service',
        'After=cache-npm-container.service',
        'ExecStart=/usr/lib/systemd/systemd-socket-proxyd --exit-idle-time=420s --connections-max=4096 127.0.0.1:28080',
        expect.stringMatching(/^ExecStop=\/bin\/sh -c .* 0100007F:6DB0 01 /),
      ]),
    );
    expect(container).toEqual(
      expect.arrayContaining([
        'StopWhenUnneeded=yes',
        'Type=notify',
        'ExecStart=/usr/bin/node /opt/larder/dist/shared/cli/main.js woken c=npm',
        'Environment=A=b',
        'Environment=CONTAINER_USER=5:6',
        'Environment=BEHIND_PORT=28080',
      ]),
    );
  },
);

where('IDLE_EXIT=0: the proxy never leaves (needs systemd-socket-proxyd)', () => {
  const units = cacheUnits(config({ IDLE_EXIT: '0' }), ['npm'], { ...facts, containers: [] });
  expect(units.get('cache-npm.service')).not.toContain('--exit-idle-time');
});

where("a user's manager cannot keep CLIENT_NETS, so others than this machine are refused (needs systemd-socket-proxyd)", () => {
  expect(filterLines(config(), 'user')).toEqual([]);
  expect(() => filterLines(config({ GLOBAL_IP: '127.0.0.1 192.0.2.1' }), 'user')).toThrow(/CLIENT_NETS would not be kept at 192\.0\.2\.1/);
});

where('the proxy is not stopped while somebody has a connection to the cache (needs systemd-socket-proxyd)', async () => {
  const port = 45_000 + (process.pid % 500);
  const server = createServer((socket) => socket.resume()).listen(behindPort(port), '127.0.0.1');
  await once(server, 'listening');
  const client = connect(behindPort(port), '127.0.0.1');
  await once(client, 'connect');
  const unit = cacheUnits(config({ PORT_npm: String(port) }), ['npm'], { ...facts, containers: [] }).get('cache-npm.service') ?? '';
  const [, script = ''] = /^ExecStop=\/bin\/sh -c "(.*)"$/m.exec(unit) ?? [];
  // As systemd reads it.
  const child = spawn('/bin/sh', ['-c', script.replaceAll('\\"', '"').replaceAll('$$', '$')]);
  const ended = once(child, 'exit');
  await sleep(500);
  expect(child.exitCode).toBeNull();
  client.destroy();
  expect(await ended).toEqual([0, null]);
  server.close();
});

test('the port behind is another one, of the range that exists', () => {
  for (const port of [1, 8080, 45_535, 45_536, 65_535]) {
    const behind = behindPort(port);
    expect(behind).not.toBe(port);
    expect(behind).toBeGreaterThan(0);
    expect(behind).toBeLessThan(65_536);
  }
});
