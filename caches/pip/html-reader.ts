/** Reads the HTML form of a project's page (PEP 503, 592, 629, 658, 708, 714, 740, 792). */
import { DocumentError, type DocumentPlace } from '../module';
import { HtmlTags } from '../parsers/html';
import { FilePlaces, projectOfPage } from './file-place';
import { lastSegment, resolveFileUrl } from './file-url';
import { FileTargets } from './file-targets';
import type { Hashes, Page, PageFacts, PageFile } from './page-model';

/** @throws DocumentError if it is cut off, or a page of something else */
export function readHtmlPage(body: Buffer, place: DocumentPlace): Page {
  const tags = new HtmlTags(body, ['a', 'base', 'meta']);
  const targets = new FileTargets(new FilePlaces(projectOfPage(place.path), place.home));
  const files: PageFile[] = [];
  const facts = new Facts();
  let base = place.url;
  let hasBase = false;
  let hasOthers = false;
  while (tags.next()) {
    if (tags.name === 'a') {
      const file = readLink(tags, base, targets);
      if (!file) continue;
      files.push(file);
      hasOthers ||= file.target === undefined;
    } else if (tags.name === 'meta') {
      facts.read(tags);
    } else if (tags.name === 'base' && !hasBase) {
      const href = tags.attributes().get('href');
      hasBase = href !== undefined;
      if (href !== undefined && URL.canParse(href, place.url)) base = new URL(href, place.url).href;
    } else if (tags.name === 'title' || tags.name === 'h1') {
      facts.isNamed ||= /\blinks for\b/i.test(tags.textAfter());
    } else if (tags.name === 'form' || tags.name === 'script' || tags.name === 'iframe') {
      hasOthers = true;
    }
  }
  // A login page or a portal's greeting is HTML too, with status 200; taken for a page, it would say that the project has no files.
  const isPage = facts.isNamed || !hasOthers || files.some(({ target }) => target !== undefined);
  if (!isPage) throw new DocumentError('it has links or forms, but no link to a distribution');
  const serial = /<!--\s*SERIAL (\d{1,18})\s*-->\s*(?:<\/[a-z]+>\s*)*$/i.exec(body.subarray(-200).toString('latin1'));
  return { ...facts.all(), serial: serial?.[1], files };
}

/** The `meta` elements of a page. */
class Facts {
  /** It says of itself that it is such a page. */
  isNamed = false;
  private apiVersion = '1.0';
  private readonly tracks: string[] = [];
  private readonly alternateLocations: string[] = [];
  private status: string | undefined;
  private statusReason: string | undefined;

  /** @throws DocumentError for a version that means something else */
  read(tags: HtmlTags): void {
    const attributes = tags.attributes();
    const content = attributes.get('content');
    if (content === undefined) return;
    switch (attributes.get('name')?.toLowerCase()) {
      case 'pypi:repository-version':
        this.isNamed = true;
        this.apiVersion = checkedVersion(content);
        break;
      case 'pypi:tracks':
        this.tracks.push(content);
        break;
      case 'pypi:alternate-locations':
        this.alternateLocations.push(content);
        break;
      case 'pypi:project-status':
        this.isNamed = true;
        this.status ??= content;
        break;
      case 'pypi:project-status-reason':
        this.statusReason ??= content;
        break;
      default:
        break;
    }
  }

  all(): Omit<PageFacts, 'serial'> {
    const { apiVersion, tracks, alternateLocations, status, statusReason } = this;
    return { apiVersion, tracks, alternateLocations, status, statusReason };
  }
}

/** PEP 629: who knows 1 must fail for 2. @throws DocumentError */
export function checkedVersion(text: string): string {
  const version = /^\s*(\d+)\.\d+\s*$/.exec(text);
  if (!version) return '1.0';
  if (version[1] !== '1') throw new DocumentError(`its format has version ${text.trim().slice(0, 20)}, which is not known here`);
  return text.trim();
}

/** @returns undefined if the anchor leads nowhere that a client may go */
function readLink(tags: HtmlTags, base: string, targets: FileTargets): PageFile | undefined {
  let href: string | undefined;
  let core: string | undefined;
  let distInfo: string | undefined;
  let requiresPython: string | undefined;
  let yanked: string | undefined;
  let signed: string | undefined;
  let uploadTime: string | undefined;
  let size: string | undefined;
  let provenance: string | undefined;
  let further: [string, string | undefined][] | undefined;
  for (const [n, name] of tags.names.entries()) {
    const raw = tags.raws[n];
    const value = raw === undefined ? '' : tags.decode(raw);
    if (name === 'href') href = value;
    else if (!name.startsWith('data-')) continue;
    else if (name === 'data-core-metadata') core = value;
    else if (name === 'data-dist-info-metadata') distInfo = value;
    else if (name === 'data-requires-python') requiresPython = value || undefined;
    else if (name === 'data-yanked') yanked = value;
    else if (name === 'data-gpg-sig') signed = value;
    else if (name === 'data-upload-time') uploadTime = value || undefined;
    else if (name === 'data-size') size = value;
    else if (name === 'data-provenance') provenance = value || undefined;
    else (further ??= []).push([name, raw === undefined ? undefined : value]);
  }
  const url = href === undefined ? undefined : resolveFileUrl(href, base);
  if (!url) return undefined;
  return {
    name: lastSegment(url.pathname),
    url: url.href,
    target: targets.target(url),
    hashes: hashesIn(url.fragment),
    metadata: metadataIn(core ?? distInfo),
    requiresPython,
    yanked,
    isSigned: signed === 'true' ? true : signed === 'false' ? false : undefined,
    uploadTime,
    size: size !== undefined && /^\d{1,15}$/.test(size) ? Number(size) : undefined,
    provenance,
    further: further ?? NOTHING,
  };
}

const NOTHING: readonly never[] = [];

/** `sha256=<hex>`, also among other parts (`egg=…&sha256=…`). */
function hashesIn(text: string): Hashes {
  // What nearly all are.
  if (text === '' || /^sha256=[0-9a-f]{64}$/.test(text)) return text;
  const hashes: string[] = [];
  for (const part of text.split('&')) {
    if (/^(?:md5|sha\d|blake)\w*=[0-9a-f]+$/i.test(part.trim())) hashes.push(part.trim().toLowerCase());
  }
  return hashes.join('&');
}

function metadataIn(text: string | undefined): Hashes | 'true' | undefined {
  if (text === undefined) return undefined;
  return hashesIn(text) || (text.trim().toLowerCase() === 'true' ? 'true' : undefined);
}
