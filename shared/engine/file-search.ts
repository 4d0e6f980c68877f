/**
 * The bytes of one file from wherever they can be had: its addresses in turn, other mirrors when bytes were wrong, the archive that it
 * is a member of when no address has it. Nothing is given back before it was judged.
 */
import type { LarderError } from '../errors';
import { digestBuffer } from '../integrity/digest';
import type { NewEntry } from '../store/entry';
import type { TakenOut } from './archive-source';
import type { Download } from './download';
import { fileEntry } from './file-entry';
import type { FileJudge } from './file-judge';
import { isAbsence, isOfPlace, type FilePlaces } from './file-places';
import { notThere, type Head } from './head';
import type { PinSource } from './pin-source';
import type { Plan } from './plan';
import type { EngineRooms } from './rooms';

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
}

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

  /** One address, to the end. @throws LarderError when it broke off too often, or was stopped */
  private async attempt(path: string): Promise<{ readonly entry: NewEntry } | Failed> {
    const { rooms, plan, download, judge, signal, announce } = this.its;
    let opened: Awaited<ReturnType<Download['open']>>;
    try {
      opened = await download.open(path);
    } catch (error) {
      if (signal.aborted || !isOfPlace(error)) throw error;
      return { error, isWrong: false };
    }
    const { head, response, refusal } = opened;
    if (!response) return refusal ? { error: refusal, isWrong: true } : { error: notThere(plan, head), isWrong: false };
    announce(head);
    const digest = await download.readAll(response, path);
    const judged = await judge.judge(digest, { path, guessed: download.guessed, upstream: download.base });
    if ('wrong' in judged) return { error: judged.wrong, isWrong: true };
    return { entry: fileEntry(plan, download.latest ?? head, judged.digest, judged.pin, rooms.now()) };
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

/** What tells most of several failures: wrong bytes, then trouble, then that it is not there. */
function gravity({ error, isWrong }: Failed): 0 | 1 | 2 {
  return isWrong ? 2 : isAbsence(error) ? 0 : 1;
}
