/** Names of container images: which ones there may be, and what the original of a layered one is called. Pure. */
import { printable } from '../../config/setting-reader';
import { LarderError } from '../../errors';

/** The names that belong to what `i=` says. */
export interface ImageNames {
  /** What is pulled: as it was given. */
  readonly source: string;
  /** What the layer is tagged as. The same, unless that names a digest: then it is `name:sha256-<12 digits>`. */
  readonly layered: string;
  /** What the image without the layer is kept as: the name, or the tag if there is one, with `-original` behind it. */
  readonly original: string;
}

const SUFFIX = '-original';
const HOST = /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:]+\])(?::\d+)?$/;
const FOLDER = /^[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?$/;
const TAG = /^\w[\w.-]{0,127}$/;
const DIGEST = /^[a-z0-9]+:[0-9a-f]{32,128}$/;
const LONGEST_TAG = 128;

/**
 * Reads `[host[:port]/]path[:tag][@digest]` (the grammar of the distribution project's references).
 * @throws LarderError start: it is none, or its tag is too long for another one beside it
 */
export function imageNames(text: string): ImageNames {
  const [named = '', digest, ...more] = text.split('@');
  const colon = named.indexOf(':', named.lastIndexOf('/') + 1);
  const path = colon < 0 ? named : named.slice(0, colon);
  const tag = colon < 0 ? undefined : named.slice(colon + 1);
  if (more.length > 0 || !isPath(path) || (tag !== undefined && !TAG.test(tag)) || (digest !== undefined && !DIGEST.test(digest)))
    throw notAnImage(text);
  // A digest is the name of certain bytes for ever, so that the layer cannot have it.
  const layered = digest === undefined ? named : `${path}:${digest.replace(':', '-').slice(0, 'sha256-'.length + 12)}`;
  if ((tag?.length ?? 0) + SUFFIX.length > LONGEST_TAG)
    throw new LarderError('start', { what: `the tag of i=${text} leaves no room for ${SUFFIX}`, remedy: 'give the image a shorter one' });
  return { source: text, layered, original: layered + SUFFIX };
}

/** What an original may be called, by the spellings of one layered name. */
export function originalsOf(layered: string): readonly string[] {
  return [layered, withTag(layered), layered.replace(/:latest$/, '')].map((name) => name + SUFFIX);
}

/** The image that an original would be of, by its name; undefined: it is called like none. */
export function layeredOf({ layered }: ImageNames): ImageNames | undefined {
  const name = layered.replace(/:latest$/, '');
  return name.endsWith(SUFFIX) ? imageNames(name.slice(0, -SUFFIX.length)) : undefined;
}

/** The same for all spellings of one name: with its tag. */
export function withTag(name: string): string {
  return name.includes(':', name.lastIndexOf('/') + 1) ? name : `${name}:latest`;
}

function isPath(path: string): boolean {
  const [first = '', ...rest] = path.split('/');
  const folders = rest.length > 0 && HOST.test(first) ? rest : [first, ...rest];
  return path.length <= 255 && folders.every((folder) => FOLDER.test(folder));
}

/** @param text what was given as `i=` */
function notAnImage(text: string): LarderError {
  return new LarderError('start', {
    what: text === '' ? 'an image is needed' : `i=${printable(text)} names no image`,
    remedy: 'name one: i=debian:12, i=registry.example:5000/team/image:tag',
  });
}
