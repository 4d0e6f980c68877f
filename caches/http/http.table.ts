/** The one kind of URL there is: any. What stands in it decides only whether it may be kept, and for how long by guessing. */
import type { MirroredRoute, Params } from '../module';
import { fewestEscapes } from '../parsers/escapes';

/**
 * Query parameters with which a URL is a credential: signatures of S3 (versions 2 and 4), of Google's and Azure's stores, of CloudFront, and
 * plain tokens. Lower case.
 */
const SIGNING: ReadonlySet<string> = new Set([
  'x-amz-signature',
  'x-amz-credential',
  'x-amz-security-token',
  'x-goog-signature',
  'x-goog-credential',
  'awsaccesskeyid',
  'googleaccessid',
  'signature',
  'sig',
  'key-pair-id',
  'token',
  'access_token',
  'x-oss-signature',
  'q-signature',
]);
/** Query parameters with which an S3 server lists instead of giving an object. */
const LISTING: ReadonlySet<string> = new Set([
  'list-type',
  'prefix',
  'delimiter',
  'marker',
  'continuation-token',
  'start-after',
  'max-keys',
  'versions',
  'uploads',
]);

/** Names of the query's parameters, decoded, lower case. What cannot be decoded is taken as it stands. */
function parameters(query: string): string[] {
  return query
    .slice(1)
    .split(/[&;]/)
    .map((each) => decoded(each.split('=', 1)[0] ?? '').toLowerCase());
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return text;
  }
}

/** What is never escaped in a URL's one form (RFC 3986 §2.3). */
const UNRESERVED = /[\w.~-]/;

function policy({ path = '/', query = '' }: Params): 'plain' | 'listing' | 'signed' {
  const names = parameters(query);
  if (names.some((name) => SIGNING.has(name))) return 'signed';
  return path.endsWith('/') || names.some((name) => LISTING.has(name)) ? 'listing' : 'plain';
}

export const table: readonly MirroredRoute[] = [
  {
    kind: 'mirrored',
    name: 'resource',
    purpose: 'anything that the origin has',
    // Visible ASCII; no segment of dots, also behind an escaped slash; no escaped NUL, line break or backslash.
    target:
      /^(?<path>\/(?!(?:\.|%2e){1,2}(?:\/|%2f|\?|$))(?:(?:\/|%2f)(?!(?:\.|%2e){1,2}(?:\/|%2f|\?|$))|%(?!00|0[ad]|2f|5c)|[!"$&-.0->@-[\]-~])*)(?<query>\?[!-~]*)?$/i,
    examples: ['/releases/1.2/tool.tar.gz', '/bucket/?list-type=2&prefix=nightly/', '/a%20b/c%2Bd?x=%7e'],
    path: ({ path = '/', query = '' }) => fewestEscapes(path + query, UNRESERVED),
    policy,
  },
];
