/**
 * The ledger: what cannot be made again and must survive the removal of the store. Small, written with full
 * synchronisation, in the state directory. Lives in the committer's thread.
 */
import { closeQuietly, openDatabase, type Connection } from './database';

const SCHEMA = `
CREATE TABLE IF NOT EXISTS digest_changes (
  key TEXT NOT NULL, held TEXT NOT NULL, promised TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (key, held, promised)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS counters (cache TEXT NOT NULL, name TEXT NOT NULL, value INTEGER NOT NULL, PRIMARY KEY (cache, name)) WITHOUT ROWID;
`;

/** A released file whose promised digest changed; `at` in ms since the epoch. */
interface DigestChange {
  readonly key: string;
  readonly held: string;
  readonly promised: string;
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
    const connection = this.open();
    connection.exec('BEGIN IMMEDIATE');
    try {
      const add = connection.prepare(
        'INSERT INTO counters VALUES (?, ?, ?) ON CONFLICT (cache, name) DO UPDATE SET value = value + excluded.value',
      );
      for (const [name, delta] of Object.entries(deltas)) if (delta !== 0) add.run([cache, name, delta]);
      connection.exec('COMMIT');
    } catch (error) {
      connection.exec('ROLLBACK');
      throw error;
    }
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

  close(): void {
    closeQuietly(this.connection);
    this.connection = undefined;
  }

  private open(): Connection {
    return (this.connection ??= openDatabase(this.file, SCHEMA, 'FULL'));
  }
}
