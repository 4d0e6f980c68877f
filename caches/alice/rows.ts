/**
 * The rows of a folder as they are stored, whatever the upstream listed it as: `name TAB bytes TAB MD5 TAB mark`, one a line. Bytes, MD5 (32
 * hexadecimal digits) and the mark of the revision (an ETag, a date) may be missing. Rows are in the order in which they came.
 *
 * Folders have 100,000 rows and more. What is made of each is short-lived: objects that stay until the end would cost more than all else.
 */
import { DocumentError } from '../module';
import { canonicalSegment } from './target-patterns';

/** What one row costs at most: object stores have keys of 1,024 bytes. */
const LONGEST_NAME = 1024;
const MD5 = /^[0-9a-fA-F]{32}$/;
/** Bytes, MD5 and mark of a row. */
const FACTS = /^(\d{0,15})\t([0-9a-f]{32}|)\t([ -~]{0,100})$/;
const MARK = /^[ -~]{1,100}$/;
const PIECE_CHARS = 64 * 1024;

/** A text that grows by small pieces, as bytes. */
export class TextPieces {
  private readonly pieces: Buffer[] = [];
  private text = '';

  add(text: string): void {
    this.text += text;
    if (this.text.length < PIECE_CHARS) return;
    this.pieces.push(Buffer.from(this.text));
    this.text = '';
  }

  get isEmpty(): boolean {
    return this.text === '' && this.pieces.length === 0;
  }

  get bytes(): Buffer {
    return Buffer.concat([...this.pieces, Buffer.from(this.text)]);
  }
}

/** Collects rows as bytes. */
export class RowWriter {
  private readonly rows = new TextPieces();

  /** @param isMarked whether marks are kept: nothing is ever made of a link's */
  constructor(private readonly isMarked: boolean) {}

  /** Adds a file. Names that no client may ask for are left out. @param md5 of any form: if it is no MD5, it is a mark @param date another mark */
  add(name: string, bytes: number | undefined, md5: string | undefined, date?: string): void {
    if (name.length > LONGEST_NAME || canonicalSegment(name) === undefined) return;
    const length = bytes !== undefined && Number.isSafeInteger(bytes) && bytes >= 0 ? bytes : '';
    const digest = md5 !== undefined && MD5.test(md5) ? md5.toLowerCase() : '';
    const said = !this.isMarked ? '' : md5 === undefined || md5 === '' ? (date ?? '') : md5;
    this.rows.add(`${name}\t${length}\t${digest}\t${MARK.test(said) ? said : ''}\n`);
  }

  get bytes(): Buffer {
    return this.rows.bytes;
  }
}

/** Told of one file. `bytes`, `md5` (lower-case hexadecimal) and `mark` are '' where the upstream did not tell them. */
export type RowVisitor = (name: string, bytes: string, md5: string, mark: string) => void;

/**
 * Shows the rows in the order of their names' UTF-16 code units, each name once (of several the first).
 * @throws DocumentError before the first row is shown, or in between
 */
export function visitRows(body: Buffer, visit: RowVisitor): void {
  const text = body.toString('utf8');
  if (text !== '' && !text.endsWith('\n')) throw new DocumentError('its last row is cut off');
  if (isOrdered(text)) return eachRow(text, visit);
  const first = new Map<string, readonly [bytes: string, md5: string, mark: string]>();
  eachRow(text, (name, ...facts) => void (first.has(name) || first.set(name, facts)));
  for (const [name, facts] of [...first].sort(([a], [b]) => (a < b ? -1 : 1))) visit(name, ...facts);
}

/** Most stores list in order: to find that out costs less than to make sure of it. */
function isOrdered(text: string): boolean {
  let before = '';
  for (let at = 0; at < text.length;) {
    const end = text.indexOf('\n', at);
    const name = text.slice(at, nameEnd(text, at, end));
    if (name <= before) return false;
    before = name;
    at = end + 1;
  }
  return true;
}

function eachRow(text: string, visit: RowVisitor): void {
  for (let at = 0; at < text.length;) {
    const end = text.indexOf('\n', at);
    const tab = nameEnd(text, at, end);
    const [, bytes, md5, mark] = FACTS.exec(text.slice(tab + 1, end)) ?? [];
    if (bytes === undefined || md5 === undefined || mark === undefined) throw new DocumentError('it has a row that is none');
    visit(text.slice(at, tab), bytes, md5, mark);
    at = end + 1;
  }
}

/** Where the name ends in the row from `at` to `end`. @throws DocumentError if there is none */
function nameEnd(text: string, at: number, end: number): number {
  const tab = text.indexOf('\t', at);
  if (tab <= at || tab > end) throw new DocumentError('it has a row that is none');
  return tab;
}
