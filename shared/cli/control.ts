/** The client side of the control sockets: which processes run on this store, what they say, and asking them to stop. */
import { readdirSync } from 'node:fs';
import { request } from 'node:http';
import { basename, dirname, join } from 'node:path';
import type { Status } from '../http/status';

/** A live process and the socket it answers on. */
export interface Running {
  readonly socket: string;
  readonly status: Status;
}

const ANSWER_MS = 5000;
/** Longest path of a Unix socket address (sun_path is 108 bytes on Linux, 104 elsewhere, with its end mark). */
const SOCKET_PATH_BYTES = 103;

/** Every process of a cache that answers, the longest running first. A socket without an answer is a dead process. */
export async function findRunning(cacheDir: string, cache: string): Promise<Running[]> {
  const folder = join(cacheDir, 'run');
  const answers = await Promise.all(
    socketNames(folder, cache).map(async (name) => {
      const socket = join(folder, name);
      const status = await askStatus(socket);
      return status?.cache === cache ? [{ socket, status }] : [];
    }),
  );
  return answers.flat().sort((a, b) => a.status.startedAt.localeCompare(b.status.startedAt));
}

function socketNames(folder: string, cache: string): string[] {
  try {
    return readdirSync(folder).filter((name) => name.startsWith(`${cache}-`) && name.endsWith('.sock'));
  } catch {
    return []; // no store yet
  }
}

/** @returns undefined if nobody answers */
export async function askStatus(socket: string): Promise<Status | undefined> {
  const answer = await ask(socket, 'GET', '/status');
  if (answer?.status !== 200) return undefined;
  try {
    return JSON.parse(answer.body) as Status;
  } catch {
    return undefined;
  }
}

/** Asks a process to stop. @returns whether it heard */
export async function askToStop(socket: string): Promise<boolean> {
  return ((await ask(socket, 'POST', '/stop'))?.status ?? 500) < 300;
}

function ask(socket: string, method: string, path: string): Promise<{ status: number; body: string } | undefined> {
  return new Promise((resolve) => {
    const headers = { host: 'larder', connection: 'close' };
    const asked = connected(socket, (socketPath) => request({ socketPath, method, path, headers, agent: false }));
    asked.on('response', (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => (body += part));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
      response.on('error', () => resolve(undefined));
    });
    asked.setTimeout(ANSWER_MS, () => asked.destroy());
    asked.on('error', () => resolve(undefined));
    asked.end();
  });
}

// A path too long for a socket address is given by its name alone, from within its folder: a request connects before it
// returns, and nothing else of this program runs meanwhile.
function connected<T>(socket: string, connect: (socketPath: string) => T): T {
  if (Buffer.byteLength(socket) <= SOCKET_PATH_BYTES) return connect(socket);
  const before = process.cwd();
  process.chdir(dirname(socket));
  try {
    return connect(basename(socket));
  } finally {
    process.chdir(before);
  }
}
