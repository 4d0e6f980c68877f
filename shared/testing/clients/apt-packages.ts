/** What a real apt downloaded, and what its indexes promised of it. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import type { AptRoot } from '../apt-root';

/** sha256 of each downloaded package, by its name as apt writes it: `name_version_architecture`, the version escaped. */
function downloaded(apt: AptRoot): Map<string, string> {
  const folder = join(apt.folder, 'var/cache/apt/archives');
  return new Map(
    apt
      .archives()
      .sort()
      .map((name) => [
        name.replace(/\.deb$/, ''),
        createHash('sha256')
          .update(readFileSync(join(folder, name)))
          .digest('hex'),
      ]),
  );
}

/** What the indexes that it holds promise of those packages: every digest that one of them names. */
function promised(apt: AptRoot, names: Iterable<string>): Map<string, readonly string[]> {
  const found = new Map<string, string[]>([...names].map((name) => [name, []]));
  for (const [list, text] of apt.lists()) {
    if (!list.endsWith('_Packages')) continue;
    for (const stanza of text.split('\n\n')) {
      const field = (name: string): string => new RegExp(`^${name}: (.*)$`, 'm').exec(stanza)?.[1] ?? '';
      const name = /^Package: (.*)$/m.exec(stanza)?.[1];
      if (name === undefined) continue;
      const key = [name, field('Version').replaceAll(':', '%3a'), field('Architecture')].join('_');
      found.get(key)?.push(field('SHA256'));
    }
  }
  return found;
}

/** Fails unless every downloaded package is what an index promises. @returns what `downloaded` does */
export function expectKept(apt: AptRoot): Map<string, string> {
  const held = downloaded(apt);
  const promises = promised(apt, held.keys());
  expect([...held].filter(([name, digest]) => promises.get(name)?.includes(digest) !== true)).toEqual([]);
  return held;
}
