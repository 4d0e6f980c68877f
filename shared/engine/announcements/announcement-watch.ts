/** Watches over lists that are not renewed, and over revisions that are announced and cannot be had: told in the log and in the status. */
import type { Log } from '../../log/types';
import type { Plan } from '../plan';

/** A list that could not be renewed for this long is said to be overdue. */
const OVERDUE_MS = 20 * 60_000;
/** The same complaint is logged once in this time. */
const REPEAT_MS = 10 * 60_000;
const MOST_COMPLAINTS = 1_000;

/** For the status. */
export interface AnnouncementTrouble {
  /** Canonical path of the list. */
  readonly list: string;
  /** Name of its origin. */
  readonly origin: string;
  /** What is not shown, or that nothing is renewed. */
  readonly what: string;
  readonly reason: string;
  /** ms since the epoch. */
  readonly since: number;
}

export class AnnouncementWatch {
  private readonly failing = new Map<string, AnnouncementTrouble>();
  private readonly heldBack = new Map<string, AnnouncementTrouble>();
  private readonly complaints = new Map<string, number>();
  /** When a list was confirmed last, ms since the epoch, and how often one showed something new. */
  confirmedAt: number | undefined;
  news = 0;

  constructor(
    private readonly log: Log,
    private readonly now: () => number,
  ) {}

  /** By the servers of an origin. */
  renewed(list: Plan, origin: string): void {
    this.confirmedAt = this.now();
    this.failing.delete(`${list.key}|${origin}`);
  }

  /** No server of an origin could say anything. @param confirmedAt when the list was renewed last, if it ever was */
  failed(list: Plan, origin: string, reason: string, confirmedAt: number | undefined): void {
    const id = `${list.key}|${origin}`;
    const name = { list: list.path, origin };
    const since = this.failing.get(id)?.since ?? confirmedAt ?? this.now();
    this.failing.set(id, { ...name, what: 'the list is not renewed', reason, since });
    if (this.isOverdue(since)) this.complain('error', 'announcement-overdue', id, { ...name, reason, since: iso(since) });
  }

  cannotBeHad(list: Plan, target: string, reason: string): void {
    const id = `${list.key}|${target}`;
    const since = this.heldBack.get(id)?.since ?? this.now();
    this.heldBack.set(id, { ...nameOf(list), what: `${target} is announced and cannot be had`, reason, since });
    this.complain('warn', 'announcement-held-back', id, { ...nameOf(list), target, reason });
  }

  /** Of a list only these are still announced in vain. */
  onlyInVain(list: Plan, targets: ReadonlySet<string>): void {
    for (const id of this.heldBack.keys()) {
      if (id.startsWith(`${list.key}|`) && !targets.has(id.slice(list.key.length + 1))) this.heldBack.delete(id);
    }
  }

  /** What somebody should know of. */
  troubles(): readonly AnnouncementTrouble[] {
    return [...[...this.failing.values()].filter(({ since }) => this.isOverdue(since)), ...this.heldBack.values()];
  }

  private isOverdue(since: number): boolean {
    return this.now() - since >= OVERDUE_MS;
  }

  private complain(level: 'warn' | 'error', event: string, id: string, facts: Readonly<Record<string, string>>): void {
    const at = this.now();
    const last = this.complaints.get(`${event} ${id}`);
    if (last !== undefined && Math.abs(at - last) < REPEAT_MS) return;
    if (this.complaints.size >= MOST_COMPLAINTS) this.complaints.clear();
    this.complaints.set(`${event} ${id}`, at);
    this.log[level](event, facts);
  }
}

function nameOf({ path, origin }: Plan): { readonly list: string; readonly origin: string } {
  return { list: path, origin: origin.name };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
