/** Opening an SQLite file so that several processes and containers can share it: the only importer of libsql. */
import { mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import Database from 'libsql';

export type Connection = Database.Database;

/** How long one statement waits for another process before it fails with SQLITE_BUSY, ms. */
const BUSY_MS = 2000;
const OPEN_ATTEMPTS = 200;

/**
 * Opens (and creates) a database in WAL mode and runs `schema` on it. Blocks; for worker threads. Two processes that
 * switch a fresh file to WAL at the same moment get SQLITE_BUSY in spite of the busy timeout: hence the attempts.
 * @throws SqliteError
 */
export function openDatabase(file: string, schema: string, synchronous: 'NORMAL' | 'FULL'): Connection {
  mkdirSync(dirname(file), { recursive: true });
  for (let attempt = 1; ; attempt++) {
    let connection: Connection | undefined;
    try {
      connection = new Database(file);
      connection.pragma(`busy_timeout=${BUSY_MS}`);
      connection.pragma('journal_mode=WAL');
      connection.pragma(`synchronous=${synchronous}`);
      connection.pragma('wal_autocheckpoint=512');
      connection.pragma('journal_size_limit=4194304');
      connection.pragma('cache_size=-4096');
      connection.exec(`BEGIN IMMEDIATE; ${schema} COMMIT`);
      return connection;
    } catch (error) {
      closeQuietly(connection);
      if (!isBusy(error) || attempt >= OPEN_ATTEMPTS) throw error;
      pause(5 + Math.random() * 20);
    }
  }
}

/** Blocks this thread; only workers wait for a lock. */
function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/** Closes what may be broken or not open. Never throws. */
export function closeQuietly(connection: Connection | undefined): void {
  try {
    connection?.close();
  } catch {
    // A connection to a broken file has nothing left to lose.
  }
}

function sqliteCode(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' && code.startsWith('SQLITE') ? code : '';
}

/** Whether another process holds the lock. */
export function isBusy(error: unknown): boolean {
  return /^SQLITE_(BUSY|LOCKED)/.test(sqliteCode(error));
}

/** Whether there was no room left on the disk. */
export function isFull(error: unknown): boolean {
  return sqliteCode(error).startsWith('SQLITE_FULL') || isFullIo(error);
}

/** On a full tmpfs the shared-memory file or the log cannot grow, and SQLite reports an I/O error instead of a full disk. */
function isFullIo(error: unknown): boolean {
  return /^SQLITE_IOERR_(SHM|WRITE|TRUNCATE)/.test(sqliteCode(error));
}

/** The file is damaged or is not a database of ours: it is to be made anew. */
export function isCorrupt(error: unknown): boolean {
  return (
    /^SQLITE_(CORRUPT|NOTADB|SCHEMA|FORMAT)/.test(sqliteCode(error)) ||
    /no such (table|column)|malformed/.test(String((error as Error)?.message))
  );
}

/** Whether SQLite threw it. */
export function isSqlite(error: unknown): boolean {
  return sqliteCode(error) !== '';
}

/** Device and inode: tells whether the path still leads to the file that was opened. undefined if there is none. */
export function fileIdentity(file: string): string | undefined {
  // Never open and close the file itself here: closing any descriptor of it drops SQLite's POSIX locks of this process.
  const found = statSync(file, { throwIfNoEntry: false });
  return found && `${found.dev}:${found.ino}`;
}

/** Changes at each boot, the same in all containers of a machine; '' where the system does not say. */
export function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return '';
  }
}

/** Removes a database that cannot be used. Its logs go first: a left-over log must not be replayed into the next file. */
export function removeDatabase(file: string): void {
  for (const suffix of ['-wal', '-shm', '']) rmSync(file + suffix, { force: true });
}
