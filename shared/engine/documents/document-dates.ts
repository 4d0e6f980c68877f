/**
 * The date that clients are told of a document, where they revalidate by nothing else (routes with `dated`). It moves forward with every
 * revision, and with everything else that makes renderings other ones: settings, and the version of this program. Two revisions of one second
 * get two dates.
 */
import { createHash } from 'node:crypto';
import type { Route } from '../../../caches/module';
import { programVersion } from '../../config/version';
import { errorText } from '../../errors';
import type { EntryFacts } from '../../store/entry';
import type { EngineRooms } from '../rooms';

const SECOND = 1000;

/** What an answer says of its date. */
export interface Dated {
  readonly lastModified?: string;
  readonly weakDate?: true;
}

/** When a new revision is said to be from, ms since the epoch in whole seconds: now, but later than the one before. */
export function revisionDate(nowMs: number, before: Pick<EntryFacts, 'storedAt' | 'revisedAt'> | undefined): number {
  const now = Math.floor(nowMs / SECOND) * SECOND;
  const last = before && (before.revisedAt ?? Math.floor(before.storedAt / SECOND) * SECOND);
  return last === undefined ? now : Math.max(now, last + SECOND);
}

export class DocumentDates {
  /** Since when renderings are made as they are now, ms since the epoch. */
  private since: Promise<number> | undefined;

  constructor(private readonly rooms: EngineRooms) {}

  /** Only the very date that was sent is confirmed: another one is of another revision, or of another cache. Never rejects. */
  async of(route: Route, entry: EntryFacts): Promise<Dated> {
    if (!route.dated) return entry.lastModified === undefined ? {} : { lastModified: entry.lastModified };
    const revised = entry.revisedAt ?? Math.floor(entry.storedAt / SECOND) * SECOND;
    const since = await (this.since ??= this.readSince());
    return { lastModified: new Date(Math.max(revised, since)).toUTCString(), weakDate: true };
  }

  /** The note in the ledger, made anew if what it says is not how things are now. */
  private async readSince(): Promise<number> {
    const { store, cache, module, log, now } = this.rooms;
    const name = `manner|${module.name}`;
    const manner = createHash('sha256')
      .update(JSON.stringify([cache.distUrls, cache.publicUrl, programVersion()]))
      .digest('base64url');
    try {
      const [noted, at] = ((await store.note(name)) ?? '').split(' ');
      if (noted === manner && Number.isSafeInteger(Number(at))) return Number(at);
      // Of the very first one nobody can have another rendering.
      const since = noted === '' ? 0 : revisionDate(now(), Number.isSafeInteger(Number(at)) ? { storedAt: Number(at) } : undefined);
      await store.setNote(name, `${manner} ${since}`);
      return since;
    } catch (error) {
      log.warn('ledger-unreadable', { reason: errorText(error) });
      return revisionDate(now(), undefined);
    }
  }
}
