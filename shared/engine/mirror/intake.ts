/**
 * A response that is kept while it streams: any number of readers follow it, none waits for its end. Nothing is known of what it should be, so
 * only its framing tells whether it is whole; if it is not, readers are cut off, and nothing is kept as if it were.
 */
import type { Readable } from 'node:stream';
import { isLarderError, LarderError } from '../../errors';
import { Digester, type Digested } from '../../integrity/digest';
import type { BodySource } from '../body-source';
import { GrowingBody, type Follower } from '../growing-body';
import { abandon, type SpoolHandle } from '../spooling';
import type { Held } from './shelf';

/** A client's place in the body. */
interface Reader extends Follower {
  failure?: LarderError;
}

export interface IntakeOptions {
  readonly key: string;
  readonly source: Readable;
  /** Length that the response says it has, if it does. */
  readonly total: number | undefined;
  readonly spool: SpoolHandle;
  /** All bytes are in the spool file; `whole` false: the first ones only. @returns what is held now, or undefined if nothing was kept. Never rejects */
  keep(digested: Digested, whole: boolean): Promise<Held | undefined>;
  /** The spool file cannot be written any more. */
  onTrouble(error: unknown): void;
}

const NOTHING = Buffer.alloc(0);

export class Intake {
  /** Resolves when it is held, or will not be. Never rejects. */
  readonly settled: Promise<Held | undefined>;
  private readonly body: GrowingBody;
  private readonly digester = new Digester(['sha256']);
  private readonly readers = new Set<Reader>();
  private complete = false;
  private doomed = false;
  private failure: LarderError | undefined;

  constructor(private readonly options: IntakeOptions) {
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

  /** It is not to be kept or shared any more: the URL was changed meanwhile. */
  doom(): void {
    this.doomed = true;
  }

  /** Ends it at once; what came is not kept. */
  async stop(): Promise<void> {
    this.doom();
    this.options.source.destroy(new LarderError('overloaded', { what: 'the cache is being stopped' }));
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
    if (this.doomed || !this.body.inFile || abandon(this.body.received, this.options.total))
      this.options.source.destroy(new LarderError('upstream-failed', { host: '-', reason: 'nobody wants it any more' }));
  }

  /** Nothing is being stored, and the window in memory moved on without a reader that took nothing. */
  private leaveBehind(reader: Reader): void {
    reader.failure = new LarderError('overloaded', { what: 'nothing can be stored, and this client took nothing for too long' });
    this.leave(reader);
  }

  private async receive(): Promise<Held | undefined> {
    const { spool, keep } = this.options;
    try {
      await this.pump();
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

  private pump(): Promise<void> {
    const { source } = this.options;
    return new Promise((resolve, reject) => {
      source.on('data', (chunk: Buffer) => {
        this.digester.update(chunk);
        if (this.body.append(chunk)) return;
        source.pause();
        void this.body.roomy().then(() => source.resume());
      });
      source.once('error', reject);
      source.once('end', resolve);
      source.once('close', () =>
        reject(source.errored ?? new LarderError('upstream-failed', { host: '-', reason: 'the connection was closed' })),
      );
    });
  }

  /** The file may be closed when the last reader has read it. */
  private async release(): Promise<void> {
    while (this.readers.size > 0) await this.body.changed();
    await this.body.close();
  }
}
