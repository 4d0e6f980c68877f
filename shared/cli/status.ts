/** `status`: one table of all caches, and below it what needs somebody's attention. */
import { upstreamSetting } from '../../caches/module';
import type { CacheConfig } from '../config/config';
import { inUnits } from '../config/effective';
import { ledgerFile } from '../config/files';
import { countersOf } from '../http/counter-names';
import type { Status, StatusCounters } from '../http/status';
import type { Context } from './context';
import { isAboutContainers, isConfigured, moduleOf, reachable } from './context';
import { findRunning } from './control';
import type { UnitState } from './systemd/systemctl';
import { socketOf } from './systemd/unit-names';
import { unitNotes, unitStates } from './systemd/woken';

/** One line of the table. */
export interface StatusRow {
  readonly cache: string;
  readonly port: number;
  /** asleep: systemd listens for it. */
  readonly state: 'up' | 'down' | 'asleep' | 'not configured';
  /** What systemd says of its socket, if it has one. */
  readonly socket?: string;
  /** The setting that is missing, if it is not configured. */
  readonly missing?: string;
  readonly status?: Status;
  /** What it counted, where no process tells. */
  readonly counters?: StatusCounters;
}

const HEADINGS = ['cache', 'state', 'address', 'hits', 'misses', 'stale', 'revalidated', 'errors', 'passes', 'held'];

/** Prints the table of the caches that the command is about. */
export async function showStatus(context: Context): Promise<void> {
  const units = unitStates(context);
  const rows = (await Promise.all(context.caches.map((cache) => rowsOf(context, cache, units.get(socketOf(cache.name)))))).flat();
  const inside = isAboutContainers(context) ? await (await import('./containers/verbs')).containerRows(context) : [];
  const shown = rows.filter(({ cache, status }) => status || !inside.some((row) => row.cache === cache));
  const place = ({ cache }: StatusRow): number => context.caches.findIndex(({ name }) => name === cache);
  const all = [...shown, ...inside].sort((a, b) => place(a) - place(b));
  for (const line of [...renderStatus(all, Date.now()), ...unitNotes(context, units)]) context.out(line);
}

async function rowsOf(context: Context, cache: CacheConfig, unit: UnitState | undefined): Promise<StatusRow[]> {
  const running = await findRunning(context.config.cacheDir, cache.name);
  const missing = isConfigured(context, cache) ? undefined : upstreamSetting(moduleOf(context, cache));
  const row = (port: number, state: 'up' | 'down' | 'asleep'): StatusRow => ({
    cache: cache.name,
    port,
    ...(missing === undefined ? { state } : { state: 'not configured', missing }),
    ...(unit && { socket: unit.active === 'active' ? unit.sub : unit.active }),
  });
  if (running.length === 0) {
    // SQLite is loaded here alone.
    const { readCounters } = await import('../catalogue/kept-counters');
    const counted = readCounters(ledgerFile(context.config))?.[cache.name];
    const asleep = row(portOf(unit) ?? cache.port, unit?.active === 'active' ? 'asleep' : 'down');
    return [{ ...asleep, ...(counted && { counters: countersOf(counted) }) }];
  }
  return running.map(({ status }) => ({ ...row(status.port, 'up'), status }));
}

/** The port that systemd listens on: settings may have changed since. */
function portOf(unit: UnitState | undefined): number | undefined {
  const port = Number(/:(\d+)$/.exec(unit?.listens[0] ?? '')?.[1]);
  return port > 0 ? port : undefined;
}

/** The table and the notes below it, as lines. @param now ms since the epoch */
export function renderStatus(rows: readonly StatusRow[], now: number): string[] {
  const hasSockets = rows.some(({ socket }) => socket !== undefined);
  const table = [HEADINGS, ...rows.map(cells)].map((cellsOfRow, index) =>
    hasSockets ? [...cellsOfRow, index === 0 ? 'socket' : (rows[index - 1]?.socket ?? '-')] : cellsOfRow,
  );
  const widths = (table[0] ?? []).map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  const numeric = (column: number): boolean => column >= 3 && column !== 8 && column < HEADINGS.length;
  const lines = table.map((row) =>
    row
      .map((cell, column) => (numeric(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
  return [...lines, ...rows.flatMap((row) => notes(row, now))];
}

function cells({ cache, port, state, status, counters = status?.counters }: StatusRow): string[] {
  const address = status ? `${reachable(status.addresses[0] ?? '127.0.0.1')}:${port}` : `port ${port}`;
  const held = status ? `${inUnits(status.bytesHeld)} in ${status.entries}` : '-';
  if (!counters) return [cache, state, address, ...Array.from({ length: HEADINGS.length - 4 }, () => '-'), held];
  const { hits, misses, stale, revalidated, errors, passes } = counters;
  const passed = Object.entries(passes).filter(([, count]) => count > 0);
  const counts = [hits, misses, stale, revalidated, errors].map(String);
  return [cache, state, address, ...counts, passed.map(([reason, count]) => `${count} (${reason})`).join(' ') || '0', held];
}

function notes({ cache, missing, status }: StatusRow, now: number): string[] {
  const lines: string[] = [];
  if (missing !== undefined) lines.push(`${cache}: no upstream; set ${missing}`);
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
        `${cache}: upstream ${base} fails${lastError ? ` (${lastError})` : ''}; asked again ${retryAt > now ? `at ${new Date(retryAt).toISOString()}` : 'with the next request'}`,
      );
  }
  return lines;
}
