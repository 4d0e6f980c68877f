/** The pins of documents, as the committer keeps them: one compressed row a document, the newest ones parsed in memory. */
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { compactPins, type CompactPin } from '../integrity/pin-list';
import type { PinRows } from './rows';

/** What one revision of a document promises, by target. */
export interface PinSheet {
  readonly revision: string;
  readonly pins: ReadonlyMap<string, CompactPin>;
}

/** Bytes of pin lists (as JSON) kept parsed. */
const MEMORY_BYTES = 8 * 1024 * 1024;

export class PinBook {
  private readonly sheets = new Map<string, PinSheet & { readonly bytes: number }>();
  private bytes = 0;

  constructor(private readonly rows: PinRows) {}

  /** The newest sheet of a document; another process may have written it. Needs no lock. */
  sheet(document: string): PinSheet | undefined {
    const revision = this.rows.pinRevision(document);
    const kept = this.sheets.get(document);
    if (kept && kept.revision === revision) {
      this.keep(document, kept);
      return kept;
    }
    this.drop(document);
    const row = revision === undefined ? undefined : this.rows.pinsOf(document);
    if (!row) return undefined;
    const json = inflateRawSync(row.body);
    const sheet = { revision: row.revision, pins: parsePins(json), bytes: json.length };
    this.keep(document, sheet);
    return sheet;
  }

  /** Writes a sheet. Needs the lock. `body` is what `compress` made of the JSON. */
  write(document: string, sheet: PinSheet, body: Buffer, bytes: number): void {
    this.rows.setPins(document, sheet.revision, body);
    this.drop(document);
    this.keep(document, { ...sheet, bytes });
  }

  /** Forgets everything kept in memory (after a rollback, or with a new catalogue). */
  clear(): void {
    this.sheets.clear();
    this.bytes = 0;
  }

  private keep(document: string, sheet: PinSheet & { readonly bytes: number }): void {
    this.drop(document);
    this.sheets.set(document, sheet);
    this.bytes += sheet.bytes;
    for (const oldest of this.sheets.keys()) {
      if (this.bytes <= MEMORY_BYTES) break;
      this.drop(oldest);
    }
  }

  private drop(document: string): void {
    this.bytes -= this.sheets.get(document)?.bytes ?? 0;
    this.sheets.delete(document);
  }
}

/** Level 1: digests do not compress, targets do, whatever the level. */
export function compressPins(json: Uint8Array): Buffer {
  return deflateRawSync(json, { level: 1 });
}

/** Pins of a row, by target. @param json decompressed @throws Error if it is no list of pins */
export function parsePins(json: Uint8Array): Map<string, CompactPin> {
  return new Map(compactPins(json).map((pin) => [pin[0], pin]));
}
