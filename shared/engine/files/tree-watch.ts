/**
 * Unpacks and hashes an archive while it arrives, so that the verdict on it is there with its last byte. It reads the growing body like a
 * client does, and begins again when bytes that it has had turn out to be replaced.
 */
import type { DocumentPool, TreeJob, TreeVerdict } from '../../documents/types';
import { errorText, isLarderError, LarderError } from '../../errors';
import type { Log } from '../../log/types';
import type { Follower, GrowingBody } from '../bodies/growing-body';

/** Bytes read at once. */
const PIECE_BYTES = 256 * 1024;
/** How often an archive is begun anew because a thread ended (another archive may have needed too much of it). */
const MOST_ENDED = 1;

export class TreeWatch {
  /** Its place in the body: what it has not read stays there. */
  readonly follower: Follower = { offset: 0 };
  private job: TreeJob | undefined;
  private isClosed = false;
  private failure: LarderError | undefined;
  /** The job was told that there is no more. */
  private isFinished = false;
  /** Moves when it has to begin again. */
  private attempt = 0;

  constructor(
    private readonly pool: Pick<DocumentPool, 'openTree'>,
    private readonly body: GrowingBody,
    private readonly log: Pick<Log, 'warn'>,
  ) {
    body.followers.add(this.follower);
    void this.follow();
  }

  /** The body up to this offset begins as no archive does, whatever comes after it. What of it may still be replaced says nothing. */
  isHopeless(offset: number): boolean {
    return this.job?.isBroken === true && !this.isFinished && offset >= this.follower.offset;
  }

  /** What stands from this offset on is replaced. */
  replaced(offset: number): void {
    if (this.follower.offset > offset) this.beginAgain();
  }

  /** Everybody waits for it, and nothing can be stored: it is given up. */
  giveUp(): void {
    this.fail(new LarderError('overloaded', { what: 'nothing can be stored, and the archive could not be verified in time' }));
  }

  /** The verdict on the whole body, which must be all there. @throws LarderError overloaded if none can be had */
  async verdict(): Promise<TreeVerdict> {
    for (let ended = 0; ;) {
      const { attempt } = this;
      while (this.follower.offset < this.body.received && !this.failure && !this.isClosed) await this.body.changed();
      if (this.failure) throw this.failure;
      if (attempt !== this.attempt) continue;
      this.isFinished = true;
      try {
        return await (this.job ??= this.pool.openTree()).finish();
      } catch (error) {
        if (this.isClosed || ended++ === MOST_ENDED) throw this.overloaded(error);
        this.log.warn('tree-thread-died', { reason: errorText(error) });
        this.beginAgain();
      }
    }
  }

  close(): void {
    this.isClosed = true;
    this.job?.drop();
    this.body.followers.delete(this.follower);
    this.body.moved();
    this.body.notify();
  }

  private async follow(): Promise<void> {
    while (!this.isClosed && !this.failure) {
      const { offset } = this.follower;
      const { attempt } = this;
      if (offset >= this.body.received) {
        await this.body.changed();
        continue;
      }
      try {
        const bytes = await this.body.read(offset, Math.min(offset + PIECE_BYTES, this.body.received));
        // What was read may have been replaced meanwhile.
        if (attempt !== this.attempt || this.isOver) continue;
        // The verdict was on less than there is now.
        if (this.isFinished) this.beginAgain();
        else {
          const room = (this.job ??= this.pool.openTree()).write(bytes);
          this.follower.offset = offset + bytes.length;
          this.body.moved();
          this.body.notify();
          await room;
        }
      } catch (error) {
        if (attempt === this.attempt) this.fail(this.overloaded(error));
      }
    }
  }

  private get isOver(): boolean {
    return this.isClosed || this.failure !== undefined;
  }

  private beginAgain(): void {
    this.attempt++;
    this.job?.drop();
    this.job = undefined;
    this.isFinished = false;
    this.follower.offset = 0;
    this.body.notify();
  }

  private fail(error: LarderError): void {
    this.failure = error;
    this.job?.drop();
    this.body.followers.delete(this.follower);
    this.body.moved();
    this.body.notify();
  }

  private overloaded(error: unknown): LarderError {
    if (isLarderError(error) && error.code === 'overloaded') return error;
    return new LarderError('overloaded', { what: `the archive cannot be verified now: ${errorText(error)}` }, error);
  }
}
