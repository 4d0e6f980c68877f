/** The list of all projects (`/simple/`), in the same forms as a page. Links lead to the pages here, so nothing is promised of files. */
import { DocumentError, type DocumentCodec } from '../module';
import { escapeHtml, HtmlTags } from '../parsers/html';
import { jsonObject, Names } from '../parsers/json';
import { MEDIA_TYPES } from './accept';
import { checkedVersion } from './html-reader';
import { formOf, isJson } from './page';
import { isName, normalName } from './project-name';

interface ProjectList {
  readonly apiVersion: string;
  /** As the upstream writes them. */
  readonly names: readonly string[];
}

export const projectList: DocumentCodec = {
  compressible: true,

  early: (variant) => MEDIA_TYPES[formOf(variant)],

  render(body, { variant, base }) {
    const form = formOf(variant);
    const contentType = MEDIA_TYPES[form];
    const wasJson = isJson(body);
    const list = wasJson ? readJson(body) : readHtml(body);
    // There are no URLs in JSON.
    if (form === 'json') return { contentType, body: wasJson ? body : writeJson(list) };
    return { contentType, body: writeHtml(list, variant.endsWith('@') ? `${base}/simple/` : '') };
  },

  pins: () => [],
};

const TOP = new Names('meta', 'projects');
const META = new Names('api-version');
const PROJECT = new Names('name');

function readJson(body: Buffer): ProjectList {
  const json = jsonObject(body, true);
  const names: string[] = [];
  let apiVersion = '1.0';
  let isList = false;
  for (const top = json.members(json.root); top.next();) {
    const key = top.among(TOP);
    if (key === 'meta') {
      for (const member = json.members(top); member.next();) {
        if (member.among(META)) apiVersion = checkedVersion(json.text(member) ?? '');
      }
    } else if (key === 'projects') {
      isList = json.isArray(top);
      for (const project = json.elements(top); project.next();) {
        for (const member = json.members(project); member.next();) {
          const name = member.among(PROJECT) && json.text(member);
          if (name !== undefined && isName(name)) names.push(name);
        }
      }
    }
  }
  if (!isList) throw new DocumentError('it has no list of projects');
  return { apiVersion, names };
}

function readHtml(body: Buffer): ProjectList {
  const tags = new HtmlTags(body, ['a', 'meta']);
  const names: string[] = [];
  let apiVersion = '1.0';
  let links = 0;
  while (tags.next()) {
    if (tags.name === 'a') {
      const href = tags.raws[tags.names.indexOf('href')];
      if (href === undefined) continue;
      links++;
      // The text is the name as people write it, if it is what the link is about.
      const segment = lastSegment(tags.decode(href));
      const text = tags.textAfter();
      if (isName(text) && normalName(text) === normalName(segment)) names.push(text);
      else if (isName(segment)) names.push(segment);
    } else if (tags.name === 'meta') {
      const attributes = tags.attributes();
      if (attributes.get('name') === 'pypi:repository-version') apiVersion = checkedVersion(attributes.get('content') ?? '');
    }
  }
  if (links > 0 && names.length === 0) throw new DocumentError('it has links, but none to a project');
  return { apiVersion, names };
}

/** `foo` of `/simple/foo/#x`. */
function lastSegment(href: string): string {
  const path = (href.split(/[?#]/, 1)[0] ?? '').trim().replace(/\/$/, '');
  return path.slice(path.lastIndexOf('/') + 1);
}

function writeJson({ apiVersion, names }: ProjectList): Buffer {
  return Buffer.from(`{"meta":{"api-version":"${apiVersion}"},"projects":[${names.map((name) => `{"name":"${name}"}`).join(',')}]}`);
}

function writeHtml({ apiVersion, names }: ProjectList, prefix: string): Buffer {
  const start = escapeHtml(prefix);
  const links = names.map((name) => `<a href="${start}${normalName(name)}/">${name}</a><br>\n`);
  return Buffer.from(
    `<!DOCTYPE html>\n<html>\n<head>\n<meta charset="utf-8">\n<meta name="pypi:repository-version" content="${apiVersion}">\n` +
      `<title>Simple index</title>\n</head>\n<body>\n${links.join('')}</body>\n</html>\n`,
  );
}
