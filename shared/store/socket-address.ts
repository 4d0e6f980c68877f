/** Where the sockets of the processes of one store are: `<cacheDir>/run/<instance>.sock`, whatever the length of the path. */
import { closeSync, constants, mkdirSync, openSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';

/** sockaddr_un.sun_path has 108 bytes with its NUL on Linux, 104 on BSD and macOS. */
const LONGEST = process.platform === 'linux' ? 107 : 103;

const folders = new Map<string, number>();

/**
 * Path to listen on, or connect to, for an instance. A long CACHE_DIR does not fit into a socket address; then the path goes
 * through a descriptor of the folder (`/proc/self/fd/<n>/…`), which names the same socket, so that processes and containers
 * with other (shorter) paths to the store see it too. A temporary folder elsewhere would not be shared between containers.
 * @throws Error if the path is too long on a system without /proc; NodeJS.ErrnoException if the folder cannot be made
 */
export function socketAddress(cacheDir: string, instance: string): string {
  const folder = join(cacheDir, 'run');
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${instance}.sock`);
  if (Buffer.byteLength(path) <= LONGEST) return path;
  if (process.platform !== 'linux') throw new Error(`CACHE_DIR is too long for a socket: ${path}`);
  let descriptor = folders.get(folder);
  if (descriptor === undefined) {
    // Kept open for the life of the process: the listening socket is removed through this path at its end.
    descriptor = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
    folders.set(folder, descriptor);
  }
  return `/proc/self/fd/${descriptor}/${instance}.sock`;
}

/** Closes what `socketAddress` keeps open for a store; for tests and the end of a process. */
export function releaseSocketFolder(cacheDir: string): void {
  const folder = join(cacheDir, 'run');
  const descriptor = folders.get(folder);
  if (descriptor !== undefined) closeSync(descriptor);
  folders.delete(folder);
}

/**
 * Whether a process listens there. A stopped process still counts (the kernel accepts for it); whatever is unclear (no
 * permission, too many connections) counts as alive, since a wrong "dead" would take a download away from its owner.
 */
export function isAlive(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(socketPath);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT'));
  });
}
