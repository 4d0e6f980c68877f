/**
 * The store's writing side: every method runs inside the catalogue's write transaction, in the committer's thread. The only
 * file that loads cacache.
 *
 * Order of a commit, so that a crash between any two steps leaves no wrong entry: intent, rename of the bytes, index line,
 * catalogue row, unlink of bytes that nothing refers to any more, epoch, COMMIT. Bytes are unlinked while readers may have
 * them open: an open descriptor survives that on POSIX systems, and is the rule on which readers rely. A reader that opens
 * too late gets ENOENT and looks the entry up again.
 */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { bucketFile, contentFile, entryOf, readLine, type IndexLine } from './bucket';
import { crashAt } from './crash';
import { ENTRY_VERSION, type Entry, type NewEntry } from './entry';
import type { EpochWriter } from './epoch';
import { Intent } from './intent';
import { moduleOf, type EntryPatch } from './jobs';
import type { Row, Rows } from './rows';
import type { Body } from './types';

/** A bucket is compacted when it is longer than this many of the line just written. */
const COMPACT_LINES = 8;
/** Bad blobs kept for inspection. */
const QUARANTINE_FILES = 32;

let loaded: typeof import('cacache') | undefined;
/** Loads cacache on first use: its require takes 43 ms. */
function cacache(): typeof import('cacache') {
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- an import at the top would be loaded by readers too
  return (loaded ??= require('cacache') as typeof import('cacache'));
}

export class Writer {
  /** Keys of this transaction that changed, by module. */
  readonly changes = new Map<string, string[]>();
  /** Modules whose epoch moves with this transaction. */
  private readonly moved = new Set<string>();
  private readonly intent: Intent;
  private readonly bufferFile: string;
  /** While rows may be missing nobody knows which bytes are referred to; rebuild.ts collects them in its second phase. */
  private keepsBytes = false;
  /** Bytes replaced by commits that are still under way: another of them may be about to refer to the same bytes. */
  private readonly replaced = new Set<string>();

  constructor(
    readonly root: string,
    private readonly rows: Rows,
    private readonly epochs: EpochWriter,
  ) {
    this.intent = new Intent(root);
    // One name for all buffers: only the holder of the lock writes here, so a crash leaves one file at most.
    this.bufferFile = join(this.intent.folder, 'body');
  }

  /** First thing in a transaction: makes good what a crashed process began. */
  begin(): void {
    this.changes.clear();
    this.moved.clear();
    this.replaced.clear();
    this.keepsBytes = lacksRows(this.rows.meta('rebuild'));
    rmSync(this.bufferFile, { force: true }); // A crash may have left it.
    for (const { file, keys, contents } of this.intent.leftovers()) {
      for (const key of keys) this.recover(key);
      for (const integrity of contents) this.release(integrity);
      rmSync(file, { force: true });
    }
  }

  /** Last thing before COMMIT: tells the other processes. */
  beforeCommit(): void {
    for (const integrity of this.replaced) this.release(integrity);
    for (const module of this.moved) this.epochs.bump(module);
    crashAt('before-commit');
  }

  afterCommit(): void {
    this.intent.fulfilled();
  }

  afterRollback(): void {
    this.intent.abandoned();
  }

  /**
   * Several commits of different keys may be under way at once; nothing else beside them.
   * @param again the same job is tried a second time: its file may be in place already
   * @throws NodeJS.ErrnoException
   */
  async commit(key: string, facts: NewEntry, body: Body, again: boolean): Promise<Entry> {
    const held = readLine(this.root, key);
    this.intent.add([key], held?.integrity ? [facts.integrity, held.integrity] : [facts.integrity]);
    this.place(facts.integrity, facts.size, body, again);
    crashAt('after-rename');
    const entry: Entry = { ...facts, v: ENTRY_VERSION, key };
    await this.insert(entry);
    crashAt('after-index');
    this.rows.put(rowOf(key, entry.integrity, entry.size, entry, Date.now()));
    if (held?.integrity && held.integrity !== entry.integrity) this.replaced.add(held.integrity);
    if (held && differsForOthers(entryOf(held), entry)) this.moved.add(entry.module);
    this.changed(key, entry.module);
    return entry;
  }

  /** @returns undefined if other bytes (or none) are held by now */
  async amend(key: string, integrity: string, patch: EntryPatch): Promise<Entry | undefined> {
    const held = this.entry(key);
    if (held?.integrity !== integrity) return undefined;
    const entry: Entry = { ...held, ...patch, v: ENTRY_VERSION, key, integrity, size: held.size, chunks: held.chunks };
    await this.insert(entry);
    if (differsForOthers(held, entry)) this.moved.add(entry.module);
    this.changed(key, entry.module);
    return entry;
  }

  /** Removes keys, and bytes that no key refers to any more. @returns entries and bytes that are gone */
  async remove(keys: readonly string[]): Promise<{ removed: number; bytes: number }> {
    const lines = keys.map((key) => [key, readLine(this.root, key)] as const);
    this.intend(
      keys,
      lines.flatMap(([, line]) => line?.integrity ?? []),
    );
    let removed = 0;
    let bytes = 0;
    for (const [key, line] of lines) {
      const row = this.rows.row(key);
      if (line) await this.removeLine(key);
      this.rows.delete(key);
      for (const integrity of new Set([line?.integrity, row?.integrity])) if (integrity) bytes += this.release(integrity);
      if (!line && !row) continue;
      removed++;
      this.moved.add(moduleOf(key));
      this.changed(key, moduleOf(key));
    }
    return { removed, bytes };
  }

