/**
 * One upstream object arriving in a growing body: digest while writing, resume after a cut, change of mirror in mid-body.
 * It decides nothing about clients or the store; flights do.
 */
import type { Origin } from '../config/config';
import { isLarderError, LarderError } from '../errors';
import { Digester, type Digested } from '../integrity/digest';
import type { Algorithm } from '../integrity/sri';
import type { Upstream, UpstreamResponse } from '../upstream/types';
import { GrowingBody } from './growing-body';

/** Cuts and stalls survived in one download before it fails. */
const MOST_ATTEMPTS = 5;
const PAUSE_MS = 200;

export interface DownloadSpec {
  readonly origin: Origin;
  readonly path: string;
  /** Sent upstream: Accept, Accept-Encoding, conditions. */
  readonly headers: Readonly<Record<string, string>>;
  readonly algorithms: readonly Algorithm[];
  /** Whether something will judge the whole, so that a resume without a validator is safe. */
  readonly judged: boolean;
  /** Most bytes accepted. */
  readonly maxBytes?: number;
  readonly signal: AbortSignal;
}

/** What the upstream said of the object. */
export interface Head {
  readonly status: number;
  readonly contentType?: string;
  readonly contentEncoding?: string;
  readonly etag?: string;
  readonly lastModified?: string;
  /** Length of the whole object, if told. */
  readonly total?: number;
  readonly url: string;
  readonly base: string;
}

export class Download {
  readonly skip = new Set<string>();
  private head: Head | undefined;
  private digester: Digester;
  /** Where the next byte belongs; below body.received while a restarted body repeats itself. */
  private position = 0;
  private failures = 0;
  /** True once bytes of two responses were joined: a mismatch may then be ours. */
  joined = false;

  constructor(
    private readonly upstream: Upstream,
    private readonly spec: DownloadSpec,
    readonly body: GrowingBody,
    /** Told when a restarted body differs from what readers may have been sent, with the first offset that differs at most. */
    private readonly onDivergence: (offset: number) => void,
  ) {
    this.digester = new Digester(spec.algorithms);
  }

  get algorithms(): readonly Algorithm[] {
    return this.spec.algorithms;
  }

  /** Whether something will judge the whole. */
  get judged(): boolean {
    return this.spec.judged;
  }

  /** The newest head of a 200. */
  get latest(): Head | undefined {
    return this.head;
  }

  /** Takes over a partial whose bytes `digester` has already seen. */
  adopt(bytes: number, digester: Digester, head: Head): void {
    this.body.adopt(bytes);
    this.position = bytes;
    this.digester = digester;
    this.head = head;
    this.joined = true;
  }

  /**
   * Asks the upstream. A status other than 200 is returned with its body thrown away.
   * @throws LarderError as upstream.fetch
   */
  async open(path = this.spec.path): Promise<{ head: Head; response?: UpstreamResponse }> {
    const resuming = this.position > 0 && this.head !== undefined;
    const response = await this.upstream.fetch({
      origin: this.spec.origin,
      path,
      headers: resuming ? { ...this.spec.headers, ...resumeHeaders(this.position, this.head) } : this.spec.headers,
      skip: this.skip,
      signal: this.spec.signal,
    });
    if (resuming && response.status === 206 && continues(response, this.position, this.head)) return { head: this.head as Head, response };
    if (resuming && (response.status === 206 || response.status === 416)) {
      response.body.destroy();
      await this.rewind();
      return this.open(path);
    }
    const head = headOf(response);
    if (response.status !== 200) {
      response.body.destroy();
      return { head };
    }
    if (resuming) await this.rewind();
    this.accept(head);
    return { head, response };
  }

  /** Reads to the end, over cuts and mirrors. @returns the digests of the whole. @throws LarderError */
  async readAll(first: UpstreamResponse, path = this.spec.path): Promise<Digested> {
    let response = first;
    for (;;) {
      try {
        await this.pump(response);
        return this.digester.finish();
      } catch (error) {
        response.body.destroy();
        if (!isLarderError(error) || !isCut(error.code) || this.spec.signal.aborted) throw error;
        response = await this.again(response.base, path, error);
      }
    }
  }

  /** Starts again from 0; what is there already is compared with what comes. */
  async rewind(): Promise<void> {
    await this.body.flushed();
    this.position = 0;
    this.digester = new Digester(this.spec.algorithms);
    if (!this.body.inFile && this.body.received > 0) this.diverge(0);
  }

