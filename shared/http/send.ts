/** Sends an answer: conditions, ranges, HEAD, backpressure; on doubt the connection is destroyed, never a body ended that is not whole. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Answer } from '../engine/answer';
import type { BodySource } from '../engine/bodies/body-source';
import { LarderError } from '../errors';
import { select } from './conditions';
import { onDeparture } from './departure';
import type { RequestFacts } from './request-facts';
import { headersOf } from './response-headers';

export interface Sent {
  readonly status: number;
  readonly bytes: number;
  /** Why a body that had begun was cut by us; absent if it is whole, or the client left. */
  readonly failure?: unknown;
}

/** A response, and whether its client is still there. */
interface Client {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  left: boolean;
  /** Ends the wait until the client has taken what was sent. */
  wake: () => void;
}

/**
 * @param now ms since the epoch
 * @throws LarderError while nothing has been sent; afterwards failures destroy the connection and resolve
 */
export async function send(
  req: IncomingMessage,
  res: ServerResponse,
  facts: RequestFacts,
  answer: Answer,
  now = Date.now(),
): Promise<Sent> {
  const { body } = answer;
  const client: Client = { req, res, left: false, wake: () => undefined };
  const forget = onDeparture(req, res, () => {
    client.left = true;
    client.wake();
    body.close();
  });
  try {
    return await respond(client, facts, answer, now);
  } finally {
    forget();
    body.close();
  }
}

/** A message whose fields are all known, to be sent as it is. */
export interface Message {
  readonly status: number;
  readonly reason?: string | undefined;
  /** name, value, name, value … */
  readonly headers: string[];
  /** Exactly the bytes to send, from 0; absent: none. */
  readonly body?: BodySource;
  /** name, value pairs to be sent behind the body. */
  trailers?(): readonly (readonly [string, string])[];
}

/** As `send`, of a message that is left as it is. @throws LarderError while nothing has been sent */
export async function sendMessage(req: IncomingMessage, res: ServerResponse, message: Message): Promise<Sent> {
  const { status, reason, headers, body, trailers } = message;
  const client: Client = { req, res, left: false, wake: () => undefined };
  const forget = onDeparture(req, res, () => {
    client.left = true;
    client.wake();
    body?.close();
  });
  // Said here, since a status line may be one that Node does not know.
  if (reason !== undefined && reason !== '') res.statusMessage = reason;
  try {
    if (!body) return head(res, status, headers);
    return await stream(client, body, status, headers, 0, body.size ?? Infinity, () => {
      const behind = trailers?.() ?? [];
      if (behind.length > 0) res.addTrailers(behind as [string, string][]);
    });
  } finally {
    forget();
    body?.close();
  }
}

async function respond(client: Client, facts: RequestFacts, answer: Answer, now: number): Promise<Sent> {
  const { req, res } = client;
  const { body } = answer;
  if (answer.location !== undefined) return head(res, 302, ['Location', answer.location, ...headersOf(answer, 0)]);
  if (answer.part) return sendPart(client, answer, answer.part);
  const { size } = body;
  const selection = select(req.method ?? 'GET', facts, {
    etag: answer.etag,
    lastModified: answer.lastModified,
    weakDate: answer.weakDate,
    size,
  });
  switch (selection.status) {
    case 304:
      return head(res, 304, withAge(headersOf(answer, undefined), answer, now));
    case 412:
      throw new LarderError('precondition');
    case 416:
      return head(res, 416, ['Content-Range', `bytes */${size}`, 'Content-Length', '0', 'Accept-Ranges', 'bytes']);
    case 206: {
      const { first, last } = selection;
      const headers = ['Content-Range', `bytes ${first}-${last}/${size}`, ...headersOf(answer, last - first + 1)];
      return stream(client, body, 206, withAge(headers, answer, now), first, last + 1);
    }
    case 200: {
      const headers = withAge(headersOf(answer, size), answer, now);
      if (req.method === 'HEAD') return head(res, 200, headers);
      return stream(client, body, 200, headers, 0, size ?? Infinity);
    }
  }
}

function sendPart(client: Client, answer: Answer, part: NonNullable<Answer['part']>): Promise<Sent> {
  const length = part.last - part.first + 1;
  const headers = ['Content-Range', `bytes ${part.first}-${part.last}/${part.total}`, ...headersOf(answer, length)];
  return stream(client, answer.body, 206, headers, 0, length);
}

function head(res: ServerResponse, status: number, headers: string[]): Sent {
  res.writeHead(status, headers);
  res.end();
  return { status, bytes: 0 };
}

function withAge(headers: string[], answer: Answer, now: number): string[] {
  if (answer.confirmedAt === undefined || answer.outcome === 'miss') return headers;
  return [...headers, 'Age', String(Math.max(0, Math.floor((now - answer.confirmedAt) / 1000)))];
}

async function stream(
  client: Client,
  body: BodySource,
  status: number,
  headers: string[],
  from: number,
  end: number,
  beforeEnd?: () => void,
): Promise<Sent> {
  const { res } = client;
  // The first bytes are read before the status line is written: a body that turns out bad can still become an honest error.
  let piece = await firstBytes(res, body, from, end, status, headers);
  let at = from;
  const cut = (failure: unknown): Sent => {
    breakOff(res);
    return { status, bytes: at - from, ...(client.left ? {} : { failure }) };
  };
  try {
    while (piece.length > 0 && !client.left) {
      at += piece.length;
      const next = at < end ? body.read(at, end) : undefined;
      next?.catch(() => undefined);
      if (!write(res, body, piece)) await drained(client);
      piece = next ? await next : piece.subarray(0, 0);
    }
  } catch (error) {
    return cut(error);
  }
  if (client.left || (end !== Infinity && at !== end)) return cut(new LarderError('internal', { reason: 'a body ended too early' }));
  beforeEnd?.();
  res.end();
  return { status, bytes: at - from };
}

/** How long a download may be silent before its headers are sent without a byte of body. */
const PATIENCE_MS = 50;

async function firstBytes(
  res: ServerResponse,
  body: BodySource,
  from: number,
  end: number,
  status: number,
  headers: string[],
): Promise<Buffer> {
  const first = body.read(from, end);
  // What is held may turn out damaged, and then be fetched instead: worth waiting for, however busy the disk is.
  const early = body.isHeld
    ? await first
    : await Promise.race([first, new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), PATIENCE_MS))]);
  res.writeHead(status, headers);
  if (early) return early;
  // Clients with a short timeout for headers must see that something is under way.
  res.flushHeaders();
  return first.catch((error: unknown) => {
    breakOff(res);
    throw error;
  });
}

/** Ends a response so that nobody takes what came of it for the whole. */
function breakOff(res: ServerResponse): void {
  // To HTTP/1.0 (many reverse proxies) a body without a length ends where the connection does: only a reset tells that it was cut.
  if (res.req.httpVersionMinor === 0) res.socket?.resetAndDestroy();
  res.destroy();
}

/** @returns false if the client is slower than we are */
function write(res: ServerResponse, body: BodySource, piece: Buffer): boolean {
  if (!body.release) return res.write(piece);
  // Only a write that succeeded has surely left the buffer.
  return res.write(piece, (error) => {
    if (!error) body.release?.(piece);
  });
}

function drained(client: Client): Promise<void> {
  if (client.left) return Promise.resolve();
  const { res } = client;
  return new Promise((resolve) => {
    client.wake = (): void => {
      res.off('drain', client.wake);
      resolve();
    };
    res.once('drain', client.wake);
  });
}
