/**
 * A generation: one revision of a roster, and everything that it names. Pure.
 * Plain names stand for whatever the roster of the generation says; the bytes themselves are kept once, by their digest.
 */
import type { ImmutableRoute, Listed, ListedRoute, Roster } from '../../../caches/module';
import { sriFromHex } from '../../integrity/sri';
import type { Entry, EntryFacts } from '../../store/entry';
import { keyPrefix, type Plan } from '../plan';

export interface Generation {
  /** The plan of its roster. */
  readonly plan: Plan;
  /** The roster as it is held, or as it came if nothing can be stored. */
  readonly entry: Entry;
  /** The roster's bytes, if it could not be stored. */
  readonly unstored?: Buffer;
  readonly says: Says;
}

/** What a roster says, ready to be looked up. */
export interface Says {
  /** ms since the epoch; undefined if it does not say. */
  readonly date: number | undefined;
  readonly byHash: boolean;
  readonly names: ReadonlyMap<string, Listed>;
  /** By lower-case hex digest, of whatever algorithm. */
  readonly digests: ReadonlyMap<string, Listed>;
}

/** Indexes what a roster says. Of names listed twice, the last counts. */
export function indexRoster(roster: Roster): Says {
  const names = new Map<string, Listed>();
  const digests = new Map<string, Listed>();
  for (const file of roster.files) {
    names.set(file.name, file);
    for (const hex of [file.md5, file.sha1, file.sha256, file.sha512]) if (hex !== undefined) digests.set(hex, file);
  }
  return { date: roster.date, byHash: roster.byHash, names, digests };
}

/** Last-Modified of a roster and its signature for clients; the upstream is asked by its own. */
export function dateOf({ shownDate, lastModified, storedAt }: EntryFacts): string {
  return shownDate ?? lastModified ?? new Date(storedAt).toUTCString();
}

/** The folder of a roster, with its trailing slash. */
export function folderOf(rosterPath: string): string {
  return rosterPath.slice(0, rosterPath.lastIndexOf('/') + 1);
}

/** How a roster in that folder would call a canonical path; undefined if it is not below it. Names in rosters are not escaped. */
export function nameBelow(folder: string, path: string): string | undefined {
  if (!path.startsWith(folder) || path.length === folder.length) return undefined;
  try {
    return decodeURIComponent(path.slice(folder.length));
  } catch {
    return undefined;
  }
}

/** Key under which a revision of a roster stays reachable after it was superseded. */
export function revisionKey(rosterKey: string, integrity: string): string {
  return `${rosterKey}@${integrity}`;
}

/** Key of the detached signature that belongs to a revision of a roster. */
export function signatureKey(roster: Plan, signaturePath: string, integrity: string): string {
  return `${keyPrefix(moduleOf(roster), roster.origin.name)}${signaturePath}@${integrity}`;
}

/**
 * The plan of a listed file's bytes, by their digest: whatever name they are asked by, they are one object with one key.
 * @param plan a plan of the listed route that has the name (or any in the same folder)
 * @param plain canonical path of the plain name, if it is known
 * @returns undefined if the roster gives no digest that can be an address
 */
export function objectPlan(plan: Plan, listed: Listed, byHash: boolean, plain: string | undefined): Plan | undefined {
  const route = plan.route as ListedRoute;
  const { sha256 } = listed;
  const integrity = sha256 === undefined ? undefined : sriFromHex('sha256', sha256);
  if (sha256 === undefined || integrity === undefined) return undefined;
  const path = route.object(plan.params, sha256);
  // A mirror that serves by digest may still lack this one; one that does not say so is asked by name only.
  const places = plain === undefined ? [path] : byHash ? [path, plain] : [plain];
  return { ...asFile(plan, path, integrity), places, size: listed.size };
}

/** The plan of bytes that the target itself names by their digest. */
export function digestPlan(plan: Plan, integrity: string): Plan {
  return asFile(plan, plan.path, integrity);
}

function asFile(plan: Plan, path: string, integrity: string): Plan {
  const listed = plan.route as ListedRoute;
  const { name, purpose, examples, target, contentType, failure, dated } = listed;
  const route: ImmutableRoute = {
    kind: 'immutable',
    digest: integrity.startsWith('sha512-') ? 'sha512' : 'sha256',
    integrity: () => integrity,
    path: () => path,
    ...{ name, purpose, examples, target, contentType },
    ...(failure === undefined ? {} : { failure }),
    ...(dated === undefined ? {} : { dated }),
  };
  return { ...plan, route, path, key: keyPrefix(moduleOf(plan), plan.origin.name) + path };
}

/** The first part of a plan's key. */
function moduleOf({ key }: Plan): string {
  return key.slice(0, key.indexOf('|'));
}
