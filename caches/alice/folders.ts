/**
 * How the object stores that ALICE uses, and web servers, list a folder: which pages to ask for, and how to read them. A marker is the part of
 * a query that asks for the next page.
 */
import { isUtf8 } from 'node:buffer';
import type { DocumentPage, PagedSource } from '../module';
import { JsonText, Names } from '../parsers/json';
import { RowWriter } from './rows';
import { readS3 } from './s3-listing';
import { plainText } from './target-patterns';

/** Swift gives pages of 10,000 unless its operator says otherwise, and says nothing of whether there is more. Nobody wants pages of fewer entries. */
const SWIFT_LEAST = 100;
/** Only of tarballs it matters whether they are the same as before. */
const STORE_FOLDER = /^\/TARS\/[^/]+\/store\//;

export const folders: PagedSource = {
  forms: ['autoindex', 's3', 'swift'],

  likely(base) {
    // CERN's Ceph, and Swift itself: the container is what stands behind the account.
    return /\/(?:swift\/v1|v1\/AUTH_[^/]+)\/[^/]+$/.test(base) ? ['swift'] : ['autoindex', 's3', 'swift'];
  },

  page(form, path, marker) {
    if (form === 'autoindex') return path;
    const asked = `${form === 's3' ? 'list-type=2' : 'format=json'}&prefix=${encodeURIComponent(prefixOf(path))}&delimiter=%2F`;
    return `/?${asked}${marker === undefined ? '' : `&${marker}`}`;
  },

  read(form, body, path) {
    const isMarked = STORE_FOLDER.test(path);
    if (form === 's3') return readS3(body, prefixOf(path), isMarked);
    const json = jsonArray(body);
    const rows = new RowWriter(isMarked);
    if (!json) return form === 'swift' ? readText(body.toString('utf8'), prefixOf(path), rows) : undefined;
    return form === 'swift' ? readSwift(json, prefixOf(path), rows) : readAutoindex(json, rows);
  },
};

/** The beginning of the keys in a folder, as they really are. */
function prefixOf(path: string): string {
  return plainText(path.slice(1)) ?? path.slice(1);
}

/** @returns undefined if it is something else @throws DocumentError if it looks like an array and is none */
function jsonArray(body: Buffer): JsonText | undefined {
  const first = /\S/.exec(body.toString('latin1', 0, 64))?.[0];
  if (first !== '[') return undefined;
  // Web servers list names as the disk has them, in whatever encoding: one of those is not worth all the others.
  return new JsonText(isUtf8(body) ? body : Buffer.from(body.toString('utf8')), true);
}

const AUTOINDEX = new Names('name', 'type', 'size', 'mtime');

/** nginx: `[{ "name":"…", "type":"file", "mtime":"…", "size":100 }]`. */
function readAutoindex(json: JsonText, rows: RowWriter): DocumentPage | undefined {
  for (const element = json.elements(json.root); element.next();) {
    let name: string | undefined;
    let type: string | undefined;
    let size: number | undefined;
    let date: string | undefined;
    for (const member = json.members(element); member.next();) {
      const key = member.among(AUTOINDEX);
      if (key === 'name') name = json.text(member);
      else if (key === 'type') type = json.text(member);
      else if (key === 'size') size = json.number(member);
      else if (key === 'mtime') date = json.text(member);
    }
    // Other stores' names have folders in them; without a type it is none of nginx's.
    if (name === undefined || type === undefined || name.includes('/')) return undefined;
    if (type === 'file') rows.add(name, size, undefined, date);
  }
  return { rows: rows.bytes };
}

const SWIFT = new Names('name', 'subdir', 'hash', 'bytes', 'last_modified');

/**
 * Swift: `[{"name":"<whole key>","hash":"<MD5>","bytes":…,"last_modified":…}, {"subdir":"<key>/"}]`. The hash of an object that was uploaded
 * in parts is that of a list of parts, and has another form or no length that it belongs to: Ceph writes it with a dash, Swift gives 0 bytes.
 */
function readSwift(json: JsonText, prefix: string, rows: RowWriter): DocumentPage | undefined {
  let count = 0;
  let last = '';
  for (const element = json.elements(json.root); element.next(); count++) {
    let name: string | undefined;
    let subdir: string | undefined;
    let hash: string | undefined;
    let bytes: number | undefined;
    let date: string | undefined;
    for (const member = json.members(element); member.next();) {
      const key = member.among(SWIFT);
      if (key === 'name') name = json.text(member);
      else if (key === 'subdir') subdir = json.text(member);
      else if (key === 'hash') hash = json.text(member);
      else if (key === 'bytes') bytes = json.number(member);
      else if (key === 'last_modified') date = json.text(member);
    }
    const key = name ?? subdir;
    if (key === undefined || !key.startsWith(prefix)) return undefined;
    last = key;
    const rest = key.slice(prefix.length);
    if (name !== undefined && !rest.includes('/')) rows.add(rest, bytes, hash, date);
  }
  return page(rows, count, last);
}

/** Swift's plain text, which it gives where `format` does not arrive: whole keys and folders, a line each. @returns undefined if it is another text */
function readText(text: string, prefix: string, rows: RowWriter): DocumentPage | undefined {
  const keys = text.split('\n');
  if (keys.pop() !== '' || keys.length === 0 || !keys.every((key) => key.startsWith(prefix))) return undefined;
  for (const key of keys) if (!key.includes('/', prefix.length)) rows.add(key.slice(prefix.length), undefined, undefined);
  return page(rows, keys.length, keys.at(-1) ?? '');
}

/** A page of Swift, of so many entries, of which this is the last. */
function page(rows: RowWriter, count: number, last: string): DocumentPage {
  return { rows: rows.bytes, ...(count >= SWIFT_LEAST ? { next: `marker=${encodeURIComponent(last)}` } : {}) };
}
