/** `status`: one table of all caches, and below it what needs somebody's attention. */
import type { CacheConfig } from '../config/config';
import { inUnits } from '../config/effective';
import type { Status } from '../http/status';
import type { Context } from './context';
import { isConfigured, reachable } from './context';
import { findRunning } from './control';

/** One line of the table. */
export interface StatusRow {
  readonly cache: string;
  readonly port: number;
  readonly state: 'up' | 'down' | 'not configured';
  readonly status?: Status;
}

const HEADINGS = ['cache', 'state', 'address', 'hits', 'misses', 'stale', 'revalidated', 'errors', 'passes', 'held'];

export async function showStatus(context: Context): Promise<void> {
  const rows = (await Promise.all(context.caches.map((cache) => rowsOf(context, cache)))).flat();
  for (const line of renderStatus(rows)) context.out(line);
}

async function rowsOf(context: Context, cache: CacheConfig): Promise<StatusRow[]> {
  const running = await findRunning(context.config.cacheDir, cache.name);
  const configured = isConfigured(context, cache);
  if (running.length === 0) return [{ cache: cache.name, port: cache.port, state: configured ? 'down' : 'not configured' }];
  return running.map(({ status }) => ({ cache: cache.name, port: status.port, state: configured ? 'up' : 'not configured', status }));
}

/** The table and the notes below it, as lines. */
export function renderStatus(rows: readonly StatusRow[]): string[] {
  const table = [HEADINGS, ...rows.map(cells)];
  const widths = HEADINGS.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  const numeric = (column: number): boolean => column >= 3 && column !== 8;
  const lines = table.map((row) =>
    row
      .map((cell, column) => (numeric(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
  return [...lines, ...rows.flatMap(notes)];
}

function cells({ cache, port, state, status }: StatusRow): string[] {
  if (!status) return [cache, state, `port ${port}`, ...Array.from({ length: HEADINGS.length - 3 }, () => '-')];
  const { hits, misses, stale, revalidated, errors, passes } = status.counters;
  const passed = Object.entries(passes).filter(([, count]) => count > 0);
  return [
    cache,
    state,
    `${reachable(status.addresses[0] ?? '127.0.0.1')}:${port}`,
    ...[hits, misses, stale, revalidated, errors].map(String),
    passed.map(([reason, count]) => `${count} (${reason})`).join(' ') || '0',
    `${inUnits(status.bytesHeld)} in ${status.entries}`,
  ];
}

function notes({ cache, state, status }: StatusRow): string[] {
  const lines: string[] = [];
  if (state === 'not configured') lines.push(`${cache}: no upstream; set UPSTREAM_${cache}`);
  if (status?.notStoring) lines.push(`${cache}: not storing: ${status.notStoring.reason}; ${status.notStoring.remedy}`);
  if (status?.digestChanges) {
    const { count, newest } = status.digestChanges;
    const files = count === 1 ? '1 released file' : `${count} released files`;
    lines.push(
      `${cache}: the index now promises other bytes for ${files}; newest: ${newest.key}, ${new Date(newest.at).toISOString()}, ` +
        `held ${newest.held}, promised ${newest.promised}`,
    );
  }
  for (const { list, origin, what, reason, since } of status?.announcements ?? [])
    lines.push(`${cache}: ${list} of ${origin}: ${what} since ${new Date(since).toISOString()} (${reason})`);
  for (const { base, healthy, retryAt, lastError } of status?.mirrors ?? []) {
    if (!healthy)
      lines.push(
        `${cache}: upstream ${base} fails${lastError ? ` (${lastError})` : ''}; asked again at ${new Date(retryAt).toISOString()}`,
      );
  }
  return lines;
}
