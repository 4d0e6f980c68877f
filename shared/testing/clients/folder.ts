import { createHash } from 'node:crypto';
import { mkdtemp, readFile, readdir, readlink, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';

/** Makes a directory for one test below the system's temporary directory. */
export function temporaryFolder(purpose: string): Promise<string> {
  return mkdtemp(join(tmpdir(), `larder-${purpose}-`));
}

/** Removes a folder; tries again while something still writes into it. */
export async function removeFolder(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true, maxRetries: 3 });
}

/** Package managers' own notes at the top of node_modules: times, versions, absolute names of caches. */
const NOTES = /^\.(package-lock\.json|modules\.yaml|yarn-state\.yml|yarn-integrity|pnpm-workspace-state.*\.json|bun-tag.*|cache)$/;

/**
 * A fingerprint of every file below a directory, `relative path → sha256 of the bytes` (of the target for a symbolic link), without the
 * notes that package managers keep at its top. Two installs with equal fingerprints installed the same bytes at the same places.
 */
export async function fingerprint(root: string): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  const walk = async (folder: string): Promise<void> => {
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (folder === root && NOTES.test(entry.name)) continue;
      if (entry.isDirectory()) await walk(path);
      else if (entry.isSymbolicLink()) found.set(relative(root, path), `-> ${await readlink(path)}`);
      else
        found.set(
          relative(root, path),
          createHash('sha256')
            .update(await readFile(path))
            .digest('hex'),
        );
    }
  };
  await walk(root);
  return found;
}

/** The first few paths at which two fingerprints differ; empty when they are equal. */
export function differences(left: ReadonlyMap<string, string>, right: ReadonlyMap<string, string>): string[] {
  const paths = [...new Set([...left.keys(), ...right.keys()])].filter((path) => left.get(path) !== right.get(path));
  return paths.sort().slice(0, 20);
}

/** A package's own package.json lies right below its folder, which is named after it and lies in a node_modules. */
const PACKAGE_JSON = /(?:^|\/node_modules\/)(?:@[^/]+\/)?[^/]+\/package\.json$/;

/** `name version` of every package below a node_modules folder, sorted, each once. */
export async function packagesIn(modules: string): Promise<string[]> {
  const paths = [...(await fingerprint(modules)).keys()].filter((path) => PACKAGE_JSON.test(path));
  const found = await Promise.all(
    paths.map(async (path) => {
      const { name, version } = JSON.parse(await readFile(join(modules, path), 'utf8')) as { name?: string; version?: string };
      return `${String(name)} ${String(version)}`;
    }),
  );
  return [...new Set(found)].sort();
}
