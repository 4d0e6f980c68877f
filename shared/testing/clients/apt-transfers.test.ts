/** How a real apt transfers: it is killed and goes on, it asks for ten things at once, and it brings credentials. */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { connect, createServer as createForwarder, type AddressInfo, type Socket } from 'node:net';
import { join } from 'node:path';

import type { FakeArchive } from '../apt-archive';
import { hex } from '../apt-indexes';
import type { AptRoot } from '../apt-root';
import { sendReply } from '../reply';
import { until } from '../until';
import { expectKept } from './apt-packages';
import { aptOf, archiveOf, cacheOf, clientOf, declare, later, said, useScene, well } from './apt-scene';
import { killGroup } from './run';

useScene();

describe('a client that is ended in the middle of a large package', () => {
  const SIZE = 6_000_000;

  /** Starts a download and ends it, and all that it started, when so much has come. @returns how much that was */
  async function interrupt(apt: AptRoot, name: string, signal: NodeJS.Signals): Promise<number> {
    const child = spawn('apt-get', ['-q', '-y', 'install', '-d', name], { env: apt.env, detached: true, stdio: 'ignore' });
    const ended = new Promise<void>((done) => child.once('exit', () => done()));
    const partial = join(apt.folder, 'var/cache/apt/archives/partial');
    const come = (): number => readdirSync(partial).reduce((sum, file) => sum + statSync(join(partial, file)).size, 0);
    await until('a part of it has come', () => come() > SIZE / 5);
    killGroup(child.pid, signal);
    await ended;
    return come();
  }

  async function scene(): Promise<{ archive: FakeArchive; slow: (value: boolean) => void }> {
    const archive = await archiveOf();
    archive.addPackage({ name: 'large', version: '1', ballast: SIZE }).publish();
    let bytesPerSecond: number | undefined = 2_000_000;
    archive.upstream.on(/\.deb$/, (incoming, response) => {
      const { modified = 0 } = archive.newest.files.get(archive.pool('large').slice(1)) ?? {};
      const speed = bytesPerSecond === undefined ? {} : { bytesPerSecond };
      return sendReply(incoming, response, {
        body: archive.deb('large'),
        lastModified: new Date(modified).toUTCString(),
        ranges: 'yes',
        ...speed,
      });
    });
    return { archive, slow: (value) => (bytesPerSecond = value ? 2_000_000 : undefined) };
  }

  // Ended kindly, apt gives its part the date of the whole, which it sends as If-Range; killed, it cannot, and gets the whole.
  for (const [signal, status] of [
    ['SIGINT', 206],
    ['SIGKILL', 200],
  ] as const)
    declare(`by ${signal}: it gets the rest, or the whole if its part has no date (${status})`, async () => {
      const { archive, slow } = await scene();
      const cache = await cacheOf();
      const apt = clientOf(cache, archive);
      await well(apt, 'update');
      const come = await interrupt(apt, 'large', signal);
      expect(come).toBeLessThan(SIZE);
      slow(false);
      // Also once the cache has it all: what was a download for the first half is a file for the second.
      await cache.kept(`/${archive.host}/debian${archive.pool('large')}`);
      const before = cache.access.length;
      await well(apt, 'install', '-d', 'large');
      expect([...expectKept(apt)]).toEqual([['large_1_all', hex('sha256', archive.deb('large'))]]);
      const [line, ...more] = cache.access.slice(before);
      expect(more).toEqual([]);
      expect(line).toMatchObject({ status, ...(status === 206 ? { bytes: archive.deb('large').length - come } : {}) });
    });

  declare('while the cache is still downloading it: the rest of the very same bytes', async () => {
    const { archive } = await scene();
    const cache = await cacheOf();
    const apt = clientOf(cache, archive);
    await well(apt, 'update');
    await interrupt(apt, 'large', 'SIGINT');
    await well(apt, 'install', '-d', 'large');
    expect([...expectKept(apt)]).toEqual([['large_1_all', hex('sha256', archive.deb('large'))]]);
  });
});

declare('ten requests are under way on one connection, and answered in their order', async () => {
  const COUNT = 40;
  const archive = await archiveOf();
  for (let index = 0; index < COUNT; index++) archive.addPackage({ name: `many${index}`, version: '1', ballast: 1_000 * (index % 7) });
  archive.publish();
  // What is asked first takes longest.
  archive.upstream.on(/many0_1_all\.deb$/, (incoming, response) =>
    sendReply(incoming, response, { body: archive.deb('many0'), delayMs: 1_500 }),
  );
  const cache = await cacheOf();
  const tap = await forwarder(cache.port);
  const apt = aptOf({
    sources: [`deb [${archive.trust}] ${archive.url} stable main`],
    conf: [`Acquire::http::Proxy "http://127.0.0.1:${tap.port}/";`, 'Acquire::http::Pipeline-Depth "10";'],
  });
  await well(apt, 'update');
  const names = Array.from({ length: COUNT }, (_, index) => `many${index}`);
  await well(apt, 'install', '-d', ...names);
  expect(expectKept(apt).size).toBe(COUNT);
  expect(tap.most()).toBeGreaterThanOrEqual(10);
});

