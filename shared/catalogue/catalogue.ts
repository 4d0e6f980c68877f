/**
 * The catalogue: what the store must be able to ask quickly and can make again from its index (keys, sizes, last use) or
 * from upstream (pins). Its write transaction is the store's only lock. Synchronous; lives in the committer's thread.
 */
import { join } from 'node:path';
import { bootId, closeQuietly, fileIdentity, isBusy, isCorrupt, openDatabase, removeDatabase, type Connection } from './database';
import { CATALOGUE_SCHEMA, CATALOGUE_VERSION } from './schema';

export { isCorrupt, isFull, isSqlite } from './database';

/** One held key. Times in ms since the epoch, sizes in bytes. */
export interface Row {
  readonly key: string;
  readonly module: string;
  readonly kind: string;
  readonly integrity: string;
  readonly size: number;
  readonly lastUse: number;
  readonly storedAt: number;
}

export interface Total {
  readonly module: string;
  readonly entries: number;
  readonly bytes: number;
}

/** How long the lock is waited for, ms; longer means that its holder is stopped, and the caller serves on without storing. */
const LOCK_MS = 30_000;
/** Keys that one question is answered with. */
const MOST_KEYS = 10_000;

const COLUMNS = 'key, module, kind, integrity, size, last_use AS lastUse, stored_at AS storedAt';

type Statement = ReturnType<Connection['prepare']>;

export class Catalogue {
  readonly file: string;
  private connection: Connection | undefined;
  private identity: string | undefined;
  private statements = new Map<string, Statement>();

  constructor(cacheDir: string) {
    this.file = join(cacheDir, `catalogue-v${CATALOGUE_VERSION}.db`);
  }

  /**
   * Takes the lock; every other method needs it, but for `pinsOf`, `pinRevision`, `heldAmong` and `heldBelow`. Opens the file first if it is not open, was
   * deleted or replaced (another process found it damaged), and makes a damaged one anew.
   * @throws SqliteError SQLITE_BUSY after 30 s; others if the file cannot be had
   */
  begin(): void {
    const giveUpAt = Date.now() + LOCK_MS;
    for (;;) {
      this.open();
      try {
        this.run('BEGIN IMMEDIATE');
      } catch (error) {
        if (isCorrupt(error)) this.discard();
        else if (!isBusy(error) || Date.now() > giveUpAt) throw error;
        continue;
      }
      let isOurs = false;
      try {
        // The file may have been deleted while we waited: two files would be two locks.
        isOurs = fileIdentity(this.file) === this.identity;
      } finally {
        // Also if that cannot be told: whoever throws here has no lock.
        if (!isOurs) {
          this.rollback();
          this.close();
        }
      }
      if (isOurs) return;
    }
  }

  /** @throws SqliteError */
  commit(): void {
    this.run('COMMIT');
  }

  rollback(): void {
    try {
      this.run('ROLLBACK');
    } catch {
      // SQLite has rolled back by itself (SQLITE_FULL, SQLITE_IOERR).
    }
  }

  /** Opens the file unless it is open. @throws SqliteError */
  open(): void {
    if (this.connection && fileIdentity(this.file) === this.identity) return;
    this.close();
    for (let attempt = 0; ; attempt++) {
      try {
        this.connection = openDatabase(this.file, CATALOGUE_SCHEMA, 'NORMAL');
        this.identity = fileIdentity(this.file);
        return;
      } catch (error) {
        if (!isCorrupt(error) || attempt > 2) throw error;
        removeDatabase(this.file);
      }
    }
  }

  /** Throws a damaged file away, unless another process has put a new one in its place already. */
  discard(): void {
    const ours = this.identity;
    this.close();
    if (fileIdentity(this.file) === ours) removeDatabase(this.file);
  }

  close(): void {
    this.statements.clear();
    closeQuietly(this.connection);
    this.connection = undefined;
    this.identity = undefined;
  }

  /** Names the boot and the file: another value than the one kept means a power cut is possible, or that this is a copy. */
  surroundings(): string {
    return `${bootId()} ${this.identity ?? ''}`;
  }

  row(key: string): Row | undefined {
    return this.get(`SELECT ${COLUMNS} FROM entries WHERE key = ?`, key) as Row | undefined;
  }

  put(row: Row): void {
    this.run(
      `INSERT INTO entries (key, module, kind, integrity, size, last_use, stored_at, seen)
       VALUES (?, ?, ?, ?, ?, ?, ?, (SELECT CAST(value AS INTEGER) FROM meta WHERE name = 'generation'))
       ON CONFLICT (key) DO UPDATE SET kind = excluded.kind, integrity = excluded.integrity,
         size = excluded.size, last_use = max(last_use, excluded.last_use), stored_at = excluded.stored_at, seen = excluded.seen`,
      row.key, row.module, row.kind, row.integrity, row.size, row.lastUse, row.storedAt,
    ); // prettier-ignore
  }

  /** Forgets a key. @returns whether it was there */
  delete(key: string): boolean {
    return this.run('DELETE FROM entries WHERE key = ?', key) > 0;
  }

  /** Whether any key refers to these bytes. */
  refersTo(integrity: string): boolean {
    return this.get('SELECT 1 AS found FROM entries WHERE integrity = ? LIMIT 1', integrity) !== undefined;
  }

  keysOf(integrity: string): string[] {
    return this.keys('SELECT key FROM entries WHERE integrity = ?', integrity);
  }

