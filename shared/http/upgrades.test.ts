/** What is left of a joined connection when one side is gone: nothing, on either side. */
import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';
import { openHouse, type LocalHouse } from '../testing/house';
import { until } from '../testing/until';

jest.setTimeout(60_000);

const JOINED = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';
const ASK =
  'GET /mirror/m/ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\nSec-WebSocket-Version: 13\r\n\r\n';

let origin: Server;
let house: LocalHouse;
let far: Socket[];
let clients: Socket[];
/** What the origin says when it is asked. */
let said: string;

beforeEach(async () => {
  [far, clients, said] = [[], [], ''];
  // It never ends a connection by itself, not even one that the other side has ended.
  origin = createServer({ allowHalfOpen: true }, (socket) => {
    far.push(socket);
    socket.on('error', () => undefined);
    socket.once('data', () => said !== '' && socket.write(said));
    socket.resume();
  });
  await new Promise<void>((resolve) => origin.listen(0, '127.0.0.1', resolve));
  const upstream = `http://127.0.0.1:${(origin.address() as AddressInfo).port}`;
  house = await openHouse({ module: 'http', upstream: [], env: { UPSTREAM_http_m: upstream, METHODS_http_m: 'all' } });
});
afterEach(async () => {
  for (const socket of [...far, ...clients]) socket.destroy();
  await house.stop();
  await new Promise((resolve) => origin.close(resolve));
});

/** A client that asks for a WebSocket, and never ends its connection by itself. */
async function asking(): Promise<{ socket: Socket; text: () => string }> {
  const socket = connect({ port: house.port, host: '127.0.0.1', allowHalfOpen: true });
  let text = '';
  socket.on('error', () => undefined).on('data', (piece) => (text += piece.toString('latin1')));
  clients.push(socket);
  socket.write(ASK);
  await until('the origin is asked', () => far[0] && far[0].bytesRead > 0);
  return { socket, text: () => text };
}

/** Only who writes to a connection learns that the other side has closed it, and not merely ended it. */
const nothingIsLeft = (): Promise<boolean> =>
  until('nothing is left', () => {
    for (const socket of far) if (socket.writable) socket.write('x');
    return far.every(({ closed }) => closed) && house.appliance.occupation.underWay() === 0;
  });

test('a client that leaves before there is an answer leaves no connection to the origin', async () => {
  const { socket } = await asking();
  socket.destroy();
  await nothingIsLeft();
});

test.each([
  ['leaves', (socket: Socket): unknown => socket.destroy()],
  ['is cut off', (socket: Socket): unknown => socket.resetAndDestroy()],
])('a joined client that %s leaves none either, though the origin does not end it', async (_how, leave) => {
  said = JOINED;
  const { socket, text } = await asking();
  await until('it is joined', () => text().endsWith('\r\n\r\n'));
  leave(socket);
  await nothingIsLeft();
});

test('an origin that leaves leaves no connection of a client, though that does not end it', async () => {
  said = JOINED;
  const { socket, text } = await asking();
  await until('it is joined', () => text().endsWith('\r\n\r\n'));
  far[0]?.destroy();
  await until('it is told', () => socket.readableEnded);
  await nothingIsLeft();
});

test('an answer that is none to a WebSocket, and breaks off, does not look as if it went on', async () => {
  said = 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegun';
  const { socket, text } = await asking();
  await until('it began', () => text().endsWith('begun'));
  far[0]?.resetAndDestroy();
  await until('the client is told', () => socket.readableEnded || socket.destroyed);
  await nothingIsLeft();
});
