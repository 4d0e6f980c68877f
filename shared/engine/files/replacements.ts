/** What is told of files that their archive replaced by others of the same name. */
import type { Log } from '../../log/types';
import type { Entry } from '../../store/entry';

const MOST_TOLD = 1_000;

export class Replacements {
  /** Those that were told. */
  private readonly told = new Set<string>();

  constructor(private readonly log: Log) {}

  /** Once for each revision. What was never verified may have been wrong from the start; what was, is the archive's to replace. */
  tell(entry: Entry, promised: string): void {
    const { key, integrity: held } = entry;
    const revision = `${key} ${promised}`;
    if (this.told.has(revision)) return;
    if (this.told.size >= MOST_TOLD) this.told.clear();
    this.told.add(revision);
    if (entry.pin === undefined) this.log.error('held-bytes-refuted', { key, held, promised });
    else this.log.info('file-replaced', { key, held, promised });
  }
}
