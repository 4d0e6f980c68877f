/**
 * One fetch of one file per key, detached from the client that began it, with any number of readers. The tail is held back until
 * the digest agrees with the pin, so no client ever has a complete wrong body.
 */
import type { Pin } from '../../caches/module';
import { isLarderError, LarderError } from '../errors';
import { digestFile, type Digested } from '../integrity/digest';
import { sriAgrees, strongestAlgorithm, type Algorithm } from '../integrity/sri';
import type { Entry, NewEntry } from '../store/entry';
import type { UpstreamResponse } from '../upstream/types';
import type { BodySource } from './body-source';
import { Download, type Head } from './download';
import { GrowingBody, type Follower } from './growing-body';
import { pinWaited, type PinSource } from './pin-source';
import type { Plan } from './plan';
import { contentAddress, type EngineRooms } from './rooms';
import { abandon, type SpoolHandle } from './spooling';

/** Kept from every client until the whole is verified (a smaller body is kept back entirely). */
export const HOLD_BACK_BYTES = 64 * 1024;
const NOTHING = Buffer.alloc(0);

export interface FlightHead extends Head {
  /** The pin that will judge it, if it was known when the headers came. */
  readonly pin?: Pin;
}

export class FileFlight {
  /** The upstream's answer: any status; resolved once. Rejects when there is none. */
  readonly head: Promise<FlightHead>;
  /** Resolves when every byte is verified and may be sent. */
  readonly verified: Promise<void>;
  /** Resolves when the store has it (entry), or will not have it (undefined). Never rejects. */
  readonly settled: Promise<Entry | undefined>;
  private readonly body: GrowingBody;
  private readonly abort = new AbortController();
  private total: number | undefined;
  private complete = false;
  private failure: LarderError | undefined;
  private announce!: (head: FlightHead) => void;

  constructor(
    private readonly rooms: EngineRooms,
    readonly plan: Plan,
    private readonly pins: PinSource,
    private readonly spool: SpoolHandle,
  ) {
    this.body = new GrowingBody(spool.file, (error) => rooms.log.warn('not-storing', { key: plan.key, reason: String(error) }));
    let refuse!: (error: unknown) => void;
    this.head = new Promise((resolve, reject) => {
      this.announce = resolve;
      refuse = reject;
    });
    const whole = this.run();
    this.verified = whole.then(() => undefined);
    this.settled = whole
      .then((entry) => this.store(entry))
      .catch((error: unknown) => this.lay(error))
      .finally(() => void this.release());
    this.verified.catch((error: unknown) => {
      this.failure = isLarderError(error) ? error : new LarderError('internal', { reason: String(error) }, error);
      refuse(this.failure);
      this.body.notify();
    });
    this.head.catch(() => undefined);
  }

  /** Whether a new client may still join. */
  get joinable(): boolean {
    return this.failure === undefined && this.body.joinable && !this.abort.signal.aborted;
  }

  /** Bytes that have arrived. */
  get received(): number {
    return this.body.received;
  }

  /** Ends it, whoever reads; resolves when what came is laid aside or committed. */
  async stop(): Promise<void> {
    this.abort.abort();
    await this.settled;
  }

  /** A reader of the growing body. Close it. */
  reader(): BodySource {
    const follower: Follower & { failure?: LarderError } = { offset: 0 };
    this.body.followers.add(follower);
    const flight = this;
    return {
      get size() {
        return flight.total;
      },
      read: (offset, end) => this.readFor(follower, offset, end),
      close: () => this.leave(follower),
    };
  }

  private async readFor(follower: Follower & { failure?: LarderError }, offset: number, end: number): Promise<Buffer> {
    follower.offset = offset;
    this.body.moved();
    for (;;) {
      const failure = follower.failure ?? this.failure;
      if (failure) throw failure;
      const stop = Math.min(end, this.sendable());
      if (offset < stop) return this.body.read(offset, stop);
      if (this.complete && offset >= Math.min(end, this.body.received)) return NOTHING;
      await this.body.changed();
    }
  }

  private sendable(): number {
    const { received } = this.body;
    if (this.complete) return received;
    return Math.min(received, Math.max(0, (this.total ?? received) - HOLD_BACK_BYTES));
  }

  private leave(follower: Follower): void {
    if (!this.body.followers.delete(follower)) return;
    this.body.moved();
    this.body.notify();
    if (this.body.followers.size > 0 || this.complete || this.failure) return;
    if (!this.body.inFile || abandon(this.body.received, this.total)) this.abort.abort();
  }

  /** Readers that were given bytes which turned out wrong must not get the rest. */
  private diverge(offset: number): void {
    const failure = new LarderError('integrity', { target: this.plan.path, expected: 'the bytes sent so far', got: 'others on a retry' });
    for (const follower of this.body.followers as Set<Follower & { failure?: LarderError }>) {
      if (follower.offset > offset) follower.failure = failure;
    }
    this.body.notify();
  }

