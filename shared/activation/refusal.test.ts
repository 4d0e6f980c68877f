/** A cache that cannot start when its socket wakes it: clients are told why, and the sockets stay. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { activate, type Activated } from '../testing/activation/activated';
import { until } from '../testing/until';

jest.setTimeout(90_000);

const SIGTERM = 15;
let cache: Activated;
afterEach(() => cache.close());

test('a wrong setting: 503 with the reason in one line, exit status 0, and after the fix it works', async () => {
  const home = mkdtempSync(join(tmpdir(), 'refusal-'));
  const envFile = join(home, '.env');
  writeFileSync(envFile, 'TTL_npm=soon\n');
  cache = await activate({ home, env: { LARDER_ENV_FILE: envFile } });
  // All at once, and one more while it stays.
  const answers = await Promise.all([1, 2, 3].map(() => cache.get('/pad')));
  answers.push(await cache.get('/_cache/health'));
  for (const { status, headers, body } of answers) {
    expect([status, headers['content-type'], headers['retry-after']]).toEqual([503, 'text/plain; charset=utf-8', '10']);
    expect(body.toString()).toMatch(/^the npm cache cannot start: .*TTL_npm=soon.*\n$/);
    expect(body.toString().trimEnd()).not.toContain('\n');
  }
  expect(cache.starts()).toBe(1);
  expect(cache.errors()).toMatch(/^larder: .*TTL_npm=soon.*\n$/);
  expect(await cache.ended()).toBe(0);
  writeFileSync(envFile, 'TTL_npm=5m\n');
  expect((await cache.get('/_cache/health')).status).toBe(200);
  expect(cache.starts()).toBe(2);
  rmSync(home, { recursive: true, force: true });
});

test('told to end it does so at once, but who is connected is still answered', async () => {
  cache = await activate({ env: { TTL_npm: 'soon' } });
  const slow = connect(cache.port, '127.0.0.1');
  let said = '';
  slow.on('data', (text: Buffer) => (said += text.toString()));
  slow.write('GET /pad HTTP/1.1\r\n');
  expect((await cache.get('/pad')).status).toBe(503);
  cache.signal(SIGTERM);
  await sleep(500);
  // The next process's: this one does not listen any more.
  const next = cache.get('/pad');
  await sleep(500);
  expect(cache.starts()).toBe(1);
  slow.write('Host: localhost\r\n\r\n');
  expect((await next).status).toBe(503);
  expect(said).toMatch(/^HTTP\/1\.1 503 .*TTL_npm=soon/s);
  expect(cache.events.find(({ event }) => event === 'ended')?.status).toBe(0);
  expect(cache.starts()).toBe(2);
});

test('secrets of the reason are hidden', async () => {
  cache = await activate({ env: { PUBLIC_URL_npm: 'ftp://somebody:geheim@cache.example/?token=geheim' } });
  const { status, body } = await cache.get('/pad');
  expect([status, body.toString()]).toEqual([503, expect.stringContaining('PUBLIC_URL_npm')]);
  expect(body.toString()).not.toContain('geheim');
});

test('clients that try again all the time wake it no more than twice in ten seconds, and all are answered', async () => {
  cache = await activate({ env: { TTL_npm: 'soon' } });
  const until12s = Date.now() + 12_000;
  const statuses = new Set<number>();
  let asked = 0;
  for (; Date.now() < until12s; asked++) statuses.add((await cache.get('/pad')).status);
  expect([...statuses]).toEqual([503]);
  expect(asked).toBeGreaterThan(20);
  expect(cache.starts()).toBeLessThanOrEqual(3);
});

test('CONNECT and HEAD are answered too; who connects and says nothing does not keep it', async () => {
  cache = await activate({ env: { TTL_npm: 'soon' } });
  const silent = connect(cache.port, '127.0.0.1').on('error', () => undefined);
  expect((await cache.get('/pad', { method: 'HEAD' })).status).toBe(503);
  const tunnel = connect(cache.port, '127.0.0.1');
  tunnel.write('CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n');
  let said = '';
  tunnel.on('data', (text: Buffer) => (said += text.toString()));
  await until('it is refused', () => said.includes('TTL_npm=soon'));
  expect(said).toMatch(/^HTTP\/1\.1 503 /);
  expect(await cache.ended()).toBe(0);
  silent.destroy();
});
