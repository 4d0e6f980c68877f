/**
 * A ready response as the bytes that go over the wire, so that a hit is one write. Only Age and Date change, or Age and the rest of its
 * lifetime; they stand at fixed places (filled up with the optional white space that RFC 9110 §5.5 lets a value end with) and are renewed
 * once a second.
 */
const SECONDS_WIDTH = 10;
const MOST_SECONDS = 2 ** 31;
const DATE_WIDTH = 'Thu, 01 Jan 1970 00:00:00 GMT'.length;
/** Head and body of one buffer up to here; above it a copy costs more than a second write. */
const JOINED_BYTES = 32 * 1024;

export const CACHE_STATUS = 'Cache-Status';
/** Value of Cache-Status for a hit on a message of an origin. @param ms that it is still fresh */
export function hitFor(ms: number): string {
  return `Larder; hit; ttl=${seconds(ms)}`;
}

let dateSecond = -1;
let dateText = '';

/** Of an origin's own message: its Date stays, and how long it is still fresh is told (RFC 9211 §2.5). */
export interface Origins {
  /** IMF-fixdate. */
  readonly date: string;
  /** ms since the epoch. */
  readonly freshUntil: number;
}

export class Prepared {
  /** The body, as it was given or as a part of the joined buffer. */
  readonly body: Buffer;
  private readonly head: Buffer;
  private readonly notModified: Buffer;
  private readonly ageAt: number;
  private readonly whole: readonly Buffer[];
  private second = -1;

  /**
   * @param headers name, value, … without Age, Date and Connection; Content-Length and its value stand first
   * @param keepAliveSeconds what clients are told
   */
  constructor(
    headers: readonly string[],
    body: Buffer,
    private readonly confirmedAt: number,
    keepAliveSeconds: number,
    private readonly origins?: Origins,
  ) {
    const moving = `Age: ${this.moving(0)}\r\n`;
    const rest = `Connection: keep-alive\r\nKeep-Alive: timeout=${keepAliveSeconds}\r\n\r\n`;
    this.ageAt = 'HTTP/1.1 200 OK\r\nAge: '.length;
    const head = `HTTP/1.1 200 OK\r\n${moving}${lines(headers)}${rest}`;
    this.notModified = Buffer.from(`HTTP/1.1 304 Not Modified\r\n${moving}${lines(headers.slice(2))}${rest}`, 'latin1');
    if (body.length <= JOINED_BYTES) {
      const joined = Buffer.allocUnsafeSlow(Buffer.byteLength(head, 'latin1') + body.length);
      const at = joined.write(head, 0, 'latin1');
      body.copy(joined, at);
      this.head = joined.subarray(0, at);
      this.body = joined.subarray(at);
      this.whole = [joined];
    } else {
      this.head = Buffer.from(head, 'latin1');
      this.body = body;
      this.whole = [this.head, this.body];
    }
  }

  /** What to write, one after the other. @param now ms since the epoch */
  ok(now: number): readonly Buffer[] {
    this.renew(now);
    return this.whole;
  }

  /** The head of a 304. @param now ms since the epoch */
  unchanged(now: number): readonly Buffer[] {
    this.renew(now);
    return [this.notModified];
  }

  /** Age, and what stands behind it and changes too; always of the same width. */
  private moving(now: number): string {
    const { origins } = this;
    const age = seconds(now - this.confirmedAt);
    if (origins) return `${age}\r\nDate: ${origins.date}\r\n${CACHE_STATUS}: ${hitFor(origins.freshUntil - now)}`;
    return `${age}\r\nDate: ${dateText.padEnd(DATE_WIDTH)}`;
  }

  /** A write still under way may get the newer values: both are of the same width, and either is true enough. */
  private renew(now: number): void {
    const second = Math.floor(now / 1000);
    if (second === this.second) return;
    this.second = second;
    if (second !== dateSecond) {
      dateSecond = second;
      dateText = new Date(second * 1000).toUTCString();
    }
    const text = this.moving(now);
    this.head.write(text, this.ageAt, 'latin1');
    this.notModified.write(text, this.ageAt + 'Not Modified'.length - 'OK'.length, 'latin1');
  }
}

/** Of a time span, filled up. */
function seconds(ms: number): string {
  return String(Math.min(MOST_SECONDS, Math.max(0, Math.floor(ms / 1000)))).padEnd(SECONDS_WIDTH);
}

function lines(headers: readonly string[]): string {
  let text = '';
  for (let i = 0; i + 1 < headers.length; i += 2) text += `${headers[i]}: ${headers[i + 1]}\r\n`;
  return text;
}
