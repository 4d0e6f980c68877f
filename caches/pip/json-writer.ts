/**
 * Writes the JSON form of a project's page. One that came as JSON keeps every byte but the URLs and what is offered of metadata; one that
 * came as HTML gets what can be known from it.
 */
import { Names, type JsonText } from '../parsers/json';
import { copyEdited, Splice, type Edit } from '../parsers/splice';
import type { JsonFile } from './json-file';
import type { JsonPage } from './json-reader';
import { hrefOf, metadataOf, readHashes, type Hashes, type Naming, type Page, type PageFile } from './page-model';
import { isDistribution, releaseOf } from './project-name';
import { offeredProvenance } from './provenance';

/** JSON from JSON. */
export function editJsonPage({ json, files, list, lastEnd }: JsonPage, naming: Naming): Buffer {
  const { body } = json;
  const out = new Splice(body);
  let copied = list.start + 1;
  out.copy(0, copied);
  let isFirst = true;
  for (const file of files) {
    // What stands between neighbours is kept; where something was left out, its comma goes with it.
    if (file.before === copied) out.copy(copied, file.start);
    else if (!isFirst) out.text(',');
    copyEdited(out, file, editsOf(json, file, naming));
    copied = file.end;
    isFirst = false;
  }
  return out.copy(copied === lastEnd ? copied : list.end - 1, body.length).toBuffer();
}

const URL_KEYS = new Names('url', 'hashes', 'core-metadata', 'dist-info-metadata', 'data-dist-info-metadata', 'provenance');

function editsOf(json: JsonText, file: JsonFile, naming: Naming): Edit[] {
  const edits: { start: number; end: number; text: string }[] = [];
  const metadata = metadataOf(file, naming.absent);
  const url = urlOf(file, naming);
  let first: { text: string } | undefined;
  let hasHashes = false;
  let hasMetadata = false;
  for (const member = json.members(file); member.next();) {
    const { start, end } = member;
    const key = member.among(URL_KEYS);
    if (key === undefined) continue;
    if (key === 'url') {
      const edit = { start, end, text: url };
      first ??= edit;
      edits.push(edit);
    } else if (key === 'hashes') {
      hasHashes = true;
      if (!json.isObject(member)) edits.push({ start, end, text: '{}' });
    } else if (key === 'provenance') {
      const provenance = offeredProvenance(file, naming);
      if (provenance !== undefined && provenance !== file.provenance) edits.push({ start, end, text: quoted(provenance) });
    } else {
      hasMetadata ||= key === 'core-metadata';
      // What the upstream promises stays as it is said, unless it turned out not to be there.
      if (metadata === undefined) edits.push({ start, end, text: 'false' });
      else if (file.metadata === undefined) edits.push({ start, end, text: 'true' });
    }
  }
  if (first) {
    // PEP 714 wants that name; uv takes a file without hashes for broken.
    if (metadata && !hasMetadata) first.text += `,"core-metadata":${metadataJson(metadata)}`;
    if (!hasHashes) first.text += ',"hashes":{}';
  }
  return edits;
}

/**
 * JSON from HTML. Version 1.1 and later want every file's size (PEP 700), which HTML does not have: without, it is 1.0 that is claimed,
 * and what later versions added is there all the same, as more keys (clients look for the keys).
 */
export function writeJsonPage(page: Page, project: string, naming: Naming): Buffer {
  const files = page.files.filter(({ target, name }) => target !== undefined || isDistribution(name));
  const versions = new Set<string>();
  const out: string[] = [];
  let hasSizes = true;
  for (const file of files) {
    const { version } = releaseOf(file.name, project);
    if (version !== undefined) versions.add(version);
    hasSizes &&= file.size !== undefined;
    out.push(fileJson(file, naming));
  }
  const meta = {
    'api-version': hasSizes && page.apiVersion !== '1.0' ? page.apiVersion : hasSizes ? '1.1' : '1.0',
    ...(page.tracks.length > 0 ? { tracks: page.tracks } : {}),
    ...(page.serial === undefined ? {} : { '_last-serial': Number(page.serial) }),
  };
  const { status, statusReason: reason, alternateLocations } = page;
  const rest = {
    ...(alternateLocations.length > 0 ? { 'alternate-locations': alternateLocations } : {}),
    ...(status === undefined ? {} : { 'project-status': { status, ...(reason === undefined ? {} : { reason }) } }),
    versions: [...versions],
  };
  const start = JSON.stringify({ meta, name: project }).slice(0, -1);
  return Buffer.from(`${start},"files":[${out.join(',')}],${JSON.stringify(rest).slice(1)}`);
}

function fileJson(file: PageFile, naming: Naming): string {
  const { requiresPython, yanked, isSigned, uploadTime, size } = file;
  let text = `{"filename":${quoted(file.name)},"url":${urlOf(file, naming)},"hashes":${hashesJson(file.hashes)}`;
  if (requiresPython !== undefined) text += `,"requires-python":${quoted(requiresPython)}`;
  const metadata = metadataOf(file, naming.absent);
  if (metadata) text += `,"core-metadata":${metadataJson(metadata)}`;
  if (size !== undefined) text += `,"size":${size}`;
  if (uploadTime !== undefined) text += `,"upload-time":${quoted(uploadTime)}`;
  if (yanked !== undefined) text += `,"yanked":${yanked === '' ? 'true' : quoted(yanked)}`;
  if (isSigned !== undefined) text += `,"gpg-sig":${isSigned}`;
  const provenance = offeredProvenance(file, naming);
  if (provenance !== undefined) text += `,"provenance":${quoted(provenance)}`;
  return `${text}}`;
}

/** The URL as JSON: no target, and no base, has a character that would need an escape. */
function urlOf(file: PageFile, naming: Naming): string {
  return file.target === undefined ? quoted(file.url) : `"${hrefOf(file, naming)}"`;
}

function metadataJson(metadata: Hashes | 'true'): string {
  return metadata === 'true' ? 'true' : hashesJson(metadata);
}

function hashesJson(hashes: Hashes): string {
  // What nearly all are; what is between the quotes needs no escape.
  const at = hashes.indexOf('=');
  if (/^\w+=[0-9a-f]+$/.test(hashes)) return `{"${hashes.slice(0, at)}":"${hashes.slice(at + 1)}"}`;
  return `{${readHashes(hashes)
    .map(([algorithm, hex]) => `${quoted(algorithm)}:${quoted(hex)}`)
    .join(',')}}`;
}

function quoted(text: string): string {
  return /^[ !#-[\]-~]*$/.test(text) ? `"${text}"` : JSON.stringify(text);
}
