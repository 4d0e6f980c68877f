/** Where this machine's own apt gets its packages: sources.list(5) in both of its formats. Pure, and never throws. */

/** An archive of this machine. Flat repositories have no suites. */
export interface MachineSource {
  readonly name: string;
  readonly base: string;
  readonly suites: readonly string[];
}

interface Line {
  readonly uri: string;
  readonly suites: readonly string[];
}

/** What a name may be that is a part of URLs, and which ones mean something else there. */
const NAME = /^[a-z\d][a-z\d-]*$/;
const TAKEN = new Set(['https', 'dists', 'pool']);
const LINE = /^deb(?:-src)?\s+(?:\[[^\]]*\]\s*)?(?<uri>\S+)\s+(?<suite>\S+)/;
/** Scheme and host (no user information), then path. */
const URI = /^(?<scheme>https?):\/\/(?<host>[A-Za-z\d._-]+(?::\d{1,5})?|\[[\dA-Fa-f:.]+\](?::\d{1,5})?)(?<path>\/[^?#]*)?$/i;
/** apt-cacher-ng's mark for https archives. */
const MARK = /^http:\/\/https(?::\d{1,5})?\/{1,3}(?=[^/])/i;
const NO = /^(?:no|false|without|off|disable|0)$/i;

/**
 * Reads one file. Suites of one archive are put together; two archives may have one name.
 * @param file its name tells the format: `.sources` is deb822, anything else one-line
 */
export function readMachineSources(file: string, text: string): readonly MachineSource[] {
  const found = new Map<string, { name: string; suites: Set<string> }>();
  const lines = text.split(/\r?\n/);
  for (const { uri, suites } of file.endsWith('.sources') ? stanzas(lines) : oneLine(lines)) {
    const source = placeOf(uri);
    if (!source) continue;
    const known = found.get(source.base) ?? { name: source.name, suites: new Set<string>() };
    found.set(source.base, known);
    // A suite that ends with a slash is a folder: a flat repository.
    for (const suite of suites) if (!suite.endsWith('/') && !suite.includes('$(')) known.suites.add(suite);
  }
  return [...found].map(([base, { name, suites }]) => ({ name, base, suites: [...suites] }));
}

function oneLine(lines: readonly string[]): Line[] {
  return lines.flatMap((line) => {
    const { uri, suite } = LINE.exec(line.replace(/#.*/, '').trim())?.groups ?? {};
    return uri === undefined || suite === undefined ? [] : [{ uri, suites: [suite] }];
  });
}

function stanzas(lines: readonly string[]): Line[] {
  const found: Line[] = [];
  let fields = new Map<string, string>();
  let field = '';
  for (const line of [...lines, '']) {
    if (line.startsWith('#')) continue;
    const colon = line.indexOf(':');
    if (line.trim() === '') {
      found.push(...linesOf(fields));
      fields = new Map();
      field = '';
    } else if (/^[ \t]/.test(line)) {
      if (field !== '') fields.set(field, `${fields.get(field) ?? ''} ${line.trim()}`);
    } else if (colon > 0) {
      field = line.slice(0, colon).toLowerCase();
      fields.set(field, line.slice(colon + 1).trim());
    }
  }
  return found;
}

function linesOf(fields: ReadonlyMap<string, string>): Line[] {
  const words = (field: string): string[] => (fields.get(field) ?? '').split(/\s+/).filter((word) => word !== '');
  if (NO.test(fields.get('enabled') ?? '') || !words('types').some((type) => type === 'deb' || type === 'deb-src')) return [];
  return words('uris').map((uri) => ({ uri, suites: words('suites') }));
}

/** Short name and base of an archive; undefined for what is no plain http or https, has a login, or gives no name. */
function placeOf(written: string): { name: string; base: string } | undefined {
  const { scheme, host, path = '/' } = URI.exec(written.replace(MARK, 'https://'))?.groups ?? {};
  if (scheme === undefined || host === undefined || path.includes('$(')) return undefined;
  const segments = path.split('/').filter((segment) => segment !== '');
  if (segments.some((segment) => /^(?:\.|%2e){1,2}$/i.test(segment) || segment === '')) return undefined;
  const wanted = segments[segments.length - 1] ?? host.split('.')[0] ?? '';
  const name = wanted
    .toLowerCase()
    .replace(/[^a-z\d]+/g, '-')
    .replace(/^-|-$/g, '');
  if (!NAME.test(name) || TAKEN.has(name)) return undefined;
  return { name, base: [`${scheme.toLowerCase()}://${host.toLowerCase()}`, ...segments].join('/') };
}
