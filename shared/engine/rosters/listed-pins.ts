/**
 * Where the promise comes from that judges a file which indexes of rosters name: the tables of current generations; if none has it, the
 * indexes where it ought to be are fetched beside it (a .deb asked of a cold store).
 */
import type { IndexGuess, ImmutableRoute, Pin } from '../../../caches/module';
import { errorText } from '../../errors';
import type { AskedNames } from './asked-names';
import { folderOf, type Generation } from './generation';
import type { ListedDesk } from './listed-desk';
import type { PinSource } from '../files/pin-source';
import { guessOf, type PinTables } from './pin-tables';
import { planTarget, type Plan } from '../plan';
import type { RosterDesk } from './roster-desk';
import type { EngineRooms } from '../rooms';

/** Compressions of an index, the smallest first. */
const EXTENSIONS = ['.xz', '.zst', '.gz', '.bz2', '.lz4', ''];
/** Suites in which a file is looked for that no held index names. */
const MOST_SUITES = 10;
/** A search that found nothing is not made again so soon. */
const SEARCHED_MS = 60_000;
const MOST_SEARCHED = 1_000;

export interface ListedPinRooms {
  readonly rooms: EngineRooms;
  readonly tables: PinTables;
  readonly rosters: RosterDesk;
  readonly listed: ListedDesk;
  readonly asked: AskedNames;
}

export class ListedPins {
  private readonly searches = new Map<string, { readonly done: Promise<void>; readonly beganAt: number }>();

  constructor(private readonly about: ListedPinRooms) {}

  /** What is promised as far as it is known here. Asks nobody. Never rejects. */
  async known(plan: Plan): Promise<Pin | undefined> {
    const guess = guessOf(plan);
    return guess && this.about.tables.promise(plan.origin, guess, plan.path);
  }

  /** @param plan the plan of an immutable route with `listedIn` */
  async source(plan: Plan): Promise<PinSource> {
    const known = await this.known(plan);
    const guess = guessOf(plan);
    let asked: Promise<Pin | undefined> | undefined;
    const find = async (): Promise<Pin | undefined> => {
      if (!guess) return undefined;
      await this.search(plan, guess);
      return this.known(plan);
    };
    return {
      known: () => known,
      algorithms: () => [(plan.route as ImmutableRoute).digest],
      willJudge: known !== undefined || guess !== undefined,
      pin: () => (known ? Promise.resolve(known) : (asked ??= find())),
      learnt: () => this.known(plan),
      refreshed: async () => {
        if (guess) await this.renew(plan, guess);
        return this.known(plan);
      },
      besides: () => Promise.resolve({ first: [], last: [] }),
      trouble: () => undefined,
    };
  }

  /** Looks for newer generations of everything that may name the file. Never rejects. */
  private async renew(plan: Plan, guess: IndexGuess): Promise<void> {
    for (const folder of await this.folders(plan, guess)) {
      const roster = this.rosterPlan(plan, folder);
      if (!roster) continue;
      await this.about.rosters.lookAgain(roster);
      await this.learnFrom(roster, guess);
    }
  }

  /** Fetches the indexes that may name the file until one does. Never rejects. */
  private search(plan: Plan, guess: IndexGuess): Promise<void> {
    const { now } = this.about.rooms;
    const name = `${plan.origin.name} ${guess.rosters} ${guess.names.join(' ')}`;
    const before = this.searches.get(name);
    if (before && Math.abs(now() - before.beganAt) < SEARCHED_MS) return before.done;
    if (this.searches.size >= MOST_SEARCHED) this.searches.clear();
    const done = this.searchOnce(plan, guess);
    this.searches.set(name, { done, beganAt: now() });
    return done;
  }

  private async searchOnce(plan: Plan, guess: IndexGuess): Promise<void> {
    for (const folder of await this.folders(plan, guess)) {
      const roster = this.rosterPlan(plan, folder);
      if (!roster) continue;
      await this.learnFrom(roster, guess);
      if (await this.known(plan)) return;
    }
  }

  /** Fetches and reads the indexes of one roster that the guess names. Never rejects. */
  private async learnFrom(roster: Plan, guess: IndexGuess): Promise<void> {
    const { rosters, listed, rooms } = this.about;
    try {
      const { generation } = await rosters.shown(roster);
      const names = guess.names.flatMap((stem) => variantOf(generation, stem) ?? []);
      if (names.length > 0) await listed.hold(generation, names);
    } catch (error) {
      rooms.log.debug('index-not-found', { roster: roster.path, reason: errorText(error) });
    }
  }

  /** Folders of rosters, most probable first: those that clients use here, those that this machine uses, the usual name. */
  private async folders(plan: Plan, guess: IndexGuess): Promise<readonly string[]> {
    const used = await this.about.asked.folders(plan.origin, guess.rosters, guess.names);
    // A flat repository has no suites: its roster is in that very folder, or above.
    const { above } = guess;
    const others = this.about.rooms.cache.origins.flatMap((origin) => origin.suites ?? []);
    const suites = above ? [] : [...(plan.origin.suites ?? []), ...others, 'stable'].map((suite) => `${guess.rosters}${suite}/`);
    return [...new Set([...used, ...suites, guess.rosters, ...(above ?? [])])].slice(0, MOST_SUITES);
  }

  private rosterPlan(plan: Plan, folder: string): Plan | undefined {
    const { module, cache } = this.about.rooms;
    try {
      const roster = planTarget(module, cache, plan.origin, 'GET', `${folder}InRelease`);
      return roster.route.kind === 'roster' && folderOf(roster.path) === folder ? roster : undefined;
    } catch {
      return undefined;
    }
  }
}

/** The name of an index in a generation, in its smallest form. */
function variantOf({ says }: Generation, stem: string): string | undefined {
  return EXTENSIONS.map((extension) => stem + extension).find((name) => says.names.has(name));
}
