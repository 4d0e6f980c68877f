/** A client of a suite as apt is one, without apt: its own connection, which it keeps; a roster, then files that the roster lists. */
import { createHash } from 'node:crypto';
import { Agent, request, type IncomingHttpHeaders } from 'node:http';

/** What the client was given. */
export interface SuiteAnswer {
  /** 0: the connection was closed without an answer, or in the middle of one. */
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** A client with one connection. */
export interface SuiteClient {
  /** Over its one connection; a new one if that was closed. */
  get(path: string, headers?: Readonly<Record<string, string>>, method?: string): Promise<SuiteAnswer>;
  /** From now on another cache is asked, over a new connection. */
  move(port: number): void;
  leave(): void;
}

/** @param address this machine's loopback address that it comes from */
export function suiteClient(port: number, address = '127.0.0.1'): SuiteClient {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  let at = port;
  return {
    get: (path, headers = {}, method = 'GET') =>
      new Promise((resolve) => {
        const nothing = (): void => resolve({ status: 0, headers: {}, body: Buffer.alloc(0) });
        const asked = request({ host: '127.0.0.1', localAddress: address, port: at, path, headers, method, agent }, (response) => {
          const pieces: Buffer[] = [];
          response.on('data', (piece: Buffer) => pieces.push(piece)).on('error', nothing);
          response.on('end', () => {
            const { statusCode = 0, headers: fields, complete } = response;
            if (complete) resolve({ status: statusCode, headers: fields, body: Buffer.concat(pieces) });
            else nothing();
          });
        });
        asked.on('error', nothing);
        asked.end();
      }),
    move: (other) => void (at = other),
    leave: () => agent.destroy(),
  };
}

/** In hex. */
export function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** SHA-256 in hex that a roster says of a file. @throws Error if it does not list it */
export function digestIn(roster: Buffer, name: string): string {
  const found = new RegExp(`^ ([0-9a-f]{64}) +\\d+ ${name.replaceAll('.', '\\.')}$`, 'm').exec(roster.toString());
  if (!found?.[1]) throw new Error(`the roster does not list ${name}`);
  return found[1];
}

/** Mulberry32: numbers in [0, 1) that a seed repeats. */
export function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
