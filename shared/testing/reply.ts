/** Sends one scripted reply of the fake upstream: conditions, ranges, and every way of doing it badly. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';

/** What the fake upstream answers, and how badly. Everything is optional: `{}` is an empty 200. */
export interface Reply {
  /** 200 unless given; other statuses know neither ranges nor conditions. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string | string[]>>;
  readonly body?: Buffer | string;
  /** The body is sent so many times in a row (large bodies without memory). Not together with `gzip`. */
  readonly repeat?: number;
  /** ETag with its quotes; If-None-Match is answered by 304. */
  readonly etag?: string;
  /** IMF-fixdate; If-Modified-Since is answered by 304 when it names the same date or a later one. */
  readonly lastModified?: string;
  /**
   * `yes`: single and suffix ranges, If-Range, 416. `no` (default): Range is ignored, 200. `wrong`: 206 whose Content-Range
   * and bytes begin at 0 whatever was asked. `lying`: 200 with only the bytes that were asked.
   */
  readonly ranges?: 'yes' | 'no' | 'wrong' | 'lying';
  /** Transfer-Encoding: chunked instead of Content-Length. */
  readonly chunked?: boolean;
  /** Content-Encoding: gzip when the client accepts it; `always` when it does not, too. */
  readonly gzip?: boolean | 'always';
  /** Value of Content-Length, whatever is really sent; the connection is closed after the body when they differ. */
  readonly contentLength?: number;
  /** Speed of the body. */
  readonly bytesPerSecond?: number;
  /** Milliseconds before the headers are sent. */
  readonly delayMs?: number;
  /** Never sends headers; the connection stays open. */
  readonly stallHeaders?: boolean;
  /** Sends so many bytes of the body, then nothing; the connection stays open. */
  readonly stallAt?: number;
  /** Sends so many bytes of the body, then closes the connection. 0: right after the headers. */
  readonly cutAt?: number;
  /** Closes the connection without any answer. */
  readonly hangUp?: boolean;
}

const PIECE = 64 * 1024;

/** Sends a reply; resolves when the response is over (or stalled for ever). Never throws: a client that left is no error here. */
export async function sendReply(request: IncomingMessage, response: ServerResponse, reply: Reply): Promise<void> {
  if (reply.stallHeaders) return;
  if (reply.hangUp) return void request.socket.destroy();
  if (reply.delayMs) await pause(reply.delayMs);
  const body = bodyOf(request, reply);
  const head: Record<string, string | string[]> = { ...body.headers, ...reply.headers };
  if (reply.etag) head['etag'] = reply.etag;
  if (reply.lastModified) head['last-modified'] = reply.lastModified;
  const { status: honest, start, end } = select(request, reply, body.size);
  const status = honest === 206 && reply.ranges === 'lying' ? 200 : honest;
  if (status === 304) return void response.writeHead(304, head).end();
  if (reply.ranges && reply.ranges !== 'no') head['accept-ranges'] = 'bytes';
  if (status === 416) head['content-range'] = `bytes */${body.size}`;
  if (status === 206) head['content-range'] = `bytes ${start}-${end - 1}/${body.size}`;
  if (!reply.chunked) head['content-length'] = String(reply.contentLength ?? end - start);
  response.writeHead(status, head);
  if (request.method === 'HEAD') return void response.end();
  response.flushHeaders();
  await sendBody(response, reply, (from, to) => body.slice(start + from, start + to), end - start);
}

interface BodyView {
  readonly size: number;
  readonly headers: Record<string, string>;
  slice(from: number, to: number): Buffer;
}

function bodyOf(request: IncomingMessage, reply: Reply): BodyView {
  let block = typeof reply.body === 'string' ? Buffer.from(reply.body) : (reply.body ?? Buffer.alloc(0));
  const headers: Record<string, string> = {};
  if (reply.gzip) headers['vary'] = 'Accept-Encoding';
  if (reply.gzip === 'always' || (reply.gzip && /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? '')))) {
    block = gzipSync(block);
    headers['content-encoding'] = 'gzip';
  }
  return { size: block.length * (reply.repeat ?? 1), headers, slice: (from, to) => cyclic(block, from, to) };
}

function cyclic(block: Buffer, from: number, to: number): Buffer {
  const at = from % block.length;
  if (at + to - from <= block.length) return block.subarray(at, at + to - from);
  const piece = Buffer.alloc(to - from);
  for (let n = 0; n < piece.length;) n += block.copy(piece, n, (from + n) % block.length);
  return piece;
}

/** The status and the bytes that this request gets. */
function select(request: IncomingMessage, reply: Reply, size: number): { status: number; start: number; end: number } {
  const whole = { status: reply.status ?? 200, start: 0, end: size };
  if (whole.status !== 200 || (request.method !== 'GET' && request.method !== 'HEAD')) return whole;
  if (isNotModified(request, reply)) return { status: 304, start: 0, end: 0 };
  const range = /^bytes=(\d*)-(\d*)$/.exec(request.headers.range ?? '');
  if (!reply.ranges || reply.ranges === 'no' || !range || range[0] === 'bytes=-') return whole;
  const ifRange = request.headers['if-range'];
  if (ifRange !== undefined && ifRange !== reply.etag && ifRange !== reply.lastModified) return whole;
  const suffix = range[1] === '';
  const start = suffix ? Math.max(0, size - Number(range[2])) : Number(range[1]);
  const end = suffix || range[2] === '' ? size : Math.min(size, Number(range[2]) + 1);
  if (start >= size || end <= start) return { status: 416, start: 0, end: 0 };
  if (reply.ranges === 'wrong') return { status: 206, start: 0, end: end - start };
  return { status: 206, start, end };
}

function isNotModified(request: IncomingMessage, reply: Reply): boolean {
  const tags = request.headers['if-none-match'];
  if (tags !== undefined) {
    const bare = (tag: string): string => tag.trim().replace(/^W\//, '');
    return reply.etag !== undefined && (tags.trim() === '*' || tags.split(',').map(bare).includes(bare(reply.etag)));
  }
  const since = request.headers['if-modified-since'];
  return since !== undefined && reply.lastModified !== undefined && Date.parse(reply.lastModified) <= Date.parse(since);
}

async function sendBody(response: ServerResponse, reply: Reply, slice: (from: number, to: number) => Buffer, size: number): Promise<void> {
  const stop = Math.min(size, reply.stallAt ?? size, reply.cutAt ?? size);
  const piece = reply.bytesPerSecond ? Math.max(1, Math.min(PIECE, Math.ceil(reply.bytesPerSecond / 50))) : PIECE;
  const began = Date.now();
  for (let at = 0; at < stop && !response.destroyed; at += piece) {
    await write(response, slice(at, Math.min(stop, at + piece)));
    if (reply.bytesPerSecond) await pause(((at + piece) / reply.bytesPerSecond) * 1000 - (Date.now() - began));
  }
  if (response.destroyed) return;
  if (reply.cutAt !== undefined && reply.cutAt <= size) return void response.socket?.destroy();
  if (reply.stallAt !== undefined && reply.stallAt <= size) return;
  if (reply.contentLength !== undefined && reply.contentLength !== size) response.socket?.end();
  else response.end();
}

/** Resolves when the piece was handed to the system, or the client left. */
function write(response: ServerResponse, piece: Buffer): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off('close', done);
      resolve();
    };
    response.once('close', done);
    response.write(piece, done);
  });
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => (ms <= 0 ? setImmediate(resolve) : setTimeout(resolve, ms).unref()));
}
