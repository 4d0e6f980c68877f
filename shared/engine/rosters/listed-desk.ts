/**
 * Files that belong to a roster's generation. A plain name stands for what the generation says that this client saw; a digest for itself.
 * Both are one object. If it cannot be had as the generation names it, the request fails: never are two generations mixed.
 */
import type { Listed, ListedRoute } from '../../../caches/module';
import { isLarderError, LarderError } from '../../errors';
import { parseSri } from '../../integrity/sri';
import type { Answer, EngineRequest } from '../answer';
import type { AskedNames } from './asked-names';
import { memorySource, sizeOnly } from '../bodies/body-source';
import { ClientGenerations } from './client-generations';
import type { FileDesk } from '../files/file-desk';
import { dateOf, digestPlan, folderOf, nameBelow, objectPlan, type Generation } from './generation';
import type { Generations } from './generations';
import type { PinTables } from './pin-tables';
import { planTarget, type Plan } from '../plan';
import type { RosterDesk } from './roster-desk';
import type { EngineRooms } from '../rooms';
import type { Witness } from './witness';

/** A mirror in the middle of a change is asked again after these pauses, in ms. */
const PAUSES = [1000, 2500];
/** Objects of a generation that are fetched at a time. */
const MOST_AT_ONCE = 4;

export interface ListedRooms {
  readonly rooms: EngineRooms;
  readonly generations: Generations;
  readonly rosters: RosterDesk;
  readonly files: FileDesk;
  readonly tables: PinTables;
  readonly asked: AskedNames;
  readonly witness: Witness;
}

export class ListedDesk {
  private readonly clients: ClientGenerations;

  constructor(private readonly about: ListedRooms) {
    this.clients = new ClientGenerations(about);
  }

  /**
   * Parts are cut from what was verified: the upstream's may be of another generation.
   * @returns undefined if no roster lists it: then it is none of ours. @throws LarderError
   */
  async get(plan: Plan, { range: _range, ifRange: _ifRange, ...request }: EngineRequest): Promise<Answer | undefined> {
    const asked = (plan.route as ListedRoute).asked(plan.params);
    if (asked !== 'signature' && 'digest' in asked) return this.byDigest(plan, asked.digest, request);
    const generation = await this.clients.of(plan, this.rosterPlans(plan), request);
    if (!generation) return undefined;
    const name = nameBelow(folderOf(generation.plan.path), plan.path);
    const listed = name === undefined ? undefined : generation.says.names.get(name);
    await this.clients.refuseDoubts(generation, asked === 'signature' ? undefined : name, listed, request);
    if (asked === 'signature') return this.signature(plan, generation);
    const object = listed && objectPlan(plan, listed, generation.says.byHash, plan.path);
    if (!listed || !object) return undefined;
    return this.ofGeneration(generation, listed, object, request);
  }

  /** What a target stands for by the generations that are shown now. Asks nobody. undefined: no held roster lists it. Never rejects. */
  async find(plan: Plan): Promise<{ readonly roster: string; readonly object: Plan } | undefined> {
    const asked = (plan.route as ListedRoute).asked(plan.params);
    if (asked === 'signature') return undefined;
    const hex = 'digest' in asked ? hexOf(asked.digest) : undefined;
    for (const roster of this.rosterPlans(plan)) {
      const generation = await this.about.generations.current(roster);
      const name = nameBelow(folderOf(roster.path), plan.path);
      const listed = hex === undefined ? generation?.says.names.get(name ?? '') : generation?.says.digests.get(hex);
      const object = generation && listed && this.objectOf(generation, listed);
      if (object) return { roster: roster.path, object };
    }
    return 'digest' in asked ? { roster: '', object: digestPlan(plan, asked.digest) } : undefined;
  }

