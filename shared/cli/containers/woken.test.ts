/** Who waits for a container that cannot come up is told why. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ask } from '../../testing/ask';
import { freePort } from '../../testing/ports';
import { until } from '../../testing/until';

jest.setTimeout(60_000);

let home: string;
beforeEach(() => (home = mkdtempSync(join(tmpdir(), 'woken-'))));
afterEach(() => rmSync(home, { recursive: true, force: true }));

test('503 with the reason, without its secrets; systemd hears that it is ready only when it is answered', async () => {
  const port = await freePort();
  const said = join(home, 'said');
  writeFileSync(join(home, 'systemd-notify'), `#!/bin/sh\necho "$NOTIFY_SOCKET $*" >> '${said}'\n`);
  chmodSync(join(home, 'systemd-notify'), 0o755);
  const program = spawn(process.execPath, [join(__dirname, '../main.js'), 'woken', 'c=npm'], {
    env: {
      PATH: `${home}:${process.env['PATH']}`,
      HOME: home,
      LARDER_ENV: "PUBLIC_URL_npm='ftp://somebody:geheim@cache.example/?token=geheim'",
      NOTIFY_SOCKET: '/run/s',
      BEHIND_PORT: String(port),
    },
    stdio: ['ignore', 'inherit', 'pipe'],
  });
  const ended = once(program, 'exit');
  await until('it is ready', () => readFileSync(said, { encoding: 'utf8', flag: 'a+' }) !== '');
  const { status, headers, body } = await ask(port, '/pad').whole;
  expect([status, headers['retry-after']]).toEqual([503, '10']);
  expect(body.toString()).toMatch(/^larder: PUBLIC_URL_npm=.*\n$/);
  expect(body.toString()).not.toContain('geheim');
  expect((await ended)[0]).toBe(1);
  expect(readFileSync(said, 'utf8')).toBe('/run/s --ready\n');
});
