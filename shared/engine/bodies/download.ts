/**
 * One upstream object arriving in a growing body: digest while writing, resume after a cut, change of mirror in mid-body.
 * It decides nothing about clients or the store; flights do.
 */
import type { Origin } from '../../config/config';
import { isLarderError, LarderError } from '../../errors';
import { Digester, type Digested } from '../../integrity/digest';
import type { Algorithm } from '../../integrity/sri';
import type { Upstream, UpstreamResponse } from '../../upstream/types';
import type { GrowingBody } from './growing-body';
import { continues, headOf, hostOf, resumeHeaders, strongValidator, type Head } from './head';

/** Cuts and stalls in a row that one download survives, unless its spec says otherwise. */
const USUAL_RETRIES = 4;
/** What a download must have gained since its last failure for its failures to be forgotten. */
const PROGRESS_BYTES = 1024 * 1024;
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
  /** How often in a row it is taken up again after a cut. */
  readonly retries?: number;
  readonly signal: AbortSignal;
  /** Whether what came up to a position is wrong, whatever comes after it: then no more is read, and that is judged. @throws never */
  readonly isHopeless?: (position: number) => boolean;
  /** Why a 200 cannot be the object, if it cannot: a reason, or the error itself. @throws never */
  readonly refuses?: (headers: Readonly<Record<string, string>>) => string | LarderError | undefined;
}

/** Who is told how it goes. */
export interface DownloadWatcher {
  /** A 200 (re)starts the body. */
  began(head: Head): void;
  /** A restarted body differs, from this offset on at the earliest, from what readers may have been sent. */
  diverged(offset: number): void;
  /** Bytes came. */
  grew(): void;
}

export class Download {
  /** Mirrors whose bytes were wrong. */
  private readonly wrong = new Set<string>();
  /** Mirrors that broke off. */
  private readonly broken = new Set<string>();
  private head: Head | undefined;
  private digester: Digester;
  /** Where the next byte belongs; below body.received while a restarted body repeats itself. */
  private position = 0;
  private failures = 0;
  /** Bytes there were at most when it failed last. */
  private furthest = 0;
  /** True once it broke off or was taken over: a mismatch may then come of that. */
  disturbed = false;
  /** True once bytes of two responses were joined without a validator: only a digest can tell whether they belong together. */
  guessed = false;
  /** The mirror that is being read. */
  base = '';

