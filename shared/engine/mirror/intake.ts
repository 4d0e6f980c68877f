/**
 * A response that is kept while it streams: any number of readers follow it, none waits for its end. Nothing is known of what it should be, so
 * only its framing tells whether it is whole; if it is not, readers are cut off, and nothing is kept as if it were.
 */
import type { Readable } from 'node:stream';
import { isLarderError, LarderError } from '../../errors';
import { Digester, type Digested } from '../../integrity/digest';
import type { BodySource } from '../bodies/body-source';
import { GrowingBody, type Follower } from '../bodies/growing-body';
import { abandon, type SpoolHandle } from '../bodies/spooling';
import type { Held } from './shelf';

/** A client's place in the body. */
interface Reader extends Follower {
  failure?: LarderError;
}

export interface IntakeOptions {
  readonly source: Readable;
  /** What is had already of the body's beginning: it is copied before anything else. Closed by the intake. */
  readonly before?: { readonly bytes: BodySource; readonly length: number };
  /** Length that the response says it has, if it does. */
  readonly total: number | undefined;
  readonly spool: SpoolHandle;
  /** All bytes are in the spool file; `whole` false: the first ones only. @returns what is held now, or undefined if nothing was kept. Never rejects */
  keep(digested: Digested, whole: boolean): Promise<Held | undefined>;
  /** The body broke off after so many bytes: what goes on from there, if it can be had. */
  resume?(bytes: number): Promise<Readable | undefined>;
  /** The spool file cannot be written any more. */
  onTrouble(error: unknown): void;
}

const NOTHING = Buffer.alloc(0);
/** Times in a row that a body may break off. */
const MOST_FAILURES = 5;
/** What must have come since the last time for it to be forgotten. */
const PROGRESS_BYTES = 1024 * 1024;
const PAUSE_MS = 200;

export class Intake {
  /** Resolves when it is held, or will not be. Never rejects. */
  readonly settled: Promise<Held | undefined>;
  private readonly body: GrowingBody;
  private readonly digester = new Digester(['sha256']);
  private readonly readers = new Set<Reader>();
  private complete = false;
  private doomed = false;
  /** Nobody wants it any more. */
  private abandoned = false;
  private source: Readable;
  private failure: LarderError | undefined;

  constructor(private readonly options: IntakeOptions) {
    this.source = options.source;
    this.body = new GrowingBody(options.spool.file, (error) => options.onTrouble(error));
    this.body.onStalled = (follower) => this.leaveBehind(follower as Reader);
    this.settled = this.receive().finally(() => void this.release());
  }

  /** Whether a new client may still begin at the first byte. */
  get joinable(): boolean {
    return !this.doomed && this.failure === undefined && this.body.joinable;
  }

  /** All of it has come; it may not be held yet. */
  get isComplete(): boolean {
    return this.complete;
  }

  /** It can be kept as far as it has come. */
  get inFile(): boolean {
    return this.body.inFile;
  }

  /** Nothing more will come of it. */
  get isOver(): boolean {
    return this.complete || this.failure !== undefined;
  }

  /** It is not to be kept or shared any more: the URL was changed meanwhile. */
  doom(): void {
    this.doomed = true;
  }

  /** Ends it at once; what came is not kept. */
  async stop(): Promise<void> {
    this.doom();
    this.abandoned = true;
    this.source.destroy(new LarderError('overloaded', { what: 'the cache is being stopped' }));
    await this.settled;
  }

  /** A reader of the growing body. Close it. */
  reader(): BodySource {
    const reader: Reader = { offset: 0 };
    this.readers.add(reader);
    this.body.followers.add(reader);
    const sizeNow = (): number | undefined => (this.complete ? this.body.received : this.options.total);
    return {
      get size() {
        return sizeNow();
      },
      read: (offset, end) => this.readFor(reader, offset, end),
      close: () => this.leave(reader),
    };
  }

