/**
 * The bytes of one file from wherever they can be had: its addresses in turn, other mirrors when bytes were wrong, the archive that it
 * is a member of when no address has it. Nothing is given back before it was judged.
 */
import type { ImmutableRoute } from '../../../caches/module';
import { LarderError } from '../../errors';
import { digestBuffer } from '../../integrity/digest';
import type { NewEntry } from '../../store/entry';
import type { TakenOut } from './archive-source';
import type { Download } from '../bodies/download';
import { fileEntry } from './file-entry';
import type { FileJudge } from './file-judge';
import type { FileForm } from './file-form';
import { isAbsence, isOfPlace, type FilePlaces } from './file-places';
import { hostOf, notThere, type Head } from '../bodies/head';
import type { PinSource } from './pin-source';
import type { Plan } from '../plan';
import { pointedAt, promisedBy, type Pointed } from './pointed';
import type { EngineRooms } from '../rooms';

/** What a file is found by, and how it is judged. */
export interface FileClues {
  readonly pins: PinSource;
  readonly places: FilePlaces;
  /** The file as the member of an archive; undefined if it is none. @throws LarderError */
  readonly takeOut?: () => Promise<TakenOut | undefined>;
}

export interface FileSearchOptions extends FileClues {
  readonly rooms: EngineRooms;
  readonly plan: Plan;
  readonly judge: FileJudge;
  readonly download: Download;
  readonly signal: AbortSignal;
  /** Told what the upstream said, as often as it says so. */
  readonly announce: (head: Head) => void;
  /** What the body is, where a URL is several files; undefined if it is one that was not asked for. */
  readonly form: () => Promise<FileForm | undefined>;
}

/** What an address answered. */
type Opened = Awaited<ReturnType<Download['open']>> & {
  /** What was asked in the end. */
  readonly path: string;
  /** Digest that the place itself promises, as SRI. */
  readonly promised?: string;
};

/** Why an address was of no use. */
interface Failed {
  readonly error: LarderError;
  /** Its bytes were not the file. */
  readonly isWrong: boolean;
}

export class FileSearch {
  constructor(private readonly its: FileSearchOptions) {}

  /** @returns the record of what is now in the body @throws LarderError */
  async run(): Promise<NewEntry> {
    const { rooms, places, download } = this.its;
    let worst: Failed | undefined;
    let wrong: { readonly path: string; readonly base: string; readonly disturbed: boolean } | undefined;
    for (let path = await places.first(); ;) {
      const tried = await this.attempt(path);
      if ('entry' in tried) return tried.entry;
      if (worst === undefined || gravity(tried) > gravity(worst)) worst = tried;
      if (this.mayBeElsewhere(tried)) continue;
      if (tried.isWrong) {
        wrong = { path, base: download.base, disturbed: download.disturbed };
        download.disturbed = false;
        await download.rewind();
      }
      const next = await places.next(rooms.config.timeouts.headersMs);
      // Halves that do not belong together are our own doing: once more, from the start. Else the next mirror is tried, if there is one.
      const again = next === undefined && wrong && (wrong.disturbed || download.refute(wrong.base)) ? wrong.path : undefined;
      if (again !== undefined) wrong = undefined;
      if (next === undefined && again === undefined) break;
      path = next ?? again ?? path;
    }
    if (gravity(worst) > 0) throw worst.error;
    // That it is not here means nothing as long as nobody could say where it is.
    return (await this.asMember()) ?? Promise.reject(places.undecided() ?? worst.error);
  }

  /** Where each mirror has it or not, one that does not have it is not asked again, and the others are. */
  private mayBeElsewhere({ error, isWrong }: Failed): boolean {
    const { plan, download } = this.its;
    const isScattered = (plan.route as ImmutableRoute).scattered === true;
    return isScattered && !isWrong && isAbsence(error) && download.refute(download.base);
  }

  /** One address, to the end. @throws LarderError when it broke off too often, or was stopped */
  private async attempt(path: string): Promise<{ readonly entry: NewEntry } | Failed> {
    const { rooms, plan, download, judge, signal, announce } = this.its;
    let opened: Opened;
    try {
      opened = await this.open(path);
    } catch (error) {
      if (signal.aborted || !isOfPlace(error)) throw error;
      return { error, isWrong: false };
    }
    const { head, response, refusal } = opened;
    if (!response) return refusal ? { error: refusal, isWrong: true } : { error: notThere(plan, head), isWrong: false };
    announce(head);
    const digest = await download.readAll(response, opened.path);
    const form = await this.its.form();
    if (!form) return { error: unasked(download.base, plan), isWrong: true };
    const { promised } = opened;
    const arrival = { path, guessed: download.guessed, upstream: download.base, ...(promised === undefined ? {} : { promised }) };
    const judged = await judge.judge(digest, arrival);
    if ('wrong' in judged) return { error: judged.wrong, isWrong: true };
    return { entry: fileEntry(plan, inForm(plan, download.latest ?? head, form), judged.digest, judged.pin, rooms.now()) };
  }

  /** The answer of an address, or of the place that its stub names. @throws LarderError */
  private async open(path: string): Promise<Opened> {
    const { rooms, plan, download } = this.its;
    const opened = await download.open(path);
    if (!opened.response) return { ...opened, path };
    const there = promisedBy(plan, opened.response.url);
    let pointed: Pointed | undefined;
    try {
      pointed = there === undefined ? pointedAt(rooms, plan, opened.response) : undefined;
    } catch (error) {
      opened.response.body.destroy();
      throw error;
    }
    if (!pointed) return { ...opened, path, ...(there === undefined ? {} : { promised: there }) };
    opened.response.body.destroy();
    await download.rewind();
    return { ...(await download.open(pointed.path)), path: pointed.path, promised: pointed.integrity };
  }

  /** Out of its archive, judged like any other bytes. @returns undefined if it is in none, or another there @throws LarderError */
  private async asMember(): Promise<NewEntry | undefined> {
    const { rooms, plan, download, judge, announce } = this.its;
    const taken = await this.its.takeOut?.();
    if (!taken) return undefined;
    const { bytes, head } = taken;
    await download.replace(bytes);
    const digest = digestBuffer(bytes, download.algorithms);
    const judged = await judge.judge(digest, { path: plan.path, guessed: false, upstream: head.base });
    if ('wrong' in judged) {
      // What is promised is nowhere: that is told, so that clients do without it, and nothing of this stays.
      await download.rewind();
      return undefined;
    }
    announce(head);
    return fileEntry(plan, head, judged.digest, judged.pin, rooms.now());
  }
}

function unasked(base: string, plan: Plan): LarderError {
  const reason = 'zstd came although it was not asked for';
  return new LarderError('upstream-failed', { host: hostOf(base), reason, target: plan.path });
}

/** Where a URL is several files, what they are is told by their bytes; what the upstream calls them is no coding of ours. */
function inForm(plan: Plan, head: Head, { contentType }: FileForm): Head {
  if ((plan.route as ImmutableRoute).encodings === undefined) return head;
  const { contentEncoding: _, ...rest } = head;
  return { ...rest, contentType };
}

/** What tells most of several failures: wrong bytes, then trouble, then that it is not there. */
function gravity({ error, isWrong }: Failed): 0 | 1 | 2 {
  return isWrong ? 2 : isAbsence(error) ? 0 : 1;
}
