/** Whether anything new may be stored now. The answer is at most a second old and costs nothing. */
import { statfs } from 'node:fs/promises';
import { access, constants } from 'node:fs';

const CHECK_MS = 1000;
/** How long a failed write keeps us from trying the next, ms. */
const TROUBLE_MS = 10_000;
/** Between two evictions on behalf of free space, ms. */
const EVICT_MS = 30_000;

export interface NotStoring {
  readonly reason: string;
  readonly remedy: string;
}

export class Space {
  private state: NotStoring | undefined;
  private trouble: NotStoring | undefined;
  private troubleUntil = 0;
  private checkedAt = 0;
  private evictedAt = 0;
  private checking: Promise<void> | undefined;

  /** @param evict asks for an eviction, because free space is short @param now ms since the epoch */
  constructor(
    private readonly folder: string,
    private readonly minFreeBytes: number,
    private readonly evict: () => void,
    private readonly now: () => number = Date.now,
  ) {}

  /** Synchronous, from the last check; starts the next one if that is older than a second. */
  notStoring(): NotStoring | undefined {
    if (this.now() - this.checkedAt >= CHECK_MS && !this.checking) void this.check();
    if (this.trouble && this.now() >= this.troubleUntil) this.trouble = undefined;
    return this.trouble ?? this.state;
  }

  /** Looks now. Never throws. */
  check(): Promise<void> {
    this.checkedAt = this.now();
    this.checking ??= this.look().finally(() => (this.checking = undefined));
    return this.checking;
  }

  /** A write failed with this code: nothing is stored for ten seconds, then it is tried again. */
  failed(code: string | undefined): void {
    const full = code === 'ENOSPC' || code === 'EDQUOT';
    this.trouble = full
      ? { reason: 'disk', remedy: `free space on the disk of CACHE_DIR=${this.folder}` }
      : { reason: 'error', remedy: `make CACHE_DIR=${this.folder} writable (${code ?? 'unknown error'})` };
    this.troubleUntil = this.now() + TROUBLE_MS;
  }

  private async look(): Promise<void> {
    try {
      await new Promise<void>((resolve, reject) =>
        access(this.folder, constants.W_OK | constants.X_OK, (error) => (error ? reject(error) : resolve())),
      );
      const { bavail, bsize } = await statfs(this.folder);
      if (bavail * bsize >= this.minFreeBytes) {
        this.state = undefined;
        return;
      }
      this.state = { reason: 'disk', remedy: `free space on the disk of CACHE_DIR=${this.folder}, or lower MIN_FREE` };
      if (this.now() - this.evictedAt < EVICT_MS) return;
      this.evictedAt = this.now();
      this.evict();
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
      this.state = { reason: 'error', remedy: `make CACHE_DIR=${this.folder} writable (${code})` };
    }
  }
}
