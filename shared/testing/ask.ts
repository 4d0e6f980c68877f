/** A client for flow tests: sees how a response ends, can stop reading, and can leave in mid-body. */
import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';

/** What came of one request. */
export interface Got {
  /** 0: the connection ended without an answer. */
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** The response came to its end as its framing promises; false: it was cut. */
  readonly complete: boolean;
}

/** A request under way. */
export interface Asked {
  /** Resolves at the status line. @throws Error if the connection ends without one */
  readonly response: Promise<IncomingMessage>;
  /** Resolves when it is over, however it ends. Never rejects. */
  readonly whole: Promise<Got>;
  /** Bytes of body that came so far. */
  readonly received: number;
  /** Stops reading, so that backpressure builds up; `false` goes on. */
  pause(paused: boolean): void;
  /** Closes the connection. */
  leave(): void;
}

/** What is sent beside the target. */
export interface AskOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  /** 127.0.0.1 unless given. */
  readonly host?: string;
}

/** Asks a port of this machine, on a connection of its own. */
export function ask(port: number, target: string, options: AskOptions = {}): Asked {
  // `agent: false`: a connection of its own, which the cache may cut without spoiling another request.
  const request = httpRequest({
    host: options.host ?? '127.0.0.1',
    port,
    path: target,
    agent: false,
    method: options.method ?? 'GET',
    headers: options.headers ?? {},
  });
  const pieces: Buffer[] = [];
  let received = 0;
  let paused = false;
  let answer: IncomingMessage | undefined;
  let head!: (response: IncomingMessage) => void;
  let fail!: (error: Error) => void;
  const response = new Promise<IncomingMessage>((done, failed) => ([head, fail] = [done, failed]));
  response.catch(() => undefined);
  const whole = new Promise<Got>((done) => {
    const over = (complete: boolean): void =>
      done({ status: answer?.statusCode ?? 0, headers: answer?.headers ?? {}, body: Buffer.concat(pieces), complete });
    request.once('response', (message) => {
      answer = message;
      message.on('data', (piece: Buffer) => {
        pieces.push(piece);
        received += piece.length;
      });
      if (paused) message.pause();
      message.on('error', () => undefined);
      message.once('close', () => over(message.complete));
      head(message);
    });
    request.on('error', (error) => {
      fail(error);
      if (!answer) over(false);
    });
  });
  request.end(options.body);
  return {
    response,
    whole,
    get received() {
      return received;
    },
    pause(wanted) {
      paused = wanted;
      if (wanted) answer?.pause();
      else answer?.resume();
    },
    leave: () => void request.destroy(),
  };
}

/** Sends these bytes on a connection of its own. @returns what came until the other side closed it, or until `end` matches */
export function raw(port: number, bytes: string | Buffer, end?: RegExp): Promise<string> {
  return new Promise((done, failed) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    let text = '';
    socket.on('data', (piece) => {
      text += piece.toString('latin1');
      if (end?.test(text) === true) socket.destroy();
    });
    socket.on('error', (error) => (text === '' ? failed(error) : undefined));
    socket.once('close', () => done(text));
  });
}
