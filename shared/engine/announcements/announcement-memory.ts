/**
 * Which revisions of a subject a list has named, in the order in which they were first seen: what tells the newest, since their names do
 * not. Kept in the ledger, so that every process, also of a later life, knows the same.
 */
import { errorText } from '../../errors';
import type { Plan } from '../plan';
import type { EngineRooms } from '../rooms';

/** Revisions remembered of a subject. Those that nobody has listed for longest are forgotten first: one that a server lists is never taken for new. */
const MOST_SEEN = 300;
/** How precisely it is remembered when a revision was listed last. */
const LISTED_STEP_MS = 10 * 60_000;

/** A revision; times in ms since the epoch. */
export interface SeenRevision {
  readonly target: string;
  readonly firstAt: number;
  /** When a server listed it last, to within ten minutes. */
  listedAt: number;
  /** Clients were shown it. */
  shown?: true;
}

/** Oldest first. */
export type History = readonly SeenRevision[];

export class AnnouncementMemory {
  /** What could not be written, or was not read again yet. */
  private readonly unwritten = new Map<string, string>();

  constructor(private readonly rooms: EngineRooms) {}

  /** What was seen of a subject in a list. Never rejects. */
  async of(list: Plan, subject: string): Promise<SeenRevision[]> {
    const name = noteOf(list, subject);
    const value = this.unwritten.get(name) ?? (await this.rooms.store.note(name).catch(() => undefined));
    return parse(value);
  }

  /** Never rejects: what cannot be written is kept in memory. */
  async write(list: Plan, subject: string, history: History): Promise<void> {
    const name = noteOf(list, subject);
    const value = JSON.stringify(
      remembered(history).map(({ target, firstAt, listedAt, shown }) => [target, firstAt, listedAt, shown ? 1 : 0]),
    );
    try {
      await this.rooms.store.setNote(name, value);
      this.unwritten.delete(name);
    } catch (error) {
      this.unwritten.set(name, value);
      this.rooms.log.warn('not-storing', { key: name, reason: errorText(error) });
    }
  }

  /** Keys that are not to be evicted, for a list or one of its subjects, instead of those that were. Never rejects. */
  async keep(list: Plan, subject: string | undefined, keys: readonly string[]): Promise<void> {
    const name = subject === undefined ? `kept|${list.key}` : `kept|${list.key}|${subject}`;
    const value = JSON.stringify([...keys].sort());
    if ((await this.rooms.store.note(name).catch(() => undefined)) === value) return;
    await this.rooms.store
      .setNote(name, value)
      .catch((error: unknown) => this.rooms.log.warn('not-storing', { key: name, reason: errorText(error) }));
  }
}

/** Notes that revisions were listed now; new ones go to the end, in the order given. @returns whether that is to be written */
export function noteListed(history: SeenRevision[], targets: readonly string[], now: number): boolean {
  let isNews = false;
  for (const target of targets) {
    const known = history.find((one) => one.target === target);
    if (!known) history.push({ target, firstAt: now, listedAt: now });
    else if (now - known.listedAt >= LISTED_STEP_MS) known.listedAt = now;
    else continue;
    isNews = true;
  }
  return isNews;
}

function remembered(history: History): History {
  const surplus = history.length - MOST_SEEN;
  if (surplus <= 0) return history;
  const forgotten = new Set(history.toSorted((a, b) => a.listedAt - b.listedAt).slice(0, surplus));
  return history.filter((one) => !forgotten.has(one));
}

function noteOf(list: Plan, subject: string): string {
  return `announced|${list.key}|${subject}`;
}

function parse(value: string | undefined): SeenRevision[] {
  try {
    const rows = JSON.parse(value ?? '[]') as unknown[];
    return rows.flatMap((row) => {
      const [target, firstAt, listedAt, shown] = Array.isArray(row) ? (row as unknown[]) : [];
      if (typeof target !== 'string' || typeof firstAt !== 'number' || typeof listedAt !== 'number') return [];
      return [{ target, firstAt, listedAt, ...(shown === 1 ? { shown: true as const } : {}) }];
    });
  } catch {
    return [];
  }
}
