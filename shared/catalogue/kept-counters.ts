/** The counters in the ledger, read by programs that are not its cache: without waiting, and without making a file. */
import { existsSync } from 'node:fs';
import Database from 'libsql';
import { closeQuietly, type Connection } from './database';

/**
 * Counters by cache and name; undefined where there is no ledger, or it cannot be read by this user now.
 * @param file of the ledger
 */
export function readCounters(file: string): Record<string, Record<string, number>> | undefined {
  if (!existsSync(file)) return undefined;
  const logs = ['-wal', '-shm'].filter((suffix) => existsSync(file + suffix)).length;
  // Half a log would be made whole, by a file that belongs to whoever looks.
  if (logs === 1) return undefined;
  let connection: Connection | undefined;
  try {
    connection = new Database(logs === 0 ? `file:${encodeURI(file).replace(/[?#]/g, encodeURIComponent)}?immutable=1` : file, {
      readonly: true,
    });
    const rows = connection.prepare('SELECT cache, name, value FROM counters').all([]) as Array<{
      cache: string;
      name: string;
      value: number;
    }>;
    const result: Record<string, Record<string, number>> = {};
    for (const { cache, name, value } of rows) (result[cache] ??= {})[name] = value;
    return result;
  } catch {
    return undefined;
  } finally {
    closeQuietly(connection);
  }
}
