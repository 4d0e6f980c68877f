/** CONNECT over real connections: who gets a tunnel, what goes through it, and that nobody is connected to who may not be. */
import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';
import { LarderError } from '../errors';
import { raw } from '../testing/ask';
import { openStage, type Stage, type StageOptions } from '../testing/stage';
import { until } from '../testing/until';

let stage: Stage;
let far: Server;
let farSockets: Socket[];
let asked: string[];

beforeEach(async () => {
  farSockets = [];
  asked = [];
  far = createServer({ allowHalfOpen: true }, (socket) => void farSockets.push(socket.on('error', () => undefined)));
  await new Promise<void>((done) => far.listen(0, '127.0.0.1', done));
});

afterEach(async () => {
  await stage.close();
  for (const socket of farSockets) socket.destroy();
  await new Promise((done) => far.close(done));
});

/** A stage whose tunnels lead to `far`, whatever they are to lead to. */
async function open(options: StageOptions = {}): Promise<void> {
  stage = await openStage({
    connect: (host, port) => {
      asked.push(`${host}:${port}`);
      const socket = connect((far.address() as AddressInfo).port, '127.0.0.1');
      return new Promise((done, failed) => socket.once('connect', () => done(socket)).once('error', failed));
    },
    ...options,
  });
}

const connectTo = (authority: string, fields = ''): string => `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${fields}\r\n`;

interface Client {
  readonly socket: Socket;
  text: string;
  ended: boolean;
  closed: boolean;
}

function client(bytes: string): Client {
  const socket = connect({ port: stage.port, host: '127.0.0.1', allowHalfOpen: true });
  const one: Client = { socket, text: '', ended: false, closed: false };
  socket.on('data', (piece) => (one.text += piece.toString('latin1')));
  socket.on('end', () => (one.ended = true)).on('close', () => (one.closed = true));
  socket.on('error', () => undefined);
  socket.write(bytes);
  return one;
}

/** The far side of the only tunnel. */
async function farSide(): Promise<{ socket: Socket; text: () => string; ended: () => boolean }> {
  const socket = await until('somebody connected', () => farSockets[0]);
  let [text, ended] = ['', false];
  socket.on('data', (piece) => (text += piece.toString('latin1')));
  socket.on('end', () => (ended = true));
  return { socket, text: () => text, ended: () => ended };
}

test('both directions, what was sent without waiting first; each side may end and still listen', async () => {
  await open({ hosts: ['archive.example'] });
  const near = client(`${connectTo('Archive.Example:443')}early `);
  const other = await farSide();
  await until('the tunnel is there', () => near.text.includes('\r\n\r\n'));
  // What apt looks for, and no field that could be taken for a body.
  expect(near.text).toMatch(/^HTTP\/1\.1 200 [^\r]+\r\n\r\n$/);
  near.socket.end('late');
  await until('all arrived', () => other.ended());
  expect(other.text()).toBe('early late');
  other.socket.end('answer after the end');
  await until('the answer arrived', () => near.closed);
  expect(near.text.split('\r\n\r\n')[1]).toBe('answer after the end');
  expect(asked).toEqual(['archive.example:443']);
  await until('it is noted', () => stage.access.length === 1);
  expect(stage.access[0]).toMatchObject({
    method: 'CONNECT',
    target: 'Archive.Example:443',
    status: 200,
    bytes: 20,
    outcome: 'pass (tunnel)',
  });
  expect(stage.counters.passes).toEqual({ tunnel: 1 });
});

test('the far side may end first', async () => {
  await open();
  const near = client(connectTo('archive.example:443'));
  const other = await farSide();
  other.socket.end('bye');
  await until('the end arrived', () => near.ended);
  near.socket.end('still here');
  await until('it arrived', () => other.ended());
  expect([other.text(), near.text.split('\r\n\r\n')[1]]).toEqual(['still here', 'bye']);
});

test('much data both ways, with a slow reader', async () => {
  await open();
  const near = client(connectTo('archive.example:443'));
  const other = await farSide();
  await until('the tunnel is there', () => near.text !== '');
  near.socket.pause();
  other.socket.end(Buffer.alloc(5_000_000, 'x'));
  near.socket.end(Buffer.alloc(3_000_000, 'y'));
  await until('one way', () => other.ended());
  near.socket.resume();
  await until('the other way', () => near.closed);
  expect([other.text().length, (near.text.split('\r\n\r\n')[1] ?? '').length]).toEqual([3_000_000, 5_000_000]);
});

test.each([
  ['archive.example:22', 403, 'port 443 only'],
  ['archive.example:8443', 403, 'port 443 only'],
  ['other.example:443', 403, 'APT_HOSTS'],
  ['127.0.0.1:443', 403, 'APT_HOSTS'],
  ['archive.example.evil.example:443', 403, 'APT_HOSTS'],
  ['archive.example', 400, 'a host and a port'],
  ['archive.example:0', 400, 'a host and a port'],
  ['archive.example:99999', 400, 'a host and a port'],
  ['archive.example:443/x', 400, 'a host and a port'],
  ['http://archive.example:443', 400, 'a host and a port'],
  ['user:pw@archive.example:443', 400, 'a host and a port'],
  ['archive%2eexample:443', 400, 'a host and a port'],
])('CONNECT %s is %d and nobody is connected to', async (authority, status, text) => {
  await open({ hosts: ['archive.example'] });
  const said = await raw(stage.port, connectTo(authority));
  expect(said).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  expect(said).toContain(text);
  expect(asked).toEqual([]);
  // Some of it node:http refuses before anybody sees it.
  if (status === 403) expect(stage.access).toMatchObject([{ method: 'CONNECT', status, outcome: 'error' }]);
});

