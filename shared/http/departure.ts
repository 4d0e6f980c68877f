/**
 * When a client is gone. Of a pipelined response that still waits for its turn Node tells nothing when the connection closes, so
 * the connection itself is watched; once for all its responses, however many are in line.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

const watched = new WeakMap<Socket, Set<() => void>>();

/**
 * Calls `listener` at most once: when the response or its connection closes, or now if that has happened.
 * @returns takes it back
 */
export function onDeparture(req: IncomingMessage, res: ServerResponse, listener: () => void): () => void {
  const { socket } = req;
  const listeners = listenersOf(socket);
  const forget = (): void => {
    res.off('close', once);
    listeners.delete(once);
  };
  const once = (): void => {
    forget();
    listener();
  };
  if (res.destroyed || socket.destroyed) {
    listener();
    return () => undefined;
  }
  res.on('close', once);
  listeners.add(once);
  return forget;
}

function listenersOf(socket: Socket): Set<() => void> {
  let listeners = watched.get(socket);
  if (!listeners) {
    const made = (listeners = new Set<() => void>());
    watched.set(socket, made);
    socket.once('close', () => {
      for (const listener of [...made]) listener();
    });
  }
  return listeners;
}
