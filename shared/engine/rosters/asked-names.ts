/**
 * Which files of a roster clients use: a newer generation is shown only when these are held. Kept in the ledger, so that a cache that
 * slept, and its sister processes, know it too.
 */
import type { Origin } from '../../config/config';
import { errorText } from '../../errors';
import type { EngineRooms } from '../rooms';

/** A name that nobody asked for this long is not waited for. */
const REMEMBER_DAYS = 14;
const DAY_MS = 24 * 3600 * 1000;
/** Names whose note is known to be of today. */
const MOST_NOTED = 10_000;

export class AskedNames {
  private readonly noted = new Map<string, number>();

  constructor(private readonly rooms: EngineRooms) {}

  /** A client asked for a name. Never waits. */
  note(origin: Origin, folder: string, name: string): void {
    const note = `${this.prefix(origin, folder)}${name}`;
    const today = this.today();
    if (this.noted.get(note) === today) return;
    if (this.noted.size >= MOST_NOTED) this.noted.clear();
    this.noted.set(note, today);
    this.rooms.store.setNote(note, String(today)).catch((error: unknown) => {
      this.noted.delete(note);
      this.rooms.log.warn('not-storing', { key: note, reason: errorText(error) });
    });
  }

  /** Names below a folder that clients asked for lately. Never rejects. */
  async of(origin: Origin, folder: string): Promise<string[]> {
    const prefix = this.prefix(origin, folder);
    const since = this.today() - REMEMBER_DAYS;
    const kept = await this.rooms.store.notes(prefix).catch(() => []);
    const names = new Set(kept.flatMap(({ name, value }) => (Number(value) >= since ? [name.slice(prefix.length)] : [])));
    for (const [note, day] of this.noted) if (day >= since && note.startsWith(prefix)) names.add(note.slice(prefix.length));
    return [...names];
  }

  /** Folders below a path of which clients asked for one of these indexes lately, however compressed. Never rejects. */
  async folders(origin: Origin, below: string, stems: readonly string[]): Promise<string[]> {
    const start = `asked|${this.rooms.module.name}|${origin.name}|`;
    const kept = await this.rooms.store.notes(start + below).catch(() => []);
    const folders = new Set<string>();
    for (const note of [...kept.map(({ name }) => name), ...this.noted.keys()]) {
      const [folder = '', name = ''] = note.slice(start.length).split('|');
      if (note.startsWith(start + below) && stems.some((stem) => name === stem || name.startsWith(`${stem}.`))) folders.add(folder);
    }
    return [...folders];
  }

  private prefix(origin: Origin, folder: string): string {
    return `asked|${this.rooms.module.name}|${origin.name}|${folder}|`;
  }

  private today(): number {
    return Math.floor(this.rooms.now() / DAY_MS);
  }
}
