/**
 * Ends a connection in place of an answer, for clients that try again after that, but not after an error status. What is due to be
 * sent before goes out first, in order.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** How long the client may take to notice. */
const LINGER_MS = 1000;

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
  // Still read for a while: closed with requests unread, the connection would be reset, and take earlier answers from the client.
  socket.end();
  setTimeout(() => socket.destroy(), LINGER_MS).unref();
}

/** Whether the connection is being ended: what still comes over it is not answered. */
export function isClosing(socket: Socket): boolean {
  return closing.has(socket);
}