  private async again(base: string, path: string, cause: LarderError): Promise<UpstreamResponse> {
    this.failures++;
    if (this.failures >= MOST_ATTEMPTS) throw cause;
    if (this.spec.origin.bases.length > this.skip.size + 1) this.skip.add(base);
    else await new Promise((resolve) => setTimeout(resolve, PAUSE_MS * this.failures));
    const resumable = this.spec.judged || strongValidator(this.head) !== undefined;
    if (!resumable) await this.rewind();
    else this.joined = true;
    const { head, response } = await this.open(path);
    if (!response) throw new LarderError('upstream-failed', { host: hostOf(base), reason: `status ${head.status} on resuming`, target: path }, cause);
    return response;
  }

  /** The head of a 200 that (re)starts the body. @throws LarderError when clients were promised another length */
  private accept(head: Head): void {
    const promised = this.head?.total;
    if (this.body.received > 0 && promised !== undefined && head.total !== promised) this.diverge(0);
    this.head = head;
  }

  private pump(response: UpstreamResponse): Promise<void> {
    const source = response.body;
    return new Promise((resolve, reject) => {
      source.on('data', (chunk: Buffer) => {
        try {
          if (!this.take(chunk)) {
            source.pause();
            void this.body.roomy().then(() => source.resume());
          }
        } catch (error) {
          source.destroy();
          reject(error as Error);
        }
      });
      source.once('error', reject);
      source.once('close', () => reject(new LarderError('upstream-failed', { host: hostOf(response.base), reason: 'the connection was closed', target: response.url })));
      source.once('end', () => {
        const total = this.head?.total;
        if (total === undefined || this.position === total) resolve();
        else reject(new LarderError('upstream-failed', { host: hostOf(response.base), reason: `${this.position} of ${total} bytes came`, target: response.url }));
      });
    });
  }

  private take(chunk: Buffer): boolean {
    const { maxBytes } = this.spec;
    if (maxBytes !== undefined && this.position + chunk.length > maxBytes) {
      throw new LarderError('document-too-large', { target: this.spec.path, limit: maxBytes });
    }
    this.digester.update(chunk);
    let fresh = chunk;
    if (this.position < this.body.received) {
      const overlap = Math.min(chunk.length, this.body.received - this.position);
      if (!this.body.repeats(this.position, chunk.subarray(0, overlap))) this.diverge(this.position);
      else fresh = chunk.subarray(overlap);
    }
    this.position += chunk.length;
    return fresh.length === 0 || this.body.append(fresh);
  }

  private diverge(offset: number): void {
    this.onDivergence(offset);
    this.body.truncate(offset);
  }
}

function isCut(code: string): boolean {
  return code === 'upstream-failed' || code === 'upstream-timeout' || code === 'upstream-unreachable';
}

function strongValidator(head: Head | undefined): string | undefined {
  return head?.etag !== undefined && !head.etag.startsWith('W/') ? head.etag : undefined;
}

/** RFC 9110 §13.1.5: If-Range takes a strong validator only. */
function resumeHeaders(position: number, head: Head | undefined): Record<string, string> {
  const validator = strongValidator(head);
  return { range: `bytes=${position}-`, ...(validator === undefined ? {} : { 'if-range': validator }) };
}

/** Whether a 206 goes on exactly where we stopped, in the same object. */
function continues(response: UpstreamResponse, position: number, head: Head | undefined): boolean {
  const range = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(response.headers['content-range'] ?? '');
  if (!range || Number(range[1]) !== position) return false;
  if (range[2] !== '*' && head?.total !== undefined && Number(range[2]) !== head.total) return false;
  const etag = response.headers['etag'];
  return etag === undefined || head?.etag === undefined || etag === head.etag;
}

function headOf(response: UpstreamResponse): Head {
  const { headers } = response;
  const length = /^\d{1,15}$/.exec(headers['content-length'] ?? '') ? Number(headers['content-length']) : undefined;
  return {
    status: response.status,
    url: response.url,
    base: response.base,
    ...(headers['content-type'] === undefined ? {} : { contentType: headers['content-type'] }),
    ...(headers['content-encoding'] === undefined || headers['content-encoding'] === 'identity' ? {} : { contentEncoding: headers['content-encoding'] }),
    ...(headers['etag'] === undefined ? {} : { etag: headers['etag'] }),
    ...(headers['last-modified'] === undefined ? {} : { lastModified: headers['last-modified'] }),
    ...(length === undefined ? {} : { total: length }),
  };
}

function hostOf(base: string): string {
  return URL.canParse(base) ? new URL(base).host : base;
}
