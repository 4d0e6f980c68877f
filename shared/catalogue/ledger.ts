/**
 * The ledger: what cannot be made again and must survive the removal of the store. Small, written with full
 * synchronisation, in the state directory. Lives in the committer's thread.
 */
import { closeQuietly, openDatabase, type Connection } from './database';

const SCHEMA = `
CREATE TABLE IF NOT EXISTS digest_changes (
  key TEXT NOT NULL, held TEXT NOT NULL, promised TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (key, held, promised)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS counters (cache TEXT NOT NULL, name TEXT NOT NULL, value INTEGER NOT NULL, PRIMARY KEY (cache, name)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS notes (name TEXT PRIMARY KEY, value TEXT NOT NULL, at INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS notes_age ON notes (at);
CREATE TABLE IF NOT EXISTS first_seen (key TEXT PRIMARY KEY, integrity TEXT NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS first_seen_age ON first_seen (at);
`;

/** Notes that are kept; beyond, the oldest of the same kind goes. */
const MOST_NOTES = 20_000;
/** First digests that are kept; beyond, the oldest goes. */
const MOST_FIRST_SEEN = 500_000;

/** A released file whose promised digest changed; `at` in ms since the epoch. */
interface DigestChange {
  readonly key: string;
  readonly held: string;
  readonly promised: string;
  readonly at: number;
}

/** A note: the name begins with its kind, `guard|…`; `at` in ms since the epoch. */
interface Note {
  readonly name: string;
  readonly value: string;
  readonly at: number;
}

/** Opened on first use. Every method throws SqliteError if the file cannot be had. */
export class Ledger {
  private connection: Connection | undefined;

  constructor(private readonly file: string) {}

  /** Notes a digest change once, however often it is met. */
  addDigestChange(change: DigestChange): void {
    this.open()
      .prepare('INSERT OR IGNORE INTO digest_changes VALUES (?, ?, ?, ?)')
      .run([change.key, change.held, change.promised, change.at]);
  }

  /** Newest first. */
  digestChanges(): DigestChange[] {
    const rows = this.open().prepare('SELECT key, held, promised, at FROM digest_changes ORDER BY at DESC').all() as DigestChange[];
    return rows.map(({ key, held, promised, at }) => ({ key, held, promised, at }));
  }

  /** Adds to counters, in one transaction. */
  addCounters(cache: string, deltas: Readonly<Record<string, number>>): void {
    this.inTransaction((connection) => {
      const add = connection.prepare(
        'INSERT INTO counters VALUES (?, ?, ?) ON CONFLICT (cache, name) DO UPDATE SET value = value + excluded.value',
      );
      for (const [name, delta] of Object.entries(deltas)) if (delta !== 0) add.run([cache, name, delta]);
    });
  }

  /** All counters: cache, then name. */
  counters(): Record<string, Record<string, number>> {
    const result: Record<string, Record<string, number>> = {};
    const rows = this.open().prepare('SELECT cache, name, value FROM counters').all() as Array<{
      cache: string;
      name: string;
      value: number;
    }>;
    for (const { cache, name, value } of rows) (result[cache] ??= {})[name] = value;
    return result;
  }

  note(name: string): string | undefined {
    return (this.open().prepare('SELECT value FROM notes WHERE name = ?').get([name]) as { value: string } | undefined)?.value;
  }

  /** Notes whose name begins with a prefix, by name. U+10FFFF is the last character of SQLite's byte order. */
  notes(prefix: string): Note[] {
    const select = this.open().prepare('SELECT name, value, at FROM notes WHERE name >= ? AND name < ? ORDER BY name');
    return (select.all([prefix, `${prefix}\u{10FFFF}`]) as Note[]).map(({ name, value, at }) => ({ name, value, at }));
  }

  /** Writes notes, replacing those of the same name, in one transaction. A new note over the limit costs the oldest of its kind. */
  setNotes(notes: readonly Note[]): void {
    this.inTransaction((connection) => {
      const set = connection.prepare(
        'INSERT INTO notes VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value, at = excluded.at',
      );
      const drop = connection.prepare(
        `DELETE FROM notes WHERE name = (SELECT name FROM notes WHERE name >= ? AND name < ? AND name <> ? ORDER BY at LIMIT 1)`,
      );
      const { count } = connection.prepare('SELECT count(*) AS count FROM notes').get([]) as { count: number };
      const has = connection.prepare('SELECT 1 FROM notes WHERE name = ?');
      let total = count;
      for (const { name, value, at } of notes) {
        if (!has.get([name])) total++;
        set.run([name, value, at]);
        const kind = name.slice(0, name.indexOf('|') + 1);
        if (total > MOST_NOTES) total -= drop.run([kind, `${kind}\u{10FFFF}`, name]).changes;
      }
    });
  }

  dropNote(name: string): void {
    this.open().prepare('DELETE FROM notes WHERE name = ?').run([name]);
  }

  /** The digest (SRI) of the first bytes that were seen of a key for which nothing promises one. */
  firstSeen(key: string): string | undefined {
    return (this.open().prepare('SELECT integrity FROM first_seen WHERE key = ?').get([key]) as { integrity: string } | undefined)
      ?.integrity;
  }

  /** @param at ms since the epoch */
  setFirstSeen(key: string, integrity: string, at: number, most = MOST_FIRST_SEEN): void {
    this.inTransaction((connection) => {
      connection
        .prepare('INSERT INTO first_seen VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE SET integrity = excluded.integrity, at = excluded.at')
        .run([key, integrity, at]);
      const { count } = connection.prepare('SELECT count(*) AS count FROM first_seen').get([]) as { count: number };
      if (count > most) connection.prepare('DELETE FROM first_seen WHERE key = (SELECT key FROM first_seen ORDER BY at LIMIT 1)').run([]);
    });
  }

  /** Forgets the first digests of all keys that begin with a prefix. */
  dropFirstSeen(prefix: string): void {
    this.open()
      .prepare('DELETE FROM first_seen WHERE key >= ? AND key < ?')
      .run([prefix, `${prefix}\u{10FFFF}`]);
  }

  close(): void {
    closeQuietly(this.connection);
    this.connection = undefined;
  }

  private inTransaction(work: (connection: Connection) => void): void {
    const connection = this.open();
    connection.exec('BEGIN IMMEDIATE');
    try {
      work(connection);
      connection.exec('COMMIT');
    } catch (error) {
      try {
        connection.exec('ROLLBACK');
      } catch {
        // SQLite has rolled back by itself (SQLITE_FULL, SQLITE_IOERR).
      }
      throw error;
    }
  }

  private open(): Connection {
    return (this.connection ??= openDatabase(this.file, SCHEMA, 'FULL'));
  }
}
