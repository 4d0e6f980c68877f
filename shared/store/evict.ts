/**
 * Keeping the store within its limits: derived entries first, then the least recently used, down to 95 % of a limit.
 * In slices, each in one transaction. Free space is made only if that can help: when the shortage is more than half of
 * what is held, others fill the disk, and emptying the cache for them would cost everything and gain little.
 */
import { statfsSync } from 'node:fs';
import { moduleOf, type Limits } from './jobs';
import type { Row, Rows } from './rows';
import type { Writer } from './writer';

const LOW_WATER = 0.95;
const SLICE_ENTRIES = 200;
/** Candidates looked at in one step when only their bytes on disk count (shared bytes give nothing back). */
const FREE_ENTRIES = 2000;

/** Entries whose keys begin with the same kept one, at most. */
const KEYS_A_START = 8;

/** Bytes still to be removed: counted as entries' sizes, or, for `disk`, as bytes given back to the file system. */
export interface Need {
  readonly of: 'total' | 'module' | 'disk';
  readonly module?: string;
  /** Only keys that begin so; `of` is `module` then. */
  readonly prefix?: string;
  bytes: number;
}

/** What was found below a prefix, and how much its module had then: it is added up again only if the limit may be passed. */
interface Measured {
  readonly bytes: number;
  readonly moduleBytes: number;
  looks: number;
}

/** Other origins of the module may have lost what this one gained: looked at now and then all the same. */
const MOST_LOOKS = 256;

export class Eviction {
  private readonly measured = new Map<string, Measured>();

  constructor(
    private readonly rows: Rows,
    private readonly writer: Writer,
    private readonly limits: Limits,
    /** Beginnings of keys that stay, however long they were not used; never throws. */
    private readonly kept: () => readonly string[] = () => [],
  ) {}

  /** Which limits do not hold now. Needs the lock. */
  needs(): Need[] {
    const needs: Need[] = [];
    const totals = this.rows.totals();
    let held = 0;
    for (const { module, bytes } of totals) {
      held += bytes;
      const limit = this.limits.sizeByModule[module];
      if (limit !== undefined && bytes > limit) needs.push({ of: 'module', module, bytes: bytes - limit * LOW_WATER });
    }
    for (const [prefix, limit] of Object.entries(this.limits.sizeByPrefix ?? {})) {
      const moduleBytes = totals.find(({ module }) => module === moduleOf(prefix))?.bytes ?? 0;
      const bytes = this.bytesBelow(prefix, limit, moduleBytes);
      if (bytes > limit) needs.push({ of: 'module', prefix, bytes: bytes - limit * LOW_WATER });
    }
    if (held > this.limits.sizeBytes) needs.push({ of: 'total', bytes: held - this.limits.sizeBytes * LOW_WATER });
    const shortage = this.limits.minFreeBytes - freeBytes(this.writer.root);
    if (shortage > 0 && shortage <= held / 2) needs.push({ of: 'disk', bytes: shortage });
    return needs;
  }

  /** Removes up to 200 entries for the first need that is left. Needs the lock. @returns what went; `removed` 0: nothing more can be done */
  async slice(needs: Need[]): Promise<{ removed: number; bytes: number }> {
    const need = needs.find((one) => one.bytes > 0);
    if (!need) return { removed: 0, bytes: 0 };
    return this.evict(need, SLICE_ENTRIES);
  }

  /** Makes room on a full disk, in the transaction that needs it; at most half of what is held goes. @returns whether anything went */
  async free(bytes: number): Promise<boolean> {
    const held = this.rows.totals().reduce((sum, total) => sum + total.bytes, 0);
    if (bytes > held / 2) return false;
    return (await this.evict({ of: 'disk', bytes }, FREE_ENTRIES)).bytes > 0;
  }

  /** As many as asked, without what stays. */
  private leastUsed(entries: number, need: Need, kept: readonly string[]): Row[] {
    const of = (most: number): Row[] =>
      need.prefix === undefined ? this.rows.leastUsed(most, need.module) : this.rows.leastUsedBelow(most, need.prefix);
    if (kept.length === 0) return of(entries);
    const isKept = ({ key }: Row): boolean => kept.some((start) => key.startsWith(start));
    // What stays may well be what was used longest ago: one that begins a key stands for a few (its encodings, its renditions).
    return of(entries + KEYS_A_START * kept.length)
      .filter((row) => !isKept(row))
      .slice(0, entries);
  }

  private bytesBelow(prefix: string, limit: number, moduleBytes: number): number {
    const last = this.measured.get(prefix);
    // One that was over the limit made room since: it says nothing about now.
    const isWithin = last && Math.max(last.bytes, last.bytes + moduleBytes - last.moduleBytes) <= limit;
    if (isWithin && ++last.looks < MOST_LOOKS) return last.bytes;
    const bytes = this.rows.bytesBelow(prefix);
    this.measured.set(prefix, { bytes, moduleBytes, looks: 0 });
    return bytes;
  }

  private async evict(need: Need, entries: number): Promise<{ removed: number; bytes: number }> {
    const result = { removed: 0, bytes: 0 };
    const kept = this.kept();
    for (const row of this.leastUsed(entries, need, kept)) {
      if (need.bytes <= 0) break;
      // Pins are not counted in the limits, so they go with their document; both come back together.
      if (row.kind === 'document') this.rows.deletePins([row.key]);
      const gone = await this.writer.remove([row.key]);
      need.bytes -= need.of === 'disk' ? gone.bytes : row.size;
      result.removed += gone.removed;
      result.bytes += gone.bytes;
    }
    return result;
  }
}

/** Bytes that this user may still write to the file system of a folder; Infinity where it cannot be asked. */
export function freeBytes(folder: string): number {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize;
  } catch {
    return Infinity;
  }
}
