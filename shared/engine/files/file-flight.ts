/**
 * One fetch of one file per key, detached from the client that began it, with any number of readers. The tail is held back until
 * the digest agrees with the pin, so no client ever has a complete wrong body.
 */
import type { ImmutableRoute, Pin } from '../../../caches/module';
import { errorText, isLarderError, LarderError } from '../../errors';
import type { Algorithm } from '../../integrity/sri';
import type { Entry, NewEntry } from '../../store/entry';
import type { BodySource } from '../bodies/body-source';
import { Download } from '../bodies/download';
import { GrowingBody, type Follower } from '../bodies/growing-body';
import { refuseFile, wrongLength, type Head } from '../bodies/head';
import { FileJudge } from './file-judge';
import { FileSearch, type FileClues } from './file-search';
import type { Plan } from '../plan';
import type { EngineRooms } from '../rooms';
import { askedEncoding } from './file-form';
import { FormWatch } from './form-watch';
import { settlePin } from './settle-pin';
import { abandon, type SpoolHandle } from '../bodies/spooling';
import { TreeWatch } from './tree-watch';

/** Kept from every client until the whole is verified (a smaller body is kept back entirely). */
export const HOLD_BACK_BYTES = 64 * 1024;
const NOTHING = Buffer.alloc(0);

export interface FlightHead extends Head {
  /** The pin that will judge it, if it was known when the headers came. */
  readonly pin?: Pin;
}

/** A client's place in the body. */
interface Reader extends Follower {
  /** Everything before this was handed out to it, or may have been. */
  handed: number;
  /** The length that it was told. */
  promised?: number;
  failure?: LarderError;
}

export class FileFlight {
  /** The upstream's answer: any status; resolved once. Rejects when there is none. */
  readonly head: Promise<FlightHead>;
  /** Resolves when every byte is verified and may be sent. */
  readonly verified: Promise<void>;
  /** Resolves when the store has it (entry), or will not have it (undefined). Never rejects. */
  readonly settled: Promise<Entry | undefined>;
  private readonly body: GrowingBody;
  private readonly download: Download;
  private readonly abort = new AbortController();
  private readonly readers = new Set<Reader>();
  private readonly tree: string | undefined;
  private readonly watch: TreeWatch | undefined;
  private divergences = 0;
  private readonly forms: FormWatch;
  private complete = false;
  private failure: LarderError | undefined;
  private announce!: (head: FlightHead) => void;

  constructor(
    private readonly rooms: EngineRooms,
    readonly plan: Plan,
    private readonly clues: FileClues,
    private readonly spool: SpoolHandle,
  ) {
    this.body = new GrowingBody(spool.file, (error) => rooms.log.warn('not-storing', { key: plan.key, reason: String(error) }));
    this.forms = new FormWatch(plan, this.body);
    this.tree = (plan.route as ImmutableRoute).tree?.(plan.params);
    if (this.tree !== undefined) this.watch = new TreeWatch(rooms.pool, this.body, rooms.log);
    this.body.onStalled = (follower) => (follower === this.watch?.follower ? this.watch.giveUp() : this.leaveBehind(follower as Reader));
    // Without a file there is no second pass, so the weak digests that old documents and object stores promise are computed too.
    const { pins } = clues;
    const weak: readonly Algorithm[] = this.body.inFile ? [] : ['sha1', 'md5'];
    const spec = {
      origin: plan.origin,
      path: plan.path,
      headers: askedEncoding(plan),
      algorithms: [...new Set([...pins.algorithms(), ...weak])],
      judged: pins.willJudge || this.tree !== undefined,
      retries: rooms.config.retries,
      signal: this.abort.signal,
      isHopeless: (position: number) => this.watch?.isHopeless(position) === true,
      refuses: (fields: Readonly<Record<string, string>>) => refuseFile(plan, fields) ?? wrongLength(plan, fields),
    };
    this.download = new Download(rooms.upstream, spec, this.body, {
      began: (head) => spool.describe(plan, head),
      diverged: (offset) => this.diverge(offset),
      grew: () => this.considerStopping(),
    });
    let refuse!: (error: unknown) => void;
    this.head = new Promise((resolve, reject) => {
      this.announce = resolve;
      refuse = reject;
    });
    const whole = this.run().finally(() => this.watch?.close());
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
    return !this.ended && this.body.joinable;
  }

  /** It failed or was stopped: only `settled` is to come. */
  get ended(): boolean {
    return this.failure !== undefined || this.abort.signal.aborted;
  }

  /** Whether the byte at an offset has arrived, or is the next to arrive. */
  reaches(offset: number): boolean {
    return this.complete || offset <= this.body.received;
  }

  /**
   * Content type: by the body's first bytes, where the URL is several files; elsewhere the upstream's. Waits until some came that this client may
   * be sent. @throws LarderError if none did
   */
  async contentType(): Promise<string | undefined> {
    if (!this.forms.areSeveral) return (await this.head).contentType;
    for (;;) {
      if (this.failure) throw this.failure;
      const form = await this.forms.form(this.complete);
      if (form) return form.contentType;
      await this.body.changed();
    }
  }

  private get total(): number | undefined {
    return this.complete ? this.body.received : this.download.latest?.total;
  }

  /** Ends it, whoever reads; resolves when what came is laid aside or committed. */
  async stop(): Promise<void> {
    this.abort.abort();
    await this.settled;
  }

