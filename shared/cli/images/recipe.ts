/** What an image is built from: its Dockerfile, the layer, and what the operator adds. */
import { chmodSync, cpSync, readdirSync, realpathSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LarderError } from '../../errors';
import type { Image } from './image';
import { LAYER, writeLayer, type LedCache } from './layer';
import { originalsOf, withTag, type ImageNames } from './reference';

/** Label of a layered image: its own name, so that images built on it are not taken for layered ones. */
const LABEL = 'larder.layer';
/** … and what it was laid on. */
const ORIGINAL = 'larder.original';
/** What an image without a PATH has (Docker's default). */
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** What the operator's own folder may have. */
const OVERLAY = ['etc', 'root', 'usr'];
const HOOK = 'hook';

/** The operator's own folder. */
export interface Overlay {
  readonly folder: string;
  /** What there is in it, of OVERLAY and HOOK. */
  readonly parts: readonly string[];
}

/** Whether an image is what was made here under this name. */
export function isLayered(image: Image | undefined, names: ImageNames): boolean {
  return image?.labels[LABEL] === withTag(names.layered);
}

/**
 * The names with the original that a layered image was made of: `debian` and `debian:latest` have one. Anybody can write labels, so that no
 * other name is taken from one: it will be tagged, and removed.
 */
export function withOriginal(names: ImageNames, image: Image | undefined): ImageNames {
  const original = isLayered(image, names) ? image?.labels[ORIGINAL] : undefined;
  return original !== undefined && originalsOf(names.layered).includes(original) ? { ...names, original } : names;
}

/** @param folder need not exist @throws LarderError start: there is something in it that has no place in an image */
export function openOverlay(folder: string): Overlay {
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return { folder, parts: [] };
  const parts = readdirSync(folder).filter((name) => !name.startsWith('.'));
  const strange = parts.find((name) => name !== HOOK && !OVERLAY.includes(name));
  if (strange === undefined) return { folder, parts };
  throw new LarderError('start', {
    what: `${join(folder, strange)} has no place in an image`,
    remedy: `there may be ${OVERLAY.join('/, ')}/ and ${HOOK}`,
  });
}

/** Writes all of it into an empty folder. */
export function writeRecipe(folder: string, names: ImageNames, original: Image, caches: readonly LedCache[], overlay: Overlay): void {
  writeLayer(join(folder, 'layer'), caches);
  for (const part of overlay.parts) {
    const target = join(folder, part === HOOK ? HOOK : `overlay/${part}`);
    // A link to them is the operator's way to have them elsewhere; links in them are meant for the image.
    cpSync(realpathSync(join(overlay.folder, part)), target, { recursive: true, verbatimSymlinks: true });
    if (statSync(target).isDirectory()) openFolders(target, part);
  }
  // Here, since an image need not have what could do it there.
  if (overlay.parts.includes(HOOK)) chmodSync(join(folder, HOOK), 0o755);
  writeFileSync(join(folder, 'Dockerfile'), dockerfile(names, original, overlay.parts));
}

/**
 * Builders give folders that an image has the modes of those that are laid over them. With a umask of 077 nobody but root could look into its /etc,
 * and with the usual one everybody into its /root.
 */
function openFolders(target: string, part: string): void {
  if (part === 'root') return chmodSync(target, 0o700);
  const inner = readdirSync(target, { recursive: true, withFileTypes: true }).filter((entry) => entry.isDirectory());
  for (const path of [target, ...inner.map((entry) => join(entry.parentPath, entry.name))]) chmodSync(path, statSync(path).mode | 0o755);
}

/** The image stays what it is, but for the PATH, and what runs the shell of a RUN. */
function dockerfile(names: ImageNames, { user, env, platform, shell = ['/bin/sh', '-c'] }: Image, parts: readonly string[]): string {
  // It may itself be built on a layered one.
  const path = (env.find((one) => one.startsWith('PATH='))?.slice('PATH='.length) ?? PATH).replace(`${LAYER}/bin:`, '');
  const ownShell = shell[0] === `${LAYER}/shell` ? shell.slice(1) : shell;
  const hook = [`COPY ${HOOK} ${LAYER}/`, `RUN ["${LAYER}/${HOOK}"]`];
  return [
    `FROM ${platform === undefined ? '' : `--platform=${platform} `}${names.original}`,
    // What has none is root's already, and no instruction could give it none again.
    ...(user === '' ? [] : ['USER 0']),
    'COPY layer/ /',
    ...(parts.some((part) => part !== HOOK) ? ['COPY overlay/ /'] : []),
    `ENV PATH=${quoted(`${LAYER}/bin:${path}`)}`,
    `LABEL ${LABEL}=${withTag(names.layered)} ${ORIGINAL}=${names.original}`,
    ...(parts.includes(HOOK) ? hook : []),
    `SHELL ${JSON.stringify([`${LAYER}/shell`, ...ownShell])}`,
    ...(user === '' ? [] : [`USER ${quoted(user)}`]),
    '',
  ].join('\n');
}

/** A value in a Dockerfile, where nothing in it is to be a variable. @throws LarderError start: it would end its line */
function quoted(text: string): string {
  if (/[\r\n]/.test(text)) throw new LarderError('start', { what: 'the USER or PATH of the image has a line break in it', remedy: '' });
  return `"${text.replace(/[\\"$]/g, '\\$&')}"`;
}
