/** Where a flight's bytes grow, what becomes of them when it ends, and when a download is worth finishing without readers. */
import { errorText } from '../../errors';
import { Digester, digestInto } from '../../integrity/digest';
import type { Log } from '../../log/types';
import type { Entry, NewEntry } from '../../store/entry';
import type { Claimed, Sidecar } from '../../store/parked';
import type { Spool } from '../../store/spool';
import type { Store } from '../../store/types';
import type { Download } from './download';
import type { Head } from './head';
import type { Plan } from '../plan';

/** Downloads below this are finished although every reader left; so is whatever is over half done. */
const ABANDON_BELOW_BYTES = 64 * 1024 * 1024;
/** Smaller partials are not worth a note: fetching them again costs less. */
const NOTE_FROM_BYTES = 1024 * 1024;

/** Whether a download that nobody reads any more should stop (and be parked for resuming). */
export function abandon(received: number, total: number | undefined): boolean {
  if (total === undefined) return received >= ABANDON_BELOW_BYTES;
  return total >= ABANDON_BELOW_BYTES && received * 2 <= total;
}

export interface SpoolHandle {
  /** The growing file; undefined: nothing is being stored. */
  readonly file: string | undefined;
  /** Takes over what an earlier, interrupted download left. */
  resume(download: Download): Promise<void>;
  /** Notes how it can be resumed if this process dies. */
  describe(plan: Plan, head: Head): void;
  /** @returns undefined if the store could not take it */
  commit(key: string, entry: NewEntry): Promise<Entry | undefined>;
  /** The flight failed: keeps the partial if it can be resumed. */
  abandon(received: number, resumable: boolean): Promise<void>;
}

export interface Spools {
  open(key: string): Promise<SpoolHandle>;
  /** A handle that stores nothing. */
  none(): SpoolHandle;
}

const NONE: SpoolHandle = {
  file: undefined,
  resume: () => Promise.resolve(),
  describe: () => undefined,
  commit: () => Promise.resolve(undefined),
  abandon: () => Promise.resolve(),
};

/** @param spool undefined: the spool folder cannot be made, so nothing is stored */
export function createSpools(spool: Spool | undefined, store: Store, log: Log): Spools {
  return {
    none: () => NONE,
    open: async (key) => {
      if (!spool || store.notStoring()) return NONE;
      const claimed = await spool.claimParked(key).catch(() => undefined);
      return new FileSpool(spool, store, log, claimed);
    },
  };
}

class FileSpool implements SpoolHandle {
  readonly file: string;
  private sidecar: Sidecar | undefined;

  constructor(
    private readonly spool: Spool,
    private readonly store: Store,
    private readonly log: Log,
    private readonly claimed: Claimed | undefined,
  ) {
    this.file = claimed?.file ?? spool.newFile();
    // If nothing comes of the resumption it is parked again as it was.
    this.sidecar = claimed?.sidecar;
  }

  async resume(download: Download): Promise<void> {
    if (!this.claimed) return;
    const { sidecar, rebooted } = this.claimed;
    const strong = sidecar.etag !== undefined && !sidecar.etag.startsWith('W/');
    // Without a validator only a pin can tell whether the two halves belong together.
    if (!download.judged && (rebooted || !strong)) return download.body.truncate(0);
    const digester = await digestInto(new Digester(download.algorithms), this.file).catch(() => undefined);
    if (!digester || digester.size === 0 || (sidecar.total !== undefined && digester.size >= sidecar.total))
      return download.body.truncate(0);
    download.adopt(digester.size, digester, { status: 200, base: '', ...sidecar }, rebooted);
    this.log.info('resuming', { key: sidecar.key, bytes: digester.size });
  }

  describe(plan: Plan, head: Head): void {
    if (head.total !== undefined && head.total < NOTE_FROM_BYTES) return;
    const { key } = plan;
    const module = key.slice(0, key.indexOf('|'));
    this.sidecar = {
      key,
      module,
      url: head.url,
      ...(head.etag === undefined ? {} : { etag: head.etag }),
      ...(head.lastModified === undefined ? {} : { lastModified: head.lastModified }),
      ...(head.total === undefined ? {} : { total: head.total }),
    };
    this.spool
      .describe(this.file, this.sidecar)
      .catch((error: unknown) => this.log.warn('spool-note-failed', { key, reason: errorText(error) }));
  }

  async commit(key: string, entry: NewEntry): Promise<Entry | undefined> {
    try {
      const stored = await this.store.commit(key, entry, { file: this.file });
      if (this.sidecar) await this.spool.forget(this.file);
      return stored;
    } catch (error) {
      this.log.warn('not-storing', { key, reason: errorText(error) });
      await this.spool.discard(this.file);
      return undefined;
    }
  }

  async abandon(received: number, resumable: boolean): Promise<void> {
    try {
      if (this.sidecar && resumable && received >= NOTE_FROM_BYTES) await this.spool.park(this.file, this.sidecar);
      else await this.spool.discard(this.file);
    } catch (error) {
      this.log.warn('parking-failed', { reason: errorText(error) });
    }
  }
}
