/**
 * Which generation a client works with. What it saw counts, by whatever can be known of it; a client must get the files of that one, also
 * while a newer generation is shown to others, or nothing.
 */
import type { Listed, ListedRoute } from '../../../caches/module';
import { isLarderError, LarderError } from '../../errors';
import type { EngineRequest } from '../answer';
import { folderOf, nameBelow, type Generation } from './generation';
import type { Generations } from './generations';
import { planTarget, type Plan } from '../plan';
import { folderKey, type RosterDesk } from './roster-desk';
import type { EngineRooms } from '../rooms';
import { WITNESS_MS, type Witness } from './witness';

export interface ClientRooms {
  readonly rooms: EngineRooms;
  readonly generations: Generations;
  readonly rosters: RosterDesk;
  readonly witness: Witness;
}

export class ClientGenerations {
  constructor(private readonly about: ClientRooms) {}

  /**
   * The generation that this client works with: what it saw, else what is shown now.
   * @param plan of a listed file @param plans of the rosters that may list it, best first
   * @returns undefined: no roster can be had @throws LarderError also if what it saw is not held any more: those of another would be mixed
   */
  async of(plan: Plan, plans: readonly Plan[], request: EngineRequest): Promise<Generation | undefined> {
    const { rosters } = this.about;
    let first: Generation | undefined;
    for (const folder of new Set(plans.map(({ path }) => folderOf(path)))) {
      const known = await this.knownIn(
        plans.filter(({ path }) => folderOf(path) === folder),
        request,
      );
      const fitting = known.find((generation) => lists(generation, plan));
      if (fitting) return fitting;
      first ??= known[0];
    }
    if (first) return first;
    for (const roster of plans) {
      const shown = await rosters.shown(roster).catch((error: unknown) => {
        if (
          isLarderError(error) &&
          (error.code === 'upstream-not-found' || error.code === 'upstream-gone' || error.code === 'upstream-denied')
        )
          return undefined;
        throw error;
      });
      if (shown && lists(shown.generation, plan)) return shown.generation;
      first ??= shown?.generation;
    }
    return first;
  }

  /** Of one folder's rosters the generation that a client saw, or else those that are held. @throws LarderError if what it saw is gone */
  private async knownIn(plans: readonly Plan[], request: EngineRequest): Promise<readonly Generation[]> {
    const { rooms, generations, witness } = this.about;
    const [first] = plans;
    if (!first) return [];
    const all = await Promise.all(plans.map((plan) => generations.current(plan)));
    const current = all.flatMap((generation) => generation ?? []);
    // Whichever of them changed lately: other processes may have shown this client another one.
    const unsettled = current.some(({ entry }) => Math.abs(rooms.now() - entry.storedAt) < WITNESS_MS);
    const seen = await witness.of(request.client, request.address, folderKey(rooms.module.name, first), unsettled);
    const same = plans.find(({ path }) => path === seen?.roster);
    if (!seen || !same) return current;
    const generation = await generations.seen(same, seen.integrity);
    if (!generation) throw new LarderError('overloaded', { what: `the generation that a client was shown of ${same.path} is gone` });
    return [generation];
  }

  /**
   * Clients of one address of which one was sent away and has come back: nobody knows which of them this is. What is the same for all of them
   * is served; of what is not, the wrong one would be worse than none.
   * @param name of the file in the roster; undefined: the signature @param listed what the generation says of it
   * @throws LarderError overloaded
   */
  async refuseDoubts(
    { plan, entry }: Generation,
    name: string | undefined,
    listed: Listed | undefined,
    { client, address }: EngineRequest,
  ): Promise<void> {
    const { rooms, generations, witness } = this.about;
    for (const seen of witness.doubts(client, address, folderKey(rooms.module.name, plan))) {
      if (seen.integrity === entry.integrity) continue;
      const roster = this.sibling(plan, seen.roster);
      const other = name === undefined ? undefined : await generations.seen(roster, seen.integrity);
      if (other && name !== undefined && other.says.names.get(name)?.sha256 === listed?.sha256) continue;
      throw new LarderError('overloaded', {
        what: `clients of ${address} saw two generations of ${plan.path}, and one of them was cut off`,
      });
    }
  }

  /** The plan of another roster of the same folder. */
  private sibling(plan: Plan, path: string): Plan {
    const { module, cache } = this.about.rooms;
    return path === plan.path ? plan : planTarget(module, cache, plan.origin, 'GET', path);
  }
}

function lists(generation: Generation, plan: Plan): boolean {
  if ((plan.route as ListedRoute).asked(plan.params) === 'signature') return true;
  const name = nameBelow(folderOf(generation.plan.path), plan.path);
  return name !== undefined && generation.says.names.has(name);
}