  /** Moves bad bytes aside and removes every key that refers to them. */
  async quarantine(integrity: string): Promise<void> {
    const keys = this.rows.keysOf(integrity);
    this.intend(keys, [integrity]);
    const file = contentFile(this.root, integrity);
    for (const key of keys) {
      if (readLine(this.root, key)?.integrity === integrity) await this.removeLine(key);
      this.rows.delete(key);
      this.moved.add(moduleOf(key));
      this.changed(key, moduleOf(key));
    }
    this.moveAside(file);
  }

  /** The entry held now. @throws NodeJS.ErrnoException */
  entry(key: string): Entry | undefined {
    const line = readLine(this.root, key);
    return line && entryOf(line);
  }

  /** Tells the other processes that something of a module changed that they may hold in memory (pins). */
  move(module: string): void {
    this.moved.add(module);
  }

  /** Unlinks bytes that no key refers to. @returns how many bytes that gave back */
  release(integrity: string): number {
    if (this.keepsBytes || this.rows.refersTo(integrity)) return 0;
    const file = contentFile(this.root, integrity);
    const size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
    rmSync(file, { force: true });
    return size;
  }

  /** Drops an index line whose bytes are gone or cut short; for rebuild.ts. */
  async dropLine(line: IndexLine): Promise<void> {
    await this.removeLine(line.key);
    this.moved.add(moduleOf(line.key));
  }

  /** A removal goes on even if the disk is too full to announce it: it is what makes room. rebuild.ts mends the rest. */
  private intend(keys: readonly string[], contents: readonly string[]): void {
    try {
      this.intent.add(keys, contents);
    } catch {
      // See above.
    }
  }

  private recover(key: string): void {
    const line = readLine(this.root, key);
    if (line) this.rows.put(rowOfLine(line));
    else this.rows.delete(key);
    this.moved.add(moduleOf(key));
  }

  /**
   * Renames the bytes to their content address, over what may be there: the bytes at hand were just verified, those on
   * disk were not, and a reader of the old file keeps it. Either way one copy is left.
   */
  private place(integrity: string, size: number, body: Body, again: boolean): void {
    const target = contentFile(this.root, integrity);
    const source = 'buffer' in body ? this.writeBuffer(body.buffer) : body.file;
    const found = statSync(source, { throwIfNoEntry: false })?.size;
    if (found === undefined && again && statSync(target, { throwIfNoEntry: false })?.size === size) return;
    if (found !== undefined && found !== size) {
      throw Object.assign(new Error(`a body of ${found} bytes was handed over as one of ${size}`), { code: 'EBADSIZE' });
    }
    try {
      renameSync(source, target);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || existsSync(dirname(target))) throw error;
      mkdirSync(dirname(target), { recursive: true });
      renameSync(source, target);
    }
  }

  private writeBuffer(buffer: Buffer): string {
    try {
      writeFileSync(this.bufferFile, buffer);
    } catch (error) {
      rmSync(this.bufferFile, { force: true }); // Half a body on a full disk would keep it full.
      throw error;
    }
    return this.bufferFile;
  }

  private async insert(entry: Entry): Promise<void> {
    const { key, integrity, size, ...metadata } = entry;
    // cacache answers undefined, instead of an error, when the folder vanishes under it.
    const inserted = (await cacache().index.insert(this.root, key, integrity, { size, metadata })) as unknown;
    const found = statSync(bucketFile(this.root, key), { throwIfNoEntry: false });
    if (!inserted || !found) throw Object.assign(new Error('the index could not be written'), { code: 'ENOENT' });
    if (found.size > COMPACT_LINES * (Buffer.byteLength(JSON.stringify(metadata)) + key.length + integrity.length + 120)) {
      await cacache()
        .index.compact(this.root, key, (one, other) => one.key === other.key)
        .catch(() => undefined); // The line is written; a long bucket is only slow.
    }
  }

  private async removeLine(key: string): Promise<void> {
    // removeFully: a bucket is named by the SHA-256 of the key, so it holds no other; a tombstone would stay for ever.
    const options = { removeFully: true };
    await (cacache().rm.entry as (root: string, key: string, options: object) => Promise<unknown>)(this.root, key, options);
  }

  private moveAside(file: string): void {
    const folder = join(this.root, 'quarantine');
    mkdirSync(folder, { recursive: true });
    const name = `${Date.now()}-${basename(dirname(dirname(file)))}${basename(dirname(file))}${basename(file).slice(0, 24)}`;
    try {
      renameSync(file, join(folder, name));
    } catch {
      rmSync(file, { force: true });
    }
    const old = readdirSync(folder).sort().slice(0, -QUARANTINE_FILES);
    for (const other of old) rmSync(join(folder, other), { force: true });
  }

  private changed(key: string, module: string): void {
    const keys = this.changes.get(module);
    if (keys) keys.push(key);
    else this.changes.set(module, [key]);
  }
}

/** Whether a rebuild (its state as JSON) still has index lines to read. */
function lacksRows(rebuild: string | undefined): boolean {
  return rebuild !== undefined && (JSON.parse(rebuild) as { phase?: string }).phase === 'index';
}

/** Whether another process that holds the old entry in memory would serve something wrong. */
function differsForOthers(old: Entry | undefined, now: Entry): boolean {
  return !old || old.integrity !== now.integrity || old.contradicted !== now.contradicted || Boolean(old.stale) !== Boolean(now.stale);
}

/** The catalogue's row of an index line of any version. */
export function rowOfLine(line: IndexLine): Row {
  const facts = (line.metadata ?? {}) as Partial<Entry>;
  return rowOf(line.key, line.integrity ?? '', line.size ?? 0, facts, facts.storedAt ?? line.time);
}

function rowOf(key: string, integrity: string, size: number, facts: Partial<Entry>, lastUse: number): Row {
  const module = moduleOf(key);
  return { key, module, kind: facts.kind ?? 'file', integrity, size, lastUse, storedAt: facts.storedAt ?? lastUse };
}
