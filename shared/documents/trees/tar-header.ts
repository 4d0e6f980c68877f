/**
 * One header block of a tar archive, and the records of an extended one. Whatever two programs would read differently is refused: a verdict
 * on what one of them unpacks is worth nothing to whoever uses the other.
 * Formats: POSIX.1-2024 `pax` ("ustar Interchange Format", "pax Header Block"); GNU tar's manual, "Basic Tar Format".
 */
import { TreeError } from './git-tree';

export const BLOCK_BYTES = 512;

/** What an entry is; `other` is nothing that git knows (devices, pipes, parts of files). */
export type TarKind = 'file' | 'folder' | 'symlink' | 'link' | 'other';
/** What belongs to the entry behind it: records of POSIX (for all entries: `global`), GNU's long name and long target. */
export type TarExtension = 'records' | 'global' | 'long-name' | 'long-link';

/** Names and targets are bytes, as latin1 text. */
export interface TarHeader {
  readonly kind: TarKind | TarExtension;
  readonly name: string;
  readonly mode: number;
  /** Bytes of content behind it, without padding. */
  readonly size: number;
  readonly link: string;
}

const KINDS: Readonly<Record<string, TarHeader['kind']>> = {
  '\0': 'file',
  '0': 'file',
  '1': 'link',
  '2': 'symlink',
  '5': 'folder',
  // Reserved for files that lie in one piece; who does not know it takes it for a file.
  '7': 'file',
  x: 'records',
  g: 'global',
  L: 'long-name',
  K: 'long-link',
};
const SUM = { at: 148, end: 156 };
const BROKEN = 'it has a broken tar header';

/** @param block BLOCK_BYTES, not all of them zero @throws TreeError */
export function readTarHeader(block: Buffer): TarHeader {
  if (sumOf(block) !== numberAt(block, SUM.at, SUM.end)) throw new TreeError(BROKEN);
  const kind = KINDS[String.fromCharCode(block[156] as number)] ?? 'other';
  const isPosix = block.toString('latin1', 257, 263) === 'ustar\0';
  const prefix = textAt(block, 345, 500);
  // Older forms have other things there, which some programs take for the beginning of the name all the same.
  if (!isPosix && prefix !== '') throw new TreeError('the name of an entry is ambiguous');
  const name = textAt(block, 0, 100);
  const full = prefix === '' ? name : `${prefix}/${name}`;
  const header = { kind, name: full, mode: numberAt(block, 100, 108), size: numberAt(block, 124, 136), link: textAt(block, 157, 257) };
  // How folders were told from files before they had a kind.
  return kind === 'file' && full.endsWith('/') && header.size === 0 ? { ...header, kind: 'folder' } : header;
}

/** What extended headers say of the entry behind them. */
export interface TarRecords {
  name?: string;
  link?: string;
  size?: number;
}

/** @param text as latin1 @throws TreeError */
export function readTarRecords(text: string, isGlobal: boolean): TarRecords {
  const found: TarRecords = {};
  for (let at = 0; at < text.length;) {
    const space = text.indexOf(' ', at);
    const length = decimal(text.slice(at, space));
    const end = at + (length ?? 0);
    const equals = text.indexOf('=', space);
    if (space < at || length === undefined || end > text.length || equals < 0 || equals >= end || text[end - 1] !== '\n')
      throw new TreeError('an extended header is broken');
    const [key, value] = [text.slice(space + 1, equals), text.slice(equals + 1, end - 1)];
    at = end;
    const isSparse = key.startsWith('GNU.sparse.');
    if (!isSparse && key !== 'path' && key !== 'linkpath' && key !== 'size') continue;
    // Many programs do not follow what an extended header says of all entries; and what is sparse is unpacked in two ways.
    if (isGlobal || isSparse || value === '') throw new TreeError(`an extended header is ambiguous: ${key}`);
    if (key === 'path') found.name = value;
    else if (key === 'linkpath') found.link = value;
    else found.size = decimal(value) ?? broken();
  }
  return found;
}

/** GNU's long name or target: text that ends with NUL. @throws TreeError */
export function readLongName(data: Buffer): string {
  const text = textAt(data, 0, data.length);
  if (text === '' || text.length === data.length || data.subarray(text.length).some((byte) => byte !== 0))
    throw new TreeError('an extended header is broken');
  return text;
}

function broken(): never {
  throw new TreeError(BROKEN);
}

function sumOf(block: Buffer): number {
  let sum = 0;
  for (let at = 0; at < BLOCK_BYTES; at++) sum += at >= SUM.at && at < SUM.end ? 0x20 : (block[at] as number);
  return sum;
}

/** Up to the first NUL. */
function textAt(block: Buffer, from: number, to: number): string {
  const end = block.indexOf(0, from);
  return block.toString('latin1', from, end < 0 || end > to ? to : end);
}

/** Octal digits between spaces and NULs, or (first bit set) the number itself, highest byte first. @throws TreeError */
function numberAt(block: Buffer, from: number, to: number): number {
  const first = block[from] as number;
  if (first === 0x80) {
    let value = 0;
    for (let at = from + 1; at < to; at++) value = value * 256 + (block[at] as number);
    return Number.isSafeInteger(value) ? value : broken();
  }
  const text = /^ *([0-7]*)(?:[ \0]|$)/.exec(block.toString('latin1', from, to))?.[1];
  return text === undefined ? broken() : parseInt(`0${text}`, 8);
}

/** A whole number without sign; undefined: it is none. */
function decimal(text: string): number | undefined {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : NaN;
  return Number.isSafeInteger(value) ? value : undefined;
}
