import dns from 'node:dns';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { testFetcher, type Fetcher, type FetcherOptions } from '../testing/fetcher';
import { startForwardProxy, type ForwardProxy } from '../testing/forward-proxy';
import { startUpstream, type FakeUpstream } from '../testing/upstream';

const TIMEOUTS = { connectMs: 2000, headersMs: 2000, idleMs: 2000, pinWaitMs: 0, staleWaitMs: 0 };
let echo: Server;
let port: number;
let accepted: number;
const sockets = new Set<Socket>();
const open: Fetcher[] = [];
const room = (options: FetcherOptions = {}, bases: string[] = []): Fetcher['room'] => {
  const made = testFetcher(bases, options);
  open.push(made);
  return made.room;
};
const OPEN_NETS = { config: { allowNets: ['127.0.0.0/8', '::1/128'] } };
const zone = new Map<string, string[][]>();

beforeEach(async () => {
  accepted = 0;
  echo = createServer((socket) => {
    accepted++;
    sockets.add(socket.unref());
    socket.on('error', () => undefined).pipe(socket);
  }).unref();
  await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve));
  ({ port } = echo.address() as AddressInfo);
  const real = dns.lookup.bind(dns) as (...all: unknown[]) => void;
  jest.spyOn(dns, 'lookup').mockImplementation(((host: string, options: unknown, callback: (...found: unknown[]) => void) => {
    const answers = zone.get(host);
    if (!answers) return real(host, options, callback);
    const found = (answers.length > 1 ? answers.shift() : answers[0]) ?? [];
    setImmediate(() =>
      callback(
        null,
        found.map((address) => ({ address, family: 4 })),
      ),
    );
  }) as typeof dns.lookup);
});
afterEach(async () => {
  jest.restoreAllMocks();
  zone.clear();
  for (const each of open.splice(0)) each.room.close();
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  await new Promise((resolve) => echo.close(resolve));
});

/** What comes back for `ping`. */
async function ping(socket: Socket): Promise<string> {
  const answer = new Promise<string>((resolve) => socket.once('data', (data) => resolve(String(data))));
  socket.write('ping');
  const text = await answer;
  socket.destroy();
  return text;
}

test('a connection, by name or address', async () => {
  zone.set('tunnel.example', [['127.0.0.1']]);
  for (const host of ['127.0.0.1', 'tunnel.example']) expect(await ping(await room(OPEN_NETS).connect(host, port))).toBe('ping');
});

test.each([
  '127.0.0.1',
  '127.1',
  '0x7f000001',
  'localhost',
  'inside.example',
  '10.0.0.1',
  '169.254.169.254',
  '100.64.0.1',
  '::1',
  '[::1]',
  '::ffff:127.0.0.1',
])('%s is refused, and no connection made', async (host) => {
  zone.set('inside.example', [['127.0.0.1']]);
  const made = room();
  await expect(made.connect(host, port)).rejects.toMatchObject({ code: 'target-refused', status: 403 });
  expect(accepted).toBe(0);
});

test('our own listeners are refused whatever is allowed', async () => {
  const own = room({ ...OPEN_NETS, ownAddresses: () => [{ address: '0.0.0.0', port }] });
  await expect(own.connect('localhost', port)).rejects.toMatchObject({
    code: 'target-refused',
    facts: { reason: 'it is this cache itself' },
  });
});

test('a name that changes its mind is resolved once, and that answer is what is judged and connected to', async () => {
  zone.set('rebind.example', [['192.0.2.1'], ['127.0.0.1']]);
  await expect(room().connect('rebind.example', port)).rejects.toMatchObject({ code: 'target-refused' });
  expect(zone.get('rebind.example')).toEqual([['127.0.0.1']]);
  zone.set('mixed.example', [['10.0.0.1', '127.0.0.1']]);
  const made = room({ config: { allowNets: ['127.0.0.0/8'] } });
  expect(await ping(await made.connect('mixed.example', port))).toBe('ping');
});

