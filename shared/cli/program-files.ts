/** What of a clone runs, once it is installed and built: for copies of the program, and for the image. Links are none of a package's business. */
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { openPack } from '../pack/packed';

/** Parts of dist/ for those who work on Larder. */
const NOT_RUN = /^dist\/(?:shared\/(?:testing|bench|docs-check)(?:\/|$)|\..*)|\.test\.js$|\.map$/;
/** Files of packages that only people and compilers read. Licences stay. */
const NOT_READ = /(?:\.map|\.ts|\.mts|\.cts|\.flow|(?:^|\/)(?:README|CHANGELOG|HISTORY)[^/]*\.md)$/i;
/** The pack, and V8's code of it. */
const PACK = /^dist\/server\.js/;

/** Files of ours, as paths in the clone, sorted: what was built, and what the caches hand out to clients. */
export function programFiles(clone: string): string[] {
  // In a copy nothing would tell that the pack is older than what it was made of.
  const isPacked = openPack(join(clone, 'dist')) !== undefined;
  const built = filesBelow(clone, 'dist').filter((file) => !NOT_RUN.test(file) && (isPacked || !PACK.test(file)));
  const forClients = filesBelow(clone, 'caches').filter((file) => /^caches\/[^/]+\/client\//.test(file));
  return ['package.json', ...built, ...forClients].sort();
}

/** Files of the packages that the program needs when it runs, likewise: of neither what tests nor what builds it. */
export function packageFiles(clone: string): string[] {
  const lock = JSON.parse(readFileSync(join(clone, 'package-lock.json'), 'utf8')) as {
    readonly packages: Readonly<Record<string, { readonly dev?: boolean; readonly devOptional?: boolean }>>;
  };
  return Object.entries(lock.packages)
    .flatMap(([place, { dev, devOptional }]) => (dev || devOptional ? [] : [place]))
    .filter((place) => /^node_modules\/(?!typescript$|@types\/)(?:@[^/]+\/)?[^/]+$/.test(place) && existsSync(join(clone, place)))
    .flatMap((place) => filesBelow(clone, place))
    .filter((file) => !NOT_READ.test(file))
    .sort();
}

/** Every file below a folder of the clone. */
export function filesBelow(clone: string, folder: string): string[] {
  return readdirSync(join(clone, folder), { withFileTypes: true }).flatMap((entry) => {
    const name = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return filesBelow(clone, name);
    return entry.isFile() ? [name] : [];
  });
}

/** A file of whoever runs this, that all may read; nothing of the former but its content. */
export function copyFile(from: string, to: string): void {
  makeFolder(dirname(to));
  copyFileSync(from, to);
  chmodSync(to, 0o644);
}

/** With those above it that are missing, whatever the umask. */
export function makeFolder(folder: string): void {
  if (existsSync(folder)) return;
  makeFolder(dirname(folder));
  mkdirSync(folder);
  chmodSync(folder, 0o755);
}
