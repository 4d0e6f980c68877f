/** Reads the JSON form of a project's page (PEP 691, 700, 708, 714, 740, 792). Values of unexpected kinds count as absent. */
import { DocumentError, type DocumentPlace } from '../module';
import { jsonObject, Names, type JsonText, type Span } from '../parsers/json';
import { FilePlaces, projectOfPage } from './file-place';
import { FileTargets } from './file-targets';
import { resolveFileUrl } from './file-url';
import { checkedVersion } from './html-reader';
import { JsonFile } from './json-file';
import type { Page, PageFacts } from './page-model';

/** A page, and where its list of files stands in the bytes. */
export interface JsonPage extends Page {
  readonly json: JsonText;
  readonly files: readonly JsonFile[];
  readonly list: Span;
  /** End of the list's last element. */
  readonly lastEnd: number;
}

const TOP = new Names('meta', 'files', 'alternate-locations', 'project-status');
const META = new Names('api-version', 'tracks', '_last-serial');
const STATUS = new Names('status', 'reason');

/** @throws DocumentError if it is no such page */
export function readJsonPage(body: Buffer, place: DocumentPlace): JsonPage {
  const json = jsonObject(body, true);
  let list: Span | undefined;
  let facts: PageFacts = NO_FACTS;
  for (const top = json.members(json.root); top.next();) {
    const key = top.among(TOP);
    if (key === 'files') {
      if (list) throw new DocumentError('it lists its files twice');
      list = top.span;
    } else if (key === 'meta') {
      facts = { ...facts, ...readMeta(json, top) };
    } else if (key === 'alternate-locations') {
      facts = { ...facts, alternateLocations: texts(json, top) };
    } else if (key === 'project-status') {
      facts = { ...facts, ...readStatus(json, top) };
    }
  }
  if (!list || !json.isArray(list)) throw new DocumentError('it has no list of files');
  const { files, lastEnd } = readFiles(json, list, place);
  return { ...facts, json, list, files, lastEnd };
}

function readFiles(json: JsonText, list: Span, place: DocumentPlace): Pick<JsonPage, 'files' | 'lastEnd'> {
  const targets = new FileTargets(new FilePlaces(projectOfPage(place.path), place.home));
  const files: JsonFile[] = [];
  let before = list.start + 1;
  for (const element = json.elements(list); element.next(); before = element.end) {
    const file = new JsonFile(json, element, before);
    const said = file.saidUrl();
    const url = said === undefined ? undefined : resolveFileUrl(said, place.url);
    // Where no client may go, nothing is offered.
    if (!url || file.name === '') continue;
    file.url = url.href;
    file.target = targets.target(url);
    files.push(file);
  }
  return { files, lastEnd: before };
}

const NO_FACTS: PageFacts = {
  apiVersion: '1.0',
  tracks: [],
  alternateLocations: [],
  status: undefined,
  statusReason: undefined,
  serial: undefined,
};

function readMeta(json: JsonText, object: Span): Partial<PageFacts> {
  const facts: { apiVersion?: string; tracks?: string[]; serial?: string } = {};
  for (const member = json.members(object); member.next();) {
    const key = member.among(META);
    if (key === 'api-version') facts.apiVersion = checkedVersion(json.text(member) ?? '');
    else if (key === 'tracks') facts.tracks = texts(json, member);
    const serial = key === '_last-serial' ? json.number(member) : undefined;
    if (serial !== undefined) facts.serial = String(serial);
  }
  return facts;
}

function readStatus(json: JsonText, object: Span): Partial<PageFacts> {
  let status: string | undefined;
  let statusReason: string | undefined;
  for (const member = json.members(object); member.next();) {
    const key = member.among(STATUS);
    if (key === 'status') status = json.text(member);
    else if (key === 'reason') statusReason = json.text(member);
  }
  return { status, statusReason };
}

function texts(json: JsonText, array: Span): string[] {
  const found: string[] = [];
  for (const element = json.elements(array); element.next();) {
    const text = json.text(element);
    if (text !== undefined) found.push(text);
  }
  return found;
}
