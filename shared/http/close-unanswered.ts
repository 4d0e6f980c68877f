/**
 * Ends a connection in place of an answer, for clients that try again after that, but not after an error status. What is due to be
 * sent before goes out first, in order.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** How long the client may take to notice, since it sent something. */
const LINGER_MS = 1000;
/** Who goes on sending is listened to for no more than so many times that. */
const MOST_LINGERS = 10;

const closing = new WeakSet<Socket>();

/** Nothing of `res` may have been written. */
export function closeUnanswered(req: IncomingMessage, res: ServerResponse): void {
  const { socket } = req;
  const end = (): void => closeGently(socket);
  // Pipelined responses get the socket when those before them are sent.
  if (res.socket) end();
  else res.once('socket', end);
}

/** Ends a connection on which no answer is due any more. */
export function closeGently(socket: Socket): void {
  if (closing.has(socket)) return;
  closing.add(socket);
  // Still read for a while: closed with requests unread, or before others come, the connection would be reset, and take from the client
  // all that is on its way to it: on a slow line the kernel alone knows of that (RFC 9112 §9.6).
  socket.end();
  let heard = socket.bytesRead;
  let lingers = 0;
  const look = setInterval(() => {
    if (socket.bytesRead === heard || ++lingers === MOST_LINGERS) socket.destroy();
    heard = socket.bytesRead;
  }, LINGER_MS).unref();
  socket.once('close', () => clearInterval(look));
}

/** Has a connection that ends with the answer under way end gently: node:http would close it as soon as the kernel has all of that. */
export function endGently(socket: Socket): void {
  socket.destroySoon = () => closeGently(socket);
}

/** Whether the connection is being ended: what still comes over it is not answered. */
export function isClosing(socket: Socket): boolean {
  return closing.has(socket);
}