  private async readFor(reader: Reader, offset: number, end: number): Promise<Buffer> {
    reader.offset = offset;
    this.body.moved();
    for (;;) {
      if (reader.failure) throw reader.failure;
      const stop = Math.min(end, this.body.received);
      if (offset < stop) return this.body.read(offset, stop);
      // What came before it broke off is sent: it may be all that the client wants, or something to go on from.
      if (this.failure) throw this.failure;
      if (this.complete) return NOTHING;
      await this.body.changed();
    }
  }

  private leave(reader: Reader): void {
    if (!this.readers.delete(reader)) return;
    this.body.followers.delete(reader);
    this.body.moved();
    this.body.notify();
    if (this.readers.size > 0 || this.complete || this.failure) return;
    if (!this.doomed && this.body.inFile && !abandon(this.body.received, this.options.total)) return;
    this.abandon();
  }

  private abandon(): void {
    this.abandoned = true;
    this.source.destroy(new LarderError('upstream-failed', { host: '-', reason: 'nobody wants it any more' }));
  }

  /** Nothing is being stored, and the window in memory moved on without a reader that took nothing. */
  private leaveBehind(reader: Reader): void {
    reader.failure = new LarderError('overloaded', { what: 'nothing can be stored, and this client took nothing for too long' });
    this.leave(reader);
  }

  private async receive(): Promise<Held | undefined> {
    const { spool, keep } = this.options;
    try {
      await this.prepend();
      await this.pumpAll();
      this.complete = true;
    } catch (error) {
      this.failure = isLarderError(error) ? error : new LarderError('internal', { reason: String(error) }, error);
    }
    this.body.notify();
    const isInFile = (await this.body.flushed()) && spool.file !== undefined;
    const held =
      isInFile && !this.doomed && (this.complete || this.body.received > 0) ? await keep(this.digester.finish(), this.complete) : undefined;
    if (!held) await spool.abandon(0, false);
    return held;
  }

  private async prepend(): Promise<void> {
    const { before } = this.options;
    if (!before) return;
    // The rest waits in its connection meanwhile.
    try {
      for (let at = 0; at < before.length; at = this.body.received) {
        const chunk = Buffer.from(await before.bytes.read(at, before.length));
        if (chunk.length === 0) throw new LarderError('integrity', { target: '-', expected: `${before.length} bytes`, got: `${at}` });
        this.digester.update(chunk);
        if (!this.body.append(chunk)) await this.body.roomy();
      }
    } catch (error) {
      this.source.destroy();
      throw error;
    } finally {
      before.bytes.close();
    }
  }

  /** To the end, over cuts. @throws what ended it */
  private async pumpAll(): Promise<void> {
    for (let failures = 0, furthest = 0; ;) {
      try {
        return await this.pump();
      } catch (error) {
        failures = this.body.received >= furthest + PROGRESS_BYTES ? 1 : failures + 1;
        furthest = this.body.received;
        if (this.abandoned || this.doomed || failures > MOST_FAILURES) throw error;
        if (failures > 1) await new Promise((resolve) => setTimeout(resolve, PAUSE_MS * failures));
        const next = await this.options.resume?.(this.body.received).catch(() => undefined);
        if (!next) throw error;
        this.source = next;
        // Whoever left meanwhile destroyed the one before.
        if (this.abandoned as boolean) next.destroy();
      }
    }
  }

  private pump(): Promise<void> {
    const { source } = this;
    if (source.destroyed) return Promise.reject(source.errored ?? closed());
    return new Promise((resolve, reject) => {
      source.on('data', (chunk: Buffer) => {
        // All of it would be in memory, for nobody.
        if (this.readers.size === 0 && !this.body.inFile) return this.abandon();
        this.digester.update(chunk);
        if (this.body.append(chunk)) return;
        source.pause();
        void this.body.roomy().then(() => source.resume());
      });
      source.once('error', reject);
      source.once('end', resolve);
      source.once('close', () => reject(source.errored ?? closed()));
    });
  }

  /** The file may be closed when the last reader has read it. */
  private async release(): Promise<void> {
    while (this.readers.size > 0) await this.body.changed();
    await this.body.close();
  }
}

function closed(): LarderError {
  return new LarderError('upstream-failed', { host: '-', reason: 'the connection was closed' });
}