  /** A reader of the growing body. Close it. */
  reader(): BodySource {
    const reader: Reader = { offset: 0, handed: 0 };
    this.readers.add(reader);
    this.body.followers.add(reader);
    const total = (): number | undefined => this.total;
    return {
      get size() {
        const size = total();
        if (size !== undefined) reader.promised ??= size;
        return size;
      },
      read: (offset, end) => this.readFor(reader, offset, end),
      close: () => this.leave(reader),
    };
  }

  private async readFor(reader: Reader, offset: number, end: number): Promise<Buffer> {
    reader.offset = offset;
    this.body.moved();
    for (;;) {
      const failure = reader.failure ?? this.failure ?? this.broken(reader);
      if (failure) throw failure;
      const stop = Math.min(end, this.sendable());
      if (offset < stop) {
        const { divergences } = this;
        // Bytes in a coding that was not asked for are for nobody; they are found wrong in the end.
        if (this.forms.areSeveral && !(await this.forms.form(this.complete))) {
          await this.body.changed();
          continue;
        }
        const bytes = await this.body.read(offset, stop);
        // A restarted download may have replaced the bytes while they were read.
        if (divergences !== this.divergences) continue;
        if (bytes.length === 0) throw new LarderError('internal', { reason: 'a spool file is shorter than what was written to it' });
        reader.handed = Math.max(reader.handed, offset + bytes.length);
        return bytes;
      }
      if (this.complete && offset >= Math.min(end, this.body.received)) return NOTHING;
      await this.body.changed();
    }
  }

  private sendable(): number {
    const { received } = this.body;
    if (this.complete) return received;
    return Math.min(received, Math.max(0, (this.total ?? received) - HOLD_BACK_BYTES));
  }

  /** A restarted body may have another length than a client was told; then no end would be the right one. */
  private broken({ promised }: Reader): LarderError | undefined {
    const { total } = this;
    if (promised === undefined || total === undefined || promised === total) return undefined;
    return new LarderError('integrity', { target: this.plan.path, expected: `${promised} bytes`, got: `${total} on a retry` });
  }

  private leave(reader: Reader): void {
    if (!this.readers.delete(reader)) return;
    this.body.followers.delete(reader);
    this.body.moved();
    this.body.notify();
    this.considerStopping();
  }

  /** Nothing is being stored, and the window in memory moved on without a reader that took nothing. */
  private leaveBehind(reader: Reader): void {
    reader.failure = new LarderError('overloaded', { what: 'nothing can be stored, and this client took nothing for too long' });
    this.leave(reader);
  }

  /** A download that nobody reads goes on only if it is worth it. */
  private considerStopping(): void {
    if (this.readers.size > 0 || this.complete || this.ended) return;
    if (!this.body.inFile || abandon(this.body.received, this.total)) this.abort.abort();
  }

  /** Readers that were given bytes which turned out wrong must not get the rest. */
  private diverge(offset: number): void {
    this.divergences++;
    this.forms.replaced(offset);
    this.watch?.replaced(offset);
    const failure = new LarderError('integrity', { target: this.plan.path, expected: 'the bytes sent so far', got: 'others on a retry' });
    for (const reader of this.readers) if (reader.handed > offset) reader.failure = failure;
    this.body.notify();
  }

  private async run(): Promise<NewEntry> {
    const { rooms, plan, download, clues } = this;
    const { pins, places } = clues;
    // The document is fetched beside the file, not after it.
    if (!pins.known()) void pins.pin();
    await this.spool.resume(download);
    const file = async (): Promise<string | undefined> => ((await this.body.flushed()) ? this.spool.file : undefined);
    const promised = this.tree !== undefined && this.watch ? { tree: this.tree, watch: this.watch } : undefined;
    const judge = new FileJudge(rooms, plan, pins, places, file, promised);
    const known = pins.known();
    const announce = (head: Head): void => this.announce({ ...head, ...(known ? { pin: known } : {}) });
    const { signal } = this.abort;
    return new FileSearch({ rooms, plan, judge, download, signal, announce, form: () => this.forms.form(true), ...clues }).run();
  }

  /** The download failed: what came may be resumed later, unless it was wrong or is left of an attempt that was. */
  private async lay(error: unknown): Promise<undefined> {
    const wrong = isLarderError(error) && error.code === 'integrity';
    // Told once, however many readers it fails; wrong bytes were told already, and that nothing came is told to who asked.
    if (!wrong && !this.complete && this.download.latest && !this.abort.signal.aborted)
      this.rooms.log.warn('download-failed', { key: this.plan.key, bytes: this.body.received, reason: errorText(error) });
    const whole = await this.body.flushed();
    const { current } = this.download;
    if (whole && current < this.body.received) this.body.truncate(current);
    await this.spool.abandon(current, whole && this.body.inFile && !wrong);
    return undefined;
  }

  /** The file may be closed when the last reader has read it. */
  private async release(): Promise<void> {
    while (this.readers.size > 0 && this.failure === undefined) await this.body.changed();
    await this.body.close();
  }

  private async store(entry: NewEntry): Promise<Entry | undefined> {
    this.complete = true;
    this.body.notify();
    if (!(await this.body.flushed()) || this.spool.file === undefined) return undefined;
    const stored = await this.spool.commit(this.plan.key, entry);
    return stored && stored.pin === undefined ? settlePin(this.rooms, this.plan, this.clues.pins, stored) : stored;
  }
}
