/** What is laid down into an image, as a folder to build with. */
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { ImageClient } from '../../../caches/module';
import { ROOT } from '../../config/sources';
import { SCRIPTS } from './look';

/** Where all of it is in an image, but for what programs look for elsewhere. */
export const LAYER = '/usr/lib/larder';
/** Their folders have one digit. */
const MOST_BASES = 10;

/** A cache as an image is led to it. */
export interface LedCache {
  readonly name: string;
  /** What its module says of images. */
  readonly image: ImageClient;
  /** URLs without trailing slash; the first one that answers is taken. */
  readonly bases: readonly string[];
  /** Those of its programs that the image has. */
  readonly programs: readonly string[];
}

/**
 * Writes the layer as it is to be below `/`.
 * @param layer what the scripts take for their own folder; LAYER, unless they are run where they are
 */
export function writeLayer(root: string, caches: readonly LedCache[], layer = LAYER): void {
  const folder = join(root, LAYER);
  for (const script of ['reach.sh', 'lead.sh']) lay(join(SCRIPTS, script), join(folder, script), { layer });
  for (const cache of caches) writeCache(root, cache, layer);
  const lines = caches.filter(isLed).map(({ name, image }) => {
    const named = image.programs.map((program) => `*${program}*`).join(' | ');
    return `case "$*" in ${named}) place ${name}; . "\${place:-${layer}/without/${name}}/lead.sh" ;; esac`;
  });
  lay(join(SCRIPTS, 'shell'), join(folder, 'shell'), { layer, lines: lines.join('\n') });
  // The umask of whoever builds is nothing to the users of the image.
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true }))
    if (entry.isDirectory()) chmodSync(join(entry.parentPath, entry.name), 0o755);
}

function writeCache(root: string, cache: LedCache, layer: string): void {
  const { name, image, programs } = cache;
  const folder = join(root, LAYER);
  const own = filesOf(name);
  const elsewhere = Object.entries(image.files ?? {});
  const beside = readdirSync(own).filter((file) => file !== 'without.sh' && !elsewhere.some(([, other]) => other === file));
  for (const [index, base] of cache.bases.slice(0, MOST_BASES).entries()) {
    const above = `${layer}/${index}`;
    for (const file of beside)
      lay(join(own, file), join(folder, String(index), name, file), { layer, above, here: `${above}/${name}`, ...valuesOf(base) });
    write(join(folder, String(index), name, 'base'), `${base}\n`);
  }
  if (programs.length > 0) for (const [path, file] of elsewhere) lay(join(own, file), join(root, fill(path, { layer: LAYER })), { layer });
  if (!isLed(cache)) return;
  for (const program of programs) lay(join(SCRIPTS, 'program'), join(folder, 'bin', program), { layer, program, cache: name });
  const without = join(folder, 'without', name, 'lead.sh');
  if (existsSync(join(own, 'without.sh'))) lay(join(own, 'without.sh'), without, { layer });
  else write(without, '');
}

/** Whether something has to be set before its programs begin. */
function isLed({ name }: LedCache): boolean {
  return existsSync(join(filesOf(name), 'lead.sh'));
}

/** A cache's files for images (docs/adding-an-ecosystem.md says which there may be). */
function filesOf(cache: string): string {
  return join(ROOT, 'caches', cache, 'client/image');
}

/** What stands in braces in the files for one base. */
function valuesOf(base: string): Readonly<Record<string, string>> {
  const { protocol, host } = new URL(base);
  const isPlain = protocol === 'http:';
  return { base, plain: isPlain ? host : '', secure: String(!isPlain) };
}

/** Copies a file with the values in the place of their names in braces; what is a script may be run by all. */
function lay(from: string, to: string, values: Readonly<Record<string, string>>): void {
  write(to, fill(readFileSync(from, 'utf8'), values));
  chmodSync(to, (statSync(from).mode & 0o111) === 0 ? 0o644 : 0o755);
}

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  chmodSync(path, 0o644);
}

function fill(text: string, values: Readonly<Record<string, string>>): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole);
}
