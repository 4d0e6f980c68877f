/**
 * Learning what a document promises: the pins are kept, and every held file whose promise is new or changed is compared
 * with it. Reading and hashing happen before the lock is taken; the verdicts are applied inside it, to the same bytes only.
 */
import { contentFile, entryOf, readLine } from './bucket';
import type { Entry } from './entry';
import { moduleOf, type DigestChange, type Job } from './jobs';
import { compressPins, parsePins, type PinBook, type PinSheet } from './pin-book';
import type { PinConflict } from './types';
import type { Writer } from './writer';

export type LearnJob = Extract<Job, { op: 'learn' }>;

/** A held entry and what the document promises about its target. */
interface Judged {
  readonly entry: Entry;
  readonly target: string;
  readonly promised: string;
  readonly agrees: boolean;
  /** No digest says so, but the mark of a revision. */
  readonly isMarked: boolean;
}

/** What a document promises about a target. `agrees` is given where nothing has to be compared: the revision's mark is another one. */
interface Promised {
  readonly target: string;
  readonly promised: string;
  readonly agrees?: false;
}

/** Place of the mark in a compact pin. */
const MARK = 5;

/** What is to be done inside the lock. */
export interface Lesson {
  readonly job: LearnJob;
  readonly sheet: PinSheet;
  readonly body: Buffer;
  /** Whether an earlier revision promised something else: other processes' memories of it are outdated. */
  readonly outdates: boolean;
  readonly judged: readonly Judged[];
}

/** What preparing needs from other rooms. */
export interface Judge {
  /** Of these keys, those that are held. */
  held(keys: readonly string[]): string[];
  /** Whether bytes (content address, file) keep a promise; undefined if it cannot be said. */
  agrees(promised: string, integrity: string, file: string): boolean | undefined;
}

/** Everything that needs no lock. @throws NodeJS.ErrnoException if the index cannot be read */
export function prepareLesson(job: LearnJob, root: string, book: PinBook, judge: Judge): Lesson {
  const pins = parsePins(job.pins);
  const before = book.sheet(job.document);
  const targets = new Map<string, Promised>();
  let changed = 0;
  for (const [target, pin] of pins) {
    const old = before?.pins.get(target);
    const isSame = old && (old[1] ?? undefined) === (pin[1] ?? undefined);
    const isMarkedAnew = old?.[MARK] != null && pin[MARK] != null && old[MARK] !== pin[MARK];
    if (isSame && !isMarkedAnew) continue;
    changed++;
    if (pin[1]) targets.set(job.keyPrefix + target, { target, promised: pin[1] });
    else if (isMarkedAnew) targets.set(job.keyPrefix + target, { target, promised: `other bytes (${pin[MARK]})`, agrees: false });
  }
  const judged: Judged[] = [];
  for (const key of targets.size === 0 ? [] : judge.held([...targets.keys()])) {
    const line = readLine(root, key);
    const entry = line && entryOf(line);
    const promise = targets.get(key);
    if (!entry || !promise) continue;
    const agrees = promise.agrees ?? judge.agrees(promise.promised, entry.integrity, contentFile(root, entry.integrity));
    if (agrees !== undefined) judged.push({ entry, ...promise, agrees, isMarked: promise.agrees === false });
  }
  const outdates = before !== undefined && (changed > 0 || before.pins.size !== pins.size || before.revision !== job.revision);
  return { job, sheet: { revision: job.revision, pins }, body: compressPins(job.pins), outdates, judged };
}

/**
 * Applies a lesson. Agreeing entries get their pin. Of those that disagree, files that were verified before are marked
 * `contradicted` (a released version changed: the mark of an attack, so the old bytes are kept); unproven bytes are removed, or `contradicted`
 * too if it is only a mark that changed; documents, which may change, are stale.
 * @returns the entries newly contradicted, for the caller and the ledger
 */
export async function applyLesson(
  lesson: Lesson,
  writer: Writer,
  book: PinBook,
  now: number,
): Promise<{ conflicts: PinConflict[]; changes: DigestChange[] }> {
  const conflicts: PinConflict[] = [];
  for (const { entry, target, promised, agrees, isMarked } of lesson.judged) {
    const { key, integrity, pin } = entry;
    const current = writer.entry(key);
    if (current?.integrity !== integrity || current.pin !== pin) continue; // Committed anew meanwhile, against its own pin.
    if (agrees) {
      if (pin === undefined || current.contradicted !== undefined)
        await writer.amend(key, integrity, { ...dropped('contradicted'), pin: pin ?? promised });
    } else if (current.kind === 'document') await writer.amend(key, integrity, { stale: true });
    else if (pin === undefined && !isMarked) await writer.remove([key]);
    else if (current.contradicted !== promised) {
      await writer.amend(key, integrity, { contradicted: promised });
      conflicts.push({ key, target, held: pin ?? integrity, promised });
    }
  }
  book.write(lesson.job.document, lesson.sheet, lesson.body, lesson.job.pins.length);
  if (lesson.outdates) writer.move(moduleOf(lesson.job.document));
  return { conflicts, changes: conflicts.map(({ key, held, promised }) => ({ key, held, promised, at: now })) };
}

/** A patch that takes a field away: JSON leaves out what is undefined. */
function dropped(field: 'contradicted'): object {
  return { [field]: undefined };
}
