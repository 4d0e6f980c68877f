/**
 * A client that comes at random moments to a cache that comes and goes: over new connections, over kept ones as long as it was told that they
 * are kept, at once or after a silence, in one piece or two. What it does not do is try again: whatever is lost, it sees.
 *
 *     node random-client.js URL [SECONDS] [PAUSE_MS]
 *
 * asks until SECONDS are over (60) or standard input ends, with pauses up to PAUSE_MS (400) between its visits, and prints a Tally as JSON. It
 * exits with 1 if anything failed.
 */
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** What the clients do, and to whom. */
export interface Visits {
  /** What is asked for; must have a Content-Length and always the same bytes. */
  readonly url: string;
  /** Longest pause between two visits, ms. */
  readonly pauseMs: number;
  readonly isOver: () => boolean;
  /** A kept connection is used again within so many ms, and within the time that it was told; that alone unless given. */
  readonly keptMs?: number;
  /** Between 0 and 1. */
  readonly random?: () => number;
}

/** What became of the visits. */
export interface Tally {
  readonly visits: number;
  readonly answers: number;
  /** Requests over connections that were used before. */
  readonly reused: number;
  /** What went wrong, one line each. */
  readonly failures: readonly string[];
}

interface Answer {
  readonly status: number;
  readonly body: Buffer;
  /** How long the connection may be used again, ms; 0: it is not. */
  readonly keptMs: number;
}

/** An answer takes no longer than this, or it counts as lost. */
const MOST_MS = 30_000;

/** One visit after the other, until it is over. */
export async function visitAtRandom({ url, pauseMs, isOver, keptMs = Infinity, random = Math.random }: Visits): Promise<Tally> {
  const tally = { visits: 0, answers: 0, reused: 0, failures: [] as string[] };
  let first: Buffer | undefined;
  const judge = (answer: Answer, how: string): void => {
    tally.answers++;
    first ??= answer.body;
    if (answer.status !== 200) tally.failures.push(`${how}: status ${answer.status} ${answer.body.toString('latin1', 0, 200)}`);
    else if (!answer.body.equals(first)) tally.failures.push(`${how}: ${answer.body.length} other bytes`);
  };
  const visit = async (): Promise<void> => {
    tally.visits++;
    const mostRequests = random() < 0.5 ? 1 : 2 + Math.floor(random() * 3);
    let how = 'connecting';
    let line: Line | undefined;
    try {
      line = await Line.open(new URL(url));
      if (random() < 0.3) await sleep(random() * pauseMs);
      for (let request = 1; request <= mostRequests; request++) {
        how = `request ${request} of a connection`;
        const answer = await line.ask(mostRequests === 1 && random() < 0.5, random() < 0.2 ? random() * 50 : undefined);
        judge(answer, how);
        if (request > 1) tally.reused++;
        if (answer.keptMs === 0) break;
        // Sometimes up to the very end of the time that it was told.
        const mostMs = Math.min(keptMs, answer.keptMs, random() < 0.1 ? Infinity : pauseMs);
        if (request < mostRequests || random() < 0.1) await sleep(random() * mostMs);
      }
    } catch (error) {
      tally.failures.push(`${how}: ${String(error)}`);
    } finally {
      line?.close();
    }
  };
  while (!isOver()) {
    await Promise.all(Array.from({ length: random() < 0.8 ? 1 : 4 }, visit));
    await sleep(random() * pauseMs);
  }
  return tally;
}

/** A connection that is asked one thing after the other. */
class Line {
  private received = Buffer.alloc(0);
  private ended: Error | undefined;
  private wake: () => void = () => undefined;

  private constructor(
    private readonly socket: Socket,
    private readonly url: URL,
  ) {
    socket.on('data', (piece: Buffer) => {
      this.received = Buffer.concat([this.received, piece]);
      this.wake();
    });
    const end = (error: Error): void => {
      this.ended ??= error;
      this.wake();
    };
    socket
      .on('error', end)
      .on('end', () => end(new Error('the connection was ended')))
      .on('close', () => end(new Error('the connection was closed')));
  }

  static async open(url: URL): Promise<Line> {
    const socket = connect({ host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port || 80), noDelay: true });
    await new Promise<void>((resolve, reject) => void socket.once('connect', resolve).once('error', reject));
    socket.removeAllListeners('error');
    return new Line(socket, url);
  }

  /** @param splitMs silence within the request @throws Error there is no whole answer */
  async ask(isLast: boolean, splitMs: number | undefined): Promise<Answer> {
    const { pathname, search, host } = this.url;
    const request = `GET ${pathname}${search} HTTP/1.1\r\nHost: ${host}\r\n${isLast ? 'Connection: close\r\n' : ''}\r\n`;
    this.assertOpen();
    if (splitMs === undefined) this.socket.write(request);
    else {
      this.socket.write(request.slice(0, 20));
      await sleep(splitMs);
      this.socket.write(request.slice(20));
    }
    for (const end = Date.now() + MOST_MS; ;) {
      const answer = this.take();
      if (answer) return answer;
      this.assertOpen();
      const left = end - Date.now();
      if (left <= 0) throw new Error(`no answer within ${MOST_MS} ms`);
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        this.wake = resolve;
        timer = setTimeout(resolve, left);
      });
      clearTimeout(timer);
    }
  }

  close(): void {
    this.socket.destroy();
  }

  private assertOpen(): void {
    const { ended } = this;
    if (ended) throw ended;
  }

  private take(): Answer | undefined {
    const end = this.received.indexOf('\r\n\r\n');
    if (end < 0) return undefined;
    const [statusLine = '', ...lines] = this.received.toString('latin1', 0, end).split('\r\n');
    const fields = new Map(lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]));
    const length = Number(fields.get('content-length'));
    if (!(this.received.length >= end + 4 + length)) return undefined;
    const body = this.received.subarray(end + 4, end + 4 + length);
    this.received = this.received.subarray(end + 4 + length);
    const isKept = fields.get('connection')?.toLowerCase() !== 'close';
    const seconds = Number(/timeout=(\d+)/.exec(fields.get('keep-alive') ?? '')?.[1] ?? 0);
    return { status: Number(statusLine.split(' ')[1]), body: Buffer.from(body), keptMs: isKept ? seconds * 1000 : 0 };
  }
}

if (require.main === module) {
  const [url = '', seconds = '60', pause = '400'] = process.argv.slice(2);
  const end = Date.now() + Number(seconds) * 1000;
  let isOver = false;
  process.stdin.on('end', () => (isOver = true)).resume();
  void visitAtRandom({ url, pauseMs: Number(pause), isOver: () => isOver || Date.now() > end }).then((tally) => {
    process.stdout.write(`${JSON.stringify(tally)}\n`);
    process.exit(tally.failures.length > 0 ? 1 : 0);
  });
}
