/** Under which path each version's file is offered. */
import { tarballPath } from './package-name';

/** Versions that can stand in a file name; others (there should be none) keep their upstream URL and promise nothing. */
const PLAIN = /^[\w.+-]+$/;

/**
 * The canonical path of a version's tarball, as pnpm and Yarn derive it: without the version's build metadata. Should two
 * versions differ in nothing but that, the plain one or else the first has the short path and the others keep the long one.
 * @returns undefined for a version that no file name can carry
 */
export function tarballTargets(name: string, versions: ReadonlyMap<string, unknown>): (version: string) => string | undefined {
  let owners: Map<string, string> | undefined;
  return (version) => {
    if (!PLAIN.test(version)) return undefined;
    const plus = version.indexOf('+');
    if (plus < 0) return tarballPath(name, version);
    owners ??= shortForms(versions);
    const short = version.slice(0, plus);
    return tarballPath(name, owners.get(short) === version ? short : version);
  };
}

function shortForms(versions: ReadonlyMap<string, unknown>): Map<string, string> {
  const owners = new Map<string, string>();
  for (const version of versions.keys()) {
    const short = version.replace(/\+.*/, '');
    if (version === short || !owners.has(short)) owners.set(short, version);
  }
  return owners;
}
