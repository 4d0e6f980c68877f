/**
 * The rows of a folder as they are stored, whatever the upstream listed it as: `name TAB bytes TAB MD5`, one a line. Bytes and MD5 (32
 * hexadecimal digits) may be missing. Rows are in the order in which they came.
 */
import { DocumentError } from '../module';
import { canonicalSegment } from './target-patterns';

/** One file of a folder. */
export interface FolderRow {
  readonly name: string;
  /** Length, if the upstream told it. */
  readonly bytes: number | undefined;
  /** Lower-case hexadecimal MD5, if the upstream told one. */
  readonly md5: string | undefined;
}

/** What one row costs at most: object stores have keys of 1,024 bytes. */
const LONGEST_NAME = 1024;
const ROW = /^([^\t]+)\t(\d{0,15})\t([0-9a-f]{32}|)$/;

/** Collects rows as bytes. */
export class RowWriter {
  private readonly lines: string[] = [];

  /** Adds a file. Names that no client may ask for are left out. @param md5 of any form; kept if it is an MD5 */
  add(name: string, bytes: number | undefined, md5: string | undefined): void {
    if (name.length > LONGEST_NAME || canonicalSegment(name) === undefined) return;
    const length = bytes !== undefined && Number.isSafeInteger(bytes) && bytes >= 0 ? String(bytes) : '';
    const digest = md5 !== undefined && /^[0-9a-fA-F]{32}$/.test(md5) ? md5.toLowerCase() : '';
    this.lines.push(`${name}\t${length}\t${digest}\n`);
  }

  get bytes(): Buffer {
    return Buffer.from(this.lines.join(''));
  }
}

/** The rows, each name once (of several the first), in the order of their names' UTF-16 code units. @throws DocumentError */
export function readRows(body: Buffer): FolderRow[] {
  const lines = body.toString('utf8').split('\n');
  if (lines.pop() !== '') throw new DocumentError('its last row is cut off');
  const rows: FolderRow[] = [];
  const seen = new Set<string>();
  for (const line of lines) {
    const [, name, bytes = '', md5 = ''] = ROW.exec(line) ?? [];
    if (name === undefined) throw new DocumentError('it has a row that is none');
    if (seen.has(name)) continue;
    seen.add(name);
    rows.push({ name, bytes: bytes === '' ? undefined : Number(bytes), md5: md5 === '' ? undefined : md5 });
  }
  return rows.sort((a, b) => (a.name < b.name ? -1 : 1));
}
