/** The pins of documents, as the committer keeps them: one compressed row a document, the newest ones parsed in memory. */
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import type { Pin } from '../../caches/module';
import type { CompactPin } from './jobs';
import type { PinRows } from './rows';

/** What one revision of a document promises, by target. */
export interface PinSheet {
  readonly revision: string;
  readonly pins: ReadonlyMap<string, CompactPin>;
}

/** Characters of pin lists (as JSON) kept parsed. */
const MEMORY_CHARACTERS = 8 * 1024 * 1024;

export class PinBook {
  private readonly sheets = new Map<string, PinSheet & { readonly characters: number }>();
  private characters = 0;

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
    const json = inflateRawSync(row.body).toString('utf8');
    const sheet = { revision: row.revision, pins: parsePins(json), characters: json.length };
    this.keep(document, sheet);
    return sheet;
  }

  /** Writes a sheet. Needs the lock. `body` is what `compress` made of the JSON. */
  write(document: string, sheet: PinSheet, body: Buffer, characters: number): void {
    this.rows.setPins(document, sheet.revision, body);
    this.drop(document);
    this.keep(document, { ...sheet, characters });
  }

  /** Forgets everything kept in memory (after a rollback, or with a new catalogue). */
  clear(): void {
    this.sheets.clear();
    this.characters = 0;
  }

  private keep(document: string, sheet: PinSheet & { readonly characters: number }): void {
    this.drop(document);
    this.sheets.set(document, sheet);
    this.characters += sheet.characters;
    for (const oldest of this.sheets.keys()) {
      if (this.characters <= MEMORY_CHARACTERS) break;
      this.drop(oldest);
    }
  }

  private drop(document: string): void {
    this.characters -= this.sheets.get(document)?.characters ?? 0;
    this.sheets.delete(document);
  }
}

/** Level 1: digests do not compress, targets do, whatever the level. */
export function compressPins(json: string): Buffer {
  return deflateRawSync(json, { level: 1 });
}

export function parsePins(json: string): Map<string, CompactPin> {
  return new Map((JSON.parse(json) as CompactPin[]).map((pin) => [pin[0], pin]));
}

/** JSON of pins in compact form. */
export function packPins(pins: readonly Pin[]): string {
  return JSON.stringify(
    pins.map(({ target, integrity, source, version, published }) => {
      const packed = [target, integrity, source, version, published];
      while (packed.length > 1 && packed[packed.length - 1] === undefined) packed.pop();
      return packed;
    }),
  );
}

export function unpackPin([target, integrity, source, version, published]: CompactPin): Pin {
  return {
    target,
    ...(integrity == null ? {} : { integrity }),
    ...(source == null ? {} : { source }),
    ...(version == null ? {} : { version }),
    ...(published == null ? {} : { published }),
  };
}