  /** Keys that begin with a prefix. U+10FFFF is the last character of SQLite's byte order. */
  keysWithPrefix(prefix: string): string[] {
    return this.keys('SELECT key FROM entries WHERE key >= ? AND key < ?', prefix, `${prefix}\u{10FFFF}`);
  }

  /** What is held whose keys begin with a prefix, by key, behind `after`; not more than MOST_KEYS. */
  heldBelow(prefix: string, after = ''): Array<Omit<Row, 'module' | 'lastUse'>> {
    const sql = `SELECT ${COLUMNS} FROM entries WHERE key >= ? AND key < ? AND key <> ? ORDER BY key LIMIT ${MOST_KEYS}`;
    const rows = this.all(sql, after.startsWith(prefix) ? after : prefix, `${prefix}\u{10FFFF}`, after) as Row[];
    return rows.map(({ key, kind, integrity, size, storedAt }) => ({ key, kind, integrity, size, storedAt }));
  }

  /** Which of these keys are held. */
  heldAmong(keys: readonly string[]): string[] {
    return this.keys('SELECT entries.key FROM json_each(?) AS asked JOIN entries ON entries.key = asked.value', JSON.stringify(keys));
  }

  touch(keys: readonly string[], now: number): void {
    this.run('UPDATE entries SET last_use = max(last_use, ?) WHERE key IN (SELECT value FROM json_each(?))', now, JSON.stringify(keys));
  }

  totals(): Total[] {
    return this.all('SELECT module, entries, bytes FROM totals') as Total[];
  }

  /** Eviction order: derived entries first, then by last use; of one module, or of all. */
  leastUsed(count: number, module?: string): Row[] {
    const where = module === undefined ? '' : 'WHERE module = ?';
    const sql = `SELECT ${COLUMNS} FROM entries ${where} ORDER BY kind = 'derived' DESC, last_use LIMIT ?`;
    return (module === undefined ? this.all(sql, count) : this.all(sql, module, count)) as Row[];
  }

  /** The same of keys that begin with a prefix. Sorts all of them. */
  leastUsedBelow(count: number, prefix: string): Row[] {
    const sql = `SELECT ${COLUMNS} FROM entries WHERE key >= ? AND key < ? ORDER BY kind = 'derived' DESC, last_use LIMIT ?`;
    return this.all(sql, prefix, `${prefix}\u{10FFFF}`, count) as Row[];
  }

  /** Bytes of all entries whose keys begin with a prefix. Reads all of them. */
  bytesBelow(prefix: string): number {
    const sql = 'SELECT coalesce(sum(size), 0) AS bytes FROM entries WHERE key >= ? AND key < ?';
    return (this.get(sql, prefix, `${prefix}\u{10FFFF}`) as { bytes: number }).bytes;
  }

  meta(name: string): string | undefined {
    return (this.get('SELECT value FROM meta WHERE name = ?', name) as { value: string } | undefined)?.value;
  }

  setMeta(name: string, value: string | undefined): void {
    if (value === undefined) this.run('DELETE FROM meta WHERE name = ?', name);
    else this.run('INSERT INTO meta VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value', name, value);
  }

  /** Forgets rows that the current rebuild did not meet, and pins of documents that are not held. @returns how many rows */
  deleteUnseen(): number {
    this.run('DELETE FROM pins WHERE NOT EXISTS (SELECT 1 FROM entries WHERE key = document)');
    return this.run("DELETE FROM entries WHERE seen < (SELECT CAST(value AS INTEGER) FROM meta WHERE name = 'generation')");
  }

  pinRevision(document: string): string | undefined {
    return (this.get('SELECT revision FROM pins WHERE document = ?', document) as { revision: string } | undefined)?.revision;
  }

  pinsOf(document: string): { revision: string; body: Buffer } | undefined {
    const row = this.get('SELECT revision, body FROM pins WHERE document = ?', document) as { revision: string; body: Buffer } | undefined;
    return row && { revision: row.revision, body: row.body };
  }

  setPins(document: string, revision: string, body: Buffer): void {
    this.run(
      'INSERT INTO pins VALUES (?, ?, ?) ON CONFLICT (document) DO UPDATE SET revision = excluded.revision, body = excluded.body',
      document, revision, body,
    ); // prettier-ignore
  }

  deletePins(documents: readonly string[]): void {
    this.run('DELETE FROM pins WHERE document IN (SELECT value FROM json_each(?))', JSON.stringify(documents));
  }

  deletePinsWithPrefix(prefix: string): void {
    this.run('DELETE FROM pins WHERE document >= ? AND document < ?', prefix, `${prefix}\u{10FFFF}`);
  }

  private keys(sql: string, ...values: unknown[]): string[] {
    return (this.all(sql, ...values) as Array<{ key: string }>).map((row) => row.key);
  }

  private run(sql: string, ...values: unknown[]): number {
    return this.statement(sql).run(values).changes;
  }

  private get(sql: string, ...values: unknown[]): unknown {
    return this.statement(sql).get(values);
  }

  private all(sql: string, ...values: unknown[]): unknown[] {
    return this.statement(sql).all(values);
  }

  private statement(sql: string): Statement {
    let statement = this.statements.get(sql);
    if (!statement) {
      if (!this.connection) this.open();
      statement = (this.connection as Connection).prepare(sql);
      this.statements.set(sql, statement);
    }
    return statement;
  }
}
