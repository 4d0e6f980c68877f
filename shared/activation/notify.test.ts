/** What systemd is told, by a stand-in for systemd-notify that writes down what it is to say. */
import childProcess from 'node:child_process';
import { EventEmitter } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { activate, type Activated } from '../testing/activation/activated';
import { until } from '../testing/until';
import { createNotifier } from './notify';

jest.setTimeout(60_000);

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'notify-'));
  mkdirSync(join(home, 'bin'));
  writeFileSync(join(home, 'bin', 'systemd-notify'), `#!/bin/sh\necho "$NOTIFY_SOCKET $*" >> '${home}/said'\n`);
  chmodSync(join(home, 'bin', 'systemd-notify'), 0o755);
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const PATH = (): string => `${join(home, 'bin')}:${process.env['PATH']}`;
const said = (): string[] => {
  try {
    return readFileSync(join(home, 'said'), 'utf8').trimEnd().split('\n');
  } catch {
    return [];
  }
};

describe('a cache that systemd wakes', () => {
  let cache: Activated;
  afterEach(() => cache.close());

  test('says once that it is ready, and at the end that it stops', async () => {
    cache = await activate({ env: { PATH: PATH(), NOTIFY_SOCKET: '/run/s', IDLE_EXIT: '300ms' } });
    await cache.get('/-/ping');
    await until('it is ready', () => said().length > 0);
    expect(await cache.ended()).toBe(0);
    expect(said()).toEqual(['/run/s --ready', '/run/s STOPPING=1']);
  });

  test('says so too if it ends before anybody asked it anything: systemd takes who ends without a word for failed', async () => {
    cache = await activate({ env: { PATH: PATH(), NOTIFY_SOCKET: '/run/s', IDLE_EXIT: '50ms' } });
    cache.start();
    await until('it runs', () => cache.starts() > 0);
    expect(await cache.ended()).toBe(0);
    expect(said()).toEqual(['/run/s --ready', '/run/s STOPPING=1']);
  });

  test('says so too if nobody asks it anything', async () => {
    cache = await activate({ env: { PATH: PATH(), NOTIFY_SOCKET: '/run/s' } });
    cache.start();
    await until('it is ready', () => said().length > 0);
    expect(said()).toEqual(['/run/s --ready']);
  });

  test('says so too if it cannot start, lest its start count as failed', async () => {
    cache = await activate({ env: { PATH: PATH(), NOTIFY_SOCKET: '/run/s', TTL_npm: 'soon' } });
    expect((await cache.get('/pad')).status).toBe(503);
    await until('it is ready', () => said().length > 0);
    expect(await cache.ended()).toBe(0);
    expect(said()).toEqual(['/run/s --ready', '/run/s STOPPING=1']);
  });
});

describe('the watchdog', () => {
  test('is told again after the program could not be run for want of descriptors', async () => {
    const real = childProcess.spawn;
    const refused = jest.spyOn(childProcess, 'spawn').mockImplementationOnce(() => {
      const child = new EventEmitter();
      process.nextTick(() => child.emit('error', Object.assign(new Error('spawn EMFILE'), { code: 'EMFILE' })));
      return child as ReturnType<typeof real>;
    });
    const notifier = createNotifier({ PATH: PATH(), NOTIFY_SOCKET: '/run/s', WATCHDOG_USEC: '100000' });
    notifier.ready();
    await until('it is told', () => said().includes('/run/s WATCHDOG=1'));
    await notifier.stopping();
    refused.mockRestore();
  });

  test('and after the system threw it out', async () => {
    const refused = jest.spyOn(childProcess, 'spawn').mockImplementationOnce(() => {
      throw Object.assign(new Error('spawn ENOMEM'), { code: 'ENOMEM' });
    });
    const notifier = createNotifier({ PATH: PATH(), NOTIFY_SOCKET: '/run/s' });
    notifier.ready();
    await notifier.stopping();
    expect(said()).toEqual(['/run/s STOPPING=1']);
    refused.mockRestore();
  });

  test('is told as long as the event loop goes round, until the end has begun', async () => {
    const env: NodeJS.ProcessEnv = { PATH: PATH(), NOTIFY_SOCKET: '/run/s', WATCHDOG_USEC: '100000', WATCHDOG_PID: String(process.pid) };
    const notifier = createNotifier(env);
    notifier.ready();
    await until('it was told several times', () => said().filter((line) => line === '/run/s WATCHDOG=1').length >= 3);
    await notifier.stopping();
    expect(said()[0]).toBe('/run/s --ready');
    expect(said()).toContain('/run/s STOPPING=1');
    // Nothing of it is left for children.
    expect(env).toEqual({ PATH: PATH() });
  });

  test.each([
    ['of another process', { WATCHDOG_USEC: '20000', WATCHDOG_PID: '1' }],
    ['that is off', { WATCHDOG_USEC: '0' }],
  ])('%s is told nothing', async (_what, more) => {
    const notifier = createNotifier({ PATH: PATH(), NOTIFY_SOCKET: '/run/s', ...more });
    notifier.ready();
    await until('it is ready', () => said().length > 0);
    await new Promise((resolve) => setTimeout(resolve, 200));
    await notifier.stopping();
    expect(said()).toEqual(['/run/s --ready', '/run/s STOPPING=1']);
  });
});

test.each([
  ['nobody wants to be told', {}, PATH],
  ['there is no systemd-notify', { NOTIFY_SOCKET: '/run/s' }, (): string => '/nowhere'],
])('if %s, nothing is said and nothing fails', async (_what, more, path) => {
  const notifier = createNotifier({ PATH: path(), ...more });
  notifier.ready();
  await notifier.stopping();
  expect(said()).toEqual([]);
});
