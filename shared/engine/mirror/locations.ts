/** Addresses in answers: what leads to the origin leads to its mirror here; what leads elsewhere is the client's own way. Pure. */
import type { Fields } from '../../rfc9111/message';

export interface Places {
  /** Base URLs of the origin, without trailing slash. */
  readonly bases: readonly string[];
  /** The URL at the origin that was asked for: what relative references start from. */
  readonly asked: string;
  /** What the base is called here, without trailing slash. */
  readonly here: string;
}

/** Location and Content-Location (RFC 9110 §10.2.2, §8.7), and the paths of cookies, which else would hold for every mirror of this host. */
export function relocated(fields: Fields, places: Places): Fields {
  return fields.map(([name, value]) => {
    const lower = name.toLowerCase();
    if (lower === 'location' || lower === 'content-location') return [name, addressHere(value, places)];
    return lower === 'set-cookie' ? [name, cookieHere(value, places)] : [name, value];
  });
}

/** The path and query below a base of the origin, if a URL at the origin is there. */
export function pathBelow(url: string, bases: readonly string[]): string | undefined {
  for (const base of bases) {
    const bare = new URL(base);
    const start = bare.origin + bare.pathname.replace(/\/$/, '');
    if (url === start) return '/';
    if (url.startsWith(`${start}/`)) return url.slice(start.length);
    if (url.startsWith(`${start}?`)) return `/${url.slice(start.length)}`;
  }
  return undefined;
}

function addressHere(value: string, { bases, asked, here }: Places): string {
  // Relative to the path asked for, it means the same here.
  const isRelative = !/^[a-z][a-z0-9+.-]*:|^\//i.test(value);
  if (isRelative || !URL.canParse(value, asked)) return value;
  const url = new URL(value, asked);
  const { hash } = url;
  url.hash = '';
  const below = pathBelow(url.href, bases);
  // Beside the base of its host nothing is mirrored: only the origin itself can answer. What leads there from everywhere stays as it came.
  if (below === undefined) return /^[a-z][a-z0-9+.-]*:/i.test(value) ? value : url.href + hash;
  return here + below + hash;
}

function cookieHere(value: string, { bases, here }: Places): string {
  const [pair = '', ...attributes] = value.split(';');
  const kept = attributes.flatMap((attribute) => {
    const [name = '', ...rest] = attribute.split('=');
    const path = rest.join('=').trim();
    if (name.trim().toLowerCase() === 'domain') return [];
    if (name.trim().toLowerCase() !== 'path' || !path.startsWith('/')) return [attribute];
    const { origin } = new URL(bases[0] ?? here);
    return [` Path=${new URL(here).pathname.replace(/\/$/, '')}${pathBelow(origin + path, bases) ?? '/'}`];
  });
  return [pair, ...kept].join(';');
}