  constructor(
    private readonly upstream: Upstream,
    private readonly spec: DownloadSpec,
    readonly body: GrowingBody,
    private readonly watcher: DownloadWatcher,
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

  /** How much of what is there belongs to the newest attempt. */
  get current(): number {
    return Math.min(this.position, this.body.received);
  }

  /** Takes over a partial whose bytes `digester` has already seen. @param doubtful whether these may not be what came */
  adopt(bytes: number, digester: Digester, head: Head, doubtful: boolean): void {
    this.body.adopt(bytes);
    this.position = bytes;
    this.digester = digester;
    this.head = head;
    this.disturbed = true;
    this.join();
    if (doubtful) this.guessed = true;
  }

  /** A mirror gave wrong bytes and is not asked again. @returns false if there is no other one */
  refute(base: string): boolean {
    this.wrong.add(base);
    return this.spec.origin.bases.some((base) => !this.wrong.has(base));
  }

  /**
   * Asks the upstream. A status other than 200, or a 200 that the spec refuses, is returned with its body thrown away.
   * @throws LarderError as upstream.fetch
   */
  async open(path = this.spec.path): Promise<{ head: Head; response?: UpstreamResponse; refusal?: LarderError }> {
    const resuming = this.position > 0 && this.head !== undefined;
    const response = await this.upstream.fetch({
      origin: this.spec.origin,
      path,
      headers: resuming ? { ...this.spec.headers, ...resumeHeaders(this.position, this.head) } : this.spec.headers,
      // What a document names may be on one mirror only.
      skip: path.startsWith('/') ? this.skipped() : this.wrong,
      signal: this.spec.signal,
    });
    this.base = response.base;
    if (resuming && response.status === 206) {
      const continued = continues(response, this.position, this.head);
      // A part that names no ETag may be of other bytes than the ones before it, whatever was asked.
      if (continued && response.headers['etag'] === undefined) this.guessed = true;
      if (continued) return { head: (this.head = continued), response };
    }
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
    const refusal = this.spec.refuses?.(response.headers);
    if (refusal !== undefined) {
      response.body.destroy();
      const facts = { host: hostOf(response.base), target: this.spec.path };
      return { head, refusal: typeof refusal === 'string' ? new LarderError('upstream-failed', { ...facts, reason: refusal }) : refusal };
    }
    if (resuming) await this.rewind();
    this.head = head;
    this.watcher.began(head);
    return { head, response };
  }

  /** Reads to the end, over cuts and mirrors. @returns the digests of the whole. @throws LarderError */
  async readAll(first: UpstreamResponse, path = this.spec.path): Promise<Digested> {
    let response = first;
    for (;;) {
      try {
        await this.pump(response);
        // A restarted body that ended sooner: what stands behind its end is not part of it.
        if (this.position < this.body.received) this.diverge(this.position);
        return this.digester.finish();
      } catch (error) {
        response.body.destroy();
        response = await this.again(path, error);
      }
    }
  }

  /** The body is this, wherever it came from; what is there already goes. */
  async replace(bytes: Buffer): Promise<void> {
    await this.rewind();
    if (this.body.received > 0) this.diverge(0);
    this.head = undefined;
    this.position = bytes.length;
    this.body.append(bytes);
  }

  /** Starts again from 0; what is there already is compared with what comes. */
  async rewind(): Promise<void> {
    await this.body.flushed();
    this.position = 0;
    this.digester = new Digester(this.spec.algorithms);
    this.guessed = false;
    if (!this.body.inFile && this.body.received > 0) this.diverge(0);
  }

  /** After a cut: a response that goes on, or starts again. @throws LarderError when it was tried often enough */
  private async again(path: string, cause: unknown): Promise<UpstreamResponse> {
    for (let error = cause; ;) {
      if (!isLarderError(error) || !isCut(error.code) || this.spec.signal.aborted) throw error;
      if (this.body.received >= this.furthest + PROGRESS_BYTES) this.failures = 0;
      this.furthest = Math.max(this.furthest, this.body.received);
      this.failures++;
      this.disturbed = true;
      if (this.failures > (this.spec.retries ?? USUAL_RETRIES)) throw error;
      if (this.spec.origin.bases.includes(this.base)) this.broken.add(this.base);
      // Another mirror is asked at once, the same one after a pause.
      if (this.skipped().size === this.wrong.size) await new Promise((resolve) => setTimeout(resolve, PAUSE_MS * this.failures));
      if (!this.spec.judged && strongValidator(this.head) === undefined) await this.rewind();
      else if (this.position > 0) this.join();
      try {
        const { head, response, refusal } = await this.open(path);
        if (response) return response;
        error =
          refusal ??
          new LarderError('upstream-failed', { host: hostOf(this.base), reason: `status ${head.status} on resuming`, target: path }, error);
      } catch (failure) {
        error = failure;
      }
    }
  }

  private join(): void {
    if (strongValidator(this.head) === undefined) this.guessed = true;
  }

  /** Mirrors that are not asked now. When every one that is left broke off once, all of those get another chance. */
  private skipped(): ReadonlySet<string> {
    const skip = new Set([...this.wrong, ...this.broken]);
    if (this.spec.origin.bases.some((base) => !skip.has(base))) return skip;
    this.broken.clear();
    return new Set(this.wrong);
  }

  private pump(response: UpstreamResponse): Promise<void> {
    const source = response.body;
    // What ended while something else was waited for tells nobody any more.
    if (source.destroyed) return Promise.reject(source.errored ?? cutShort(response));
    return new Promise((resolve, reject) => {
      source.on('data', (chunk: Buffer) => {
        try {
          const hasRoom = this.take(chunk);
          if (this.spec.isHopeless?.(this.position) === true) {
            resolve();
            source.destroy();
          } else if (!hasRoom) {
            source.pause();
            void this.body.roomy().then(() => source.resume());
          }
        } catch (error) {
          source.destroy();
          reject(error as Error);
        }
      });
      source.once('error', reject);
      source.once('close', () => reject(cutShort(response)));
      source.once('end', () => {
        const total = this.head?.total;
        if (total === undefined || this.position === total) resolve();
        else
          reject(
            new LarderError('upstream-failed', {
              host: hostOf(response.base),
              reason: `${this.position} of ${total} bytes came`,
              target: response.url,
            }),
          );
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
    const hasRoom = fresh.length === 0 || this.body.append(fresh);
    this.watcher.grew();
    return hasRoom;
  }

  private diverge(offset: number): void {
    this.body.truncate(offset);
    this.watcher.diverged(offset);
  }
}

function cutShort(response: UpstreamResponse): LarderError {
  return new LarderError('upstream-failed', { host: hostOf(response.base), reason: 'the connection was closed', target: response.url });
}

/** A mirror that says when to come back is not asked before: then these attempts cost it nothing. */
function isCut(code: string): boolean {
  return code === 'upstream-failed' || code === 'upstream-timeout' || code === 'upstream-unreachable' || code === 'upstream-busy';
}
