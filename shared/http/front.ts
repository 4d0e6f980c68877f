/**
 * The first to see what comes over a connection. What is, beyond doubt, whole plain GET requests for ready responses is answered with
 * prepared bytes on the socket itself: half the cost of a request in node:http is objects that a hit does not need. Anything else, the
 * slightest doubt included, hands the connection to node:http for good, with these bytes unread; so there is one strict parser.
 */
import type { Socket } from 'node:net';
import { closeGently, isClosing } from './close-unanswered';
import type { Hot } from './hot';
import type { RequestFacts } from './request-facts';

/** Header blocks seen so far and what they ask for; a client sends the same one again and again. Bounded: clients choose them. */
const MOST_BLOCKS = 500;
const MOST_BLOCK_CHARS = 2048;
/** Fields with which a request is more than its head, or a connection more than a series of requests. */
const NOT_PLAIN = new Set([
  'content-length',
  'transfer-encoding',
  'expect',
  'upgrade',
  'trailer',
  'te',
  'proxy-connection',
  'http2-settings',
]);
const VERSION = ' HTTP/1.1';

export class Front {
  /** Nothing is answered here any more: node:http says with each answer that the connection ends with it. */
  isEnding = false;
  private readonly sockets = new Set<Socket>();
  private readonly blocks = new Map<string, RequestFacts | undefined>();

  constructor(
    private readonly hot: Hot,
    private readonly patience: { readonly headersMs: number; readonly keepAliveMs: number },
  ) {}

  /** @param handOver gives the socket to node:http; what was not answered here is put back first */
  take(socket: Socket, handOver: () => void): void {
    this.sockets.add(socket);
    const { headersMs, keepAliveMs } = this.patience;
    const address = socket.remoteAddress ?? '-';
    let isKnown = false;
    const onData = (chunk: Buffer): void => {
      if (isClosing(socket)) return;
      const left = this.answerAll(socket, chunk, address);
      if (left === undefined) {
        // Each chunk and each write start it anew by themselves.
        if (!isKnown) socket.setTimeout(keepAliveMs);
        isKnown = true;
        // Who does not read what he asked for must not ask for more.
        if (socket.writableNeedDrain) socket.pause();
        return;
      }
      this.sockets.delete(socket);
      socket.off('data', onData).off('drain', onDrain).off('timeout', onTimeout).off('error', end).off('end', onEnd).off('close', onClose);
      socket.setTimeout(0);
      socket.pause();
      socket.unshift(left);
      handOver();
      socket.resume();
    };
    const onDrain = (): void => void socket.resume();
    const end = (): void => void socket.destroy();
    // Who stopped reading for a while is still being answered, however short the time is that idle connections are kept.
    const onTimeout = (): void => void (socket.writableLength === 0 && closeGently(socket));
    const onEnd = (): void => void socket.end();
    const onClose = (): void => void this.sockets.delete(socket);
    socket.on('data', onData).on('drain', onDrain).on('timeout', onTimeout).on('error', end).on('end', onEnd).on('close', onClose);
    socket.setTimeout(headersMs);
  }

  /** Ends connections on which nothing is under way. */
  closeIdle(): void {
    for (const socket of this.sockets) if (socket.writableLength === 0) socket.destroy();
  }

  /** Answers the requests of a chunk in order. @returns what node:http must see, from the first request that is not for us */
  private answerAll(socket: Socket, chunk: Buffer, address: string): Buffer | undefined {
    const text = chunk.toString('latin1');
    let at = 0;
    while (at < text.length) {
      const end = text.indexOf('\r\n\r\n', at);
      const pieces = end < 0 || this.isEnding || socket.writableNeedDrain ? undefined : this.answer(text, at, end, address);
      if (!pieces) return chunk.subarray(at);
      if (pieces.length > 1) socket.cork();
      for (const piece of pieces) socket.write(piece);
      if (pieces.length > 1) socket.uncork();
      at = end + 4;
    }
    return undefined;
  }

  private answer(text: string, at: number, end: number, address: string): readonly Buffer[] | undefined {
    const lineEnd = text.indexOf('\r\n', at);
    const isGet = text.startsWith('GET /', at) || text.startsWith('GET http://', at);
    if (!isGet || !text.startsWith(VERSION, lineEnd - VERSION.length)) return undefined;
    const facts = this.factsOf(text.slice(lineEnd + 2, end));
    if (!facts) return undefined;
    // A target with anything odd in it is in no slot.
    return this.hot.bytesFor(facts, text.slice(at + 4, lineEnd - VERSION.length), address);
  }

  private factsOf(block: string): RequestFacts | undefined {
    const known = this.blocks.get(block);
    if (known !== undefined || this.blocks.has(block)) return known;
    const raw = plainFields(block);
    const facts = raw && this.hot.read(raw);
    const plain = facts && this.hot.isPlain(facts) ? facts : undefined;
    if (block.length <= MOST_BLOCK_CHARS) {
      if (this.blocks.size >= MOST_BLOCKS) this.blocks.clear();
      this.blocks.set(block, plain);
    }
    return plain;
  }
}

/** The fields of a header block as Node lists them; undefined if there is anything that a strict parser should look at. */
export function plainFields(block: string): string[] | undefined {
  const raw: string[] = [];
  for (const line of block.split('\r\n')) {
    const found = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+): ?([\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?)$/.exec(line);
    if (!found) return undefined;
    const [, name = '', value = ''] = found;
    const known = name.toLowerCase();
    if (NOT_PLAIN.has(known) || (known === 'connection' && value.toLowerCase() !== 'keep-alive')) return undefined;
    raw.push(name, value);
  }
  return raw;
}
