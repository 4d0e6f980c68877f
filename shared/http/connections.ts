/**
 * The connections that clients have to this process, and how they come to their end without loss. What a connection did is told by its
 * byte counters, looked at now and then: requests pay nothing for it.
 */
import type { Socket } from 'node:net';
import { closeGently } from './close-unanswered';

interface Seen {
  /** Bytes that had moved when it was looked at last. */
  moved: number;
  /** When that had changed, ms of performance.now(). */
  at: number;
}

export class Connections {
  private readonly open = new Map<Socket, Seen | undefined>();

  add(socket: Socket): void {
    this.open.set(socket, undefined);
    socket.once('close', () => this.open.delete(socket));
  }

  get size(): number {
    return this.open.size;
  }

  all(): readonly Socket[] {
    return [...this.open.keys()];
  }

  /**
   * Ends those on which nothing has moved for so long: neither a request nor its first byte is to be expected any more.
   * @param isBusy whether something is still to be sent over it
   */
  closeQuiet(quietMs: number, isBusy: (socket: Socket) => boolean, now = performance.now()): void {
    for (const [socket, seen] of this.open) {
      const moved = socket.bytesRead + socket.bytesWritten;
      if (seen?.moved !== moved || isBusy(socket)) this.open.set(socket, { moved, at: now });
      else if (now - seen.at >= quietMs) closeGently(socket);
    }
  }

  closeAll(): void {
    for (const socket of this.open.keys()) socket.destroy();
  }
}
