/** A response body that errors honestly: truncated, too long, silent for too long. Holds its connection's slot until it is over. */
import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { Readable, type PassThrough } from 'node:stream';
import { LarderError } from '../errors';
import { letHeapGrow } from './long-bodies';
import { reasonOf } from './reasons';

/**
 * Finds bodies that have been silent too long. One timer for all, and no look at a clock per chunk: a chunk notes the
 * current tick, and a body is silent when eight ticks have passed (so after 1 to 1.125 times `idleMs`).
 */
export class IdleWatch {
  tick = 0;
  /** What all of them received. */
  receivedBytes = 0;
  private readonly bodies = new Set<UpstreamBody>();
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly idleMs: number) {}

  add(body: UpstreamBody): void {
    this.bodies.add(body);
    this.timer ??= setInterval(() => this.sweep(), Math.max(1, this.idleMs / 8)).unref();
  }
  remove(body: UpstreamBody): void {
    this.bodies.delete(body);
    if (this.bodies.size === 0) this.close();
  }
  close(): void {
    clearInterval(this.timer);
    this.timer = undefined;
  }
  private sweep(): void {
    this.tick++;
    for (const body of this.bodies) if (body.isWaiting && this.tick - body.lastTick > 8) body.fellSilent(this.idleMs);
  }
}

/** From this much to come on, a body is long: taken straight off its connection, which is then not kept. */
const DIRECT_BYTES = 16 * 1024 * 1024;

export interface BodyParts {
  /** host:port, for the error. */
  readonly host: string;
  readonly request: ClientRequest;
  readonly response: IncomingMessage;
  /** What node-fetch gives: the response piped into a PassThrough. */
  readonly source: PassThrough;
  readonly watch: IdleWatch;
  /** Called once, when the connection is no longer used. */
  readonly done: () => void;
}

export class UpstreamBody extends Readable {
  /** Whether the reader is ready for more; only then silence is the upstream's. */
  isWaiting = false;
  lastTick: number;
  private received = 0;
  private wasRead = false;
  private early: Error | undefined;
  /** The connection itself, once the body is taken straight off it. */
  private direct: Socket | undefined;
  private readonly heapMayRest: (() => void) | undefined;
  private readonly expected: number | undefined;

  constructor(private readonly parts: BodyParts) {
    super({ highWaterMark: 256 * 1024 });
    const { response, source, watch } = parts;
    this.expected = lengthOf(parts);
    if (this.hasMuchToCome()) this.heapMayRest = letHeapGrow();
    this.lastTick = watch.tick;
    watch.add(this);
    // pipe() does not pass on that its source broke off: node-fetch alone would wait for ever.
    const brokeOff = (): void => void (response.complete || source.end());
    response.on('error', () => {});
    if (response.destroyed) brokeOff();
    else response.once('close', brokeOff);
    source.on('data', (chunk: Buffer) => this.receive(chunk));
    source.once('end', () => this.finish());
    source.on('error', (error) => this.fail(this.failure(reasonOf(error), error)));
    source.pause();
    this.on('error', () => {}); // a body that nobody listens to any more must not end the process
    // The excess of a response that is too long may have broken it before anybody could listen.
    if (source.destroyed) this.fail(this.failure(reasonOf(source.errored ?? new Error('the connection was closed')), source.errored));
  }

  /** Destroys it with this error; not before it is read, because until then nobody may listen. */
  fail(error: Error): void {
    if (this.wasRead) this.destroy(error);
    else this.early ??= error;
  }

  fellSilent(idleMs: number): void {
    const { host } = this.parts;
    this.fail(new LarderError('upstream-timeout', { host, reason: `silent for ${idleMs} ms after ${this.received} bytes` }));
  }

  override _read(): void {
    this.wasRead = true;
    if (this.early) return void this.destroy(this.early);
    if (!this.isWaiting) {
      this.isWaiting = true;
      this.lastTick = this.parts.watch.tick;
    }
    this.parts.source.resume();
    this.direct?.resume();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    const { request, response, source, watch, done } = this.parts;
    watch.remove(this);
    if (!response.complete || !response.readableEnded) request.destroy();
    source.destroy();
    this.heapMayRest?.();
    done();
    callback(error);
  }

  private receive(chunk: Buffer): void {
    this.received += chunk.length;
    this.parts.watch.receivedBytes += chunk.length;
    this.lastTick = this.parts.watch.tick;
    if (!this.push(chunk)) {
      this.isWaiting = false;
      (this.direct ?? this.parts.source).pause();
    }
    if (this.direct) this.endDirectly();
    else if (this.hasMuchToCome() && this.hasAllSoFar()) this.goDirect();
  }

  private hasMuchToCome(): boolean {
    return this.expected !== undefined && this.expected - this.received >= DIRECT_BYTES;
  }

  /** Whether nothing of what came is on its way through the parser and the streams before this one. */
  private hasAllSoFar(): boolean {
    const { response, source } = this.parts;
    return response.readableLength === 0 && source.readableLength === 0 && source.writableLength === 0;
  }

  /**
   * Node's parser copies every piece of a body; of one with a length it has nothing more to say. It stays behind in mid-body, so that
   * the connection serves no other request.
   */
  private goDirect(): void {
    const { socket } = this.parts.response;
    if (socket.destroyed) return;
    this.direct = socket;
    socket.removeAllListeners('data');
    socket.on('data', (chunk: Buffer) => this.receive(chunk));
  }

  private endDirectly(): void {
    const excess = this.received - (this.expected ?? 0);
    if (excess < 0) return;
    this.direct?.removeAllListeners('data');
    if (excess > 0) this.fail(this.failure(`it promised ${this.expected} bytes and sent more`));
    else this.push(null);
  }

  private finish(): void {
    if (this.direct && this.received === this.expected) return;
    if (!this.parts.response.complete || this.wasReset()) this.fail(this.failure('the connection was closed before the end of the body'));
    else if (this.expected !== undefined && this.received !== this.expected)
      this.fail(this.failure(`it promised ${this.expected} bytes and sent ${this.received}`));
    else this.push(null);
  }

  /** Node takes a body that ends with its connection for whole, however that ended: only a connection that was closed in order says so (RFC 9112 §8). */
  private wasReset(): boolean {
    const { request, response } = this.parts;
    const endsWithConnection = this.expected === undefined && response.headers['transfer-encoding'] === undefined;
    return endsWithConnection && Boolean(request.socket?.errored);
  }

  private failure(reason: string, cause?: unknown): LarderError {
    return new LarderError('upstream-failed', { host: this.parts.host, reason, received: this.received }, cause ?? undefined);
  }
}

/** How many bytes are promised; undefined where the framing alone tells (chunked, until close) or there is no body (HEAD, 304). */
function lengthOf({ request, response }: BodyParts): number | undefined {
  const length = response.headers['content-length'];
  const isBodiless = request.method === 'HEAD' || response.statusCode === 204 || response.statusCode === 304;
  return length === undefined || isBodiless || response.headers['transfer-encoding'] !== undefined ? undefined : Number(length);
}
