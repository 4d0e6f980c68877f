/**
 * Where in an archive a path is: which folder is its suite's, so which roster may list it, and where its root is. Suites may have slashes
 * (`bookworm/updates`), components may too, and nothing in a path says where one ends; so there is an order of guesses.
 */
import { folderOf } from './canonical';

/** Folders and files that stand in a component's folder, or directly in the suite's. */
const COMPONENT_PART = /^(?:binary-.+|source|i18n|dep11|cnf|debian-installer|installer-.+|by-hash|Contents-.+|[^/]+\.diff)$/;
/** Those that are in a suite's own folder too. */
const SUITE_PART = /^(?:by-hash|Contents-.+|[^/]+\.diff)$/;
/** Components that the distributions have; what stands before one is the suite. */
const COMPONENT = /^(?:main|contrib|non-free|non-free-firmware|universe|multiverse|restricted)$/;
/** A second part of a suite's name, not a component. */
const SUITE_TAIL = /^(?:updates|proposed-updates|backports|snapshots)$/;
/** Suites with more segments are not guessed: a long path is no reason for many look-ups. */
const MOST_SEGMENTS = 6;

/**
 * Canonical paths of the rosters that may list a file.
 * @param path canonical path of a file below a `dists/<suite>/`, or in a flat repository
 * @returns for each folder that may be the suite's, best first: `InRelease`, then `Release`
 */
export function rostersOf(path: string): readonly string[] {
  return suiteFolders(path).flatMap((folder) => [`${folder}/InRelease`, `${folder}/Release`]);
}

/** Folders that may be the one of a path's roster, without trailing slash, best first; never empty. */
export function suiteFolders(path: string): readonly string[] {
  const dists = distsOf(path);
  if (dists === undefined) return [flatFolder(path)];
  const segments = path.slice(dists.length + 1).split('/');
  const { best, deepest } = depthsOf(segments);
  const others = Array.from({ length: deepest }, (_, at) => at + 1).filter((depth) => depth !== best);
  return [best, ...others].map((depth) => [dists, ...segments.slice(0, depth)].join('/'));
}

/** How many segments the suite has, most likely and at most; the last segment is a file. */
function depthsOf(segments: readonly string[]): { best: number; deepest: number } {
  const last = segments.length - 1;
  const part = segments.findIndex((segment, at) => at > 0 && COMPONENT_PART.test(segment));
  const component = segments.findIndex((segment, at) => at > 0 && at < last && COMPONENT.test(segment));
  if (component > 0 && (part < 0 || component < part)) return { best: component, deepest: component };
  if (part < 0) return { best: 1, deepest: Math.min(last, MOST_SEGMENTS) };
  const before = Math.max(1, part - 1);
  if (!SUITE_PART.test(segments[part] as string)) return { best: before, deepest: Math.min(before, MOST_SEGMENTS) };
  // Directly in the suite's folder, or in the one of a component.
  return { best: SUITE_TAIL.test(segments[part - 1] as string) ? part : before, deepest: Math.min(part, MOST_SEGMENTS) };
}

/** The root of the archive that a roster or file below `dists/` belongs to; for flat repositories the folder of the path. */
export function rootOf(path: string): string {
  const dists = distsOf(path);
  return dists === undefined ? folderOf(path) : folderOf(dists);
}

/** `…/dists` of a path with something below a suite; the last one if there are several. */
function distsOf(path: string): string | undefined {
  const suiteEnd = path.lastIndexOf('/') - '/dists/x'.length;
  const at = suiteEnd < 0 ? -1 : path.lastIndexOf('/dists/', suiteEnd);
  return at < 0 ? undefined : path.slice(0, at + '/dists'.length);
}

function flatFolder(path: string): string {
  return folderOf(path)
    .replace(/\/by-hash(?:\/[^/]+)?$/, '')
    .replace(/\/[^/]+\.diff$/, '');
}