test('a host of the configuration may be anywhere, at its own port only', async () => {
  zone.set('mirror.example', [['127.0.0.1']]);
  const made = room({}, [`https://mirror.example:${port}/debian`]);
  expect(await ping(await made.connect('mirror.example', port))).toBe('ping');
  await expect(made.connect('mirror.example', port === 65535 ? 1 : port + 1)).rejects.toMatchObject({ code: 'target-refused' });
});

test.each([
  ['a b', 1],
  ['', 1],
  ['user@host', 1],
  ['host/path', 1],
  ['host:80', 1],
  ['host', 0],
  ['host', 70_000],
])('%s at %i is no target', async (host, at) => {
  await expect(room().connect(host, at)).rejects.toMatchObject({ code: 'bad-target' });
});

test('what cannot be reached is said so; who leaves is not waited for', async () => {
  await new Promise((resolve) => echo.close(resolve));
  await expect(room(OPEN_NETS).connect('127.0.0.1', port)).rejects.toMatchObject({
    code: 'upstream-unreachable',
    facts: { host: `127.0.0.1:${port}`, reason: 'connection refused' },
  });
  const left = new Error('left');
  await expect(room(OPEN_NETS).connect('127.0.0.1', port, AbortSignal.abort(left))).rejects.toBe(left);
});

describe('through UPSTREAM_PROXY', () => {
  let proxy: ForwardProxy;
  beforeEach(async () => (proxy = await startForwardProxy()));
  afterEach(() => proxy.close());
  const through = (more: object = {}): FetcherOptions => ({
    config: { upstreamProxy: proxy.url.replace('//', '//u:p@'), allowNets: ['127.0.0.0/8'], timeouts: TIMEOUTS, ...more },
  });

  test('by CONNECT, with its credentials', async () => {
    expect(await ping(await room(through()).connect('127.0.0.1', port))).toBe('ping');
    expect([proxy.seen, proxy.credentials]).toEqual([[`CONNECT 127.0.0.1:${port}`], ['Basic dTpw']]);
  });

  test('literal addresses are judged all the same; hosts of NO_PROXY go direct', async () => {
    await expect(room(through()).connect('10.0.0.1', port)).rejects.toMatchObject({ code: 'target-refused' });
    expect(await ping(await room(through({ noProxy: ['127.0.0.1'] })).connect('127.0.0.1', port))).toBe('ping');
    expect(proxy.seen).toEqual([]);
  });

  test.each([
    [403, 'upstream-unreachable', 'the proxy answered 403'],
    [0, 'upstream-timeout', 'no connection within 50 ms'],
  ])('a proxy that answers %i', async (status, code, reason) => {
    proxy.connectStatus = status;
    const made = room(through({ timeouts: { ...TIMEOUTS, connectMs: status === 0 ? 50 : 2000 } }));
    await expect(made.connect('127.0.0.1', port)).rejects.toMatchObject({ code, facts: { reason } });
  });

  test('who leaves meanwhile is not waited for', async () => {
    proxy.connectStatus = 0;
    const leaving = new AbortController();
    const asking = room(through()).connect('127.0.0.1', port, leaving.signal);
    while (proxy.seen.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    leaving.abort(new Error('left'));
    await expect(asking).rejects.toThrow('left');
  });

  test('plain http archives are asked of it for the absolute URL', async () => {
    const archive: FakeUpstream = await startUpstream();
    archive.on('/debian/dists/a%2Bb', { body: 'bytes' });
    const origin = { name: `127.0.0.1:${archive.port}`, bases: [archive.url], operatorNamed: false };
    const response = await room(through()).fetch({ origin, path: '/debian/dists/a%2Bb' });
    response.body.resume();
    expect([response.status, proxy.seen]).toEqual([200, [`GET ${archive.url}/debian/dists/a%2Bb`]]);
    await archive.close();
  });
});
