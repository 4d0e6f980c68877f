/** How a cache starts, refuses to start, and ends; and that slowness alone ends nothing. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openHouse, startHouse } from './testing/house';
import { bytes, offer, packument, tarballTarget } from './testing/packages';
import { startUpstream, type FakeUpstream } from './testing/upstream';
import { until } from './testing/until';

jest.setTimeout(60_000);

const MAIN = resolve(__dirname, 'main.js');
let upstream: FakeUpstream;
let home: string;

beforeEach(async () => {
  upstream = await startUpstream();
  home = mkdtempSync(join(tmpdir(), 'appliance-'));
});

afterEach(async () => {
  await upstream.close();
  rmSync(home, { recursive: true, force: true });
});

describe('a start that fails says why in one line, and ends with 1', () => {
  let taken: Server;
  let takenPort: number;
  beforeAll(async () => {
    taken = createServer().listen(0, '127.0.0.1');
    await new Promise((done) => taken.once('listening', done));
    takenPort = (taken.address() as AddressInfo).port;
  });
  afterAll(() => taken.close());

  const rows: readonly (readonly [string, () => Record<string, string>, RegExp])[] = [
    ['a taken port', () => ({ PORT_npm: String(takenPort) }), /port \d+ on 127\.0\.0\.1 is taken.*PORT_npm/],
    ['a CACHE_DIR in /proc', () => ({ CACHE_DIR: '/proc/larder' }), /CACHE_DIR=\/proc\/larder cannot be written/],
    ['a port that is none', () => ({ PORT_npm: '99999' }), /PORT_npm=99999/],
    ['a time that is none', () => ({ TTL_npm: 'soon' }), /TTL_npm=soon/],
    ['an upstream that is no URL', () => ({ UPSTREAM_npm: 'registry' }), /UPSTREAM_npm=registry/],
    ['a mistyped setting', () => ({ UPSTREAM_nmp: 'http://127.0.0.1:1' }), /UPSTREAM_n/],
    ['an address that is not here', () => ({ GLOBAL_IP: '192.0.2.77' }), /192\.0\.2\.77/],
    [
      'forward without an upstream of your own',
      () => ({ CLIENT_AUTH_npm: 'forward', UPSTREAM_npm: '' }),
      /CLIENT_AUTH_npm=forward.*UPSTREAM_npm/,
    ],
  ];

  test.each(rows)('%s', async (_what, settings, said) => {
    const { code, errors, out } = await run(['npm'], settings());
    expect(errors.trimEnd().split('\n')).toHaveLength(1);
    expect(errors).toMatch(said);
    expect(errors).toMatch(/^larder: /);
    expect(errors).not.toContain('    at ');
    expect([code, out]).toEqual([1, '']);
  });

  test.each([[[]], [['nonsense']]])('a cache that there is not: %j', async (values) => {
    const { code, errors } = await run(values, {});
    expect(errors).toMatch(/^larder: .*npm\n$/);
    expect(code).toBe(1);
  });
});

test('a failed start leaves no process, no socket and no spool folder behind', async () => {
  const one = await startHouse({ upstream: upstream.url });
  const { code } = await run(['npm'], { CACHE_DIR: one.cacheDir, PORT_npm: String(one.port) });
  expect(code).toBe(1);
  expect(readdirSync(join(one.cacheDir, 'run'))).toHaveLength(1);
  expect(readdirSync(join(one.cacheDir, 'spool')).filter((name) => name.startsWith('npm-'))).toHaveLength(1);
  expect((await one.get('/_cache/health')).status).toBe(200);
  await one.stop();
});

test.each(['SIGTERM', 'SIGINT'] as const)(
  '%s in mid-download: responses under way finish, who comes until then is answered, nobody later, nothing is left',
  async (signal) => {
    const file = bytes(3_000_000, 'stop');
    offer(upstream, 'pad', { body: file }, { bytesPerSecond: 750_000 });
    const house = await startHouse({ upstream: upstream.url });
    const first = house.ask(tarballTarget('pad', '1.0.0'));
    await until('it has begun', () => first.received > 200_000);
    house.child.kill(signal);
    const others: unknown[] = [];
    while (first.received < file.length * 0.9) {
      const { status, headers } = await house.get('/_cache/health');
      others.push([status, headers.connection === 'close' || others.length === 0]);
      await sleep(50);
    }
    expect(others).toEqual(others.map(() => [200, true]));
    const whole = await first.whole;
    expect(whole.complete && whole.body.equals(file)).toBe(true);
    await until('it has ended', () => house.child.exitCode !== null);
    expect(house.child.exitCode).toBe(0);
    expect(house.log()).toContain('stopped');
    expect(readdirSync(join(house.cacheDir, 'run'))).toEqual([]);
    expect(readdirSync(join(house.cacheDir, 'spool')).filter((name) => name.startsWith('npm-'))).toEqual([]);
    // What came is there after the next start, without asking again.
    const again = await startHouse({ upstream: upstream.url, home: house.home });
    upstream.forget();
    expect((await again.get(tarballTarget('pad', '1.0.0'))).body.equals(file)).toBe(true);
    expect(upstream.count(tarballTarget('pad', '1.0.0'))).toBe(0);
    await again.stop();
    await house.stop();
  },
);

test('SIGTERM: a request over a kept connection is answered, and told that it was the last; so is one that comes before all are at their end', async () => {
  const house = await startHouse({ upstream: upstream.url });
  const kept = connect(house.port, '127.0.0.1');
  let got = '';
  kept.setEncoding('utf8').on('data', (text: string) => (got += text));
  const answers = (): number => got.split('HTTP/1.1 200').length - 1;
  const ping = 'GET /_cache/health HTTP/1.1\r\nHost: localhost\r\n\r\n';
  kept.write(ping);
  await until('it is answered', () => answers() === 1);
  house.child.kill('SIGTERM');
  await sleep(200);
  const late = await house.get('/_cache/health');
  kept.write(ping);
  await until('it is answered again', () => answers() === 2);
  expect(late).toMatchObject({ status: 200, headers: { connection: 'close' } });
  expect(got.split('HTTP/1.1 200')[1]).toContain('Connection: keep-alive');
  expect(got.split('HTTP/1.1 200')[2]).toContain('Connection: close');
  await until('it has ended', () => house.child.exitCode !== null);
  expect(house.child.exitCode).toBe(0);
  await house.stop();
});

test('an idle kept-alive connection does not keep a cache that is told to stop', async () => {
  const house = await startHouse({ upstream: upstream.url });
  const answer = await house.raw('GET /_cache/health HTTP/1.1\r\nHost: localhost\r\n\r\n', /"ok":true/);
  expect(answer).toContain('200');
  const kept = house.raw('GET /_cache/health HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await until('it is there', async () => (await house.get('/_cache/health')).status === 200);
  house.child.kill('SIGTERM');
  await until('it has ended', () => house.child.exitCode !== null);
  expect(house.child.exitCode).toBe(0);
  expect(await kept).toContain('"ok":true');
  await house.stop();
});

test('the control socket tells the status, and stops the cache; only its owner may open it', async () => {
  const house = await startHouse({ upstream: upstream.url });
  const [name = ''] = readdirSync(join(house.cacheDir, 'run'));
  const path = join(house.cacheDir, 'run', name);
  const ask = (method: string, target: string): Promise<{ status: number | undefined; text: string }> =>
    new Promise((done, failed) => {
      const request = httpRequest({ socketPath: path, method, path: target }, (response) => {
        let text = '';
        response.on('data', (piece: Buffer) => (text += piece.toString()));
        response.on('end', () => done({ status: response.statusCode, text }));
      });
      request.once('error', failed);
      request.end();
    });
  expect(JSON.parse((await ask('GET', '/status')).text)).toMatchObject({ cache: 'npm', pid: house.child.pid, port: house.port });
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect((await ask('GET', '/stop')).status).toBe(404);
  expect((await ask('POST', '/stop')).status).toBe(202);
  await until('it has ended', () => house.child.exitCode !== null);
  expect(house.child.exitCode).toBe(0);
  expect(existsSync(path)).toBe(false);
  await house.stop();
});

test('bytes that trickle are no timeout, however long the whole takes: a cold document, and a cold file', async () => {
  const versions = Object.fromEntries(Array.from({ length: 400 }, (_, n) => [`1.0.${n}`, { body: Buffer.from(String(n)) }] as const));
  const text = packument(upstream.url, 'slow', versions);
  const file = Buffer.from('0');
  const large = bytes(text.length, 'slow');
  upstream.on('/slow', { body: text, bytesPerSecond: text.length / 4 });
  offer(upstream, 'pad', { body: large }, { bytesPerSecond: large.length / 4 });
  upstream.on(tarballTarget('slow', '1.0.0'), { body: file });
  // Each silence allowed is a quarter of what the whole takes.
  const house = await openHouse({
    upstream: upstream.url,
    env: { IDLE_TIMEOUT: '1s', HEADERS_TIMEOUT: '1s', CONNECT_TIMEOUT: '1s', STALE_WAIT: '1s', PIN_WAIT: '1s' },
  });
  const [document, download] = await Promise.all([house.get('/slow'), house.get(tarballTarget('pad', '1.0.0'))]);
  expect(document).toMatchObject({ status: 200, complete: true });
  expect(Object.keys((JSON.parse(document.body.toString()) as { versions: object }).versions)).toHaveLength(400);
  expect(download.complete && download.body.equals(large)).toBe(true);
  expect([upstream.count('/slow'), upstream.count(tarballTarget('pad', '1.0.0'))]).toEqual([1, 1]);
  await house.stop();
});

/** Runs main.js to its end. */
function run(
  values: readonly string[],
  settings: Readonly<Record<string, string>>,
): Promise<{ code: number | null; errors: string; out: string }> {
  const env = {
    PATH: process.env['PATH'],
    HOME: home,
    LARDER_ENV_FILE: '/dev/null',
    CACHES: 'npm',
    PORT_npm: '1',
    CACHE_DIR: join(home, 'cache'),
    STATE_DIR: join(home, 'state'),
    UPSTREAM_npm: upstream.url,
    UPSTREAM_PROXY: 'none',
    MIN_FREE: '1MB',
    ...settings,
  };
  const child = spawn(process.execPath, [MAIN, ...values], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let errors = '';
  let out = '';
  child.stderr.on('data', (text: Buffer) => (errors += text.toString()));
  child.stdout.on('data', (text: Buffer) => (out += text.toString()));
  const cut = setTimeout(() => child.kill('SIGKILL'), 20_000);
  return new Promise((done) =>
    child.once('close', (code) => {
      clearTimeout(cut);
      done({ code, errors, out });
    }),
  );
}

test('its first line in the log says where it listens', async () => {
  const house = await startHouse({ upstream: upstream.url });
  await until('it is written', () => readFileSync(join(house.stateDir, 'log', 'npm.log'), 'utf8').includes(`port=${house.port}`));
  await house.stop();
});
