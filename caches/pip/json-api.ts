/** The JSON API's documents of a project and of a version: only the URLs of files differ from what the upstream said. */
import { DocumentError, type DocumentCodec } from '../module';
import { jsonObject, Names, type JsonText, type Span } from '../parsers/json';
import { copyEdited, Splice, type Edit } from '../parsers/splice';
import { FilePlaces } from './file-place';
import { asWritten, resolveFileUrl } from './file-url';

const TOP = new Names('info', 'urls', 'releases');
const FILE = new Names('url');

export const projectJson: DocumentCodec = {
  compressible: true,

  early: () => 'application/json',

  render(body, { base, path, url, home }) {
    const json = jsonObject(body);
    const places = new FilePlaces(path.split('/')[2] ?? '', home);
    const edits: Edit[] = [];
    let isKnown = false;
    for (const top = json.members(json.root); top.next();) {
      const key = top.among(TOP);
      isKnown ||= key !== undefined;
      if (key === 'urls') collect(json, top, edits, places, url, base);
      else if (key === 'releases') {
        for (const release = json.members(top); release.next();) collect(json, release, edits, places, url, base);
      }
    }
    if (!isKnown) throw new DocumentError('it says nothing of a project');
    const out = new Splice(body);
    copyEdited(out, { start: 0, end: body.length }, edits);
    return { contentType: 'application/json', body: out.toBuffer() };
  },

  // The project's page judges its files; two documents that say the same would only be compared with each other.
  pins: () => [],
};

function collect(json: JsonText, files: Span, edits: Edit[], places: FilePlaces, from: string, base: string): void {
  for (const file = json.elements(files); file.next();) {
    for (const member = json.members(file); member.next();) {
      const text = member.among(FILE) && json.text(member);
      const found = text === undefined ? undefined : resolveFileUrl(text, from);
      const target = found && places.target(found.host, found.pathname);
      if (!found || target === undefined) continue;
      const { start, end } = member;
      edits.push({ start, end, text: JSON.stringify(base + asWritten(target, found.href) + (found.fragment ? `#${found.fragment}` : '')) });
    }
  }
}
