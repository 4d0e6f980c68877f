/**
 * Reading cacache's folders without loading cacache (its require takes 43 ms, and a hit needs only this). The formats
 * are its content-v2 and index-v5: `content-v2/<algorithm>/aa/bb/rest` by digest, `index-v5/aa/bb/rest` by SHA-256 of the
 * key; a bucket is lines of `<sha1 of the JSON>\t<JSON>`, the last good line of the key holds. A test compares every
 * function here with cacache's own. Writing is left to cacache (writer.ts).
 */
import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { ENTRY_VERSION, type Entry } from './entry';

/** One line of the index, as cacache writes it. `integrity` is null in a tombstone. */
export interface IndexLine {
  readonly key: string;
  readonly integrity: string | null;
  readonly size?: number;
  readonly time: number;
  readonly metadata?: unknown;
}

const CONTENT = 'content-v2';
const INDEX = 'index-v5';

/** Where cacache has the bytes. */
export function contentFolder(root: string): string {
  return join(root, CONTENT);
}

/** Where cacache has the entries. */
export function indexFolder(root: string): string {
  return join(root, INDEX);
}

/** Path of the bytes of a content address. @throws Error if the SRI is not one `<algorithm>-<base64>` */
export function contentFile(root: string, integrity: string): string {
  const match = /^(sha1|sha256|sha384|sha512)-([A-Za-z0-9+/]+=*)$/.exec(integrity);
  if (!match?.[1] || !match[2]) throw new Error(`not a content address: ${integrity.slice(0, 200)}`);
  const hex = Buffer.from(match[2], 'base64').toString('hex');
  return `${root}/${CONTENT}/${match[1]}/${hex.slice(0, 2)}/${hex.slice(2, 4)}/${hex.slice(4)}`;
}

/** Path of the index bucket of a key. */
export function bucketFile(root: string, key: string): string {
  const hex = createHash('sha256').update(key).digest('hex');
  return `${root}/${INDEX}/${hex.slice(0, 2)}/${hex.slice(2, 4)}/${hex.slice(4)}`;
}

/** The lines of a bucket whose hash is right, oldest first. A line torn by a crash is passed over. */
export function bucketLines(data: string): IndexLine[] {
  const lines: IndexLine[] = [];
  for (const line of data.split('\n')) {
    const parsed = parseLine(line);
    if (parsed) lines.push(parsed);
  }
  return lines;
}

/** The line that holds for a key: the newest good one, unless that is a tombstone. Parses from the end: usually one line. */
export function newestLine(data: string, key: string): IndexLine | undefined {
  let end = data.length;
  while (end > 0) {
    const start = data.lastIndexOf('\n', end - 1);
    const line = parseLine(data.slice(start + 1, end));
    if (line?.key === key) return line.integrity === null ? undefined : line;
    end = start;
  }
  return undefined;
}

/** The entry of a line, or undefined if another version of the format wrote it (kept and evictable, never served). */
export function entryOf(line: IndexLine): Entry | undefined {
  const facts = line.metadata as Partial<Entry> | null | undefined;
  if (facts?.v !== ENTRY_VERSION || line.integrity === null || line.size === undefined) return undefined;
  return { ...(facts as Entry), key: line.key, integrity: line.integrity, size: line.size };
}

/** Reads the line that holds for a key; undefined if there is none. Blocks. @throws NodeJS.ErrnoException except ENOENT */
export function readLine(root: string, key: string): IndexLine | undefined {
  let descriptor: number;
  try {
    descriptor = openSync(bucketFile(root, key), 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return newestLine(readWhole(descriptor), key);
  } finally {
    closeSync(descriptor);
  }
}

/** Most buckets fit: eight lines of an entry with a few chunks. One buffer serves all, since reading is synchronous. */
const scratch = Buffer.allocUnsafe(16 * 1024);

function readWhole(descriptor: number): string {
  const read = readSync(descriptor, scratch, 0, scratch.length, 0);
  if (read < scratch.length) return scratch.toString('utf8', 0, read);
  const buffer = Buffer.allocUnsafe(fstatSync(descriptor).size);
  let filled = 0;
  for (let more = -1; filled < buffer.length && more !== 0; filled += more)
    more = readSync(descriptor, buffer, filled, buffer.length - filled, filled);
  return buffer.toString('utf8', 0, filled);
}

function parseLine(line: string): IndexLine | undefined {
  const tab = line.indexOf('\t');
  if (tab !== 40) return undefined;
  const json = line.slice(tab + 1);
  if (createHash('sha1').update(json).digest('hex') !== line.slice(0, tab)) return undefined;
  try {
    return JSON.parse(json) as IndexLine;
  } catch {
    return undefined;
  }
}
