/**
 * Where the files of an origin are, when they are not at the origin itself: the base that the newest document learnt names for most of
 * its files. So a file that is asked before its document is asked of the right host at once. A guess only: what a document says of the
 * file itself always comes first.
 */
import type { Origin } from '../../config/config';
import { errorText } from '../../errors';
import type { PinList } from '../../integrity/pin-list';
import type { EngineRooms } from '../rooms';

/** A file is asked for without a guess rather than later than this, however busy the store is. */
const RECALL_MS = 1_000;

export class FileHosts {
  /** By origin; '' for the origin itself. Absent: nothing was learnt by this process, and the note was not read yet. */
  private readonly bases = new Map<string, string>();
  private readonly recalls = new Map<string, Promise<void>>();

  constructor(private readonly rooms: EngineRooms) {}

  /** Base URL (no trailing slash) under which the files of an origin most likely are; undefined: at the origin. Never rejects. */
  async base(origin: Origin): Promise<string | undefined> {
    if (!this.bases.has(origin.name)) await this.recalled(origin);
    const base = this.bases.get(origin.name) ?? '';
    return base === '' ? undefined : base;
  }

  /** A document of this origin was read. */
  learnt(origin: Origin, pins: PinList): void {
    const base = commonBase(origin, pins);
    if (base === undefined || base === this.bases.get(origin.name)) return;
    this.bases.set(origin.name, base);
    this.rooms.store.setNote(this.noteOf(origin), base).catch((error: unknown) => {
      this.rooms.log.debug('file-host-not-noted', { origin: origin.name, reason: errorText(error) });
    });
  }

  /** What an earlier process noted, within a time; it may come later for those who ask then. */
  private recalled(origin: Origin): Promise<void> {
    let recall = this.recalls.get(origin.name);
    if (!recall) {
      recall = this.rooms.store.note(this.noteOf(origin)).then(
        (noted) => {
          if (!this.bases.has(origin.name)) this.bases.set(origin.name, noted ?? '');
        },
        () => void this.recalls.delete(origin.name),
      );
      this.recalls.set(origin.name, recall);
    }
    const known = recall;
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, RECALL_MS);
      void known.then(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  private noteOf(origin: Origin): string {
    return `files-of|${this.rooms.module.name}|${origin.name}`;
  }
}

/** What most of a document's files lie below: '' for the origin, undefined if it names none. */
function commonBase(origin: Origin, { bases }: PinList): string | undefined {
  const counts = new Map<string, number>();
  for (const [base, count] of bases) {
    if (base !== '' && !URL.canParse(base)) continue;
    const at = origin.bases.includes(base) ? '' : base;
    counts.set(at, (counts.get(at) ?? 0) + count);
  }
  let best: string | undefined;
  for (const [base, count] of counts) if (best === undefined || count > (counts.get(best) ?? 0)) best = base;
  return best;
}