test.each([
  ['target-refused', 403, { host: 'a.example', reason: 'its address is loopback', remedy: 'add the network to ALLOW_NETS' }],
  ['upstream-unreachable', 502, { host: 'a.example', reason: 'x' }],
  ['upstream-timeout', 504, { host: 'a.example', reason: 'x' }],
] as const)('what the upstream room refuses or cannot do is told: %s is %d', async (code, status, facts) => {
  const error = new LarderError(code, facts);
  await open({ connect: () => Promise.reject(error) });
  const said = await raw(stage.port, connectTo('a.example:443'));
  expect(said).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  expect(said).toContain(error.message);
  expect(stage.counters.errors).toBe(1);
});

test('a request of our own that comes back gets no tunnel', async () => {
  await open();
  expect(await raw(stage.port, connectTo('a.example:443', 'Via: 1.1 larder-stage\r\n'))).toMatch(/^HTTP\/1\.1 508 /);
  expect(asked).toEqual([]);
});

test('a module without tunnels refuses', async () => {
  await open({ module: { tunnels: undefined as never } });
  expect(await raw(stage.port, connectTo('a.example:443'))).toMatch(/^HTTP\/1\.1 405 /);
});

test('there are only so many at a time', async () => {
  await open({ mostTunnels: 2 });
  const both = [client(connectTo('a.example:443')), client(connectTo('a.example:443'))];
  await until('both are there', () => both.every(({ text }) => text !== ''));
  expect(await raw(stage.port, connectTo('a.example:443'))).toMatch(/^HTTP\/1\.1 503 /);
  expect(asked).toHaveLength(2);
  both[0]?.socket.resetAndDestroy();
  await until('one is gone', () => stage.access.some(({ status }) => status === 200));
  const third = client(connectTo('a.example:443'));
  await until('there is room again', () => third.text.startsWith('HTTP/1.1 200'));
});

test('a tunnel in which nothing moves is closed', async () => {
  await open({ tunnelIdleMs: 100 });
  const near = client(connectTo('a.example:443'));
  await until('the tunnel is there', () => near.text !== '');
  await until('it is closed', () => near.ended);
  near.socket.end();
  await until('it is noted', () => stage.access.length === 1);
});

test('a client that leaves while it is connected leaves nothing behind', async () => {
  let aborted = false;
  await open({
    connect: (_host, _port, signal) =>
      new Promise((_, failed) => {
        asked.push('x');
        signal.addEventListener('abort', () => {
          aborted = true;
          failed(signal.reason as Error);
        });
      }),
  });
  const near = client(connectTo('a.example:443'));
  await until('it is asked', () => asked.length === 1);
  near.socket.resetAndDestroy();
  await until('the attempt is given up', () => aborted);
  await until('it is noted', () => stage.access.length === 1);
});

test('a connection whose far side is reset is closed', async () => {
  await open();
  const near = client(connectTo('a.example:443'));
  const other = await farSide();
  await until('the tunnel is there', () => near.text !== '');
  other.socket.resetAndDestroy();
  await until('it is closed', () => near.ended);
  near.socket.end();
});

test('CONNECT behind an answer that is still due is not put into the middle of it', async () => {
  let release!: () => void;
  const slow = new Promise<never>((_, failed) => (release = () => failed(new LarderError('upstream-not-found', { target: '/x' }))));
  await open({ answer: () => slow });
  const near = client(`GET http://a.example/x HTTP/1.1\r\nHost: a\r\n\r\n${connectTo('a.example:443')}`);
  await until('it is closed', () => near.closed || near.ended);
  expect(near.text).toBe('');
  expect(asked).toEqual([]);
  release();
});

test('the end of the cache ends silent tunnels, and after a while the others', async () => {
  await open();
  const near = client(connectTo('a.example:443'));
  await until('the tunnel is there', () => near.text !== '');
  await stage.close(20_000);
  await until('it is closed', () => near.closed || near.ended);
  await open();
  const busy = client(connectTo('a.example:443'));
  const other = await until('it is there too', () => farSockets[1]);
  const stream = setInterval(() => other.write('x'), 10);
  await stage.close(700);
  clearInterval(stream);
  await until('that too', () => busy.closed || busy.ended);
});

test('OFFLINE: nobody is connected to, and the client is told why', async () => {
  await open({ offline: true });
  expect(await raw(stage.port, connectTo('archive.example:443'))).toMatch(/^HTTP\/1\.1 504 .*OFFLINE=yes/s);
  expect(asked).toEqual([]);
});