  /**
   * Sees to it that listed files of a generation are held. `plan` of the generation is that of its roster.
   * @throws LarderError of the first that cannot be had
   */
  async hold(generation: Generation, names: readonly string[]): Promise<void> {
    const waiting = [...names];
    const work = async (): Promise<void> => {
      for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
        const listed = generation.says.names.get(name);
        const object = listed && this.objectOf(generation, listed);
        if (object) await this.about.files.ensure(object);
      }
    };
    await Promise.all(Array.from({ length: MOST_AT_ONCE }, work));
    // What the new generation promises is known before it is shown.
    await this.about.tables.learn(
      generation,
      names.flatMap((name) => generation.says.names.get(name) ?? []),
    );
  }

  /** The plan of a listed file's bytes. undefined: no route of the module knows such a name. */
  objectOf(generation: Generation, listed: Listed): Plan | undefined {
    const { module, cache } = this.about.rooms;
    const path = folderOf(generation.plan.path) + encodeURI(listed.name);
    try {
      const plan = planTarget(module, cache, generation.plan.origin, 'GET', path);
      return plan.route.kind === 'listed' ? objectPlan(plan, listed, generation.says.byHash, plan.path) : undefined;
    } catch {
      return undefined;
    }
  }

  private async ofGeneration(generation: Generation, listed: Listed, object: Plan, request: EngineRequest): Promise<Answer> {
    const { files, asked, rosters, generations } = this.about;
    for (let attempt = 0; ; attempt++) {
      try {
        const { ready: _ready, ...answer } = sized(await files.get(object, request), object);
        asked.note(object.origin, folderOf(generation.plan.path), listed.name);
        // A plain name means something else tomorrow: it is not kept ready, caches on the way have to ask, and no date tells two revisions apart.
        this.learnFrom(generation, listed, object, request);
        return { ...answer, cacheControl: 'no-cache', weakDate: true };
      } catch (error) {
        const pause = PAUSES[attempt];
        if (!isTorn(error) || pause === undefined) throw error;
        // The upstream has other bytes than the generation says: most likely it has a newer one, or is just getting it.
        await rosters.lookAgain(generation.plan);
        const current = await generations.current(generation.plan);
        // It has: then nobody can give this client what it wants, and apt had better be told soon.
        if (current?.entry.integrity !== generation.entry.integrity) throw error;
        await new Promise((resolve) => setTimeout(resolve, pause));
      }
    }
  }

  private async byDigest(plan: Plan, digest: string, request: EngineRequest): Promise<Answer | undefined> {
    const { files, asked, generations } = this.about;
    const [hash] = parseSri(digest);
    const hex = hexOf(digest);
    if (!hash || hex === undefined) return undefined;
    const rosters = this.rosterPlans(plan);
    for (const roster of rosters) {
      const generation = await generations.current(roster);
      const listed = generation?.says.digests.get(hex);
      const object = generation && listed && this.objectOf(generation, listed);
      if (!object) continue;
      const answer = sized(await files.get(object, request), object);
      asked.note(plan.origin, folderOf(roster.path), listed.name);
      this.learnFrom(generation, listed, object, request);
      return answer;
    }
    // Of a generation that is not shown any more: held by another digest than this one.
    for (const roster of hash.algorithm === 'sha256' ? [] : rosters) {
      const superseded = await generations.listing(roster, hex);
      const listed = superseded?.says.digests.get(hex);
      const object = superseded && listed && this.objectOf(superseded, listed);
      if (object) return files.get(object, request);
    }
    // Or not known here: its own name is all that it takes.
    if (hash.algorithm === 'sha256' || hash.algorithm === 'sha512') return files.get(digestPlan(plan, digest), request);
    return undefined;
  }

  /** What an index promises is learnt as soon as it is held. */
  private learnFrom(generation: Generation, listed: Listed, object: Plan, { method }: EngineRequest): void {
    if (method !== 'GET') return;
    const { files, tables } = this.about;
    files.ensure(object).then(
      () => tables.learnLater(generation, listed),
      // Whoever reads it is told.
      () => undefined,
    );
  }

  private async signature(plan: Plan, generation: Generation): Promise<Answer> {
    const found = await this.about.generations.signature(generation, plan.path);
    if (!found) throw new LarderError('upstream-not-found', { target: plan.path });
    const { entry } = generation;
    return {
      outcome: 'hit',
      contentType: (plan.route as ListedRoute).contentType,
      lastModified: dateOf(entry),
      weakDate: true,
      cacheControl: 'no-cache',
      vary: '',
      confirmedAt: entry.checkedAt,
      body: memorySource(found.body),
    };
  }

  private rosterPlans(plan: Plan): Plan[] {
    const { module, cache } = this.about.rooms;
    return (plan.route as ListedRoute).rosters(plan.params).map((target) => planTarget(module, cache, plan.origin, 'GET', target));
  }
}

/** What HEAD tells of a file that is not held is what the roster says: the upstream may have another one by then. */
function sized(answer: Answer, { size }: Plan): Answer {
  return answer.outcome === 'pass' && size !== undefined ? { ...answer, body: sizeOnly(size) } : answer;
}

/** Lower-case hex of the first digest of an SRI string. */
function hexOf(sri: string): string | undefined {
  const [hash] = parseSri(sri);
  return hash && Buffer.from(hash.base64, 'base64').toString('hex');
}

/** Whether an error says that the upstream has other bytes than the generation. */
function isTorn(error: unknown): boolean {
  return isLarderError(error) && error.code === 'integrity';
}
