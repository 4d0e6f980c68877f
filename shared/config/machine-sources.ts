/**
 * The archives that this machine's own package manager is told of. They become named origins, so that this machine's clients find short
 * names and a first index without a setting. What cannot be read or used is passed over: the files are not ours.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Module } from '../../caches/module';
import type { Origin } from './config';
import { isOriginName } from './setting-names';
import { baseUrl } from './value-kinds';

const MOST_FILES = 64;
const MOST_BYTES = 256 * 1024;
const MOST_ORIGINS = 64;
const MOST_SUITES = 64;

/**
 * @param taken names of the module's configured origins: theirs win @param reserved names that no origin may have
 * @param isOurs whether a URL is one of this appliance's own listeners, as on a machine that is our client by path
 * @param root folder that stands for `/`
 */
export function machineOrigins(
  module: Module,
  taken: readonly string[],
  reserved: (name: string) => boolean,
  isOurs: (base: string) => boolean,
  root: string,
): Origin[] {
  const found = new Map<string, { readonly base: string; readonly suites: Set<string> }>();
  for (const source of (module.machineSources?.files ?? []).flatMap((pattern) => expand(root, pattern)).slice(0, MOST_FILES)) {
    for (const { name, base, suites } of read(module, source)) {
      // Credentials in it (which baseUrl refuses) are this machine's, not for everybody who asks us.
      const url = baseUrl.parse(base);
      if (url === undefined || isOurs(url)) continue;
      const free = nameFor(name, (each) => reserved(each) || (found.get(each)?.base ?? url) !== url);
      if (free === undefined || taken.includes(free)) continue;
      const entry = found.get(free) ?? { base: url, suites: new Set<string>() };
      if (!found.has(free) && found.size >= MOST_ORIGINS) continue;
      found.set(free, entry);
      for (const suite of suites) if (entry.suites.size < MOST_SUITES) entry.suites.add(suite);
    }
  }
  return [...found].map(([name, { base, suites }]) => ({ name, bases: [base], operatorNamed: true, suites: [...suites] }));
}

/** The name, as an origin may have it, with a number behind it if another archive has it. */
function nameFor(name: string, isTaken: (name: string) => boolean): string | undefined {
  const plain = name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-/, '');
  if (!isOriginName(plain)) return undefined;
  for (let n = 1; n <= MOST_ORIGINS; n++) {
    const candidate = n === 1 ? plain : `${plain}-${n}`;
    if (!isTaken(candidate)) return candidate;
  }
  return undefined;
}

/** Files that a pattern names, sorted; one `*` in its last part stands for anything but a slash. */
function expand(root: string, pattern: string): string[] {
  const path = join(root, pattern);
  const folder = dirname(path);
  const [head = '', tail] = basename(path).split('*');
  if (tail === undefined) return [path];
  try {
    return readdirSync(folder)
      .filter((name) => name.startsWith(head) && name.slice(head.length).endsWith(tail))
      .sort()
      .map((name) => join(folder, name));
  } catch {
    return [];
  }
}

function read(module: Module, file: string): ReturnType<NonNullable<Module['machineSources']>['read']> {
  try {
    const stat = statSync(file);
    // A pipe would never end.
    if (!stat.isFile() || stat.size > MOST_BYTES) return [];
    return module.machineSources?.read(file, readFileSync(file, 'utf8')) ?? [];
  } catch {
    return [];
  }
}
