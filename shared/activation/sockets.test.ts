/** A cache that takes over listening sockets: which, of what kind, and under which names clients reach it there. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { activate, type Activated, type ActivatedOptions } from '../testing/activation/activated';
import { ask } from '../testing/ask';
import { freePort } from '../testing/ports';
import { until } from '../testing/until';

jest.setTimeout(60_000);

let cache: Activated;
const open = async (options: ActivatedOptions = {}): Promise<Activated> => (cache = await activate(options));
afterEach(() => cache.close());

test('the first connection starts it, and is answered by it', async () => {
  await open();
  expect(cache.starts()).toBe(0);
  const { status, body } = await cache.get('/_cache/health');
  expect([status, body.toString()]).toEqual([200, expect.stringContaining('"cache":"npm"')]);
  expect(cache.starts()).toBe(1);
});

test('it listens on every socket that it is handed, also by IPv6; its status tells the real addresses, and each port is its own', async () => {
  await open({ addresses: ['127.0.0.1:0', '[::1]:0'] });
  const status = JSON.parse((await cache.get('/_cache/status')).body.toString()) as object;
  expect(status).toMatchObject({ port: cache.ports[0], addresses: ['127.0.0.1', '::1'] });
  const second = await ask(cache.ports[1] ?? 0, '/_cache/status', { host: '::1' }).whole;
  expect(second.status).toBe(200);
});

test('sockets that are not where the settings say are used all the same, with a warning', async () => {
  const port = await freePort();
  await open({ addresses: [`127.0.0.1:${port}`, `[::1]:${port}`], env: { PORT_npm: String(port), GLOBAL_IP: '127.0.0.1' } });
  expect((await cache.get('/_cache/health')).status).toBe(200);
  await until('it is logged', () => cache.log().includes('sockets-differ'));
  expect(cache.log()).toMatch(new RegExp(`sockets-differ .*\\[::1\\]:${port}.*settings.*make install-sockets`));
});

test('sockets that are where the settings say are no reason to warn', async () => {
  const port = await freePort();
  await open({ addresses: [`127.0.0.1:${port}`, `[::1]:${port}`], env: { PORT_npm: String(port), GLOBAL_IP: '127.0.0.1 ::1' } });
  await cache.get('/_cache/health');
  await until('it listens', () => cache.log().includes('listening'));
  expect(cache.log()).not.toContain('sockets-differ');
});

test('sockets for another process are left alone: it listens where the settings say', async () => {
  const port = await freePort();
  await open({ env: { ACTIVATOR_PID: 'other', PORT_npm: String(port) } });
  cache.start();
  await until('it listens', async () => (await ask(port, '/_cache/health').whole).status === 200);
  expect(cache.starts()).toBe(1);
});

test('programs that it starts inherit neither the sockets nor the words about them', async () => {
  await open({ wrap: ['env', `NODE_OPTIONS=--require=${join(__dirname, '..', 'testing', 'activation', 'telling-process.js')}`] });
  await cache.get('/_cache/health');
  const said = await until('the child has said what it has', () => /^child: (.*)$/m.exec(cache.errors())?.[1]);
  const { descriptors, environment } = JSON.parse(said) as { descriptors: string[]; environment: string[] };
  expect(environment.filter((name) => name.startsWith('LISTEN_'))).toEqual([]);
  const sockets = readdirSync(`/proc/${cache.pid()}/fd`).map((fd) => link(`/proc/${cache.pid()}/fd/${fd}`));
  expect(sockets.filter((target) => target.startsWith('socket:')).length).toBeGreaterThan(0);
  expect(descriptors.filter((target) => target.startsWith('socket:'))).toEqual([]);
});

test.each([
  ['a Unix socket', { addresses: ['/UNIX'] }, /descriptor 3 .*no listening TCP socket.*Unix.*ListenStream=/],
  ['a connection', { addresses: ['connected'] }, /descriptor 3 .*no listening TCP socket.*EINVAL.*Accept=no/],
  ['sockets of another cache', { fdName: 'cache-pip' }, /cache-pip.*cache-npm.*make install-sockets/],
])('%s: one line says what is wrong', async (_what, options: ActivatedOptions, said) => {
  const unix = join(execFileSync('mktemp', ['-d'], { encoding: 'utf8' }).trim(), 's');
  await open({
    ...options,
    ...(options.addresses ? { addresses: options.addresses.map((address) => (address === '/UNIX' ? unix : address)) } : {}),
  });
  cache.start();
  await until('it has said it', () => said.test(cache.errors()));
  expect(cache.errors().trimEnd().split('\n')).toHaveLength(1);
});

function link(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