  private async run(): Promise<NewEntry> {
    const { plan, pins } = this;
    const known = pins.known();
    // Without a file there is no second pass, so the weak digest that old documents promise is computed too.
    const algorithms: readonly Algorithm[] = this.spool.file === undefined ? [...pins.algorithms(), 'sha1'] : pins.algorithms();
    const spec = { origin: plan.origin, path: plan.path, headers: {}, algorithms, judged: pins.willJudge, signal: this.abort.signal };
    const download = new Download(this.rooms.upstream, spec, this.body, (offset) => this.diverge(offset));
    await this.spool.resume(download);
    const tried = new Set<string>();
    let path = known?.source ?? plan.path;
    for (;;) {
      tried.add(path);
      const { head, response } = await download.open(path);
      if (!response) {
        const source = await this.elsewhere(tried);
        if (source === undefined) throw notThere(plan, head);
        path = source;
        continue;
      }
      this.arrive(head);
      const problem = await this.judge(download, response, path);
      if (!('wrong' in problem)) return entryOf(plan, head, problem.digest, problem.pin, this.rooms.now());
      const next = await this.elsewhere(tried);
      if (next !== undefined) path = next;
      else if (!download.joined) this.skipMirror(download, head, problem.wrong);
      download.joined = false;
      await download.rewind();
    }
  }

  /** Reads the body and compares it with the pin, once more with a fresh document if it disagrees. */
  private async judge(download: Download, response: UpstreamResponse, path: string): Promise<{ digest: Digested; pin?: string } | { wrong: LarderError }> {
    if (/^text\/html\b/i.test(response.headers['content-type'] ?? '')) {
      response.body.destroy();
      return { wrong: new LarderError('upstream-failed', { host: response.base, reason: 'an HTML page came instead of the file', target: this.plan.path }) };
    }
    const digest = await download.readAll(response, path);
    const pin = await pinWaited(this.pins.pin(), this.rooms.config.timeouts.pinWaitMs);
    if (!pin?.integrity || (await this.agrees(pin.integrity, digest))) return { digest, ...(pin?.integrity ? { pin: pin.integrity } : {}) };
    const newer = await pinWaited(this.pins.refreshed(), this.rooms.config.timeouts.pinWaitMs);
    if (newer?.integrity && newer.integrity !== pin.integrity && (await this.agrees(newer.integrity, digest))) return { digest, pin: newer.integrity };
    const facts = { target: this.plan.path, expected: pin.integrity, got: contentAddress(digest) };
    this.rooms.log.error('integrity', { ...facts, key: this.plan.key, upstream: response.base });
    return { wrong: new LarderError('integrity', facts) };
  }

  private async agrees(pin: string, digest: Digested): Promise<boolean> {
    const agreed = sriAgrees(pin, digest.digests);
    if (agreed !== undefined) return agreed;
    const algorithm = strongestAlgorithm(pin);
    // A pin in no known algorithm proves nothing; one in another algorithm than was computed costs a second pass.
    if (algorithm === undefined || !(await this.body.flushed()) || this.spool.file === undefined) return algorithm === undefined;
    return sriAgrees(pin, (await digestFile(this.spool.file, [algorithm])).digests) === true;
  }

  /** The next mirror is tried, if there is one. @throws the error, if there is none */
  private skipMirror(download: Download, head: Head, wrong: LarderError): void {
    download.skip.add(head.base);
    if (!this.plan.origin.bases.some((base) => !download.skip.has(base))) throw wrong;
  }

  /** Where the document says that the bytes are, if that has not been tried. */
  private async elsewhere(tried: ReadonlySet<string>): Promise<string | undefined> {
    const pin = await pinWaited(this.pins.pin(), this.rooms.config.timeouts.headersMs);
    return pin?.source !== undefined && !tried.has(pin.source) ? pin.source : undefined;
  }

  private arrive(head: Head): void {
    this.total = head.total;
    const pin = this.pins.known();
    this.spool.describe(this.plan, head);
    this.announce({ ...head, ...(pin ? { pin } : {}) });
  }

  /** The download failed: what came may be resumed later, unless it was wrong. */
  private async lay(error: unknown): Promise<undefined> {
    const { received } = this.body;
    const wrong = isLarderError(error) && error.code === 'integrity';
    const whole = await this.body.flushed();
    await this.spool.abandon(received, whole && !wrong);
    return undefined;
  }

  /** The file may be closed when the last reader has read it. */
  private async release(): Promise<void> {
    while (this.body.followers.size > 0 && this.failure === undefined) await this.body.changed();
    await this.body.close();
  }

  private async store(entry: NewEntry): Promise<Entry | undefined> {
    this.complete = true;
    this.total = entry.size;
    this.body.notify();
    if (!(await this.body.flushed()) || this.spool.file === undefined) return undefined;
    return this.spool.commit(this.plan.key, entry);
  }
}

function entryOf(plan: Plan, head: Head, digest: Digested, pin: string | undefined, now: number): NewEntry {
  return {
    module: plan.key.slice(0, plan.key.indexOf('|')),
    kind: 'file',
    url: head.url,
    integrity: contentAddress(digest),
    size: digest.size,
    chunks: digest.chunks,
    storedAt: now,
    checkedAt: now,
    ...(head.contentType === undefined ? {} : { contentType: head.contentType }),
    ...(head.contentEncoding === undefined ? {} : { contentEncoding: head.contentEncoding }),
    ...(head.etag === undefined ? {} : { etag: head.etag }),
    ...(head.lastModified === undefined ? {} : { lastModified: head.lastModified }),
    ...(pin === undefined ? {} : { pin }),
  };
}

/** An upstream status other than 200, as this cache's own error. */
export function notThere(plan: Plan, head: Head): LarderError {
  if (head.status === 404) return new LarderError('upstream-not-found', { target: plan.path });
  if (head.status === 410) return new LarderError('upstream-gone', { target: plan.path });
  return new LarderError('upstream-denied', { target: plan.path, status: head.status });
}