/** Passes bytes on, and counts the requests of a connection that wait for their answers. */
async function forwarder(port: number): Promise<{ readonly port: number; most(): number }> {
  let most = 0;
  const sockets = new Set<Socket>();
  const server = createForwarder((client) => {
    const far = connect(port, '127.0.0.1');
    let waiting = 0;
    for (const socket of [client, far]) sockets.add(socket.on('error', () => socket.destroy()));
    client.on('data', (bytes) => {
      waiting += bytes.toString('latin1').split('\r\n\r\n').length - 1;
      most = Math.max(most, waiting);
    });
    far.on('data', (bytes) => (waiting -= bytes.toString('latin1').split('HTTP/1.1 200 OK\r\n').length - 1));
    client.pipe(far);
    far.pipe(client);
    client.once('close', () => far.destroy());
    far.once('close', () => client.destroy());
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  later(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return { port: (server.address() as AddressInfo).port, most: () => most };
}

describe('credentials of auth.conf', () => {
  const SECRET = `Basic ${Buffer.from('reader:open-sesame').toString('base64')}`;

  /** An archive behind a door that wants them. */
  async function locked(): Promise<{ archive: FakeArchive; host: string; withCredentials(): number; all(): number }> {
    const archive = await archiveOf();
    archive.addPackage({ name: 'paid', version: '1', ballast: 20_000 }).publish();
    const seen: Array<string | undefined> = [];
    const door = createServer((incoming, answer) => {
      seen.push(incoming.headers.authorization);
      if (incoming.headers.authorization !== SECRET) {
        answer.writeHead(401, { 'www-authenticate': 'Basic realm="archive"', 'content-length': '0' }).end();
        return;
      }
      const onward = request({ port: archive.upstream.port, path: incoming.url, headers: incoming.headers, agent: false }, (reply) => {
        answer.writeHead(reply.statusCode ?? 502, reply.headers);
        reply.pipe(answer);
      });
      onward.on('error', () => answer.destroy());
      onward.end();
    });
    await new Promise<void>((done) => door.listen(0, '127.0.0.1', done));
    later(() => {
      door.close();
      door.closeAllConnections();
    });
    return {
      archive,
      host: `127.0.0.1:${(door.address() as AddressInfo).port}`,
      withCredentials: () => seen.filter((value) => value === SECRET).length,
      all: () => seen.length,
    };
  }

  /** @param url of the archive, as sources lines have it; credentials are for it */
  const visitor = (trust: string, url: string, proxy: string, knows: boolean): AptRoot =>
    aptOf({
      sources: [`deb [${trust}] ${url}/debian stable main`],
      conf: ['Acquire::Retries "0";', ...(proxy === '' ? [] : [`Acquire::http::Proxy "${proxy}/";`])],
      ...(knows ? { auth: `machine ${url} login reader password open-sesame\n` } : {}),
    });

  declare('are stripped by default: the archive says 401, which apt shows', async () => {
    const door = await locked();
    const cache = await cacheOf();
    for (const apt of [
      visitor(door.archive.trust, `http://${door.host}`, cache.url, true),
      visitor(door.archive.trust, `${cache.url}/${door.host}`, '', true),
    ])
      expect((await said(apt, 'update')).output).toMatch(/^(?:W|E): .*40[13]/m);
    expect([door.withCredentials(), door.all() > 0]).toEqual([0, true]);
  });

  declare('are passed on if the operator wants it, and what they open is kept for nobody', async () => {
    const door = await locked();
    const cache = await cacheOf({ CLIENT_AUTH_apt: 'forward', UPSTREAM_apt: `http://${door.host}` });
    const ways = [
      [`http://${door.host}`, cache.url],
      [`${cache.url}/${door.host}`, ''],
      [cache.url, ''],
    ] as const;
    for (const [url, proxy] of ways) {
      const before = door.withCredentials();
      const apt = visitor(door.archive.trust, url, proxy, true);
      await well(apt, 'update');
      await well(apt, 'install', '-d', 'paid');
      expect([...expectKept(apt)]).toEqual([['paid_1_all', hex('sha256', door.archive.deb('paid'))]]);
      expect(door.withCredentials() - before).toBeGreaterThanOrEqual(3);
      const stranger = visitor(door.archive.trust, url, proxy, false);
      expect((await said(stranger, 'update')).output).toMatch(/^(?:W|E): .*40[13]/m);
      expect(stranger.lists().size).toBe(0);
      const { status } = await cache.get(`/${door.host}/debian${door.archive.pool('paid')}`);
      expect([401, 403, 502]).toContain(status);
    }
    expect(readdirSync(cache.cacheDir, { recursive: true, encoding: 'utf8' }).filter((name) => holds(cache.cacheDir, name))).toEqual([]);
  });

  declare("are not passed on to archives that only the client names, though the operator's get them", async () => {
    const door = await locked();
    const own = await archiveOf();
    const cache = await cacheOf({ CLIENT_AUTH_apt: 'forward', UPSTREAM_apt: own.upstream.url });
    const apt = visitor(door.archive.trust, `http://${door.host}`, cache.url, true);
    expect((await said(apt, 'update')).output).toMatch(/^(?:W|E): .*40[13]/m);
    expect(door.withCredentials()).toBe(0);
  });

  /** Whether a file of the store has the secret in it, in any of its forms. */
  function holds(folder: string, name: string): boolean {
    const path = join(folder, name);
    if (!statSync(path).isFile()) return false;
    const bytes = readFileSync(path);
    return bytes.includes('open-sesame') || bytes.includes(SECRET.slice(6));
  }
});
